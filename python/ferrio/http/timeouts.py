"""Time limits: what a program sets, and the limit of a whole request, which goes on while its answer is read.

Owns `ClientTimeout`, `ClientWSTimeout` and `Deadline`. Invariant: a deadline cancels the tasks that are inside it and
nobody else, and whoever it cancelled sees `TimeoutError`, never `CancelledError`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Final

from .._ferrio import timeout_at

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class ClientTimeout:
    """Limits in seconds; None and 0 are none, and those below 0 but for `sock_read`.

    `total` is for the whole request with its redirects and the reading of its answer; `connect` for a connection, be
    it from the pool; `sock_connect` for a new one; `sock_read` between two pieces of the answer.
    """

    total: float | None = None
    connect: float | None = None
    sock_read: float | None = None
    sock_connect: float | None = None
    ceil_threshold: float = 5


@dataclass(frozen=True, slots=True)
class ClientWSTimeout:
    """Limits of a WebSocket in seconds: for a message to come, and for the other side to close as well."""

    ws_receive: float | None = None
    ws_close: float | None = None


DEFAULT_TIMEOUT: Final = ClientTimeout(total=5 * 60, sock_connect=30)
DEFAULT_WS_TIMEOUT: Final = ClientWSTimeout(ws_close=10.0)
OUTSIDE: Final = "Timeout context manager should be used inside a task"


def as_limits(timeout: Any) -> ClientTimeout:
    """A request's time limits, which may be a number."""
    return timeout if isinstance(timeout, ClientTimeout) else ClientTimeout(total=timeout)


def moment(loop: asyncio.AbstractEventLoop, delay: float, threshold: float) -> float:
    """When `delay` is over; long delays end on whole seconds, so that many of them end in one turn."""
    when = loop.time() + delay
    return ceil(when) if delay > threshold else when


def is_late(error: OSError) -> bool:
    """Whether that is a limit's, and not the system's."""
    return error.errno is None and isinstance(error, TimeoutError)


def end_of(loop: asyncio.AbstractEventLoop, timeout: ClientTimeout, when: float = inf) -> float:
    """When a request is over that begins now, or was begun before and ends at `when`."""
    if when == inf and timeout.total is not None and timeout.total > 0:
        return moment(loop, timeout.total, timeout.ceil_threshold)
    return when


def within(loop: asyncio.AbstractEventLoop, when: float) -> asyncio.Timeout:
    """What a `Deadline` is to one wait alone: `async with within(loop, when):`."""
    if when == inf:
        return timeout_at(None)
    if asyncio.current_task(loop) is None:
        raise RuntimeError(OUTSIDE)
    return timeout_at(when)


def limit(delay: float | None, threshold: float = 5) -> asyncio.Timeout:
    """`asyncio.timeout()` where 0 is no limit."""
    if delay is None or delay <= 0:
        return timeout_at(None)
    return timeout_at(moment(asyncio.get_running_loop(), delay, threshold))


def silence_limit(delay: float | None) -> asyncio.Timeout:
    """The limit of `sock_read`: None and 0 are none, and one below 0 is over at once."""
    return timeout_at(asyncio.get_running_loop().time() + delay if delay else None)


class Silence:
    """A limit that begins when somebody says so: `async with silence:` and `silence.begin()`, which may come late."""

    __slots__ = ("_is_waiting", "_limit", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._limit = timeout_at(None)
        self._seconds = seconds
        self._is_waiting = False

    def begin(self, *_: object) -> None:
        """From now on."""
        if self._is_waiting:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def expired(self) -> bool:
        """Whether it is over."""
        return self._limit.expired()

    async def __aenter__(self) -> Silence:
        await self._limit.__aenter__()
        self._is_waiting = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_waiting = False
        await self._limit.__aexit__(kind, error, traceback)


class Deadline:
    """The limit of a whole request: `with deadline:` around every wait, until `cancel()`."""

    __slots__ = ("_entries", "_handle", "_is_over", "_loop", "when")

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: ClientTimeout, when: float = inf) -> None:
        """`when`: the end, of a request that was begun before."""
        self._loop = loop
        # Tasks inside it, each with how often it was being cancelled when it came in; some are inside more than once.
        self._entries: list[tuple[asyncio.Task[object], int]] = []
        self._is_over = False
        self._handle: asyncio.TimerHandle | None = None
        self.when = end_of(loop, timeout, when)
        if self.when < inf:
            self._handle = loop.call_at(self.when, self._expire)

    def cancel(self) -> None:
        """The request is done: nothing is limited any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def check(self) -> None:
        """Raise `TimeoutError` where the time is over, though nobody had to wait."""
        if self._is_over:
            raise TimeoutError from None

    def __enter__(self) -> Deadline:
        if self._handle is None and not self._is_over:
            return self
        task = asyncio.current_task(loop=self._loop)
        if task is None:
            raise RuntimeError(OUTSIDE)
        self.check()
        self._entries.append((task, task.cancelling()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current = asyncio.current_task(loop=self._loop) if self._entries else None
        entry = next((entry for entry in reversed(self._entries) if entry[0] is current), None)
        if entry is None:
            return
        self._entries.remove(entry)
        task, cancelling = entry
        if kind is asyncio.CancelledError and self._is_over:
            if task.uncancel() > cancelling:
                return  # somebody else cancelled the task, too
            raise TimeoutError from error

    def _expire(self) -> None:
        self._handle = None
        self._is_over = True
        for task in {task for task, _ in self._entries}:
            task.cancel()
