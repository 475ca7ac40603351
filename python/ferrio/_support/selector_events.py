"""What native transports and sockets word as asyncio.selector_events does: reports, buffers, sockets.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import errno
import math
import socket
import sys
from asyncio import constants, selector_events, trsock
from asyncio.log import logger
from typing import Any

from .. import _compat
from .._compat import detach
from .base_events import callback_failed

__all__ = ("detach",)


def protocol_callback_failed(
    loop: asyncio.AbstractEventLoop,
    protocol: asyncio.BaseProtocol,
    name: str,
    argument: Any,
    error: BaseException,
    context: contextvars.Context,
) -> None:
    """Report what a protocol's connection_made() or connection_lost() raised."""
    callback = _method(protocol, name)
    callback_failed(asyncio.Handle(callback, (argument,), loop, context), error)


def _method(protocol: Any, name: str) -> Any:
    """A protocol's method, for a report; if there is none, which is what is reported, a function of the name."""
    try:
        return getattr(protocol, name)
    except Exception:

        def missing() -> None:
            pass

        missing.__qualname__ = missing.__name__ = f"{type(protocol).__qualname__}.{name}"
        return missing


def pipe_callback_failed(transport: Any, name: str, error: BaseException) -> None:
    """Report what a pipe's protocol raised while it was given data."""
    callback = _method(transport.get_protocol(), name)
    callback_failed(asyncio.Handle(callback, (), transport._loop), error)


def fatal_error(transport: Any, error: Any, message: str) -> None:
    """Report what ends a transport. Errors of the system are everyday life and only logged in debug mode."""
    loop = transport._loop
    quiet = isinstance(error, OSError)
    if isinstance(transport, asyncio.ReadTransport) and not isinstance(transport, asyncio.WriteTransport):
        quiet = quiet and error.errno == errno.EIO
    if quiet:
        if loop is not None and loop.get_debug():
            logger.debug("%r: %s", transport, message, exc_info=error)
    elif loop is not None:
        loop.call_exception_handler(
            {
                "message": message,
                "exception": error,
                "transport": transport,
                "protocol": transport.get_protocol(),
            }
        )


def log_eof(transport: asyncio.BaseTransport) -> None:
    """Debug mode: the peer sends no more."""
    if isinstance(transport, asyncio.Transport):
        logger.debug("%r received EOF", transport)
    else:
        logger.info("%r was closed by peer", transport)


def log_reading(transport: asyncio.BaseTransport, what: str) -> None:
    """Debug mode: a transport pauses or resumes reading."""
    logger.debug("%r %s reading", transport, what)


def write_after_loss(times: int, message: str) -> None:
    """The program goes on writing to a connection that is lost."""
    if times >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
        logger.warning("%s", message)


def closed_by_peer(waiter: asyncio.Future[None]) -> None:
    """Tell sendfile that there is nobody to send to."""
    if not waiter.done():
        waiter.set_exception(ConnectionError("Connection is closed by peer"))


def accept_exhausted(loop: Any, sock: socket.socket, error: OSError, arguments: tuple[Any, ...]) -> None:
    """No descriptor or memory is left for a connection: report it, and accept again in a while."""
    loop.call_exception_handler(
        {
            "message": "socket.accept() out of system resource",
            "exception": error,
            "socket": trsock.TransportSocket(sock),
        }
    )
    loop._remove_reader(sock.fileno())
    loop.call_later(constants.ACCEPT_RETRY_DELAY, loop._start_serving, *arguments)


sock_recv = selector_events.BaseSelectorEventLoop.sock_recv
sock_recv_into = selector_events.BaseSelectorEventLoop.sock_recv_into
sock_sendall = selector_events.BaseSelectorEventLoop.sock_sendall
sock_connect = selector_events.BaseSelectorEventLoop._sock_connect  # type: ignore[attr-defined]
# The class of sockets, and its methods that native code stands for, as they were when nobody had replaced any.
_Socket = socket.socket
_SOCKET_METHODS = {
    name: getattr(_Socket, name)
    for name in (
        *("__getattribute__", "accept", "fileno", "getpeername", "getsockname", "recv", "recv_into", "recvfrom"),
        *("send", "sendmsg", "sendto", "setsockopt", "shutdown"),
    )
}


def is_plain_socket(sock: Any) -> bool:
    """Whether `sock` is a socket whose methods neither its class nor itself replaces."""
    kind = type(sock)
    return (
        issubclass(kind, _Socket)
        and all(getattr(kind, name) is method for name, method in _SOCKET_METHODS.items())
        and _SOCKET_METHODS.keys().isdisjoint(getattr(sock, "__dict__", ()))
    )


def buffer_limits(high: Any, low: Any, kib: int) -> tuple[tuple[Any, Any], int, int]:
    """The limits of a buffer as asyncio works them out of whatever compares with a number, and as whole bytes."""
    if high is None:
        high = kib * 1024 if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return (low, high), _whole(high), _whole(low)


def _whole(mark: Any) -> int:
    """A size is above a mark if it is above the whole number below it."""
    return sys.maxsize if mark >= sys.maxsize else math.floor(mark)


def write_buffer(pieces: list[bytes], is_socket: bool) -> Any:
    """What waits to be written, as asyncio keeps it."""
    if is_socket and _compat.KEEPS_PIECES:
        return collections.deque(pieces)
    return bytearray(b"".join(pieces))


def packet_buffer(packets: list[tuple[bytes, Any]]) -> collections.deque[tuple[bytes, Any]]:
    """The same of packets."""
    return collections.deque(packets)
