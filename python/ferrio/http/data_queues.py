"""`DataQueue` and its kin, for programs that use aiohttp's: queues that end."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Generic, TypeVar

from .iterators import AsyncStreamIterator, EofStream

T = TypeVar("T")


class DataQueue(Generic[T]):
    """A queue that ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._eof = False
        self._waiter: asyncio.Future[None] | None = None
        self._exception: BaseException | None = None
        self._buffer: deque[tuple[T, int]] = deque()

    def __len__(self) -> int:
        return len(self._buffer)

    def is_eof(self) -> bool:
        """Whether nothing more is put in."""
        return self._eof

    def at_eof(self) -> bool:
        """Whether nothing more is put in, and nothing is left."""
        return self._eof and not self._buffer

    def exception(self) -> BaseException | None:
        """What went wrong."""
        return self._exception

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Reading fails, once nothing is left."""
        self._exception = exc
        if exc_cause is not None and exc_cause is not exc:
            exc.__cause__ = exc_cause
        self.feed_eof()

    def feed_data(self, data: T, size: int = 0) -> None:
        """Put one in."""
        self._buffer.append((data, size))
        self._wake()

    def feed_eof(self) -> None:
        """Nothing more is put in."""
        self._eof = True
        self._wake()

    async def read(self) -> T:
        """Take one out; `EofStream` at the end."""
        while not self._buffer and not self._eof:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._buffer:
            return self._taken(*self._buffer.popleft())
        raise self._exception or EofStream()

    def __aiter__(self) -> AsyncStreamIterator[T]:
        return AsyncStreamIterator(self.read)

    def _taken(self, data: T, size: int) -> T:
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class FlowControlDataQueue(DataQueue[T]):
    """A queue whose protocol stops reading while it is full."""

    def __init__(self, protocol: Any, limit: int, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._size = 0
        self._protocol = protocol
        self._limit = limit * 2

    def feed_data(self, data: T, size: int = 0) -> None:
        super().feed_data(data, size)
        self._size += size
        if self._size > self._limit:
            self._protocol.pause_reading()

    def _taken(self, data: T, size: int) -> T:
        was_full = self._size > self._limit
        self._size -= size
        if was_full and self._size <= self._limit:
            self._protocol.resume_reading()
        return data
