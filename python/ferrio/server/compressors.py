"""Ways to compress, each behind the same two methods: gzip by zlib, br by brotli, zstd by Python's own or zstandard.

A library is imported where its way is asked for. What is missing is a ValueError that says what to install.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

LEVEL = 5
"""zlib's, of 9: a third faster than its 6, for 1 % more bytes of HTML and JSON."""
QUALITY = 4
"""brotli's, of 11: about as fast as zlib's 5, and smaller."""


class Compressor(Protocol):
    """Compresses one body."""

    def part(self, data: bytes) -> bytes:
        """A part, so that the other side can read all of it at once."""
        ...

    def last(self, data: bytes) -> bytes:
        """The last part."""
        ...


def maker(name: str) -> Callable[[], Compressor]:
    """What makes a compressor of that name. ValueError where there is none."""
    if name == "gzip":
        return Gzip
    if name == "br":
        return _of(Brotli, "brotli")
    if name == "zstd":
        try:
            return _of(Zstd, "compression.zstd")
        except ValueError:
            return _of(Zstandard, "zstandard")
    raise ValueError(f"there is no way to compress called {name!r}: gzip, br and zstd are known")


class Gzip:
    """By zlib."""

    def __init__(self) -> None:
        self._object = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)

    def part(self, data: bytes) -> bytes:
        return self._object.compress(data) + self._object.flush(zlib.Z_SYNC_FLUSH)

    def last(self, data: bytes) -> bytes:
        return self._object.compress(data) + self._object.flush()


class Brotli:
    """By the package brotli."""

    def __init__(self, library: Any) -> None:
        self._object = library.Compressor(quality=QUALITY)

    def part(self, data: bytes) -> bytes:
        return bytes(self._object.process(data) + self._object.flush())

    def last(self, data: bytes) -> bytes:
        return bytes(self._object.process(data) + self._object.finish())


class Zstd:
    """By compression.zstd, from Python 3.14 on."""

    def __init__(self, library: Any) -> None:
        self._object = library.ZstdCompressor()

    def part(self, data: bytes) -> bytes:
        return bytes(self._object.compress(data, self._object.FLUSH_BLOCK))

    def last(self, data: bytes) -> bytes:
        return bytes(self._object.compress(data, self._object.FLUSH_FRAME))


class Zstandard:
    """By the package zstandard."""

    def __init__(self, library: Any) -> None:
        self._object, self._block = library.ZstdCompressor().compressobj(), library.COMPRESSOBJ_FLUSH_BLOCK

    def part(self, data: bytes) -> bytes:
        return bytes(self._object.compress(data) + self._object.flush(self._block))

    def last(self, data: bytes) -> bytes:
        return bytes(self._object.compress(data) + self._object.flush())


def _of(kind: Callable[[Any], Compressor], package: str) -> Callable[[], Compressor]:
    try:
        library = import_module(package)
    except ImportError:
        raise ValueError(f"compressing this way needs the package {package} (pip install {package})") from None
    return lambda: kind(library)
