"""`as_completed()`, on asyncio, the oracle, and on ferrio: order, time-outs, who waits, and what it lets go of."""

import asyncio
import gc
import sys
import weakref

import ferrio
import pytest
from helpers import on_loop

SINCE_3_13 = pytest.mark.skipif(sys.version_info < (3, 13), reason="asynchronous iteration came with Python 3.13")


async def returning(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def failing(error):
    raise error


@on_loop
async def test_answers_come_as_they_are_done(loop, aio):
    answers = [await each for each in aio.as_completed([returning(n, turns=9 - n) for n in range(9)])]
    assert answers == list(range(8, -1, -1))


@on_loop
async def test_done_ones_twice_and_of_all_kinds(loop, aio):
    done, stock, own = loop.create_future(), asyncio.Future(loop=loop), loop.create_future()
    done.set_result("done")
    loop.call_soon(own.set_result, "own")
    loop.call_soon(stock.set_result, "stock")
    every = [done, own, stock, done, aio.create_task(returning("task", 3))]
    assert [await each for each in aio.as_completed(every)] == ["done", "own", "stock", "task"]
    assert list(aio.as_completed([])) == []


@on_loop
async def test_exceptions_and_cancellations_are_raised_where_they_are_awaited(loop, aio):
    cancelled = loop.create_future()
    cancelled.cancel()
    raised = []
    for each in aio.as_completed([failing(KeyError()), cancelled]):
        try:
            await each
        except (KeyError, asyncio.CancelledError) as error:
            raised.append(type(error))
    assert sorted(raised, key=str) == [KeyError, asyncio.CancelledError]


@on_loop
async def test_what_is_not_done_in_time_raises(loop, aio):
    never = loop.create_future(), loop.create_future()
    told = []
    for each in aio.as_completed([*never, returning(1)], timeout=0.01):
        try:
            told.append(await each)
        except TimeoutError as error:
            told.append(type(error))
    assert told == [1, TimeoutError, TimeoutError]
    assert not any(future.done() or future._callbacks for future in never)


@on_loop
async def test_the_timer_ends_with_the_last_one(loop, aio):
    timers = []

    def call_later(delay, callback, *args):
        timers.append(type(loop).call_later(loop, delay, callback, *args))
        return timers[-1]

    loop.call_later = call_later
    for each in aio.as_completed([returning(1)], timeout=3600):
        assert await each == 1
    assert [timer.cancelled() for timer in timers] == [True]
    for each in aio.as_completed([], timeout=3600):
        raise AssertionError(each)
    assert len(timers) == 1


@on_loop
async def test_awaited_at_once_by_several(loop, aio):
    futures = [loop.create_future() for _ in range(3)]
    waiting = [aio.ensure_future(each) for each in aio.as_completed(futures)]
    await aio.sleep(0)
    waiting[0].cancel()
    for number, future in enumerate(futures):
        future.set_result(number)
    assert await aio.gather(*waiting[1:]) == [0, 1]


@on_loop
async def test_who_is_cancelled_after_it_was_told_passes_it_on(loop, aio):
    future, never = loop.create_future(), loop.create_future()
    first, second = (aio.ensure_future(each) for each in aio.as_completed([future, never]))
    await aio.sleep(0)
    future.add_done_callback(lambda _: first.cancel())
    future.set_result("passed on")
    assert await aio.wait_for(second, 10) == "passed on"
    assert first.cancelled()
    never.cancel()


@on_loop
async def test_leaving_early_leaves_the_others_alone(loop, aio):
    futures = [loop.create_future() for _ in range(3)]
    futures[1].set_result(1)
    answers = aio.as_completed(futures)
    assert await next(answers) == 1
    futures[0].set_result(0)
    await aio.sleep(0)
    assert not futures[2].done()
    found = weakref.ref(futures[2])
    del answers, futures
    gc.collect()
    assert found() is None


@on_loop
async def test_what_cannot_be_iterated_is_refused(loop, aio):
    coroutine = returning(1)
    for wrong in (loop.create_future(), coroutine):
        with pytest.raises(TypeError, match=r"expects? an iterable of (futures|awaitables), not (Future|coroutine)"):
            list(aio.as_completed(wrong))
    coroutine.close()
    with pytest.raises(TypeError):
        list(aio.as_completed(1))


@on_loop
async def test_nobody_awaiting_an_answer_is_warned_of(loop, aio):
    answers = aio.as_completed([loop.create_future()])
    with pytest.warns(RuntimeWarning, match="_wait_for_one' was never awaited"):
        next(answers)
        gc.collect()


@SINCE_3_13
@on_loop
async def test_asynchronous_iteration_gives_the_futures_themselves(loop, aio):
    tasks = [aio.create_task(returning(n, turns=5 - n)) for n in range(5)]
    assert [each async for each in aio.as_completed(tasks)] == tasks[::-1]
    made = [each async for each in aio.as_completed([returning(1)])]
    assert [(type(each), each.result()) for each in made] == [(type(tasks[0]), 1)]


@SINCE_3_13
@on_loop
async def test_asynchronous_iteration_in_time_and_late(loop, aio):
    never = loop.create_future()
    seen = []
    with pytest.raises(TimeoutError):
        async for each in aio.as_completed([never, returning(1)], timeout=0.01):
            seen.append(each.result())
    assert seen == [1] and not never.done()


@SINCE_3_13
@on_loop
async def test_the_end_of_asynchronous_iteration(loop, aio):
    answers = aio.as_completed([returning(1)])
    assert aiter(answers) is answers and iter(answers) is answers
    step = anext(answers)
    assert (await step).result() == 1
    end = anext(answers)
    with pytest.raises(StopAsyncIteration):
        await end
    with pytest.raises(StopIteration):
        next(answers)


def test_on_a_stock_loop():
    async def main():
        return [await each for each in ferrio.as_completed([returning(n, turns=5 - n) for n in range(5)], timeout=60)]

    assert asyncio.run(main()) == asyncio.run(main(), debug=True) == [4, 3, 2, 1, 0]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 counts an answer that is given up again")
@pytest.mark.parametrize("asynchronous", [False, True])
@on_loop
async def test_an_answer_that_is_given_up_can_be_asked_for_again(loop, aio, asynchronous):
    futures = [loop.create_future(), loop.create_future()]
    completions = aio.as_completed(futures)

    async def ask():
        return await (anext(completions) if asynchronous else next(completions))

    asking = aio.create_task(ask())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    for number, future in enumerate(futures):
        future.set_result(number)
    answers = [await ask(), await ask()]
    assert answers == (futures if asynchronous else [0, 1])
    with pytest.raises(StopAsyncIteration if asynchronous else StopIteration):
        await (anext(completions) if asynchronous else next(completions))
