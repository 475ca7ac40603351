"""Bodies in parts, written: `MultipartWriter`. What reads them is in parts.py.

Owns the boundary, the parts' headers and the length of the whole, which is known when each part's is. Invariant: no
field name and no file name can break out of its header.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from multidict import CIMultiDict

from . import hdrs
from .payloads import JsonPayload, LookupError, Payload, StringPayload, Writer, get_payload

if TYPE_CHECKING:
    from types import TracebackType

LOG = logging.getLogger("aiohttp.internal")
TOKEN = re.compile(rb"\A[!#$%&'*+\-.^_`|~\w]+\Z")
UNQUOTABLE = re.compile(rb"[\x00-\x08\x0A-\x1F\x7F]")

Part = tuple[Payload, str | None, str | None]


class MultipartWriter(Payload):
    """Several payloads in one body."""

    _autoclose = True

    def __init__(self, subtype: str = "mixed", boundary: str | None = None) -> None:
        try:
            self._boundary = (uuid.uuid4().hex if boundary is None else boundary).encode("ascii")
        except UnicodeEncodeError:
            raise ValueError("boundary should contain ASCII only chars") from None
        super().__init__(None, content_type=f"multipart/{subtype}; boundary={self._boundary_value}")
        self._parts: list[Part] = []
        self._is_form_data = subtype == "form-data"

    def __enter__(self) -> MultipartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is to be done: a block shows where parts are added."""

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __bool__(self) -> bool:
        return True

    @property
    def consumed(self) -> bool:
        return self._consumed or any(part.consumed for part, _, _ in self._parts)

    @property
    def boundary(self) -> str:
        """What stands between the parts."""
        return self._boundary.decode("ascii")

    @property
    def size(self) -> int | None:
        total = len(self._boundary) + 6
        for part, encoding, transfer in self._parts:
            if encoding or transfer or (size := part.size) is None:
                return None
            total += len(self._boundary) + 4 + len(part._binary_headers) + size + 2
        return total

    def append(self, obj: Any, headers: Mapping[str, str] | None = None) -> Payload:
        """One more part, of whatever kind."""
        if isinstance(obj, Payload):
            obj.headers.update(headers or {})
            return self.append_payload(obj)
        try:
            return self.append_payload(get_payload(obj, headers=headers or CIMultiDict()))
        except LookupError:
            raise TypeError(f"Cannot create payload from {obj!r}") from None

    def append_payload(self, payload: Payload) -> Payload:
        """One more part."""
        encoding: str | None = None
        transfer: str | None = None
        if self._is_form_data:
            assert not {hdrs.CONTENT_ENCODING, hdrs.CONTENT_LENGTH, hdrs.CONTENT_TRANSFER_ENCODING} & set(
                payload.headers
            )
            if hdrs.CONTENT_DISPOSITION not in payload.headers:
                payload.set_content_disposition("form-data", name=f"section-{len(self._parts)}")
        else:
            encoding, transfer = _encodings(payload)
            if (size := payload.size) is not None and not (encoding or transfer):
                payload.headers[hdrs.CONTENT_LENGTH] = str(size)
        self._parts.append((payload, encoding, transfer))
        return payload

    def append_json(self, obj: Any, headers: Mapping[str, str] | None = None) -> Payload:
        """One more part, a value as JSON."""
        return self.append_payload(JsonPayload(obj, headers=headers or CIMultiDict()))

    def append_form(
        self, obj: Sequence[tuple[str, str]] | Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Payload:
        """One more part, a form as it stands in a URL."""
        pairs = list(obj.items()) if isinstance(obj, Mapping) else obj
        return self.append_payload(
            StringPayload(
                urlencode(pairs, doseq=True),
                headers=headers or CIMultiDict(),
                content_type="application/x-www-form-urlencoded",
            )
        )

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return "".join(
            f"--{self.boundary}\r\n{part._binary_headers.decode(encoding, errors)}{part.decode()}"
            for part, _, _ in self._parts
        )

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        pieces = []
        for part, _, _ in self._parts:
            pieces += [self._opening(), part._binary_headers, await part.as_bytes(encoding, errors), b"\r\n"]
        return b"".join([*pieces, b"--", self._boundary, b"--\r\n"])

    async def write(self, writer: Any, close_boundary: bool = True) -> None:
        for part, encoding, transfer in self._parts:
            if self._is_form_data:
                assert "name=" in part.headers[hdrs.CONTENT_DISPOSITION]
            await writer.write(self._opening() + part._binary_headers)
            if encoding or transfer:
                coded = _Encoder(writer, encoding, transfer)
                await part.write(coded)
                await coded.end()
            else:
                await part.write(writer)
            await writer.write(b"\r\n")
        if close_boundary:
            await writer.write(b"--" + self._boundary + b"--\r\n")

    async def close(self) -> None:
        if self._consumed:
            return
        self._consumed = True
        for number, (part, _, _) in enumerate(self._parts):
            if not part.autoclose and not part.consumed:
                try:
                    await part.close()
                except Exception as error:
                    LOG.error("Failed to close multipart part %d: %s", number, error, exc_info=True)

    @property
    def _boundary_value(self) -> str:
        if TOKEN.match(self._boundary):
            return self.boundary
        if UNQUOTABLE.search(self._boundary):
            raise ValueError("boundary value contains invalid characters")
        quoted = self.boundary.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'

    def _opening(self) -> bytes:
        return b"--" + self._boundary + b"\r\n"


class _Encoder:
    """Packs and encodes what a part writes."""

    def __init__(self, writer: Writer, encoding: str | None, transfer: str | None) -> None:
        self._writer = writer
        self._transfer = transfer
        self._held = b""
        self._packer = None
        if encoding:
            self._packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS if encoding == "gzip" else -zlib.MAX_WBITS)

    async def write(self, chunk: bytes) -> None:
        """Write a piece."""
        await self._encode(chunk if self._packer is None else self._packer.compress(chunk))

    async def end(self) -> None:
        """Write what was held back."""
        if self._packer is not None:
            await self._encode(self._packer.flush())
        if self._held:
            await self._writer.write(base64.b64encode(self._held))

    async def _encode(self, chunk: bytes) -> None:
        if self._transfer == "quoted-printable":
            chunk = binascii.b2a_qp(chunk)
        elif self._transfer == "base64":
            joined = self._held + chunk
            whole = len(joined) // 3 * 3
            chunk, self._held = base64.b64encode(joined[:whole]), joined[whole:]
        if chunk:
            await self._writer.write(chunk)


def _encodings(payload: Payload) -> tuple[str | None, str | None]:
    """How a part is to be packed and encoded, by its headers."""
    encoding = payload.headers.get(hdrs.CONTENT_ENCODING, "").lower()
    if encoding not in ("", "deflate", "gzip", "identity"):
        raise RuntimeError(f"unknown content encoding: {encoding}")
    transfer = payload.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "").lower()
    if transfer not in ("", "base64", "quoted-printable", "binary"):
        raise RuntimeError(f"unknown content transfer encoding: {transfer}")
    return (
        encoding if encoding in ("deflate", "gzip") else None,
        transfer if transfer in ("base64", "quoted-printable") else None,
    )
