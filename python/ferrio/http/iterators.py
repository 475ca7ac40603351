"""What `async for` of an answer's body is given: pieces, lines, or chunks of HTTP's.

Owns when an iteration ends; streams.py reads. Names are aiohttp's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from .streams import StreamReader

T = TypeVar("T")


class EofStream(Exception):
    """Nothing more comes."""


class AsyncStreamIterator(Generic[T]):
    """Reads again and again, until nothing comes."""

    __slots__ = ("read_func",)

    def __init__(self, read_func: Callable[[], Awaitable[T]]) -> None:
        self.read_func = read_func

    def __aiter__(self) -> AsyncStreamIterator[T]:
        return self

    async def __anext__(self) -> T:
        try:
            read = await self.read_func()
        except EofStream:
            raise StopAsyncIteration from None
        if read == b"":
            raise StopAsyncIteration
        return read


class PlainIterator(AsyncStreamIterator[T]):
    """As long as its stream is plain, nothing of it waits but what `following` returns."""

    __slots__ = ("_following", "_stream")

    def __init__(
        self, stream: StreamReader, read_func: Callable[[], Awaitable[T]], following: Callable[[], Awaitable[T]]
    ) -> None:
        super().__init__(read_func)
        self._stream = stream
        self._following = following

    def __anext__(self) -> Awaitable[T]:  # type: ignore[override]
        return self._following() if self._stream._is_plain else super().__anext__()


class ChunkTupleAsyncStreamIterator:
    """Reads chunks, each with whether it ends one of HTTP's."""

    __slots__ = ("_stream",)

    def __init__(self, stream: StreamReader) -> None:
        self._stream = stream

    def __aiter__(self) -> ChunkTupleAsyncStreamIterator:
        return self

    def __anext__(self) -> Awaitable[tuple[bytes, bool]]:
        return self._stream._source._next_chunk() if self._stream._is_plain else self._next()

    async def _next(self) -> tuple[bytes, bool]:
        read = await self._stream.readchunk()
        if read == (b"", False):
            raise StopAsyncIteration
        return read
