"""`ferrio.RateLimiter`: how much passes when, in which order, and what is left after a cancellation.

On a virtual clock, so times are exact but for the rounding of sums of floats.
"""

from __future__ import annotations

import asyncio

import ferrio
import pytest
from ferrio.testing import VirtualLoop


def run(main):
    return ferrio.run(main, loop_factory=VirtualLoop)


async def times(limiter, count, amount=1):
    """When each of `count` tasks that ask at once is let through, in the order of asking."""
    loop = asyncio.get_running_loop()

    async def one():
        await limiter.acquire(amount)
        return loop.time()

    return await asyncio.gather(*(one() for _ in range(count)))


def test_a_burst_then_the_steady_rate():
    assert run(times(ferrio.RateLimiter(5), 8)) == pytest.approx([0] * 5 + [0.2, 0.4, 0.6])
    assert run(times(ferrio.RateLimiter(60, 60, burst=1), 4)) == pytest.approx([0, 1, 2, 3])
    assert run(times(ferrio.RateLimiter(2, burst=4), 6)) == pytest.approx([0, 0, 0, 0, 0.5, 1])
    assert run(times(ferrio.RateLimiter(0.5), 3)) == pytest.approx([0, 2, 4])


def test_larger_amounts_cost_more():
    assert run(times(ferrio.RateLimiter(10), 4, amount=5)) == pytest.approx([0, 0, 0.5, 1])


def test_rest_earns_a_burst_and_no_more():
    async def main():
        limiter = ferrio.RateLimiter(4)
        await times(limiter, 4)
        await asyncio.sleep(0.5)
        assert await times(limiter, 3) == pytest.approx([0.5, 0.5, 0.75])
        await asyncio.sleep(1000)
        now = asyncio.get_running_loop().time()
        assert [time - now for time in await times(limiter, 5)] == pytest.approx([0, 0, 0, 0, 0.25])

    run(main())


def test_never_more_than_promised_in_any_span():
    seen = run(times(ferrio.RateLimiter(7, 0.9, burst=3), 200))
    assert seen == sorted(seen)
    for first in range(200):
        for last in range(first, 200):
            assert last - first + 1 <= 3 + (seen[last] - seen[first]) * 7 / 0.9 + 1e-6


def test_first_come_first_served_even_when_the_first_wants_much():
    async def main():
        limiter = ferrio.RateLimiter(10)
        order = []

        async def one(name, amount):
            await limiter.acquire(amount)
            order.append((name, asyncio.get_running_loop().time()))

        await limiter.acquire(10)
        await asyncio.gather(one("large", 10), one("small", 1), one("smaller", 0.5))
        assert [name for name, _ in order] == ["large", "small", "smaller"]
        assert [time for _, time in order] == pytest.approx([1, 1.1, 1.15])

    run(main())


def test_nobody_passes_those_who_wait():
    async def main():
        limiter = ferrio.RateLimiter(1)
        assert limiter.try_acquire() and not limiter.try_acquire()
        task = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0.5)
        assert not limiter.try_acquire()
        await task
        assert not limiter.try_acquire()
        await asyncio.sleep(1.001)
        assert limiter.try_acquire()

    run(main())


def test_async_with_lets_one_through():
    async def main():
        limiter = ferrio.RateLimiter(2)
        for _ in range(4):
            async with limiter as nothing:
                assert nothing is None
        assert asyncio.get_running_loop().time() == pytest.approx(1)

    run(main())


@pytest.mark.parametrize("position", [0, 1, 2])
def test_who_is_cancelled_while_waiting_takes_nothing(position):
    async def main():
        limiter = ferrio.RateLimiter(1)
        loop = asyncio.get_running_loop()
        await limiter.acquire()

        async def one():
            await limiter.acquire()
            return loop.time()

        tasks = [asyncio.create_task(one()) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks.pop(position).cancel()
        assert await asyncio.gather(*tasks) == pytest.approx([1, 2])
        assert "waiters:0" in repr(limiter)

    run(main())


def test_who_is_cancelled_once_let_through_gives_it_back():
    async def main():
        limiter = ferrio.RateLimiter(1)
        loop = asyncio.get_running_loop()
        await limiter.acquire()
        first, second = asyncio.create_task(limiter.acquire()), asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        loop.call_at(1, first.cancel)  # just after its turn has come, and before it knows
        await asyncio.wait([first, second])
        assert first.cancelled() and loop.time() == 1

    run(main())


def test_cancelling_all_leaves_no_timer():
    async def main():
        limiter = ferrio.RateLimiter(1)
        await limiter.acquire()
        tasks = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()] == []

    run(main())


def test_it_moves_from_loop_to_loop_with_what_it_owes():
    limiter = ferrio.RateLimiter(2)
    assert run(times(limiter, 2)) == [0, 0]
    assert run(times(limiter, 2)) == pytest.approx([0.5, 1])


def test_two_loops_cannot_wait_at_once():
    limiter = ferrio.RateLimiter(1)

    async def wait():
        await limiter.acquire()
        await limiter.acquire()

    loop = VirtualLoop()
    try:
        task = loop.create_task(wait())
        loop.stop()
        loop.run_forever()
        with pytest.raises(RuntimeError, match="different event loop"):
            run(limiter.acquire())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
    finally:
        loop.close()
    run(limiter.acquire())


def test_mistakes_are_named():
    for wrong in [(0,), (-1,), (1, 0), (float("inf"),), (float("nan"),)]:
        with pytest.raises(ValueError, match="rate and period must be positive"):
            ferrio.RateLimiter(*wrong)
    for burst in (0, 0.5, float("inf")):
        with pytest.raises(ValueError, match="burst must be a number of at least 1"):
            ferrio.RateLimiter(1, burst=burst)

    async def main():
        for amount in (0, -1, 6):
            with pytest.raises(ValueError, match="at most the burst of 5"):
                await ferrio.RateLimiter(5).acquire(amount)

    run(main())
    with pytest.raises(RuntimeError, match="no running event loop"):
        ferrio.RateLimiter(1).try_acquire()


def test_it_works_on_asyncios_loop_in_real_time(aio):
    async def main():
        limiter = ferrio.RateLimiter(1000, burst=1)
        begin = asyncio.get_running_loop().time()
        for _ in range(5):
            async with limiter:
                pass
        return asyncio.get_running_loop().time() - begin

    assert aio.run(main()) >= 0.0039
