"""What starts and combines tasks: sleep, create_task, gather, wait, wait_for, shield.

Every test but those of the last section runs on asyncio, which is the oracle, and on ferrio. Names come from the module
under test, loops too.
"""

import asyncio
import contextvars
import copy
import gc
import inspect
import pickle
import sys
import warnings
import weakref
from unittest import mock

import ferrio
import pytest
from helpers import collect_errors, on_loop


async def returning(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def failing(error, turns=1):
    await returning(None, turns)
    raise error


@on_loop
async def test_sleep_gives_its_result(loop, aio):
    assert await aio.sleep(0) is None
    assert await aio.sleep(0, "now") == "now"
    assert await aio.sleep(-1, (1, 2)) == (1, 2)
    assert await aio.sleep(0.001, ValueError) is ValueError


@on_loop
async def test_sleep_zero_lets_the_others_run_once(loop, aio):
    order = []

    async def one(name):
        for turn in range(3):
            order.append((turn, name))
            await aio.sleep(0)

    await aio.gather(one("a"), one("b"))
    assert order == [(turn, name) for turn in range(3) for name in "ab"]


@on_loop
async def test_sleep_refuses_what_is_no_number(loop, aio):
    with pytest.raises(TypeError, match="'<=' not supported between instances of 'str' and 'int'"):
        await aio.sleep("1")
    with pytest.raises(TypeError):
        aio.sleep()
    if sys.version_info >= (3, 13) or aio is ferrio:
        with pytest.raises(ValueError, match="NaN"):
            await aio.sleep(float("nan"))


@on_loop
async def test_a_cancelled_sleep_ends_at_once(loop, aio):
    task = aio.create_task(aio.sleep(3600))
    await aio.sleep(0)
    assert "sleep" in repr(task)
    task.cancel("why")
    with pytest.raises(asyncio.CancelledError, match="why"):
        await task


@on_loop
async def test_sleeps_end_in_the_order_of_their_times(loop, aio):
    order = []

    async def one(number):
        await aio.sleep(0.03 * number)  # more than passes before the last of them begins, on a busy machine, too
        order.append(number)

    await aio.gather(*map(one, (3, 1, 2, 0)))
    assert order == [0, 1, 2, 3]


@on_loop
async def test_gather_keeps_the_order(loop, aio):
    assert await aio.gather() == []
    assert await aio.gather(returning(1, 5), returning(2, 1), returning(3, 3)) == [1, 2, 3]


@on_loop
async def test_gather_takes_anything_awaitable(loop, aio):
    class Awaitable:
        def __await__(self):
            return returning("object").__await__()

    future = loop.create_future()
    loop.call_soon(future.set_result, "future")
    stock = asyncio.Future(loop=loop)
    loop.call_soon(stock.set_result, "stock")
    task = aio.create_task(returning("task"))
    found = await aio.gather(Awaitable(), future, stock, task, future, aio.sleep(0, "sleep"))
    assert found == ["object", "future", "stock", "task", "future", "sleep"]


@on_loop
async def test_gather_raises_the_first_exception_and_leaves_the_others(loop, aio):
    slow = aio.create_task(returning("slow", 10))
    outer = aio.gather(slow, failing(KeyError("x"), 2), failing(ValueError("later"), 4))
    with pytest.raises(KeyError):
        await outer
    assert not slow.done()
    assert await slow == "slow"


@on_loop
async def test_gather_returns_exceptions(loop, aio):
    cancelled = aio.create_task(returning(None, 50))
    loop.call_soon(cancelled.cancel)
    results = await aio.gather(returning(1), failing(KeyError("x")), cancelled, return_exceptions=True)
    assert results[0] == 1
    assert [type(result) for result in results[1:]] == [KeyError, asyncio.CancelledError]


@on_loop
async def test_cancelling_gather_cancels_the_children(loop, aio):
    children = [aio.create_task(aio.sleep(3600)) for _ in range(3)]
    outer = aio.gather(*children, return_exceptions=True)
    await aio.sleep(0)
    assert outer.cancel("enough")
    assert not outer.done()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert all(child.cancelled() for child in children)
    assert not outer.cancel()


@on_loop
async def test_gather_refuses_a_future_of_another_loop(loop, aio):
    other = aio.new_event_loop()
    mine, theirs = loop.create_future(), other.create_future()
    with pytest.raises(ValueError, match="The future belongs to a different loop"):
        aio.gather(mine, theirs)
    other.close()


@on_loop
async def test_gather_shows_itself(loop, aio):
    future = loop.create_future()
    outer = aio.gather(future)
    assert repr(outer).startswith("<_GatheringFuture pending")
    assert "gather.<locals>._done_callback" in repr(future)
    assert isinstance(outer, asyncio.Future)
    assert asyncio.isfuture(outer)
    future.set_result(1)
    assert await outer == [1]


@on_loop
async def test_gathered_cycles_are_collected(loop, aio):
    def make():
        future = loop.create_future()
        outer = aio.gather(future)
        future.outer = outer if hasattr(future, "__dict__") else None
        return weakref.ref(outer)

    found = make()
    gc.collect()
    assert found() is None


@on_loop
async def test_wait_gives_two_sets(loop, aio):
    slow, fast = aio.create_task(aio.sleep(3600)), aio.create_task(returning(1))
    assert await aio.wait([slow, fast], return_when=asyncio.FIRST_COMPLETED) == ({fast}, {slow})
    assert await aio.wait([slow, fast], timeout=0.001) == ({fast}, {slow})
    bad = aio.create_task(failing(KeyError()))
    assert await aio.wait({slow, bad}, return_when=asyncio.FIRST_EXCEPTION) == ({bad}, {slow})
    slow.cancel()
    assert await aio.wait([slow, fast, bad]) == ({slow, fast, bad}, set())
    assert isinstance(bad.exception(), KeyError)


@on_loop
async def test_wait_takes_futures_of_all_kinds(loop, aio):
    stock, own = asyncio.Future(loop=loop), loop.create_future()
    loop.call_soon(stock.set_result, 1)
    assert await aio.wait([stock, own], return_when=asyncio.FIRST_COMPLETED) == ({stock}, {own})
    own.cancel()
    assert await aio.wait([stock, own]) == ({stock, own}, set())


@on_loop
async def test_wait_checks_what_it_is_given(loop, aio):
    future = loop.create_future()
    with pytest.raises(TypeError, match="expect a list of futures"):
        await aio.wait(future)
    with pytest.raises(ValueError, match="empty"):
        await aio.wait([])
    with pytest.raises(ValueError, match="Invalid return_when"):
        await aio.wait([future], return_when=-1)
    coroutine = returning(1)
    with pytest.raises(TypeError, match="Passing coroutines is forbidden"):
        await aio.wait([coroutine])
    coroutine.close()
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        aio.wait([future], 1)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'fs'"):
        aio.wait(timeout=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'loop'"):
        aio.wait([future], loop=loop)


@on_loop
async def test_wait_takes_what_can_be_iterated(loop, aio):
    done = loop.create_future()
    done.set_result(1)
    for futures in ((done, done), {done: 1}, frozenset([done]), iter([done, done])):
        assert await aio.wait(futures, return_when="FIRST_COMPLETED") == ({done}, set())
    with pytest.raises(TypeError, match="not iterable"):
        await aio.wait(1)


@on_loop
async def test_a_wait_that_nobody_awaits_warns(loop, aio):
    with pytest.warns(RuntimeWarning, match="coroutine 'wait' was never awaited"):
        aio.wait([])
        gc.collect()
    unbegun = aio.wait([])
    unbegun.close()
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        await unbegun


@on_loop
async def test_a_wait_with_a_time_leaves_no_timer(loop, aio):
    timers = []

    def call_later(delay, callback, *args):
        timers.append(type(loop).call_later(loop, delay, callback, *args))
        return timers[-1]

    loop.call_later = call_later
    await aio.wait([aio.create_task(returning(1))], timeout=3600)
    waiting = aio.create_task(aio.wait([loop.create_future()], timeout=3600))
    await aio.sleep(0)
    waiting.cancel()
    await aio.wait([waiting])
    assert [timer.cancelled() for timer in timers] == [True, True]


@on_loop
async def test_a_cancelled_wait_lets_go(loop, aio):
    future = loop.create_future()
    waiting = aio.create_task(aio.wait([future]))
    await aio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not future.done()
    assert not future._callbacks


@on_loop
async def test_wait_for_in_time_and_late(loop, aio):
    assert await aio.wait_for(returning(5), 10) == 5
    assert await aio.wait_for(returning(6), None) == 6
    future = loop.create_future()
    with pytest.raises(TimeoutError) as caught:
        await aio.wait_for(future, 0.001)
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert future.cancelled()
    with pytest.raises(TimeoutError):
        await aio.wait_for(aio.sleep(3600), 0)
    with pytest.raises(KeyError):
        await aio.wait_for(failing(KeyError()), 10)


@on_loop
async def test_wait_for_passes_a_cancellation_on(loop, aio):
    seen = []

    async def inner():
        try:
            await aio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("inner")
            raise

    task = aio.create_task(aio.wait_for(inner(), 3600))
    await aio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["inner"]


@on_loop
async def test_shield(loop, aio):
    inner = aio.create_task(returning("inner", 3))
    outer = aio.shield(inner)
    await aio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert await inner == "inner"
    assert aio.shield(inner) is inner
    with pytest.raises(KeyError):
        await aio.shield(failing(KeyError()))


@on_loop
async def test_who_cancels_a_shield_lets_go_of_what_is_inside(loop, aio):
    """Its exception is reported on Python 3.14, once, and belongs to nobody on others."""
    for inner in (loop.create_future(), asyncio.Future(loop=loop)):
        errors = collect_errors(loop)
        for _ in range(2):
            outer = aio.shield(inner)
            outer.cancel()
            await asyncio.sleep(0)
        assert [callback for callback, _ in inner._callbacks or () if "shield" in repr(callback)] == []
        inner.set_exception(KeyError("late"))
        await asyncio.sleep(0)
        inner.exception()
        texts = [context["message"] for context in errors]
        assert texts == (["KeyError exception in shielded future"] if sys.version_info[:2] == (3, 14) else [])


@on_loop
async def test_shield_of_a_cancelled_task_is_cancelled(loop, aio):
    inner = aio.create_task(aio.sleep(3600))
    outer = aio.shield(inner)
    await aio.sleep(0)
    inner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert outer.cancelled()


@on_loop
async def test_create_task_with_name_and_context(loop, aio):
    variable = contextvars.ContextVar("variable", default="outside")
    context = contextvars.copy_context()
    context.run(variable.set, "inside")

    async def look():
        return variable.get()

    task = aio.create_task(look(), name="looking", context=context)
    assert task.get_name() == "looking"
    assert await task == "inside"
    assert await aio.create_task(look()) == "outside"
    with pytest.raises(TypeError, match="a coroutine was expected"):
        aio.create_task(5)


def test_without_a_loop(aio):
    with pytest.raises(RuntimeError, match="no running event loop"):
        aio.timeout(1)
    coroutine = returning(1)
    with pytest.raises(RuntimeError, match="no running event loop"):
        aio.create_task(coroutine)
    coroutine.close()


@on_loop
async def test_the_current_task_is_that_of_the_step(loop, aio):
    seen = []

    async def one():
        for _ in range(3):
            seen.append(asyncio.current_task() is tasks[0])
            loop.call_soon(lambda: seen.append(asyncio.current_task()))
            await aio.sleep(0)

    async def other():
        for _ in range(3):
            seen.append(asyncio.current_task() is tasks[1])
            await aio.sleep(0)

    tasks = [aio.create_task(one()), aio.create_task(other())]
    await aio.gather(*tasks)
    assert seen == [True, True, None] * 3


@on_loop
async def test_a_coroutine_nobody_awaits_warns(loop, aio):
    for make in (lambda: aio.sleep(0), lambda: aio.wait_for(loop.create_future(), 1)):
        with pytest.warns(RuntimeWarning, match="was never awaited"):
            make()
            gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aio.sleep(0).close()


@pytest.mark.filterwarnings("ignore:'asyncio.iscoroutinefunction' is deprecated")
@pytest.mark.parametrize("name", ["sleep", "wait_for", "wait"])
def test_they_pass_for_coroutine_functions(aio, name):
    function = getattr(aio, name)
    if hasattr(asyncio, "iscoroutinefunction"):
        assert asyncio.iscoroutinefunction(function)
    if sys.version_info >= (3, 12):
        assert inspect.iscoroutinefunction(function)
    with mock.patch.object(aio, name) as replaced:
        assert isinstance(replaced, mock.AsyncMock)


@pytest.mark.filterwarnings("ignore:'asyncio.iscoroutinefunction' is deprecated")
@pytest.mark.parametrize("name", ["create_task", "gather", "shield", "timeout", "timeout_at"])
def test_they_pass_for_functions(aio, name):
    asked = getattr(asyncio, "iscoroutinefunction", inspect.iscoroutinefunction)  # asyncio's, up to Python 3.15
    assert not asked(getattr(aio, name))


@pytest.mark.parametrize(
    "name", ["create_task", "gather", "shield", "sleep", "timeout", "timeout_at", "wait", "wait_for"]
)
def test_they_show_what_they_are(aio, name):
    ours, theirs = getattr(aio, name), getattr(asyncio, name)
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert (ours.__name__, ours.__qualname__) == (name, name)
    assert ours.__doc__
    assert pickle.loads(pickle.dumps(ours)) is ours
    assert copy.deepcopy(ours) is ours


def test_on_a_stock_loop():
    async def main():
        assert await ferrio.gather(ferrio.sleep(0.001, 1), asyncio.sleep(0, 2)) == [1, 2]
        assert await ferrio.wait_for(ferrio.sleep(0, 3), 1) == 3
        with pytest.raises(TimeoutError):
            async with ferrio.timeout(0.001):
                await ferrio.sleep(3600)
        async with ferrio.TaskGroup() as group:
            task = group.create_task(ferrio.sleep(0.001, 4))
        assert task.result() == 4
        assert await ferrio.shield(ferrio.create_task(ferrio.sleep(0, 5))) == 5
        done, _ = await ferrio.wait([ferrio.create_task(ferrio.sleep(0, 6))])
        assert done.pop().result() == 6

    asyncio.run(main())
    asyncio.run(main(), debug=True)


@pytest.mark.parametrize("method", ["call_later", "call_at", "call_soon", "create_future", "create_task"])
def test_methods_of_a_subclass_of_the_loop_are_asked(method):
    calls = []

    def record(self, *args, **kwargs):
        calls.append(method)
        return getattr(ferrio.Loop, method)(self, *args, **kwargs)

    class Loop(ferrio.Loop):
        pass

    setattr(Loop, method, record)

    async def main():
        async with ferrio.timeout(60):
            await ferrio.gather(ferrio.sleep(0.001), ferrio.wait_for(ferrio.sleep(0.001), 60))

    loop = Loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    assert calls


def test_cancelled_sleeps_leave_no_timers():
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(5):
            tasks = [loop.create_task(ferrio.sleep(3600)) for _ in range(1000)]
            await ferrio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        gc.collect()
        return sum(type(each) is ferrio.Future for each in gc.get_objects())

    loop = ferrio.new_event_loop()
    loop.set_debug(False)
    try:
        assert loop.run_until_complete(main()) < 10
    finally:
        loop.close()
