"""Who awaits whom, as `asyncio.capture_call_graph()` and its like show it from Python 3.14 on."""

import asyncio
import contextlib
import gc
import io
import sys
import weakref

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="call graphs are new in Python 3.14")


async def plainly(aio, child):
    await child


async def in_a_function(aio, child):
    async def function():
        await child

    await function()


async def by_gather(aio, child):
    await aio.gather(child, aio.sleep(0))


async def by_nested_gather(aio, child):
    await aio.gather(aio.gather(child), aio.sleep(0), return_exceptions=True)


async def by_wait(aio, child):
    await aio.wait([child])


async def by_wait_for(aio, child):
    await aio.wait_for(child, 60)


async def by_shield(aio, child):
    await aio.shield(child)


async def by_shields(aio, child):
    await aio.shield(aio.shield(child))


async def within_a_timeout(aio, child):
    async with aio.timeout(60):
        await child


async def as_completed(aio, child):
    for each in aio.as_completed([child]):
        await each


async def as_completed_asynchronously(aio, child):
    async for each in aio.as_completed([child]):
        await each


WAYS = [
    plainly,
    in_a_function,
    by_gather,
    by_nested_gather,
    by_wait,
    by_wait_for,
    by_shield,
    by_shields,
    within_a_timeout,
    as_completed,
    as_completed_asynchronously,
]


# Where asyncio does not notice that the child is awaited no longer.
FORGETFUL = (by_shields, as_completed, as_completed_asynchronously)


def names(future):
    """The names of the tasks that await a future."""
    return {task.get_name() for task in future._asyncio_awaited_by or ()}


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["future", "task"])
def test_a_child_knows_who_awaits_it(new_loop, aio, way, kind):
    async def main():
        loop = asyncio.get_running_loop()
        gate = loop.create_future()
        child = gate if kind == "future" else aio.create_task(until(gate), name="child")
        assert child._asyncio_awaited_by is None
        task = aio.create_task(way(aio, child), name="parent")
        await turns()
        assert child._asyncio_awaited_by == frozenset([task])
        if child is not gate:
            assert gate._asyncio_awaited_by == frozenset([child])
        gate.set_result(None)
        await task
        assert child._asyncio_awaited_by is None

    async def until(gate):
        await gate

    new_loop().run_until_complete(main())


@pytest.mark.parametrize("way", WAYS)
def test_a_child_forgets_who_was_cancelled(new_loop, aio, way):
    async def main():
        child = aio.create_task(asyncio.sleep(60), name="child")
        task = aio.create_task(way(aio, child), name="parent")
        await turns()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert names(child) <= ({"parent"} if way in FORGETFUL else set())
        child.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await child
        assert not names(child)

    new_loop().run_until_complete(main())


def test_a_group_awaits_its_tasks_from_the_start(new_loop, aio):
    async def main():
        asyncio.current_task().set_name("main")
        gate = asyncio.get_running_loop().create_future()
        async with aio.TaskGroup() as group:
            task = group.create_task(by_gather(aio, gate))
            assert names(task) == {"main"}
            await turns()
            assert names(task) == {"main"}
            gate.set_result(None)
        assert task._asyncio_awaited_by is None

    new_loop().run_until_complete(main())


def test_several_may_await_one(new_loop, aio):
    async def main():
        gate = asyncio.get_running_loop().create_future()
        tasks = [aio.create_task(way(aio, gate), name=way.__name__) for way in WAYS]
        await turns()
        assert names(gate) == {way.__name__ for way in WAYS}
        gate.set_result(None)
        await aio.gather(*tasks)

    new_loop().run_until_complete(main())


@pytest.mark.parametrize(("waits", "is_awaited"), [("stock", "own"), ("own", "stock"), ("own", "own")])
def test_kinds_of_futures_and_tasks_may_be_mixed(new_loop, aio, waits, is_awaited):
    async def main():
        loop = asyncio.get_running_loop()
        gate = asyncio.Future(loop=loop) if is_awaited == "stock" else loop.create_future()
        make = asyncio.Task if waits == "stock" else aio.Task
        task = make(plainly(aio, gate), loop=loop, name="waits")
        await turns()
        assert gate._asyncio_awaited_by == frozenset([task])
        gate.set_result(None)
        await task
        assert gate._asyncio_awaited_by is None

    new_loop().run_until_complete(main())


@pytest.mark.parametrize("debug", [False, True])
def test_the_graph_of_a_program(new_loop, aio, debug):
    async def main():
        gate = asyncio.get_running_loop().create_future()
        asyncio.current_task().set_name("main")
        async with aio.TaskGroup() as group:
            middle = group.create_task(middling(gate), name="middle")
            await turns()
            text = asyncio.format_call_graph(gate)
            gate.set_result(None)
        assert middle.done()
        return text

    async def middling(gate):
        inner = aio.create_task(in_a_function(aio, gate), name="inner")
        await aio.wait_for(inner, 60)

    loop = new_loop()
    loop.set_debug(debug)
    text = loop.run_until_complete(main())
    names = [line.split("'")[1] for line in text.splitlines() if "* Task(" in line]
    assert names == ["inner", "middle", "main"]
    functions = [line.rsplit(".", 1)[-1] for line in text.splitlines() if line.endswith("()")]
    assert functions[:2] == ["function()", "async in_a_function()"] or "in_a_function()" in functions[1]
    assert any("middling" in line for line in text.splitlines())


def test_the_graph_of_the_current_task(new_loop, aio):
    async def main():
        asyncio.current_task().set_name("main")
        async with aio.TaskGroup() as group:
            group.create_task(inner(), name="inner")

    async def inner():
        graph = asyncio.capture_call_graph()
        assert graph.future is asyncio.current_task()
        assert [entry.frame.f_code.co_name for entry in graph.call_stack] == ["inner"]
        assert [each.future.get_name() for each in graph.awaited_by] == ["main"]
        text = io.StringIO()
        asyncio.print_call_graph(file=text)
        assert text.getvalue().count("* Task(") == 2

    new_loop().run_until_complete(main())


@pytest.mark.parametrize("what", ["lock", "event", "queue", "sleep"])
def test_a_graph_goes_through_whatever_is_awaited(new_loop, aio, what):
    async def main():
        lock, event, queue = aio.Lock(), aio.Event(), aio.Queue()
        await lock.acquire()
        coroutine = {
            "lock": lock.acquire,
            "event": event.wait,
            "queue": queue.get,
            "sleep": lambda: aio.sleep(60),
        }[what]()
        task = aio.create_task(coroutine, name="waits")
        outer = aio.create_task(by_wait_for(aio, task), name="outer")
        await turns()
        graph = asyncio.capture_call_graph(task)
        assert [each.future for each in graph.awaited_by] == [outer]
        assert "outer" in asyncio.format_call_graph(task)
        outer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await outer

    new_loop().run_until_complete(main())


def test_what_stock_code_notes_keeps_nothing_alive(new_loop, aio):
    """A task of asyncio's own that awaits a future of ours is in that future's memory, which is asyncio's."""

    class Canary:
        pass

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        canary = Canary()
        task = asyncio.Task(holding(future, canary), loop=loop)
        await turns()
        assert future._asyncio_awaited_by == frozenset([task])
        task._log_destroy_pending = False
        return weakref.ref(canary)

    async def holding(future, canary):
        await future

    reference = new_loop().run_until_complete(main())
    gc.collect()
    assert reference() is None
