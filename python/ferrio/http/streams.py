"""An answer's body, piece by piece: `StreamReader`, which is `response.content`.

Owns reading by lines, by sizes and whole, and unpacking on the way; where the bytes come from, and that a server is
told to wait while nobody reads, is the answer's. A reader is plain as long as nothing is to be unpacked, limited or
told of: its reads are native awaitables, without a frame of Python. Invariants: what is unpacked beforehand never
exceeds one piece; a read that is cancelled loses nothing.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from .data_queues import DataQueue as DataQueue
from .data_queues import FlowControlDataQueue as FlowControlDataQueue
from .encodings import Decoder
from .errors import LineTooLong
from .iterators import AsyncStreamIterator, ChunkTupleAsyncStreamIterator, PlainIterator
from .iterators import EofStream as EofStream

LOG = logging.getLogger("aiohttp.internal")
CHUNK: Final = 2**16
T = TypeVar("T")


class StreamReader:
    """The body of an answer. `source` is the answer; `decoder` unpacks what comes from it."""

    __slots__ = (
        "_callbacks",
        "_decoder",
        "_ends_chunk",
        "_exception",
        "_held",
        "_is_in_chunk",
        "_is_plain",
        "_limit",
        "_reads_at_end",
        "_source",
        "_start",
        "_unpacked_bytes",
        "_wait",
        "_waiting",
        "total_compressed_bytes",
    )

    def __init__(
        self,
        source: Any,
        decoder: Decoder | None = None,
        wait: Callable[[Awaitable[Any]], Awaitable[Any]] | None = None,
        limit: int = CHUNK,
    ) -> None:
        self._limit = limit
        self._source = source
        self._decoder = decoder
        self._wait = wait
        self._is_plain = decoder is None and wait is None
        self._held = b""  # what was unpacked; read is what is before `_start`
        self._start = 0
        self._waiting = False
        self._ends_chunk = False  # what is held is the last of one of HTTP's chunks
        self._is_in_chunk = False  # some of a chunk was given already; what is unpacked to nothing is none
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._reads_at_end = 0
        self._unpacked_bytes = 0
        self.total_compressed_bytes: int | None = None if decoder is None else 0

    def __repr__(self) -> str:
        info = [type(self).__name__]
        if size := self._source._buffered + len(self._held) - self._start:
            info.append(f"{size} bytes")
        if self.is_eof():
            info.append("eof")
        if self._exception:
            info.append(f"e={self._exception!r}")
        return f"<{' '.join(info)}>"

    def __aiter__(self) -> AsyncStreamIterator[bytes]:
        return PlainIterator(self, self.readline, lambda: self._source._next_line(2 * self._limit))

    def iter_chunked(self, n: int) -> AsyncStreamIterator[bytes]:
        """What comes, at most `n` bytes at a time."""
        return self._pieces(n, lambda: self.read(n))

    def iter_any(self) -> AsyncStreamIterator[bytes]:
        """What comes, as it comes."""
        return self._pieces(sys.maxsize, self.readany)

    def iter_chunks(self) -> ChunkTupleAsyncStreamIterator:
        """What comes, with whether it ends one of HTTP's chunks."""
        return ChunkTupleAsyncStreamIterator(self)

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """How much may lie here before the server has to wait."""
        return self._limit, 2 * self._limit

    def set_read_chunk_size(self, n: int) -> None:
        """aiohttp's: how much is read at a time. The answer sees to it by itself."""

    def exception(self) -> BaseException | None:
        """What went wrong."""
        return self._source._error if self._exception is None else self._exception

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Reading fails from now on."""
        if exc_cause is not None and exc_cause is not exc:
            exc.__cause__ = exc_cause
        self._exception = exc
        self._is_plain = False
        self._callbacks.clear()
        self._source._read_by_content()
        self._source._fail(exc)
        if self._waiting or self._source._is_awaited:
            self._source.close()  # which wakes who waits

    def on_eof(self, callback: Callable[[], None]) -> None:
        """Call when the body was read."""
        self._is_plain = False
        self._callbacks.append(callback)
        self._tell()

    def is_eof(self) -> bool:
        """Whether all of it has come."""
        return bool(self._source._whole)

    def at_eof(self) -> bool:
        """Whether all of it has come and was read."""
        if self._held or not self._source._at_eof:
            return False
        return self._decoder is None or not self._decoder.has_more

    async def wait_eof(self) -> None:
        """Wait until all of it has come."""
        read: list[bytes] = []
        while not self.is_eof() and (piece := await self._kept(self.readany(), read)):
            read.append(piece)
        self._unread(b"".join(read))

    @property
    def total_bytes(self) -> int:
        """How much came, unpacked."""
        return self._source._received if self._decoder is None else self._unpacked_bytes

    @property
    def total_raw_bytes(self) -> int:
        """How much came, before it was unpacked."""
        return self.total_bytes if self.total_compressed_bytes is None else self.total_compressed_bytes

    def unread_data(self, data: bytes) -> None:
        """Put something back."""
        warnings.warn(
            "unread_data() is deprecated and will be removed in future releases (#3260)",
            DeprecationWarning,
            stacklevel=2,
        )
        self._unread(data)

    def readline(self, *, max_line_length: int | None = None) -> Coroutine[Any, Any, bytes]:
        """A line with its end, or what is left."""
        return self.readuntil(max_size=max_line_length)

    def readuntil(self, separator: bytes = b"\n", *, max_size: int | None = None) -> Coroutine[Any, Any, bytes]:
        """What there is up to a separator and with it, or what is left."""
        most = max_size or 2 * self._limit
        if self._is_plain and separator and type(separator) is bytes:
            return self._source._read_until(separator, most)  # type: ignore[no-any-return]
        return self._read_until(separator, most)

    async def _read_until(self, separator: bytes, most: int) -> bytes:
        if not separator:
            raise ValueError("Separator should be at least one-byte string")
        separator = bytes(memoryview(separator))  # what is no bytes at all is refused
        self._check()
        if not self._waiting and (there := self._find(separator, most)):
            return there
        read = bytearray()
        while piece := await self._kept(self.readany(), read):
            start = max(0, len(read) - len(separator) + 1)
            read += piece
            found = read.find(separator, start)
            end = found + len(separator) if found != -1 else len(read)
            if end > most:
                raise LineTooLong(bytes(read[: min(end, 100)]) + b"...", most)
            if found != -1:
                self._unread(bytes(read[end:]))
                return bytes(read[:end])
        return bytes(read)

    def read(self, n: int = -1) -> Coroutine[Any, Any, bytes]:
        """What there is, at most `n` bytes, or with -1 all of it."""
        if self._is_plain and n and not self._source._at_eof:
            return self._source._read_rest() if n < 0 else self._source._read_any(n)  # type: ignore[no-any-return]
        return self._read(n)

    async def _read(self, n: int) -> bytes:
        self._check()
        if not n:
            return b""
        if n < 0:
            read: list[bytes] = []
            while piece := await self._kept(self.readany(), read):
                read.append(piece)
            return b"".join(read)
        piece = await self._piece(n)
        if not piece:
            self._reads_at_end += 1
            if self._reads_at_end > 5:
                LOG.warning("Multiple access to StreamReader in eof state, might be infinite loop.", stack_info=True)
        return piece

    def readany(self) -> Coroutine[Any, Any, bytes]:
        """What there is."""
        return self._source._read_any() if self._is_plain else self._read_piece()

    async def _read_piece(self) -> bytes:
        self._check()
        return await self._piece(sys.maxsize)

    def readchunk(self) -> Coroutine[Any, Any, tuple[bytes, bool]]:
        """What there is, and whether it ends one of HTTP's chunks."""
        return self._source._read_chunk() if self._is_plain else self._read_chunk()

    async def _read_chunk(self) -> tuple[bytes, bool]:
        self._check()
        self._unpack_on()
        while not self._held:
            raw, is_end = await self._received(self._source._read_chunk())
            if not raw and not is_end:
                return self._last(), False
            if self._decoder is None:
                return self._told(raw), is_end
            self._ends_chunk = is_end
            self._held = self._unpacked(raw)
            self._unpack_on()
            if is_end and self._is_in_chunk:
                break
        piece = self._take(sys.maxsize)
        self._unpack_on()
        is_end = self._ends_chunk and not self._held
        self._is_in_chunk = not is_end
        self._ends_chunk = self._ends_chunk and not is_end
        return piece, is_end

    def readexactly(self, n: int) -> Coroutine[Any, Any, bytes]:
        """So many bytes; `IncompleteReadError` where there are fewer."""
        if self._is_plain and n > 0:
            return self._source._read_exactly(n)  # type: ignore[no-any-return]
        return self._read_exactly(n)

    async def _read_exactly(self, n: int) -> bytes:
        self._check()
        pieces: list[bytes] = []
        while n > 0:
            piece = await self._kept(self.read(n), pieces)
            if not piece:
                partial = b"".join(pieces)
                raise asyncio.IncompleteReadError(partial, len(partial) + n)
            pieces.append(piece)
            n -= len(piece)
        return b"".join(pieces)

    def read_nowait(self, n: int = -1) -> bytes:
        """What there is, at most `n` bytes, without waiting."""
        self._check()
        if self._waiting or self._source._is_awaited:
            raise RuntimeError("Called while some coroutine is waiting for incoming data.")
        most = sys.maxsize if n < 0 else n
        pieces = []
        while most and (piece := self._now(most)):
            pieces.append(piece)
            most -= len(piece)
        return b"".join(pieces)

    def _check(self) -> None:
        if self._exception is not None:
            raise self._exception

    def _unread(self, data: bytes) -> None:
        if self._decoder is None:
            self._source._unread(data)
        else:
            self._held, self._start = data + self._held[self._start :], 0

    def _pieces(self, most: int, read: Callable[[], Awaitable[bytes]]) -> AsyncStreamIterator[bytes]:
        if most <= 0 or not self._is_plain:
            return AsyncStreamIterator(read)
        return PlainIterator(self, read, functools.partial(self._source._next_piece, most))

    def _find(self, separator: bytes, most: int) -> bytes:
        """What is here already up to a separator, if that is; else it is searched for in what comes, too."""
        if self._decoder is None:
            return self._source._read_until_now(separator, most)  # type: ignore[no-any-return]
        end = self._held.find(separator, self._start) + len(separator) - self._start
        return self._take(end) if len(separator) <= end <= most else b""

    def _now(self, most: int) -> bytes:
        """A piece that is here already."""
        while not self._held:
            if self._decoder is not None and self._decoder.has_more:
                self._held = self._unpacked(b"")
                continue
            piece = self._source._read_now(most if self._decoder is None else CHUNK)
            if not piece:
                return self._last()
            if self._decoder is None:
                return self._told(piece)
            self._held = self._unpacked(piece)
        return self._take(most)

    async def _piece(self, most: int) -> bytes:
        """A piece of at most so much; empty at the end."""
        while True:
            if self._held or (self._decoder is not None and self._decoder.has_more):
                if piece := self._now(most):
                    return piece
                continue
            raw = await self._receive(most if self._decoder is None else CHUNK)
            if not raw:
                return self._last()
            if self._decoder is None:
                return self._told(raw)
            self._held = self._unpacked(raw)

    async def _kept(self, reading: Awaitable[bytes], read: bytearray | list[bytes]) -> bytes:
        """Await; if that is cancelled, or who reads closed or dropped, what was read so far can be read again."""
        try:
            return await reading
        except (asyncio.CancelledError, GeneratorExit):
            if read:
                self._unread(bytes(read) if isinstance(read, bytearray) else b"".join(read))
            raise

    async def _receive(self, most: int) -> bytes:
        self._ends_chunk = False
        return await self._received(self._source._read_any(most))

    async def _received(self, reading: Coroutine[Any, Any, T]) -> T:
        if self._waiting:
            reading.close()
            raise RuntimeError("read() called while another coroutine is already waiting for incoming data")
        self._waiting = True
        try:
            return await (reading if self._wait is None else self._wait(reading))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if self._exception is None:
                self._exception = error
            elif self._exception is not error:
                raise self._exception from error
            raise
        finally:
            self._waiting = False

    def _unpacked(self, raw: bytes) -> bytes:
        assert self._decoder is not None and self.total_compressed_bytes is not None
        self.total_compressed_bytes += len(raw)
        try:
            unpacked = self._decoder.decode(raw)
        except Exception as error:
            self._exception = error
            self._source.close()
            raise
        self._unpacked_bytes += len(unpacked)
        return unpacked

    def _unpack_on(self) -> None:
        """Have something held, if anything is left of what was given to the decoder."""
        while not self._held and self._decoder is not None and self._decoder.has_more:
            self._held = self._unpacked(b"")

    def _last(self) -> bytes:
        """At the end of what the answer has."""
        if self._source._at_eof:
            if self._decoder is not None:
                self._decoder.finish()
            self._tell()
        return b""

    def _take(self, most: int) -> bytes:
        end = min(len(self._held), self._start + most)
        piece = self._held[self._start : end]
        self._start = end
        if end == len(self._held):
            self._held, self._start = b"", 0
        return self._told(piece)

    def _told(self, piece: bytes) -> bytes:
        if self._callbacks:
            self._tell()
        return piece

    def _tell(self) -> None:
        if self._callbacks and self.at_eof():
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                try:
                    callback()
                except Exception:
                    LOG.exception("Exception in eof callback")


class EmptyStreamReader(StreamReader):
    """The body of what has none."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_Nothing())
        self._is_plain = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Nothing can go wrong."""


class _Nothing:
    _buffered = _received = 0
    _whole = True
    _at_eof = True
    _error = None
    _is_awaited = False

    def _read_now(self, most: int) -> bytes:
        return b""

    def _read_until_now(self, separator: bytes, most: int) -> bytes:
        return b""

    def _unread(self, data: bytes) -> None:
        """Nobody reads it."""

    async def _read_any(self, most: int) -> bytes:
        return b""

    async def _read_chunk(self) -> tuple[bytes, bool]:
        return b"", False

    def close(self) -> None:
        """Nothing is open."""


EMPTY_PAYLOAD: Final[StreamReader] = EmptyStreamReader()
