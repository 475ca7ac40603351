"""`Threads`: the loop's default executor. Its threads take their work from a native queue.

asyncio's default executor makes, for each call, a `concurrent.futures.Future` with a lock and a condition, and chains
it to one of its own. Here the result comes back to the loop as one word. Everything else is as users know it from
`ThreadPoolExecutor`: threads named `asyncio_0`, `asyncio_1`, … are started when needed, reused, at most
`min(32, cpus + 4)` besides those that wait within `lent`, and joined before the interpreter ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from ._ferrio import WorkQueue

MOST_LENT = 1000
"""So many places are lent at most: each is a thread more."""


class Threads(Executor):
    """An executor for calls from a loop (`run`), and for anybody's (`submit`)."""

    def __init__(self, name: str = "asyncio") -> None:
        self._name = name
        self._most = min(32, (os.cpu_count() or 1) + 4)
        self._queue = WorkQueue()
        self._lent = 0
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        _all.add(self)

    def run(self, loop: asyncio.AbstractEventLoop, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """A future of `loop`, which must be ferrio's and call this, of what a thread gets from function(*args)."""
        future, crowded = self._queue.put(loop, function, args)
        if crowded and len(self._threads) < self._limit():
            self._start_one()
        return future

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """While one of the threads waits here for somebody outside, another one has its place."""
        with self._lock:
            self._lent += 1
        with contextlib.suppress(RuntimeError):  # there can be no thread more
            self._start_one()
        try:
            yield
        finally:
            with self._lock:
                self._lent -= 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As of any executor; it does not need a loop."""
        call = _Call(fn, args, kwargs)
        if self._queue.put_plain(call.run) and len(self._threads) < self._limit():
            self._start_one()
        return call.promise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; with `wait`, until all that was taken is done."""
        if cancel_futures:
            for run in self._queue.cancel_all():
                run.__self__.promise.cancel()
        self._queue.close()
        if wait:
            for thread in self._threads:
                thread.join()

    def _limit(self) -> int:
        return self._most + min(self._lent, MOST_LENT)

    def _start_one(self) -> None:
        with self._lock:
            number = len(self._threads)
            if number < self._limit():
                thread = threading.Thread(target=self._queue.work, name=f"{self._name}_{number}")
                thread.start()
                self._threads.append(thread)

    def __del__(self) -> None:
        # Threads hold the queue, not this: they end with it.
        self._queue.close()


def lent(loop: asyncio.AbstractEventLoop) -> contextlib.AbstractContextManager[None]:
    """`Threads.lent` for a thread that the loop's default executor has, if that is one of ours."""
    threads = getattr(loop, "_default_executor", None)
    return threads.lent() if isinstance(threads, Threads) else contextlib.nullcontext()


class _Call:
    """What `submit` was given, and its promise."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.promise: Future[Any] = Future()

    def run(self) -> None:
        if not self.promise.set_running_or_notify_cancel():
            return
        try:
            self.promise.set_result(self.function(*self.args, **self.kwargs))
        except BaseException as error:
            self.promise.set_exception(error)


_all: weakref.WeakSet[Threads] = weakref.WeakSet()


def _end_all() -> None:
    """Before the interpreter joins the threads that are left: ours would wait for work for ever."""
    for threads in list(_all):
        threads.shutdown()


# As concurrent.futures does it: atexit runs too late for that. Private to threading, hence without types.
threading._register_atexit(_end_all)  # type: ignore[attr-defined]
