"""`Loop`: ferrio's event loop on Unix.

Its bases, in this order: the native loop, which has whatever runs per callback, per packet and per
connection; children, name look-ups and what ferrio adds to asyncio, each in a file of its own; and the running
Python's own selector loop, which has the rest: argument checks, connecting, serving, executors, exception handlers,
debug texts. So the parts that differ between Python's releases are always those of the release that runs. What the
last base would keep in a selector and a self-pipe does not exist here; the methods below stand where it would reach
for them.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
from asyncio import base_events, constants, events
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from socket import socket
from typing import IO, TYPE_CHECKING, Any
from weakref import WeakSet

# Native code uses the first two; imported here, they are there when no file can be opened any more.
from . import _compat, _ferrio, pipes, selector_events, sslproto
from ._support.selector_events import is_plain_socket
from .base_subprocess import ChildProcesses
from .keeping import KeepsTasks
from .nested import NestedRuns
from .resolver import Resolver
from .stuck import Explained
from .threads import Threads
from .watchdog import Watched

if TYPE_CHECKING:  # a Python that was built without OpenSSL has no such module
    from ssl import SSLContext


class Loop(
    _ferrio.BaseLoop, ChildProcesses, Resolver, NestedRuns, KeepsTasks, Watched, Explained, asyncio.SelectorEventLoop
):
    """An asyncio event loop whose engine is native."""

    # Private to asyncio, whose published types leave them out.
    _check_callback: Any
    _check_closed: Any
    _check_default_executor: Any
    _check_running: Any
    _csock: socket | None
    _default_executor: Executor | None
    _make_self_pipe: Any
    _selector: Any
    _signal_handlers: dict[int, asyncio.Handle]
    _ssock: socket | None
    _unix_server_sockets: dict[socket, int]

    def __init__(self, selector: object = None) -> None:
        """`selector` is for callers of asyncio's own class: the loop polls by itself, and closes it in the end."""
        base_events.BaseEventLoop.__init__(self)
        self._selector = selector
        self._ssock = self._csock = None
        self._signal_handlers = {}
        self._unix_server_sockets = {}
        self._runs = []
        self._notice_time()
        if not is_usual(selector):
            self.close()
            raise TypeError(f"ferrio's loop has a poller of its own and cannot use the selector {selector!r}")
        self._prepare()

    def _prepare(self) -> None:
        """Where install() gives each new loop its options."""

    def run_forever(self) -> None:
        """Run until stop() is called."""
        self._check_closed()
        self._check_running()
        self._run(None)

    # Inexact, as the others of asyncio's methods that take a callback and its arguments.
    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Have a thread call func(*args). Without an executor: one of the loop's own threads."""
        if executor is None:
            self._check_closed()
            if self._debug:
                self._check_callback(func, "run_in_executor")
            self._check_default_executor()
            threads = self._default_executor
            if threads is None:
                threads = self._default_executor = Threads()
            if type(threads) is Threads and not self._posts_by_hand():
                future: asyncio.Future[Any] = threads.run(self, func, args)
                return future
        return super().run_in_executor(executor, func, *args)

    def _posts_by_hand(self) -> bool:
        """Whether results of threads have to come by a `call_soon_threadsafe()` of the program's own."""
        native = type(self).call_soon_threadsafe is _ferrio.BaseLoop.call_soon_threadsafe
        return not native or "call_soon_threadsafe" in self.__dict__

    # Inexact, since stubtest does not know a TypeVarTuple of a module's own.
    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Call callback(*args) in the loop when the signal `sig` arrives. Main thread only."""
        if self._csock is None and not self._closed:
            self._make_self_pipe()
        super().add_signal_handler(sig, callback, *args)

    def _add_callback_signalsafe(self, handle: asyncio.Handle) -> None:
        self.call_soon_threadsafe(handle._run)

    def _call_soon(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def _add_callback(self, handle: asyncio.Handle) -> None:
        if not handle.cancelled():
            self.call_soon(handle._run)

    def _close_self_pipe(self) -> None:
        if self._csock is not None:
            super()._close_self_pipe()  # type: ignore[misc]  # private to asyncio, hence without types

    def _ensure_fd_no_transport(self, fd: Any) -> None:
        number = fd
        if not isinstance(number, int):
            try:
                number = int(number.fileno())
            except (AttributeError, TypeError, ValueError):
                raise ValueError(f"Invalid file object: {fd!r}") from None
        transport = self._transport_of(number)
        if transport is not None and not transport.is_closing():
            raise RuntimeError(f"File descriptor {fd!r} is used by transport {transport!r}")

    def _start_serving(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        sock: socket,
        sslcontext: SSLContext | None = None,
        server: asyncio.Server | None = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
        context: contextvars.Context | None = None,
    ) -> None:
        timeouts = (ssl_handshake_timeout, ssl_shutdown_timeout)
        arguments: tuple[Any, ...] = (protocol_factory, sock, sslcontext, server, backlog, *timeouts)
        if _compat.SERVER_CONTEXTS:
            arguments += (context,)
        if type(getattr(server, "_clients", None)) is WeakSet:  # since Python 3.13; nobody is connected yet
            server._clients = _ferrio.Clients()  # type: ignore[union-attr]  # private, hence without types
        native = sslcontext is None or sslproto.is_native()
        tls = sslproto.acceptor(self, sslcontext, *timeouts) if native and sslcontext is not None else None
        if not native or not self._listen(protocol_factory, sock, server, backlog, arguments, tls, context):
            super()._start_serving(*arguments)  # type: ignore[misc]  # private to asyncio, hence without types

    def _make_ssl_transport(
        self,
        rawsock: socket,
        protocol: asyncio.BaseProtocol,
        sslcontext: SSLContext,
        waiter: asyncio.Future[None] | Any = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: dict[str, Any] | None = None,
        server: asyncio.Server | None = None,
        ssl_handshake_timeout: Any = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
        context: contextvars.Context | None = None,
    ) -> asyncio.Transport:
        transport: asyncio.Transport
        native = sslproto.is_native() and is_plain_socket(rawsock)
        make = partial(sslproto.make, calls_in=context) if native else sslproto.make_theirs
        ssl_protocol, transport = make(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        self._make_socket_transport(rawsock, ssl_protocol, extra=extra, server=server, context=context)
        return transport

    async def start_tls(
        self,
        transport: Any,
        protocol: asyncio.BaseProtocol,
        sslcontext: SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport | None:
        """Have TLS spoken over a transport from now on, and return the transport that does so."""
        names: dict[str, Any] = {
            "server_side": server_side,
            "server_hostname": server_hostname,
            "ssl_handshake_timeout": ssl_handshake_timeout,
            "ssl_shutdown_timeout": ssl_shutdown_timeout,
        }
        plain = type(transport) is selector_events.SocketTransport
        if not plain or not sslproto.is_native() or not isinstance(sslcontext, sslproto.ssl.SSLContext):
            return await super().start_tls(transport, protocol, sslcontext, **names)
        waiter: asyncio.Future[None] | None = self.create_future()
        secured: sslproto.SSLTransport
        secured, _ = sslproto.make(self, protocol, sslcontext, waiter, known=True, **names)
        # Nothing may be received before the handshake begins.
        transport.pause_reading()
        transport.set_protocol(secured)  # pyright: ignore[reportArgumentType]  # it passes for one
        early = _compat.take_early(protocol) if server_side else ()
        steps = self.call_soon(secured._begin, transport, *early), self.call_soon(transport.resume_reading)
        try:
            assert waiter is not None
            await waiter
        except BaseException:
            transport.close()
            for step in steps:
                step.cancel()
            waiter = None  # no cycle of this frame, the future and its exception is left behind
            raise
        return secured

    @property
    def _transports(self) -> selector_events.Transports:
        return selector_events.Transports(self)

    async def _sendfile_native(self, transp: Any, file: IO[bytes], offset: int, count: int | None) -> int:
        number = transp._sock_fd
        self._forget_transport(number, transp)
        resume_reading = transp.is_reading()
        transp.pause_reading()
        await transp._make_empty_waiter()
        try:
            return await self.sock_sendfile(transp._sock, file, offset, count, fallback=False)
        finally:
            transp._reset_empty_waiter()
            if resume_reading:
                transp.resume_reading()
            if not transp._gone:  # or the number is somebody else's by now
                self._remember_transport(number, transp)

    def _make_read_pipe_transport(
        self,
        pipe: Any,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> asyncio.ReadTransport:
        pipes.prepare(pipe, writing=False)
        return self._read_pipe(pipes.ReadPipeTransport, pipe, protocol, waiter, extra)

    def _make_write_pipe_transport(
        self,
        pipe: Any,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> asyncio.WriteTransport:
        pipes.prepare(pipe, writing=True)
        return self._write_pipe(pipes.WritePipeTransport, pipe, protocol, waiter, extra)


def is_usual(selector: object) -> bool:
    """Whether it is none at all, or one of Python's own, whose work ferrio's poller does."""
    return selector is None or type(selector).__module__ == "selectors"


def _before_fork() -> None:
    """Send what is held: two processes would, otherwise."""
    loop = events._get_running_loop()
    if isinstance(loop, Loop):
        loop._settle()


os.register_at_fork(before=_before_fork)
