"""`SocketTransport`: the cold half of a native socket transport.

What runs per packet is native; here is what is asked once or in trouble: `get_extra_info`, `repr`, warnings.
`_extra` is asyncio's dictionary, made when somebody asks for it. Whoever gets at the socket itself, or its number, gets
it with all that was written already sent, and from then on nothing is held: names with `quiet` in them are for those
who keep both to themselves.

A socket whose methods the program replaces has asyncio's own transport, which calls them.
"""

from __future__ import annotations

import socket
import warnings
import weakref
from asyncio import constants, selector_events, trsock
from typing import Any

from . import _ferrio
from ._support.selector_events import detach


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

    @_extra.setter
    def _extra(self, extra: dict[str, Any]) -> None:
        self._stored_extra = extra

    def _make_extra(self) -> dict[str, Any]:
        extra = dict(self._given_extra or {})
        transport: Any = self  # a class below, which has the rest
        sock: socket.socket | None = transport._last_sock()
        extra["socket"] = transport._shown(sock) if sock is not None else None
        extra["sockname"] = transport._sockname or _ask(sock, "getsockname")
        if "peername" not in extra:
            extra["peername"] = transport._peername or _ask(sock, "getpeername")
        return extra


class SocketTransport(_Extra, _ferrio.SocketTransport):
    """A connected stream socket, in asyncio's terms a `Transport`."""

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    @property
    def _sock(self) -> socket.socket | None:
        self._share()
        return self._quiet_sock

    @property
    def _owner(self) -> socket.socket | None:
        """The socket object, if there is one yet."""
        self._share()
        return self._quiet_owner

    @_owner.setter
    def _owner(self, sock: socket.socket) -> None:
        self._share()
        self._quiet_owner = sock

    @property
    def _quiet_sock(self) -> socket.socket | None:
        """The socket object; made when first asked for, where the connection was accepted natively."""
        if self._gone and self._abandoned:
            return None
        return self._last_sock()

    def _last_sock(self) -> socket.socket:
        """The same, also after the end."""
        if self._abandoned:
            return self._closed_sock()
        if self._quiet_owner is None:
            self._quiet_owner = socket.socket(fileno=self._quiet_number)
            # The descriptor is so already; the object believes what it is told, and sendfile() asks it in debug mode.
            self._quiet_owner.setblocking(False)
        return self._quiet_owner

    def _closed_sock(self) -> socket.socket:
        """What is left of the socket: its kind. Its number is somebody else's by now."""
        owner: socket.socket | None = self._quiet_owner
        if owner is None:
            own = self._sockname
            inet = socket.AF_INET6 if own is not None and len(own) == 4 else socket.AF_INET
            owner = socket.socket(socket.AF_UNIX if own is None else inet, socket.SOCK_STREAM)
            owner.close()
        return owner

    def _shown(self, sock: socket.socket) -> trsock.TransportSocket:
        return TransportSocket(sock, self)

    def __repr__(self) -> str:
        return _describe(self, self._polling)

    def _unclosed(self, _warn: Any = warnings.warn) -> None:
        """What `__del__` does, where anything is left to do."""
        _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
        server, owner = self._server, self._quiet_owner
        self._disown()
        if owner is not None:
            owner.close()
        if server is not None:
            detach(server, self)


class DatagramTransport(_Extra, _ferrio.DatagramTransport):
    """A datagram socket."""

    _sockname: Any = None
    _peername: Any = None

    @property
    def _quiet_sock(self) -> socket.socket | None:
        sock: socket.socket | None = self._sock
        return sock

    def _last_sock(self) -> socket.socket | None:
        return self._quiet_sock

    def _shown(self, sock: socket.socket) -> trsock.TransportSocket:
        return trsock.TransportSocket(sock)

    def __repr__(self) -> str:
        return _describe(self, self.is_reading())

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if not self._gone and not self._abandoned:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            sock, _ = self._sock, self._extra  # while there are addresses to ask for
            self._disown()
            sock.close()


class TransportSocket(trsock.TransportSocket):
    """What `get_extra_info("socket")` gives: with it a program can shut the connection down, or learn its number.

    Most ask for an address or an option only, as uvicorn does of each connection; that is answered without ado.
    """

    __slots__ = ("_behind", "_transport")

    def __init__(self, sock: socket.socket, transport: SocketTransport) -> None:
        self._behind = sock
        self._transport = weakref.ref(transport)

    @property
    def _sock(self) -> socket.socket:  # asyncio's methods go by it
        transport = self._transport()
        if transport is not None:
            transport._share()
        return self._behind

    @property
    def family(self) -> int:
        return self._behind.family

    @property
    def type(self) -> int:
        return self._behind.type

    @property
    def proto(self) -> int:
        return self._behind.proto

    def getpeername(self) -> Any:
        return self._behind.getpeername()

    def getsockname(self) -> Any:
        return self._behind.getsockname()

    def getsockopt(self, *args: Any, **names: Any) -> Any:
        return self._sent().getsockopt(*args, **names)

    def setsockopt(self, *args: Any, **names: Any) -> None:
        self._sent().setsockopt(*args, **names)

    def gettimeout(self) -> float | None:
        return self._behind.gettimeout()

    def _sent(self) -> socket.socket:
        transport = self._transport()
        if transport is not None:
            transport._settle()
        return self._behind


class _Asking:
    """asyncio's own transports on this loop, which has no selector to ask."""

    _sock: Any

    @property
    def _gone(self) -> bool:
        return self._sock is None

    @property
    def _quiet_number(self: Any) -> int:
        number: int = self._sock_fd
        return number

    def __repr__(self: Any) -> str:
        return _describe(self, self.is_reading())


class AskingSocketTransport(_Asking, selector_events._SelectorSocketTransport):  # type: ignore[name-defined, misc]
    """A connected stream socket that is used by its own methods."""


class AskingDatagramTransport(_Asking, selector_events._SelectorDatagramTransport):  # type: ignore[name-defined, misc]
    """A datagram socket that is used by its own methods."""


class Transports:
    """The loop's transports by number, as far as asyncio's own use them."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    def get(self, number: int, default: Any = None) -> Any:
        """Return the transport that has the number, or `default`."""
        transport = self._loop._transport_of(number)
        return default if transport is None else transport

    def __getitem__(self, number: int) -> Any:
        transport = self._loop._transport_of(number)
        if transport is None:
            raise KeyError(number)
        return transport

    def __setitem__(self, number: int, transport: Any) -> None:
        self._loop._remember_transport(number, transport)

    def __delitem__(self, number: int) -> None:
        self._loop._forget_transport(number, self[number])


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
