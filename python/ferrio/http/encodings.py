"""Unpacking an answer's body: gzip, deflate, br, zstd; and packing a request's.

Owns the codecs and what is done with broken ones. Invariant: `decode()` gives no more than `LARGEST` bytes at once,
however small the piece was that it was made of; the rest is asked for with an empty piece.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any, Final, Protocol

from .errors import ClientPayloadError, ContentEncodingError

LARGEST: Final = 2**18


class Decoder(Protocol):
    """Unpacks a body."""

    has_more: bool

    def decode(self, data: bytes) -> bytes: ...
    def finish(self) -> None: ...


def optional(*names: str) -> Any:
    """The first of these modules that is installed."""
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


BROTLI: Final = optional("brotlicffi", "brotli")
ZSTD: Final = optional("compression.zstd", "backports.zstd")


def accepted() -> str:
    """The value of `Accept-Encoding`."""
    return ", ".join(["gzip", "deflate", *["br"] * (BROTLI is not None), *["zstd"] * (ZSTD is not None)])


def decoder(encoding: str) -> Decoder | None:
    """What unpacks an encoding; None where nothing is to be done, or nobody can."""
    encoding = encoding.lower()
    if encoding in ("gzip", "deflate"):
        return Inflate(encoding)
    if encoding == "br" and BROTLI is not None:
        return Brotli()
    if encoding == "zstd" and ZSTD is not None:
        return Zstd()
    if encoding in ("br", "zstd"):
        needed = "brotli" if encoding == "br" else "backports.zstd"
        raise ContentEncodingError(
            f"Can not decode content-encoding: {'brotli (br)' if encoding == 'br' else 'zstandard (zstd)'}. "
            f"Please install `{needed}`"
        )
    return None


def failure(encoding: str) -> ClientPayloadError:
    """What a broken body raises."""
    error = ClientPayloadError(f"400, message:\n  Can not decode content-encoding: {encoding}")
    error.__cause__ = ContentEncodingError(f"Can not decode content-encoding: {encoding}")
    return error


class Inflate:
    """gzip of several members, and deflate, with zlib's header and without."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._codec: Any = None
        self._begun = False
        self._ended = False  # a codec past its end is given nothing more: it would gather that
        self._held = b""
        self.has_more = False

    def decode(self, data: bytes) -> bytes:
        """Unpack a piece, or go on with one."""
        data = self._held + data
        self._held = b""
        if self._ended:
            # Between gzip's members, and behind the last, there may be any number of zeros.
            data = data.lstrip(b"\0") if self._encoding == "gzip" else b""
        if not data and self._codec is None:
            self.has_more = False
            return b""
        self._begun, self._ended = True, False
        codec = self._codec = self._codec or zlib.decompressobj(wbits=self._wbits(data))
        try:
            unpacked = codec.decompress(data, LARGEST)
        except zlib.error as error:
            raise failure(self._encoding) from error
        if codec.eof:
            self._next_member()
        else:
            self._held = codec.unconsumed_tail
        self.has_more = bool(self._held) or len(unpacked) == LARGEST
        return bytes(unpacked)

    def finish(self) -> None:
        """Raise where deflate's end is missing; of gzip, aiohttp takes what there is."""
        if self._encoding == "deflate" and self._begun and not self._ended:
            raise failure(self._encoding)

    def _wbits(self, data: bytes) -> int:
        if self._encoding == "gzip":
            return 16 + zlib.MAX_WBITS
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS

    def _next_member(self) -> None:
        rest = self._codec.unused_data
        self._codec = None
        self._ended = True
        self._held = rest if self._encoding == "gzip" else b""


class Brotli:
    """br."""

    def __init__(self) -> None:
        self._codec = BROTLI.Decompressor()
        self.has_more = False

    def decode(self, data: bytes) -> bytes:
        """Unpack a piece, or go on with one."""
        try:
            if hasattr(self._codec, "can_accept_more_data"):
                unpacked = self._codec.process(data, output_buffer_limit=LARGEST)
                # Below the limit there may be more, too: it says so only by giving none.
                self.has_more = bool(unpacked) and not self._codec.is_finished()
            else:
                unpacked = self._codec.decompress(data)
        except BROTLI.error as error:
            raise failure("br") from error
        return bytes(unpacked)

    def finish(self) -> None:
        """Nothing is held back."""


class Zstd:
    """zstd, of several frames."""

    def __init__(self) -> None:
        self._codec = ZSTD.ZstdDecompressor()
        self.has_more = False

    def decode(self, data: bytes) -> bytes:
        """Unpack a piece, or go on with one."""
        try:
            if self._codec.eof:
                data = self._codec.unused_data + data
                if not data:
                    self.has_more = False
                    return b""
                self._codec = ZSTD.ZstdDecompressor()
            unpacked = self._codec.decompress(data, LARGEST)
        except ZSTD.ZstdError as error:
            raise failure("zstd") from error
        self.has_more = bool(self._codec.unused_data) if self._codec.eof else not self._codec.needs_input
        return bytes(unpacked)

    def finish(self) -> None:
        """Nothing is held back."""


class Packer:
    """Packs a request's body: gzip or deflate."""

    def __init__(self, encoding: str) -> None:
        wbits = 16 + zlib.MAX_WBITS if encoding == "gzip" else zlib.MAX_WBITS
        self._codec = zlib.compressobj(wbits=wbits)

    def pack(self, data: bytes) -> bytes:
        """A piece."""
        return self._codec.compress(data)

    def finish(self) -> bytes:
        """The rest."""
        return self._codec.flush()


def set_zlib_backend(new_zlib_backend: Any) -> None:
    """Have another module in zlib's place: isal's or zlib-ng's."""
    global zlib
    for name in ("compressobj", "decompressobj", "error", "MAX_WBITS"):
        if not hasattr(new_zlib_backend, name):
            raise AttributeError(f"{new_zlib_backend!r} has no {name!r}, which zlib has")
    zlib = new_zlib_backend
