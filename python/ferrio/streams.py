"""Streams: asyncio's names, on native readers, writers and protocols.

What runs for every packet, every read and every write is native; here is what is done once in the life of a connection.
Each class derives from its native part and, after that, from asyncio's class, whose methods serve where there is no
native one, and where a subclass replaces what they call.
"""

from __future__ import annotations

import asyncio
from abc import ABCMeta
from asyncio import streams
from collections.abc import Awaitable, Callable
from typing import Any

from . import _ferrio

__all__ = (
    "StreamReader",
    "StreamReaderProtocol",
    "StreamWriter",
    "open_connection",
    "open_unix_connection",
    "start_server",
    "start_unix_server",
)

_DEFAULT_LIMIT = 2**16

# asyncio's own, whatever is installed later. Native code finds them here.
originals: dict[str, type[Any]] = {
    name: getattr(streams, name) for name in ("StreamReader", "StreamReaderProtocol", "StreamWriter")
}


class _Covering(ABCMeta):
    """Whatever is an instance or a subclass of asyncio's class is one of ours: programs may have got it before."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return issubclass(type(instance), cls)

    def __subclasscheck__(cls, subclass: type[Any]) -> bool:
        if cls.__module__ == __name__:
            return type.__subclasscheck__(originals[cls.__name__], subclass)
        return super().__subclasscheck__(subclass)


# Several separators are known to asyncio's readuntil() since Python 3.13 only.
class StreamReader(_ferrio.StreamReader, streams.StreamReader, metaclass=_Covering):  # type: ignore[misc]
    """Bytes that arrive, to be read: StreamReader(limit=65536, loop=None)."""

    def __repr__(self) -> str:
        info = ["StreamReader"]
        if self._size:
            info.append(f"{self._size} bytes")
        if self._eof:
            info.append("eof")
        if self._limit != _DEFAULT_LIMIT:
            info.append(f"limit={self._limit}")
        for name in ("waiter", "exception", "transport"):
            value = getattr(self, f"_{name}")
            if value:
                info.append(f"{name}={value!r}")
        if self._paused:
            info.append("paused")
        return f"<{' '.join(info)}>"


class StreamReaderProtocol(_ferrio.StreamReaderProtocol, streams.StreamReaderProtocol, metaclass=_Covering):
    """Feeds a reader: StreamReaderProtocol(stream_reader, client_connected_cb=None, loop=None)."""


class StreamWriter(_ferrio.StreamWriter, streams.StreamWriter, metaclass=_Covering):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Writes to a transport: StreamWriter(transport, protocol, reader, loop)."""


_Connected = Callable[[StreamReader, StreamWriter], Awaitable[None] | None]


def _stream(limit: int, callback: _Connected | None = None) -> Callable[[], StreamReaderProtocol]:
    """What makes the protocol of a connection."""
    loop = asyncio.get_running_loop()

    def factory() -> StreamReaderProtocol:
        return StreamReaderProtocol(StreamReader(limit, loop), callback, loop)

    return factory


def _client(limit: int) -> tuple[StreamReader, StreamReaderProtocol, asyncio.AbstractEventLoop]:
    loop = asyncio.get_running_loop()
    reader = StreamReader(limit, loop)
    return reader, StreamReaderProtocol(reader, None, loop), loop


async def open_connection(
    host: str | None = None, port: int | str | None = None, *, limit: int = _DEFAULT_LIMIT, **kwds: Any
) -> tuple[StreamReader, StreamWriter]:
    """Connect, and return a reader and a writer. Other arguments are those of loop.create_connection()."""
    reader, protocol, loop = _client(limit)
    transport, _ = await loop.create_connection(lambda: protocol, host, port, **kwds)  # type: ignore[arg-type]
    return reader, StreamWriter(transport, protocol, reader, loop)


async def start_server(
    client_connected_cb: _Connected,
    host: Any = None,
    port: int | str | None = None,
    *,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> asyncio.Server:
    """Call client_connected_cb(reader, writer) for each connection, in a task of its own if it is a coroutine.

    Other arguments, and what is returned, are those of loop.create_server().
    """
    loop = asyncio.get_running_loop()
    return await loop.create_server(_stream(limit, client_connected_cb), host, port, **kwds)  # type: ignore[arg-type]


async def open_unix_connection(
    path: Any = None, *, limit: int = _DEFAULT_LIMIT, **kwds: Any
) -> tuple[StreamReader, StreamWriter]:
    """As open_connection(), to a Unix socket."""
    reader, protocol, loop = _client(limit)
    transport, _ = await loop.create_unix_connection(lambda: protocol, path, **kwds)
    return reader, StreamWriter(transport, protocol, reader, loop)


async def start_unix_server(
    client_connected_cb: _Connected, path: Any = None, *, limit: int = _DEFAULT_LIMIT, **kwds: Any
) -> asyncio.Server:
    """As start_server(), on a Unix socket."""
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(_stream(limit, client_connected_cb), path, **kwds)
