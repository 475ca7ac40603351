"""A rate limiter: at most N at once, and at most M in any period.

What it teaches: a semaphore bounds how many run, not how often one starts. This limiter is an async context manager
that does both: a semaphore, and the times of the last M starts. It is exact: there is no period, wherever it
begins, in which more than M start; limiters that count per calendar second let 2 M through around its end.

    python examples/python/rate_limiter.py
    ferrio run examples/python/rate_limiter.py
"""

import asyncio
import time
from collections import deque

CALLS = 30


class RateLimiter:
    """`async with limiter:` around each call."""

    def __init__(self, at_once: int, starts: int, period: float = 1.0) -> None:
        self.period = period
        self.running = asyncio.Semaphore(at_once)
        self.starting = asyncio.Lock()  # one at a time looks at the times; it is fair, so nobody is passed over
        self.started: deque[float] = deque(maxlen=starts)

    async def __aenter__(self) -> None:
        await self.running.acquire()
        try:
            async with self.starting:
                await self.wait_for_a_start()
        except BaseException:  # cancelled while in line
            self.running.release()
            raise

    async def __aexit__(self, *_error: object) -> None:
        self.running.release()

    async def wait_for_a_start(self) -> None:
        """Wait until the oldest of the last M starts is a period ago."""
        loop = asyncio.get_running_loop()
        if len(self.started) == self.started.maxlen:
            while (left := self.started[0] + self.period - loop.time()) > 0:
                await asyncio.sleep(left)
        self.started.append(loop.time())


async def main() -> None:
    at_once, starts, period = 4, 10, 0.25
    limiter = RateLimiter(at_once, starts, period)
    times: list[float] = []
    now = most = 0

    async def call() -> None:
        nonlocal now, most
        async with limiter:
            times.append(limiter.started[-1])
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.02)
            now -= 1

    begin = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(CALLS)))
    seconds = time.perf_counter() - begin
    busiest = max(sum(first <= other < first + period for other in times) for first in times)
    print(f"{CALLS} calls in {seconds:.2f} s; at least {period * (CALLS / starts - 1):.2f} s were to be expected")
    print(f"at most {at_once} at once: {most}")
    print(f"at most {starts} starts in any {1000 * period:.0f} ms: {busiest <= starts}")


if __name__ == "__main__":
    asyncio.run(main())
