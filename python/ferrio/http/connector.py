"""Connectors: where a session's connections come from, and how they are made.

Owns names, addresses, TLS and proxies on the way to a connection; which connection is used next, and who waits for one,
is the native pool's. Invariants: every connection that is made goes to the pool or is closed, also when whoever wanted
it is cancelled; a child after `fork()` uses none of its parent's.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import sys
import traceback
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Final

from .._ferrio import HttpClientConnection, HttpPool
from . import hdrs
from .errors import (
    ClientConnectionError,
    UnixClientConnectorError,
)
from .requests import HEAD_LIMITS, ClientRequest
from .socks import is_socks
from .timeouts import limit
from .tracing import (
    TraceConnectionCreateEndParams,
    TraceConnectionCreateStartParams,
    TraceConnectionQueuedEndParams,
    TraceConnectionQueuedStartParams,
    TraceConnectionReuseconnParams,
)

if TYPE_CHECKING:
    from types import TracebackType

    from .timeouts import ClientTimeout
    from .tracing import Tracing

LOG = logging.getLogger("aiohttp.client")
UNSET: Final[Any] = object()
# As arguments by their place, which takes no dictionary.
USUAL_SIZES: Final = (HEAD_LIMITS["max_line"], HEAD_LIMITS["max_head"], HEAD_LIMITS["max_headers"])
SCHEMES: Final = frozenset({"", "http", "https", "ws", "wss"})
# By what each is, not by what a program says it equals. A `WeakSet` takes three calls of Python for each.
CONNECTORS: dict[int, weakref.ref[BaseConnector]] = {}


class BaseConnector:
    """A pool of connections."""

    allowed_protocol_schema_set = SCHEMES
    _closed = True
    # Transports of WebSockets, which the pool does not know any more.
    _upgraded: weakref.WeakSet[asyncio.Transport] | None = None
    _source_traceback: traceback.StackSummary | None = None

    def __init__(
        self,
        *,
        keepalive_timeout: float | None = UNSET,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        enable_cleanup_closed: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
    ) -> None:
        if force_close and keepalive_timeout is not None and keepalive_timeout is not UNSET:
            raise ValueError("keepalive_timeout cannot be set if force_close is True")
        if keepalive_timeout is UNSET:
            keepalive_timeout = 15.0
        self._loop = loop or asyncio.get_running_loop()
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._force_close = force_close
        self._timeout_ceil_threshold = timeout_ceil_threshold
        self._pool = HttpPool(
            self._loop,
            limit=limit,
            limit_per_host=limit_per_host,
            keep_alive=0.0 if force_close else float("inf") if keepalive_timeout is None else keepalive_timeout,
        )
        self._closed = False
        if self._loop.get_debug():
            self._source_traceback = traceback.extract_stack(sys._getframe(1))
        CONNECTORS[id(self)] = weakref.ref(self, functools.partial(CONNECTORS.pop, id(self)))

    def __del__(self) -> None:
        if self._closed or not (self._pool.idle or self._pool.used):
            return
        self._closed = True
        close = functools.partial(self._pool.close, ClientConnectionError("Connector is closed."))
        from_anywhere(self._loop, close)
        warnings.warn(f"Unclosed connector {self!r}", ResourceWarning, stacklevel=2, source=self)
        context: dict[str, Any] = {"connector": self, "message": "Unclosed connector"}
        if self._source_traceback is not None:
            context["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(context)

    async def __aenter__(self) -> BaseConnector:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def force_close(self) -> bool:
        """Whether each connection is for one request."""
        return self._force_close

    @property
    def limit(self) -> int:
        """How many connections there may be; 0: any number."""
        return self._limit

    @property
    def limit_per_host(self) -> int:
        """How many of them to one place; 0: any number."""
        return self._limit_per_host

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._closed

    def close(self, *, abort_ssl: bool = False) -> Awaitable[None]:
        """Close all connections."""
        return Closing(self._close())

    async def connect(self, req: ClientRequest, traces: Tracing | None, timeout: ClientTimeout) -> HttpClientConnection:
        """A connection for a request: one of the pool, or a new one."""
        if self._closed:
            raise ClientConnectionError("Connector is closed.")
        if req.proxy is not None and not is_socks(req.proxy):
            proxy_request(req, self._loop)
        key = req.pool_key
        taken = self._pool.take(key)
        if taken is None and timeout.connect:
            async with limit(timeout.connect, timeout.ceil_threshold):
                taken = await self._wait(key, traces)
                if taken is None:
                    return await self._open(key, req, traces, timeout)
        elif taken is None:
            taken = await self._wait(key, traces)
            if taken is None:
                return await self._open(key, req, traces, timeout)
        if traces is not None:
            await self._tell_of_reuse(taken, traces)
        return taken

    def _create_connection(
        self, req: ClientRequest, traces: Tracing | None, timeout: ClientTimeout
    ) -> Coroutine[Any, Any, HttpClientConnection]:
        raise NotImplementedError()

    def _close(self) -> list[Awaitable[Any]]:
        """Close all; who is to be waited for."""
        if not self._closed:
            self._closed = True
            if not self._loop.is_closed():
                self._pool.close(ClientConnectionError("Connector is closed."))
                for transport in list(self._upgraded or ()):
                    transport.close()
        return []

    def _keep_upgraded(self, transport: asyncio.Transport) -> None:
        if self._upgraded is None:
            self._upgraded = weakref.WeakSet()
        self._upgraded.add(transport)

    def _new(self, request: ClientRequest) -> HttpClientConnection:
        limits: Any = request.limits
        if limits is HEAD_LIMITS:
            return HttpClientConnection(self._loop, request.failure, *USUAL_SIZES)
        return HttpClientConnection(self._loop, request.failure, **limits)

    async def _wait(self, key: Any, traces: Tracing | None) -> HttpClientConnection | None:
        """The request's turn: a connection, or room for one."""
        is_full = traces is not None and bool(self._limit) and self._pool.used >= self._limit
        try:
            if traces is None or not is_full:
                return await self._pool.acquire(key)
            await traces.send("on_connection_queued_start", TraceConnectionQueuedStartParams())
            taken = await self._pool.acquire(key)
        except RuntimeError as error:
            raise ClientConnectionError(*error.args) from None
        try:
            await traces.send("on_connection_queued_end", TraceConnectionQueuedEndParams())
        except BaseException:
            if taken is None:
                self._pool.give_up(key)
            else:
                taken.close()
            raise
        return taken

    async def _open(
        self, key: Any, request: ClientRequest, traces: Tracing | None, timeout: ClientTimeout
    ) -> HttpClientConnection:
        made: HttpClientConnection | None = None
        try:
            if traces is not None:
                await traces.send("on_connection_create_start", TraceConnectionCreateStartParams())
            made = await self._create_connection(request, traces, timeout)
            if traces is not None:
                await traces.send("on_connection_create_end", TraceConnectionCreateEndParams())
            if self._closed:
                raise ClientConnectionError("Connector is closed.")
        except BaseException:
            if made is not None:
                made.close()
            self._pool.give_up(key)
            raise
        self._pool.add(key, made)
        return made

    async def _tell_of_reuse(self, taken: HttpClientConnection, traces: Tracing) -> None:
        try:
            await traces.send("on_connection_reuseconn", TraceConnectionReuseconnParams())
        except BaseException:
            taken.close()
            raise


class UnixConnector(BaseConnector):
    """Connections to a Unix socket, whatever host the URL names."""

    allowed_protocol_schema_set = SCHEMES | {"unix"}

    def __init__(
        self,
        path: str,
        force_close: bool = False,
        keepalive_timeout: float | None = UNSET,
        limit: int = 100,
        limit_per_host: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(
            force_close=force_close,
            keepalive_timeout=keepalive_timeout,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
        )
        self._path = path

    @property
    def path(self) -> str:
        """The socket's path."""
        return self._path

    async def _create_connection(
        self, req: ClientRequest, traces: Tracing | None, timeout: ClientTimeout
    ) -> HttpClientConnection:
        try:
            async with limit(timeout.sock_connect, timeout.ceil_threshold):
                _, made = await self._loop.create_unix_connection(functools.partial(self._new, req), self._path)
        except TimeoutError:
            raise
        except OSError as error:
            raise UnixClientConnectorError(self._path, req.connection_key, error) from error
        return made


class NamedPipeConnector(BaseConnector):
    """aiohttp's for Windows, where ferrio does not run."""

    def __init__(self, path: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closed = True
        raise RuntimeError("Named Pipes only available in proactor loop under windows")


class Closing(Awaitable[None]):
    """What `close()` returns, which did its work already; awaited, it waits for the rest."""

    __slots__ = ("_waiting_for",)

    def __init__(self, waiting_for: list[Awaitable[Any]]) -> None:
        self._waiting_for = waiting_for

    def __await__(self) -> Generator[Any, None, None]:
        if self._waiting_for:
            yield from asyncio.gather(*self._waiting_for, return_exceptions=True).__await__()


def from_anywhere(loop: asyncio.AbstractEventLoop, close: Callable[[], object]) -> None:
    """Call on the loop's thread: what is collected can be in any. Not at all where the loop is closed."""
    if loop.is_running() and asyncio._get_running_loop() is not loop:
        loop.call_soon_threadsafe(close)
    elif not loop.is_closed():
        close()


def proxy_request(request: ClientRequest, loop: asyncio.AbstractEventLoop) -> ClientRequest:
    """What is asked of the proxy itself; a plain request gets the proxy's credentials, too."""
    assert request.proxy is not None
    headers = {**dict(request.proxy_headers or {}), hdrs.HOST: request.headers[hdrs.HOST]}
    asking = ClientRequest(
        hdrs.METH_GET, request.proxy, headers=headers, auth=request.proxy_auth, loop=loop, ssl=request.ssl
    )
    asking.failure = request.failure
    if (auth := asking.headers.pop(hdrs.AUTHORIZATION, None)) is not None:
        (asking if request.is_ssl() else request).headers[hdrs.PROXY_AUTHORIZATION] = auth
    return asking


def _abandon() -> None:
    for reference in list(CONNECTORS.values()):
        if (connector := reference()) is not None:
            connector._pool.abandon()


os.register_at_fork(after_in_child=_abandon)
