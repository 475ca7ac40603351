"""`RateLimiter`: so many per period, in the order in which they were asked for.

What is granted is kept as one number: the time at which all of it will have been paid for at the steady rate. A
grant moves that time by what it costs; it must wait while that is more than a burst ahead of the present. So a
limiter that was left alone needs no timer, and a waiting one needs one, for the first in its queue.
Invariants: a timer is scheduled exactly while somebody waits; who gives up waiting gives back what he was granted.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from types import TracebackType


class RateLimiter:
    """Lets through `rate` per `period` seconds, and at most `burst` at once after a rest.

    In any t seconds at most burst + rate * t / period are let through. `burst` is `rate`, and at least 1, unless
    given; with burst=1 they come evenly spaced. Waiting is first come, first served. As asyncio's locks, a limiter
    can be made before there is a loop, belongs to the loop on which it is waited for, and is for one thread.

        limiter = RateLimiter(10)  # a second

        async with limiter:
            await request()
    """

    def __init__(self, rate: float, period: float = 1.0, *, burst: float | None = None) -> None:
        if not (0 < rate < math.inf and 0 < period < math.inf):
            raise ValueError(f"rate and period must be positive numbers, not {rate!r} and {period!r}")
        if burst is not None and not 1 <= burst < math.inf:
            raise ValueError(f"burst must be a number of at least 1, not {burst!r}")
        self._rate = rate
        self._period = period
        self._burst = max(1, rate) if burst is None else burst
        self._paid = -math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        text = f"{self._rate:g} per {self._period:g} s, burst {self._burst:g}"
        return f"<{type(self).__name__} [{text}, waiters:{len(self._waiting)}]>"

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def acquire(self, amount: float = 1) -> None:
        """Wait until `amount` may pass. Cancelled while it waits, it takes nothing."""
        if self.try_acquire(amount):
            return
        waiter = asyncio.get_running_loop().create_future()
        entry = (waiter, amount)
        self._waiting.append(entry)
        if len(self._waiting) == 1:
            self._schedule()
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._paid -= self._cost(amount)
            elif entry in self._waiting:
                self._waiting.remove(entry)
            self._schedule()
            raise

    def try_acquire(self, amount: float = 1) -> bool:
        """Let `amount` pass if nobody waits and it need not wait either; says whether it did."""
        if not 0 < amount <= self._burst:
            raise ValueError(f"amount must be more than 0 and at most the burst of {self._burst:g}, not {amount!r}")
        now = self._bind().time()
        if self._waiting or self._ready_at(amount) > now:
            return False
        self._grant(amount, now)
        return True

    def _bind(self) -> asyncio.AbstractEventLoop:
        """The running loop, whose clock counts from now on."""
        loop, old = asyncio.get_running_loop(), self._loop
        if old is not None and old is not loop:
            if self._waiting and not old.is_closed():
                raise RuntimeError(f"{self!r} is bound to a different event loop")
            self._waiting.clear()
            self._timer = None
            self._paid += loop.time() - old.time()
        self._loop = loop
        return loop

    def _cost(self, amount: float) -> float:
        return amount * self._period / self._rate

    def _ready_at(self, amount: float) -> float:
        """The first time at which `amount` may pass."""
        return self._paid + self._cost(amount) - self._cost(self._burst)

    def _grant(self, amount: float, now: float) -> None:
        self._paid = max(self._paid, now) + self._cost(amount)

    def _schedule(self) -> None:
        """Have the first in the queue woken when his time comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = self._loop
        if self._waiting and loop is not None and not loop.is_closed():
            self._timer = loop.call_at(self._ready_at(self._waiting[0][1]), self._wake, loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        due = True  # the first in any case: his time has come, though sums of floats may say it has not
        while self._waiting:
            waiter, amount = self._waiting[0]
            if not waiter.done():
                if not due and self._ready_at(amount) > now:
                    break
                self._grant(amount, now)
                waiter.set_result(None)
            due = False
            self._waiting.popleft()
        self._schedule()
