"""What can be a request's body: a class for each kind of value, and the registry that finds it.

Owns how a value becomes bytes, how long it is and whether it can be sent again; who writes the bytes hands in a
`writer` with `async write(bytes)`. Invariant: reading a file never blocks the loop's thread.
"""

from __future__ import annotations

import asyncio
import enum
import io
import json
import mimetypes
import os
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from itertools import chain
from typing import IO, Any, Final, Protocol, TextIO

from multidict import CIMultiDict

from . import hdrs
from .mime import content_disposition_header, guess_filename, parse_mimetype
from .streams import StreamReader

CHUNK: Final = 2**16
LARGE: Final = 2**20
OCTETS: Final = "application/octet-stream"
# What Python 3.13 and later call it.
GUESS: Final = getattr(mimetypes, "guess_file_type", mimetypes.guess_type)
CLOSING: set[asyncio.Future[None]] = set()  # files that are closed in a thread
UNSAFE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Writer(Protocol):
    """Where a payload writes itself to."""

    async def write(self, chunk: bytes) -> None: ...


class LookupError(Exception):
    """No class is registered for a value."""


class Order(enum.Enum):
    """When a class is tried."""

    normal = "normal"
    try_first = "try_first"
    try_last = "try_last"


def safe_header(text: str) -> str:
    """The text, if it has no line break or other control character in it."""
    if UNSAFE.search(text):
        raise ValueError("Forbidden control character detected in headers. Potential header injection attack.")
    return text


class Payload(ABC):
    """A request's body, or a part of one."""

    _default_content_type = OCTETS
    _size: int | None = None
    _consumed = False
    _autoclose = False

    def __init__(
        self,
        value: Any,
        headers: CIMultiDict[str] | dict[str, str] | Iterable[tuple[str, str]] | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._value = value
        self._encoding = encoding
        self._filename = filename
        self._headers: CIMultiDict[str] = CIMultiDict()
        if content_type is None:
            content_type = GUESS(filename)[0] if filename else None
        self._headers[hdrs.CONTENT_TYPE] = content_type or self._default_content_type
        if headers:
            self._headers.update(headers)

    @property
    def size(self) -> int | None:
        """How many bytes it will be; None where nobody knows."""
        return self._size

    @property
    def filename(self) -> str | None:
        """Its file's name."""
        return self._filename

    @property
    def headers(self) -> CIMultiDict[str]:
        """Its own header fields."""
        return self._headers

    @property
    def _binary_headers(self) -> bytes:
        lines = (f"{safe_header(name)}: {safe_header(value)}\r\n" for name, value in self.headers.items())
        return "".join(lines).encode() + b"\r\n"

    @property
    def encoding(self) -> str | None:
        """Its charset."""
        return self._encoding

    @property
    def content_type(self) -> str:
        """Its media type."""
        return self._headers[hdrs.CONTENT_TYPE]

    @property
    def consumed(self) -> bool:
        """Whether it was sent, and cannot be again."""
        return self._consumed

    @property
    def autoclose(self) -> bool:
        """Whether there is nothing to close."""
        return self._autoclose

    def set_content_disposition(
        self, disptype: str, quote_fields: bool = True, _charset: str = "utf-8", **params: str
    ) -> None:
        """Set its `Content-Disposition`."""
        self._headers[hdrs.CONTENT_DISPOSITION] = content_disposition_header(
            disptype, quote_fields=quote_fields, _charset=_charset, **params
        )

    @abstractmethod
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Its text."""

    @abstractmethod
    async def write(self, writer: Any) -> None:
        """Write it."""

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        """Write it, but no more than so many bytes."""
        await self.write(writer if content_length is None else Limited(writer, content_length))

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """All of it; it can be sent nevertheless."""
        actual = self._encoding or encoding
        return self.decode(actual, errors).encode(actual)

    def _let_go(self) -> None:  # noqa: B027
        """Close what it holds, without waiting."""

    async def close(self) -> None:
        """Close what it holds."""
        self._let_go()


class Limited:
    """A writer that takes so many bytes and drops the rest."""

    __slots__ = ("_left", "_writer")

    def __init__(self, writer: Writer, length: int) -> None:
        self._writer = writer
        self._left = length

    @property
    def is_full(self) -> bool:
        """Whether it takes no more."""
        return self._left <= 0

    async def write(self, chunk: bytes) -> None:
        """Write what still fits."""
        if self._left > 0:
            await self._writer.write(chunk[: self._left] if len(chunk) > self._left else chunk)
            self._left -= len(chunk)


class BytesPayload(Payload):
    """Bytes."""

    _autoclose = True

    def __init__(self, value: bytes | bytearray | memoryview, *args: Any, **kwargs: Any) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"value argument must be byte-ish, not {type(value)!r}")
        kwargs.setdefault("content_type", OCTETS)
        super().__init__(value, *args, **kwargs)
        self._size = value.nbytes if isinstance(value, memoryview) else len(value)
        if self._size > LARGE:
            warnings.warn(
                "Sending a large body directly with raw bytes might lock the event loop. "
                "You should probably pass an io.BytesIO object instead",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return bytes(self._value)

    async def write(self, writer: Any) -> None:
        await writer.write(self._value)


class StringPayload(BytesPayload):
    """Text, encoded when it is made."""

    def __init__(
        self, value: str, *args: Any, encoding: str | None = None, content_type: str | None = None, **kwargs: Any
    ) -> None:
        encoding, content_type = _charset(encoding, content_type)
        super().__init__(value.encode(encoding), *args, encoding=encoding, content_type=content_type, **kwargs)


class StringIOPayload(StringPayload):
    """Text in memory."""

    def __init__(self, value: IO[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(value.read(), *args, **kwargs)


class JsonPayload(BytesPayload):
    """A value as JSON."""

    def __init__(
        self,
        value: Any,
        encoding: str = "utf-8",
        content_type: str = "application/json",
        dumps: Callable[[Any], str] = json.dumps,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(dumps(value).encode(encoding), *args, content_type=content_type, encoding=encoding, **kwargs)


class JsonBytesPayload(BytesPayload):
    """A value as JSON, by a function that returns bytes."""

    def __init__(
        self,
        value: Any,
        dumps: Callable[[Any], bytes],
        content_type: str = "application/json",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(dumps(value), *args, content_type=content_type, **kwargs)


class IOBasePayload(Payload):
    """A file. What was read of it before is not sent; when it is sent again, it begins there."""

    _start: int | None = None

    def __init__(self, value: IO[Any], disposition: str | None = "attachment", *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("filename", guess_filename(value))
        super().__init__(value, *args, **kwargs)
        if self._filename is not None and disposition is not None and hdrs.CONTENT_DISPOSITION not in self.headers:
            self.set_content_disposition(disposition, filename=self._filename)

    @property
    def size(self) -> int | None:
        try:
            start = self._start
            if start is None:
                start = self._start = int(self._value.tell())
            return os.fstat(self._value.fileno()).st_size - start
        except (AttributeError, OSError):
            return None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._read_all().decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return await asyncio.get_running_loop().run_in_executor(None, self._read_all)

    async def write(self, writer: Any) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        run = asyncio.get_running_loop().run_in_executor
        left, chunk = await run(None, self._begin, content_length)
        while chunk:
            await writer.write(chunk)
            left = None if left is None else left - len(chunk)
            if left is not None and left <= 0:
                return
            chunk = await run(None, self._read, CHUNK if left is None else min(CHUNK, left))

    def _let_go(self) -> None:
        if not self._consumed:
            self._consumed = True
            closed = asyncio.get_running_loop().run_in_executor(None, self._value.close)
            CLOSING.add(closed)
            closed.add_done_callback(CLOSING.discard)

    def _begin(self, limit: int | None) -> tuple[int | None, bytes]:
        """How much will be sent, and the first piece."""
        self._rewind()
        left = min((size for size in (self.size, limit) if size is not None), default=None)
        return left, self._read(CHUNK if left is None else min(CHUNK, left or CHUNK))

    def _rewind(self) -> None:
        try:
            if self._start is None:
                self._start = self._value.tell()
            else:
                self._value.seek(self._start)
        except (OSError, AttributeError):
            self._consumed = True

    def _read(self, size: int) -> bytes:
        return self._bytes(self._value.read(size))

    def _read_all(self) -> bytes:
        self._rewind()
        return self._bytes(self._value.read())

    def _bytes(self, read: Any) -> bytes:
        return read  # type: ignore[no-any-return]


class TextIOPayload(IOBasePayload):
    """A file of text."""

    def __init__(
        self, value: TextIO, *args: Any, encoding: str | None = None, content_type: str | None = None, **kwargs: Any
    ) -> None:
        encoding, content_type = _charset(encoding, content_type)
        super().__init__(value, *args, content_type=content_type, encoding=encoding, **kwargs)

    def _bytes(self, read: Any) -> bytes:
        return read.encode(self._encoding or "utf-8")  # type: ignore[no-any-return]


class BytesIOPayload(IOBasePayload):
    """Bytes in memory."""

    _autoclose = True

    def __init__(self, value: io.BytesIO, *args: Any, **kwargs: Any) -> None:
        super().__init__(value, *args, **kwargs)
        self._size = value.getbuffer().nbytes - int(value.tell())

    @property
    def size(self) -> int | None:
        return self._size

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self._read_all()

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        self._rewind()
        limited = writer if content_length is None else Limited(writer, content_length)
        while chunk := self._value.read(CHUNK):
            await limited.write(chunk)
            if isinstance(limited, Limited) and limited.is_full:
                return
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Nothing to close: the bytes are whoever made them's."""


class BufferedReaderPayload(IOBasePayload):
    """A file of bytes."""


class AsyncIterablePayload(Payload):
    """What an asynchronous generator yields. It can be sent once, unless it was read by `as_bytes()`."""

    _autoclose = True

    def __init__(self, value: AsyncIterable[bytes], *args: Any, **kwargs: Any) -> None:
        if not isinstance(value, AsyncIterable):
            raise TypeError(f"value argument must support collections.abc.AsyncIterable interface, got {type(value)!r}")
        kwargs.setdefault("content_type", OCTETS)
        super().__init__(value, *args, **kwargs)
        self._chunks: AsyncIterator[bytes] | None = aiter(value)
        self._read: list[bytes] | None = None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        if self._read is None:
            raise TypeError("Unable to decode - content not cached. Call as_bytes() first.")
        return b"".join(self._read).decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        if self._read is None:
            chunks, self._chunks = self._chunks, None
            self._read = [] if chunks is None else [chunk async for chunk in chunks]
        return b"".join(self._read)

    async def write(self, writer: Any) -> None:
        if self._read is not None:
            for chunk in self._read:
                await writer.write(chunk)
        elif self._chunks is not None:
            self._consumed = True
            async for chunk in self._chunks:
                await writer.write(chunk)
            self._chunks = None


class StreamReaderPayload(AsyncIterablePayload):
    """An answer's body, sent on."""

    def __init__(self, value: StreamReader, *args: Any, **kwargs: Any) -> None:
        super().__init__(value.iter_any(), *args, **kwargs)


Factory = Callable[..., Payload]


class PayloadRegistry:
    """Which class is for which value."""

    def __init__(self) -> None:
        self._first: list[tuple[Factory, Any]] = []
        self._normal: list[tuple[Factory, Any]] = []
        self._last: list[tuple[Factory, Any]] = []
        self._exact: dict[Any, Factory] = {}

    def get(self, data: Any, *args: Any, **kwargs: Any) -> Payload:
        """The payload for a value; raises `LookupError` of this module where there is none."""
        for factory, types in self._first:
            if isinstance(data, types):
                return factory(data, *args, **kwargs)
        if (exact := self._exact.get(type(data))) is not None:
            return exact(data, *args, **kwargs)
        if isinstance(data, Payload):
            return data
        for factory, types in chain(self._normal, self._last):
            if isinstance(data, types):
                return factory(data, *args, **kwargs)
        raise LookupError()

    def register(self, factory: Factory, type: Any, *, order: Order = Order.normal) -> None:
        """Have a class be for a type, or for several."""
        if order is Order.try_first:
            self._first.append((factory, type))
        elif order is Order.normal:
            self._normal.append((factory, type))
            self._exact.update((kind, factory) for kind in (type if isinstance(type, tuple) else (type,)))
        elif order is Order.try_last:
            self._last.append((factory, type))
        else:
            raise ValueError(f"Unsupported order {order!r}")


PAYLOAD_REGISTRY = PayloadRegistry()
PAYLOAD_REGISTRY.register(BytesPayload, (bytes, bytearray, memoryview))
PAYLOAD_REGISTRY.register(StringPayload, str)
PAYLOAD_REGISTRY.register(StringIOPayload, io.StringIO)
PAYLOAD_REGISTRY.register(TextIOPayload, io.TextIOBase)
PAYLOAD_REGISTRY.register(BytesIOPayload, io.BytesIO)
PAYLOAD_REGISTRY.register(BufferedReaderPayload, (io.BufferedReader, io.BufferedRandom))
PAYLOAD_REGISTRY.register(IOBasePayload, io.IOBase)
PAYLOAD_REGISTRY.register(StreamReaderPayload, StreamReader)
PAYLOAD_REGISTRY.register(AsyncIterablePayload, AsyncIterable, order=Order.try_last)


def get_payload(data: Any, *args: Any, **kwargs: Any) -> Payload:
    """The payload for a value."""
    return PAYLOAD_REGISTRY.get(data, *args, **kwargs)


class payload_type:
    """A class's decorator: it is for a type."""

    def __init__(self, type: Any, *, order: Order = Order.normal) -> None:
        self.type = type
        self.order = order

    def __call__(self, factory: type[Payload]) -> type[Payload]:
        PAYLOAD_REGISTRY.register(factory, self.type, order=self.order)
        return factory


def _charset(encoding: str | None, content_type: str | None) -> tuple[str, str]:
    """The two of a text, each from the other."""
    if content_type is None:
        return encoding or "utf-8", f"text/plain; charset={encoding or 'utf-8'}"
    return encoding or parse_mimetype(content_type).parameters.get("charset") or "utf-8", content_type
