"""The loop itself: how it starts and ends, what it makes and what runs on it, and the loop as an object.

What runs when is in test_callbacks.py, sockets in test_selector_events.py, debug mode and errors in test_debug.py.
"""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import sys
import threading
import warnings
import weakref

import pytest
from helpers import collect_errors, noop, turn

VAR = contextvars.ContextVar("VAR", default="unset")


# Running, stopping, closing


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.call_soon(noop),
        lambda loop: loop.call_soon_threadsafe(noop),
        lambda loop: loop.call_later(1, noop),
        lambda loop: loop.call_at(1, noop),
        lambda loop: loop.run_forever(),
        lambda loop: loop.run_until_complete(loop.create_future()),
        lambda loop: loop.run_in_executor(None, noop),
        lambda loop: loop.create_task(None),
        lambda loop: loop.add_signal_handler(10, noop),
    ],
)
def test_a_closed_loop_refuses(new_loop, call):
    loop = new_loop()
    loop.close()
    loop.close()
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
        call(loop)


def test_close_drops_what_was_scheduled(new_loop):
    loop, seen = new_loop(), []
    loop.call_soon(seen.append, 1)
    timer = loop.call_later(-1, seen.append, 2)
    loop.close()
    timer.cancel()
    assert seen == [] and timer.cancelled()


def test_a_running_loop_cannot_be_closed_or_run_again(new_loop):
    loop, other = new_loop(), new_loop()

    async def main():
        assert loop.is_running() and asyncio.get_running_loop() is loop
        with pytest.raises(RuntimeError, match=r"^Cannot close a running event loop$"):
            loop.close()
        with pytest.raises(RuntimeError, match=r"^This event loop is already running$"):
            loop.run_until_complete(done)
        with pytest.raises(RuntimeError, match=r"^Cannot run the event loop while another loop is running$"):
            other.run_until_complete(done)
        if sys.version_info[:3] != (
            3,
            13,
            0,
        ):  # there a refused run_forever() ends the running one: gh-125472
            with pytest.raises(RuntimeError, match=r"^This event loop is already running$"):
                loop.run_forever()
            with pytest.raises(RuntimeError, match=r"^Cannot run the event loop while another loop is running$"):
                other.run_forever()
        assert asyncio.get_running_loop() is loop
        return "fine"

    done = loop.create_future()
    done.set_result(1)
    assert loop.run_until_complete(main()) == "fine"
    assert not loop.is_running() and not other.is_running()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_run_until_complete_takes_futures_coroutines_and_awaitables(new_loop):
    loop = new_loop()

    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "awaited"

    async def coroutine():
        return "returned"

    async def failing():
        raise LookupError("failed")

    future = loop.create_future()
    loop.call_soon(future.set_result, "future")
    assert loop.run_until_complete(future) == "future"
    assert loop.run_until_complete(future) == "future"
    assert loop.run_until_complete(Awaitable()) == "awaited"
    assert loop.run_until_complete(coroutine()) == "returned"
    with pytest.raises(LookupError, match=r"^failed$"):
        loop.run_until_complete(failing())
    with pytest.raises(TypeError, match=r"^An asyncio.Future, a coroutine or an awaitable is required$"):
        loop.run_until_complete(noop)


def test_run_until_complete_tells_a_stopped_loop_and_a_foreign_future(new_loop):
    loop, other = new_loop(), new_loop()
    loop.call_soon(loop.stop)
    future = loop.create_future()
    with pytest.raises(RuntimeError, match=r"^Event loop stopped before Future completed\.$"):
        loop.run_until_complete(future)
    future.set_result(2)
    turn(loop)
    assert loop.run_until_complete(future) == 2
    with pytest.raises(ValueError, match=r"^The future belongs to a different loop than the one specified as the loop"):
        loop.run_until_complete(other.create_future())


def test_run_until_complete_cancelled(new_loop):
    loop = new_loop()

    async def main():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(main())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_exits_leave_the_loop_usable_and_closable(new_loop, error):
    loop, seen = new_loop(), []

    def leave():
        raise error(7)

    async def main():
        raise error(8)

    loop.call_soon(leave)
    loop.call_soon(seen.append, "rest of the batch")
    with pytest.raises(error):
        loop.run_forever()
    assert not loop.is_running() and seen == []
    turn(loop)
    assert seen == ["rest of the batch"]
    with pytest.raises(error):
        loop.run_until_complete(main())
    loop.close()
    assert loop.is_closed()


# Asynchronous generators


def test_asyncgen_hooks_are_set_while_running_and_restored(new_loop):
    loop, before = new_loop(), sys.get_asyncgen_hooks()

    async def hooks():
        return sys.get_asyncgen_hooks()

    inside = loop.run_until_complete(hooks())
    assert inside.firstiter is not None and inside.finalizer is not None and inside != before
    assert sys.get_asyncgen_hooks() == before


def test_asyncgens_are_closed_by_shutdown_and_by_collection(new_loop):
    loop, seen = new_loop(), []
    contexts = collect_errors(loop)

    async def generator(name):
        try:
            yield name
        finally:
            await asyncio.sleep(0)
            seen.append(name)
            if name == "raising":
                raise LookupError(name)

    async def main():
        collected = generator("collected")
        await anext(collected)
        del collected
        gc.collect()
        while not seen:
            await asyncio.sleep(0)
        kept = [generator("kept"), generator("raising")]
        for agen in kept:
            await anext(agen)
        await loop.shutdown_asyncgens()
        with pytest.warns(ResourceWarning, match=r"was scheduled after loop\.shutdown_asyncgens\(\) call"):
            late = generator("late")
            await anext(late)
        await late.aclose()
        return kept[1]

    raising = loop.run_until_complete(main())
    assert seen[0] == "collected" and sorted(seen[1:3]) == ["kept", "raising"]
    (context,) = contexts
    assert context["message"] == f"an error occurred during closing of asynchronous generator {raising!r}"
    assert isinstance(context["exception"], LookupError) and context["asyncgen"] is raising


# Futures, tasks, executors


def test_create_future_and_task(new_loop):
    loop, given = new_loop(), contextvars.Context()

    async def main():
        VAR.set("task's")
        return asyncio.current_task().get_name()

    future = loop.create_future()
    assert isinstance(future, asyncio.Future) and future.get_loop() is loop
    task = loop.create_task(main(), name="its name", context=given)
    assert isinstance(task, asyncio.Task)
    assert loop.run_until_complete(task) == "its name"
    assert given[VAR] == "task's"
    assert loop.run_until_complete(loop.create_task(main())).startswith("Task-")
    with pytest.raises(TypeError, match=r"a coroutine was expected, got 5"):
        loop.create_task(5)


def test_task_factories(new_loop):
    loop, seen = new_loop(), []

    def factory(loop, coro, **kwargs):
        seen.append(kwargs)
        return asyncio.Task(coro, loop=loop, **kwargs)

    async def main():
        return asyncio.current_task().get_name()

    assert loop.get_task_factory() is None
    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    given = contextvars.Context()
    assert loop.run_until_complete(loop.create_task(main(), name="n", context=given)) == "n"
    loop.run_until_complete(main())
    # The name is for the factory, too, from Python 3.14 on; there is a 3.13 that did the same.
    assert seen in ([{"context": given}, {}], [{"name": "n", "context": given}, {}])
    with pytest.raises(TypeError, match=r"^task factory must be a callable or None$"):
        loop.set_task_factory(5)
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks(new_loop):
    loop, seen = new_loop(), []
    loop.set_task_factory(asyncio.eager_task_factory)

    async def child(name):
        seen.append(name)

    async def main():
        child_task = loop.create_task(child("eager"))
        seen.append("created")
        assert child_task.done()

    loop.run_until_complete(main())
    assert seen == ["eager", "created"]


def test_executors(new_loop):
    loop = new_loop()

    async def main():
        assert await loop.run_in_executor(None, pow, 2, 10) == 1024
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)
        with concurrent.futures.ThreadPoolExecutor(1, "mine") as pool:
            name = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
            assert name.startswith("mine")
        assert await loop.run_in_executor(None, lambda: threading.current_thread().name) == "asyncio_0"
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match=r"^Executor shutdown has been called$"):
            loop.run_in_executor(None, noop)

    loop.run_until_complete(main())
    with pytest.raises(TypeError, match=r"^executor must be ThreadPoolExecutor instance$"):
        loop.set_default_executor(object())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="3.12 waits for the threads before it looks at the timeout")
def test_shutdown_default_executor_gives_up_after_its_timeout(new_loop):
    loop, release = new_loop(), threading.Event()

    async def main():
        work = loop.run_in_executor(None, release.wait)
        with pytest.warns(RuntimeWarning, match=r"did not finishing joining its threads within 0\.005 seconds"):
            await loop.shutdown_default_executor(0.005)
        release.set()
        await work

    loop.run_until_complete(main())


def test_a_replaced_default_executor_is_used_and_shut_down(new_loop):
    loop, pool = new_loop(), concurrent.futures.ThreadPoolExecutor(1, "replaced")
    loop.set_default_executor(pool)
    name = loop.run_until_complete(loop.run_in_executor(None, lambda: threading.current_thread().name))
    assert name.startswith("replaced")
    loop.close()
    with pytest.raises(RuntimeError, match=r"cannot schedule new futures after shutdown"):
        pool.submit(noop)


# The loop object


def test_the_loop_takes_attributes_weak_references_and_subclasses(new_loop):
    loop = new_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop) and isinstance(loop, asyncio.AbstractEventLoop)
    loop.anything = "kept"
    assert loop.anything == "kept" and weakref.ref(loop)() is loop and loop in {loop}

    class Mine(type(loop)):
        def __init__(self, *args):
            super().__init__(*args)
            self.calls = 0

        def call_soon(self, callback, *args, context=None):
            self.calls += 1
            return super().call_soon(callback, *args, context=context)

    async def main():
        await asyncio.sleep(0)

    with contextlib.closing(Mine()) as mine:
        mine.run_until_complete(main())
        assert mine.calls >= 2
        assert repr(mine) == "<Mine running=False closed=False debug=False>"


def test_attributes_are_set_past_a_subclass(new_loop):
    loop, seen = new_loop(), []
    object.__setattr__(loop, "extra", 1)
    asyncio.SelectorEventLoop.__setattr__(loop, "another", 2)
    assert (loop.extra, loop.another) == (1, 2)
    object.__delattr__(loop, "extra")
    assert not hasattr(loop, "extra")

    class Own(type(loop)):
        def __setattr__(self, name, value):
            seen.append(name)
            super().__setattr__(name, value)

        def __delattr__(self, name):
            seen.append(f"no {name}")
            super().__delattr__(name)

    own = Own()
    seen.clear()
    own.extra = 1
    del own.extra
    assert seen == ["extra", "no extra"]
    own.close()
    with pytest.raises(AttributeError):
        del loop.missing
    with pytest.raises(TypeError):
        setattr(loop, 1, 2)
    loop.close()


def test_repr_of_the_loop(new_loop):
    loop = new_loop()
    name = type(loop).__name__
    assert repr(loop) == f"<{name} running=False closed=False debug=False>"
    loop.set_debug(True)
    seen = []
    loop.call_soon(lambda: seen.append(repr(loop)))
    turn(loop)
    loop.close()
    assert seen == [f"<{name} running=True closed=False debug=True>"]
    assert repr(loop) == f"<{name} running=False closed=True debug=True>"


def test_an_unclosed_loop_warns_and_closes_itself(new_loop):
    kind = type(new_loop())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind()
        gc.collect()
    messages = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
    assert f"unclosed event loop <{kind.__name__} running=False closed=False debug=False>" in messages


def test_call_later_goes_by_call_at_of_the_programs_own(new_loop):
    loop = new_loop()
    seen, call_at = [], loop.call_at

    def own(when, callback, *arguments, context=None):
        seen.append((when >= began, arguments, context))
        return call_at(when, callback, *arguments, context=context)

    began = loop.time()
    loop.call_at = own
    loop.call_later(0, seen.append, "called")
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    del loop.call_at
    loop.call_later(0, loop.stop)
    loop.run_forever()
    assert seen == [(True, ("called",), None), (True, (), None), "called"]
