"""Unpacking an answer's body: gzip, deflate, br, zstd; and packing a request's.

Owns which encodings there are, and what a broken body raises; the decoders are native. Invariant: `decode()` gives no
more than 256 KiB at once, however small the piece was that it was made of; the rest is asked for with an empty piece.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from .._ferrio import HttpDecoder
from .errors import ClientPayloadError, ContentEncodingError

KNOWN: Final = ("gzip", "deflate", "br", "zstd")
ACCEPTED: Final = ", ".join(KNOWN)


def decoder(encoding: str) -> Decoder | None:
    """What unpacks an encoding; None where nothing is to be done, or nobody can."""
    encoding = encoding.lower()
    return Decoder(encoding) if encoding in KNOWN else None


class Decoder(HttpDecoder):
    """Unpacks a body: gzip of several members, deflate with zlib's header and without, br, zstd of several frames."""

    def __init__(self, encoding: str) -> None:
        super().__init__(encoding)
        self._encoding = encoding

    def decode(self, data: bytes) -> bytes:
        """Unpack a piece, or go on with one."""
        try:
            return super().decode(data)
        except ValueError as error:
            raise self._failure() from error

    def finish(self) -> None:
        """Raise where deflate's end is missing; of the others, aiohttp takes what there is."""
        if self._encoding == "deflate" and not self.is_whole:
            raise self._failure()

    def _failure(self) -> ClientPayloadError:
        error = ClientPayloadError(f"400, message:\n  Can not decode content-encoding: {self._encoding}")
        error.__cause__ = ContentEncodingError(f"Can not decode content-encoding: {self._encoding}")
        return error


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
    """Pack by another module in zlib's place: isal's or zlib-ng's. What unpacks is ferrio's own."""
    global zlib
    for name in ("compressobj", "decompressobj", "error", "MAX_WBITS"):
        if not hasattr(new_zlib_backend, name):
            raise AttributeError(f"{new_zlib_backend!r} has no {name!r}, which zlib has")
    zlib = new_zlib_backend
