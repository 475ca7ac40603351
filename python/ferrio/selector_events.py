"""`SocketTransport`: the cold half of a native socket transport.

What runs per packet is native; here is what is asked once or in trouble: `get_extra_info`, `repr`, warnings.
`_extra` is asyncio's dictionary, made when somebody asks for it.
"""

from __future__ import annotations

import socket
import warnings
from asyncio import constants, trsock
from typing import Any

from . import _ferrio


class _Extra:
    """`get_extra_info` of everything that has a socket."""

    max_size = 256 * 1024
    _given_extra: dict[str, Any] | None = None
    _stored_extra: dict[str, Any] | None  # in the classes below

    @property
    def _extra(self) -> dict[str, Any]:
        if self._stored_extra is None:
            self._stored_extra = self._make_extra()
        return self._stored_extra

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return 'socket', 'sockname' or 'peername', or whatever else the transport was given."""
        return self._extra.get(name, default)

    def _make_extra(self) -> dict[str, Any]:
        extra = dict(self._given_extra or {})
        transport: Any = self  # a class below, which has the rest
        sock: socket.socket | None = transport._sock
        extra["socket"] = trsock.TransportSocket(sock) if sock is not None else None
        extra["sockname"] = transport._own_end or _ask(sock, "getsockname")
        if "peername" not in extra:
            extra["peername"] = transport._peer_end or _ask(sock, "getpeername")
        return extra


class SocketTransport(_Extra, _ferrio.SocketTransport):
    """A connected stream socket, in asyncio's terms a `Transport`."""

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    @property
    def _sock(self) -> socket.socket | None:
        """The socket object; made when first asked for, where the connection was accepted natively."""
        if self._gone:
            return None
        if self._owner is None:
            self._owner = socket.socket(fileno=self._sock_fd)
            # The descriptor is so already; the object believes what it is told, and sendfile() asks it in debug mode.
            self._owner.setblocking(False)
        return self._owner

    def __repr__(self) -> str:
        return _describe(self, self._polling)

    def _unclosed(self, _warn: Any = warnings.warn) -> None:
        """What `__del__` does, where anything is left to do."""
        _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
        server, owner = self._server, self._owner
        self._abandon()
        if owner is not None:
            owner.close()
        if server is not None:
            from ._support import detach

            detach(server, self)


class DatagramTransport(_Extra, _ferrio.DatagramTransport):
    """A datagram socket."""

    _own_end: Any = None
    _peer_end: Any = None

    def __repr__(self) -> str:
        return _describe(self, self.is_reading())

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if not self._gone:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            sock = self._sock
            self._abandon()
            sock.close()


def _describe(transport: Any, polling: bool) -> str:
    info = [transport.__class__.__name__]
    if transport._gone:
        info.append("closed")
    elif transport._closing:
        info.append("closing")
    info.append(f"fd={transport._sock_fd}")
    if transport._loop is not None and not transport._loop.is_closed():
        info.append("read=polling" if polling else "read=idle")
        size = transport.get_write_buffer_size()
        info.append(f"write=<{'polling' if size else 'idle'}, bufsize={size}>")
    return f"<{' '.join(info)}>"


def _ask(sock: socket.socket | None, method: str) -> Any:
    try:
        return getattr(sock, method)()
    except (OSError, AttributeError):
        return None
