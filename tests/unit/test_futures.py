"""Futures of the loop, on both loops; and what only a native future has to prove.

CPython's own tests of futures run on ferrio's class too (`make conformance`). Here is what they do not ask: the other
kind on either loop, memory, and the classes.
"""

import abc
import asyncio
import contextvars
import gc
import pickle
import sys
import weakref

import ferrio
import pytest
from helpers import collect_errors, on_loop


@on_loop
async def test_results_exceptions_and_cancellation_reach_who_waits(loop):
    future = loop.create_future()
    loop.call_soon(future.set_result, (1, 2))
    assert await future == (1, 2)
    future = loop.create_future()
    loop.call_soon(future.set_exception, KeyError("gone"))
    with pytest.raises(KeyError, match="gone"):
        await future
    future = loop.create_future()
    loop.call_soon(future.cancel, "enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await future


@pytest.mark.parametrize("result", [None, 0, (), (1,), StopIteration(1), ValueError(2), [3]], ids=repr)
@on_loop
async def test_any_object_can_be_a_result(loop, result):
    future = loop.create_future()
    loop.call_soon(future.set_result, result)
    assert await future is result
    assert await future is result


@on_loop
async def test_callbacks_run_in_order_and_in_their_contexts(loop):
    import contextvars

    place, seen = contextvars.ContextVar("place", default="none"), []
    future = loop.create_future()
    for name in "abc":
        context = contextvars.copy_context()
        context.run(place.set, name)
        future.add_done_callback(lambda done: seen.append((place.get(), done.result())), context=context)
    assert future.remove_done_callback(len) == 0
    future.set_result(5)
    future.add_done_callback(lambda done: seen.append("late"))
    await asyncio.sleep(0)
    assert seen == [("a", 5), ("b", 5), ("c", 5), "late"]


@on_loop
async def test_none_as_a_callbacks_context_is_a_copy_of_the_one_it_is_queued_in(loop):
    async def nothing():
        pass

    seen = []
    for make in (loop.create_future, lambda: loop.create_task(nothing())):
        future = make()
        variable = contextvars.ContextVar("variable", default="unset")
        future.add_done_callback(lambda _, variable=variable: seen.append(variable.get()), context=None)
        variable.set("set")
        assert future._callbacks[0][1] is None
        future.cancel()
        await asyncio.wait([future])
        future.add_done_callback(lambda _: seen.append("done before"), context=None)
        await asyncio.sleep(0)
    # A task ends in a context of its own.
    assert seen == ["set", "done before", "unset", "done before"]


@on_loop
async def test_what_a_future_keeps_for_itself_cannot_be_deleted(loop):
    for future in (loop.create_future(), asyncio.current_task()):
        for name in ("_asyncio_future_blocking", "_cancel_message", "_log_traceback"):
            with pytest.raises(AttributeError):
                delattr(future, name)


@on_loop
async def test_an_exception_that_nobody_asks_for_is_reported(loop):
    errors = collect_errors(loop)
    future = loop.create_future()
    future.set_exception(ValueError("lost"))
    assert type(future.__await__()) is not None
    del future
    gc.collect()
    assert [error["message"] for error in errors] == ["Future exception was never retrieved"]
    asked = loop.create_future()
    asked.set_exception(ValueError("found"))
    assert isinstance(asked.exception(), ValueError)
    del asked
    gc.collect()
    assert len(errors) == 1


@on_loop
async def test_one_in_the_place_of_a_collected_one_is_reported_too(loop):
    errors = collect_errors(loop)
    for _ in range(3):
        cycle = [loop.create_future()]
        cycle[0].add_done_callback(cycle.append)
        cycle.append(cycle)
        del cycle
        gc.collect()
        loop.create_future().set_exception(ValueError("lost"))
    gc.collect()
    assert len(errors) == 3


@on_loop
async def test_the_other_kind_can_be_awaited(loop):
    for kind in (asyncio.futures.Future, ferrio.Future, asyncio.futures._PyFuture):
        future = kind(loop=loop)
        task = loop.create_task(wait_for(future))
        await asyncio.sleep(0)
        future.set_result("told")
        assert await task == "told"
        assert asyncio.isfuture(future)


async def wait_for(future):
    return await future


def test_a_native_future_on_another_loop():
    loop = asyncio.SelectorEventLoop()
    try:
        future = ferrio.Future(loop=loop)
        loop.call_soon(future.set_result, 7)
        assert loop.run_until_complete(future) == 7
        with pytest.raises(asyncio.InvalidStateError, match=r"^invalid state$"):
            future.set_result(8)
    finally:
        loop.close()


def test_what_counts_as_a_future():
    loop = ferrio.new_event_loop()
    try:
        ours, stock = loop.create_future(), asyncio.futures.Future(loop=loop)
        assert type(ours) is ferrio.Future and isinstance(ours, asyncio.Future)
        assert isinstance(stock, ferrio.Future) and not isinstance(ours, ferrio.Task)
        assert issubclass(ferrio.Task, ferrio.Future) and not isinstance(3, ferrio.Future)

        class Mine(ferrio.Future, abc.ABC):
            extra = 1

        mine = Mine(loop=loop)
        mine.set_result(3)
        mine.attribute = mine
        assert isinstance(mine, ferrio.Future) and not isinstance(ours, Mine)
        assert repr(mine) == "<Mine finished result=3>"
        assert loop.run_until_complete(mine) == 3
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(ours)
    finally:
        loop.close()


def test_a_future_that_was_never_initialised_says_so():
    future = ferrio.Future.__new__(ferrio.Future)
    assert not future.done() and not future.cancelled()
    for use in (future.cancel, future.get_loop, lambda: iter(future), lambda: repr(future), future.__await__):
        with pytest.raises(RuntimeError, match=r"^Future object is not initialized\.$"):
            use()
    for use in (future.result, future.exception):
        with pytest.raises(asyncio.InvalidStateError, match=r"^Future object is not initialized\.$"):
            use()


def test_cycles_are_collected():
    loop = ferrio.new_event_loop()
    try:
        future = loop.create_future()
        future.me = future
        future.add_done_callback(lambda _, held=future: held)
        gone = weakref.ref(future)
        del future
        gc.collect()
        assert gone() is None
    finally:
        loop.close()


def test_futures_leave_no_memory_behind():
    loop = ferrio.new_event_loop()

    async def churn(times):
        for turn in range(times):
            future = loop.create_future()
            if turn % 3 == 0:
                future.set_result(turn)
                await future
            elif turn % 3 == 1:
                future.set_exception(ValueError(turn))
                with pytest.raises(ValueError):
                    await future
            else:
                future.cancel("no more")
                with pytest.raises(asyncio.CancelledError):
                    await future

    try:
        loop.run_until_complete(churn(3000))
        gc.collect()
        before = sys.getallocatedblocks()
        loop.run_until_complete(churn(30_000))
        gc.collect()
        assert sys.getallocatedblocks() - before < 300
    finally:
        loop.close()


@on_loop
async def test_an_iterator_stepped_too_early_goes_on(loop):
    future = loop.create_future()
    awaiting = iter(future)
    assert awaiting.send(None) is future
    for _ in range(2):
        with pytest.raises(RuntimeError):
            awaiting.send(None)
    future.set_result(5)
    with pytest.raises(StopIteration) as caught:
        awaiting.send(None)
    assert caught.value.value == 5


@on_loop
async def test_callbacks_take_one_argument(loop):
    future = loop.create_future()
    with pytest.raises(TypeError):
        future.add_done_callback(print, 1)
    future.add_done_callback(print, context=contextvars.copy_context())
    assert future.remove_done_callback(print) == 1


SINCE_3_15 = pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 initialises a future once")


@SINCE_3_15
@pytest.mark.parametrize("derived", [False, True])
def test_a_future_is_initialised_once(new_loop, aio, derived):
    class Derived(aio.Future):
        pass

    loop = new_loop()
    kind = Derived if derived else aio.Future
    future = kind(loop=loop)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=rf"{kind.__qualname__} object is already initialized$"):
            future.__init__(loop=loop)
        if not future.done():
            future.set_result(1)
    with pytest.raises(TypeError):
        future.__init__(loop)
    assert future.result() == 1
