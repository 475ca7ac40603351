"""Bodies in parts, read: `MultipartReader` and `BodyPartReader`. What writes them is multipart.py.

Owns boundaries, the parts' headers, and their transfer encodings. Invariants: a part is read to its end before the
next one begins; a part that lies about its length, or a header without end, raises and takes no memory.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl

from multidict import CIMultiDict, CIMultiDictProxy

from . import hdrs
from .encodings import Decoder
from .errors import BadHttpMessage
from .mime import content_disposition_filename, parse_content_disposition, parse_mimetype
from .payloads import Order, Payload, payload_type
from .streams import StreamReader

if TYPE_CHECKING:
    from .response import ClientResponse

LINE_END: Final = b"\r\n"
PIECE: Final = 2**16
NOT_BASE64: Final = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


class MultipartResponseWrapper:
    """The parts of an answer, which is released behind the last one."""

    def __init__(self, resp: ClientResponse, stream: MultipartReader) -> None:
        self.resp = resp
        self.stream = stream

    def __aiter__(self) -> MultipartResponseWrapper:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    def at_eof(self) -> bool:
        """Whether the answer was read."""
        return self.resp.content.at_eof()

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """The next part."""
        part = await self.stream.next()
        if self.stream.at_eof():
            await self.release()
        return part

    async def release(self) -> None:
        """Give back the connection."""
        await self.resp.release()


class BodyPartReader:
    """One part."""

    chunk_size = 8192

    def __init__(
        self,
        boundary: bytes,
        headers: CIMultiDictProxy[str],
        content: StreamReader,
        *,
        subtype: str = "mixed",
        default_charset: str | None = None,
        client_max_size: int = sys.maxsize,
        max_size_error_cls: type[Exception] = ValueError,
    ) -> None:
        self.headers = headers
        self._boundary = boundary
        self._content = content
        self._default_charset = default_charset
        self._is_form_data = subtype == "form-data"
        self._most = client_max_size
        self._too_large = max_size_error_cls
        self._at_eof = False
        self._held = LINE_END  # what was read and not given out; the line end before the boundary is not the part's
        self._is_begun = False
        self._given = 0
        length = None if self._is_form_data else headers.get(hdrs.CONTENT_LENGTH)
        if length is not None and not (length.isascii() and length.isdigit()):
            raise ValueError(f"invalid Content-Length: {length!r}")
        self._length = None if length is None else int(length)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    async def next(self) -> bytes | None:
        """All of it, once."""
        return bytes(await self.read()) or None

    async def read(self, *, decode: bool = False) -> bytes | bytearray:
        """All of it, and decoded, if that is asked for."""
        data = bytearray()
        while not self._at_eof:
            data += await self.read_chunk(self.chunk_size)
            if len(data) > self._most:
                raise self._too_large(self._most)
        if not decode:
            return data
        decoded = self.decode(data)
        if len(decoded) > self._most:
            raise self._too_large(self._most)
        return decoded

    async def read_chunk(self, size: int = chunk_size) -> bytes:
        """A piece of it."""
        if self._at_eof:
            return b""
        end = LINE_END + self._boundary
        start = 0 if self._is_begun else len(LINE_END)
        while True:
            found = self._held.find(end)
            if found != -1 and found - start <= size:
                return self._last(found)
            if found != -1 or len(self._held) >= start + size + len(end):
                return self._taken(size)
            read = await self._content.read(max(size, PIECE))
            if not read:
                raise ValueError("Reading after EOF" if not self._is_begun else "Could not find the part's end")
            self._held += read

    async def readline(self) -> bytes:
        """A line of it."""
        line = b""
        while not self._at_eof and not line.endswith(b"\n"):
            start = 0 if self._is_begun else len(LINE_END)
            line += await self.read_chunk(max(1, self._held.find(b"\n", start) + 1 - start))
        return line

    async def release(self) -> None:
        """Read what is left."""
        while not self._at_eof:
            await self.read_chunk(self.chunk_size)

    async def text(self, *, encoding: str | None = None) -> str:
        """All of it, as text."""
        return (await self.read(decode=True)).decode(encoding or self.get_charset("utf-8"))

    async def json(self, *, encoding: str | None = None) -> Any:
        """All of it, as JSON."""
        data = await self.read(decode=True)
        return json.loads(data.decode(encoding or self.get_charset("utf-8"))) if data else None

    async def form(self, *, encoding: str | None = None) -> list[tuple[str, str]]:
        """All of it, as a form."""
        data = await self.read(decode=True)
        charset = encoding or self.get_charset("utf-8")
        try:
            text = data.rstrip().decode(charset)
        except UnicodeDecodeError:
            raise ValueError(f"data cannot be decoded with {charset} encoding") from None
        return parse_qsl(text, keep_blank_values=True, encoding=charset)

    def at_eof(self) -> bool:
        """Whether it was read."""
        return self._at_eof

    def decode(self, data: Any) -> bytes:
        """Decode, by its headers."""
        if hdrs.CONTENT_TRANSFER_ENCODING in self.headers:
            data = self._transferred(data)
        if not self._is_form_data and hdrs.CONTENT_ENCODING in self.headers:
            data = self._unpacked(bytes(data))
        return data  # type: ignore[no-any-return]

    async def decode_iter(self, data: Any) -> AsyncIterator[bytes]:
        """Decode, piece by piece."""
        yield self.decode(data)

    def get_charset(self, default: str) -> str:
        """Its charset."""
        parameters = parse_mimetype(self.headers.get(hdrs.CONTENT_TYPE, "")).parameters
        return parameters.get("charset", self._default_charset or default)

    @property
    def name(self) -> str | None:
        """Its field's name."""
        _, parameters = parse_content_disposition(self.headers.get(hdrs.CONTENT_DISPOSITION))
        return content_disposition_filename(parameters, "name")

    @property
    def filename(self) -> str | None:
        """Its file's name."""
        _, parameters = parse_content_disposition(self.headers.get(hdrs.CONTENT_DISPOSITION))
        return content_disposition_filename(parameters, "filename")

    def _taken(self, size: int) -> bytes:
        start = 0 if self._is_begun else len(LINE_END)
        self._is_begun = True
        if self.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "").lower() == "base64":
            size = _whole_quartets(self._held[start : start + size]) or size
        piece, self._held = self._held[start : start + size], self._held[start + size :]
        self._given += len(piece)
        return piece

    def _last(self, end: int) -> bytes:
        start = 0 if self._is_begun else min(len(LINE_END), end)
        piece, rest = self._held[start:end], self._held[end + len(LINE_END) :]
        self._given += len(piece)
        self._at_eof = self._is_begun = True
        _put_back(self._content, rest)
        self._held = b""
        if self._length is not None and self._given != self._length:
            raise ValueError("Reader did not read all the data or it is malformed")
        return piece

    def _transferred(self, data: bytes) -> bytes:
        encoding = self.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "").lower()
        if encoding == "base64":
            return base64.b64decode(data)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(data)
        if encoding in ("binary", "8bit", "7bit"):
            return data
        raise RuntimeError(f"unknown content transfer encoding: {encoding}")

    def _unpacked(self, data: bytes) -> bytes:
        encoding = self.headers.get(hdrs.CONTENT_ENCODING, "").lower()
        if encoding == "identity":
            return data
        if encoding not in ("deflate", "gzip"):
            raise RuntimeError(f"unknown content encoding: {encoding}")
        codec = Decoder(encoding)
        pieces = [codec.decode(data)]
        while codec.has_more:
            pieces.append(codec.decode(b""))
            if sum(map(len, pieces)) > self._most:
                raise self._too_large(self._most)
        return b"".join(pieces)


def _whole_quartets(piece: bytes) -> int:
    """How much of a piece of base64 can be decoded by itself: four letters are three bytes."""
    end = len(piece)
    surplus = len(piece.translate(None, NOT_BASE64)) % 4
    while surplus:
        end -= 1
        surplus -= piece[end] not in NOT_BASE64
    return end


def _put_back(content: Any, data: bytes) -> None:
    """Into the stream, which may be a program's own."""
    if isinstance(content, StreamReader):
        content._unread(data)
    elif data:
        content.unread_data(data)


@payload_type(BodyPartReader, order=Order.try_first)
class BodyPartReaderPayload(Payload):
    """A part that is sent on."""

    _value: BodyPartReader

    def __init__(self, value: BodyPartReader, *args: Any, **kwargs: Any) -> None:
        super().__init__(value, *args, **kwargs)
        named = {"name": value.name, "filename": value.filename}
        if parameters := {name: text for name, text in named.items() if text is not None}:
            self.set_content_disposition("attachment", True, **parameters)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("Unable to decode.")

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        raise TypeError("Unable to read body part as bytes. Use write() to consume.")

    async def write(self, writer: Any) -> None:
        self._consumed = True
        await writer.write(bytes(await self._value.read(decode=True)))


class MultipartReader:
    """A body in parts: `async for part in reader:`."""

    response_wrapper_cls = MultipartResponseWrapper
    multipart_reader_cls: type[MultipartReader] | None = None
    part_reader_cls = BodyPartReader

    def __init__(
        self,
        headers: Mapping[str, str],
        content: StreamReader,
        *,
        client_max_size: int = sys.maxsize,
        max_field_size: int = 8190,
        max_headers: int = 128,
        max_size_error_cls: type[Exception] = ValueError,
    ) -> None:
        self._mimetype = parse_mimetype(headers[hdrs.CONTENT_TYPE])
        assert self._mimetype.type == "multipart", "multipart/* content type expected"
        boundary = self._mimetype.parameters.get("boundary")
        if boundary is None:
            raise ValueError(f"boundary missed for Content-Type: {headers[hdrs.CONTENT_TYPE]}")
        if len(boundary) > 70:
            raise ValueError(f"boundary {boundary!r} is too long (70 chars max)")
        self.headers = headers
        self._boundary = b"--" + boundary.encode()
        self._content = content
        self._limits: dict[str, Any] = {"client_max_size": client_max_size, "max_size_error_cls": max_size_error_cls}
        self._max_field_size = max_field_size
        self._max_headers = max_headers
        self._default_charset: str | None = None
        self._last_part: MultipartReader | BodyPartReader | None = None
        self._at_eof = False
        self._at_start = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    @classmethod
    def from_response(cls, response: ClientResponse) -> MultipartResponseWrapper:
        """An answer's parts."""
        return cls.response_wrapper_cls(response, cls(response.headers, response.content))

    def at_eof(self) -> bool:
        """Whether the last part was read."""
        return self._at_eof

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """The next part; what is left of the one before is dropped."""
        if self._at_eof:
            return None
        if self._last_part is not None and not self._last_part.at_eof():
            await self._last_part.release()
        await self._read_boundary()
        if self._at_eof:
            return None
        part = await self.fetch_next_part()
        if self._last_part is None and self._mimetype.subtype == "form-data" and isinstance(part, BodyPartReader):
            part = await self._with_charset(part)
        self._last_part = part
        return part

    async def release(self) -> None:
        """Read what is left."""
        while (part := await self.next()) is not None:
            await part.release()

    async def fetch_next_part(self) -> MultipartReader | BodyPartReader:
        """A part, behind its boundary."""
        headers = await self._read_headers()
        if parse_mimetype(headers.get(hdrs.CONTENT_TYPE, "")).type == "multipart":
            return (self.multipart_reader_cls or type(self))(
                headers,
                self._content,
                max_field_size=self._max_field_size,
                max_headers=self._max_headers,
                **self._limits,
            )
        return self.part_reader_cls(
            self._boundary,
            headers,
            self._content,
            subtype=self._mimetype.subtype,
            default_charset=self._default_charset,
            **self._limits,
        )

    async def _with_charset(self, part: BodyPartReader) -> MultipartReader | BodyPartReader:
        """The first part of a form may say what the others' charset is."""
        _, parameters = parse_content_disposition(part.headers.get(hdrs.CONTENT_DISPOSITION))
        if parameters.get("name") != "_charset_":
            return part
        charset = await part.read()
        if len(charset) > 31:
            raise RuntimeError("Invalid default charset")
        self._default_charset = charset.strip().decode()
        await self._read_boundary()
        return await self.fetch_next_part()

    async def _read_boundary(self) -> None:
        while True:
            line = await self._content.readline()
            stripped = line.rstrip()
            if stripped == self._boundary:
                break
            if stripped == self._boundary + b"--":
                self._at_eof = True
                break
            if not line and self._at_start:
                raise ValueError(f"Could not find starting boundary {self._boundary!r}")
            if not self._at_start and (stripped or not line) and not isinstance(self._last_part, MultipartReader):
                raise ValueError(f"Invalid boundary {stripped!r}, expected {self._boundary!r}")
            if not line:
                raise ValueError(f"Invalid boundary {stripped!r}, expected {self._boundary!r}")
        self._at_start = False

    async def _read_headers(self) -> CIMultiDictProxy[str]:
        fields: list[list[bytes]] = []
        while stripped := (await self._content.readline(max_line_length=self._max_field_size)).rstrip(b"\r\n"):
            if stripped[:1] in b" \t" and fields:
                fields[-1][1] += b" " + stripped.strip()
                continue
            name, colon, value = stripped.partition(b":")
            if not colon or not name or name != name.strip():
                raise BadHttpMessage(f"Invalid HTTP header: {stripped!r}")
            fields.append([name, value.strip()])
            if len(fields) > self._max_headers:
                raise BadHttpMessage("Too many headers received")
        headers: CIMultiDict[str] = CIMultiDict()
        for raw_name, raw_value in fields:
            headers.add(raw_name.decode("utf-8", "surrogateescape"), raw_value.decode("utf-8", "surrogateescape"))
        return CIMultiDictProxy(headers)
