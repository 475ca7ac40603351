"""`HttpxTransport`: httpx and httpx2 on ferrio's client. `httpx.AsyncClient(transport=HttpxTransport())`.

Owns what httpx asks of a transport: time limits by phase, its exceptions with its texts, its extensions. Requests,
answers, redirects, cookies and unpacking stay httpx's own. Which of the two libraries it is, the request itself says.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .._ferrio import HttpAnswer, HttpClientConnection
from .connector import BaseConnector, UnixConnector
from .errors import (
    ClientConnectionError,
    ClientConnectorError,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    ConnectionTimeoutError,
)
from .httpx_failures import connect_text, failure
from .httpx_streams import NetworkStream
from .requests import HEAD_LIMITS, ConnectionKey
from .socks import is_socks
from .tcp import TCPConnector
from .timeouts import Silence

if TYPE_CHECKING:
    from types import TracebackType

    from httpx import AsyncBaseTransport as Base
else:

    def _installed() -> type:
        """The class of whichever library is there; the one that is loaded first."""
        for name in sorted(("httpx", "httpx2"), key=lambda name: name not in sys.modules):
            with contextlib.suppress(ImportError):
                return import_module(name).AsyncBaseTransport
        return object

    Base = _installed()

PIECE: Final = 2**16
PRECISE: Final = 5.0  # limits below it are kept to the millisecond
MOST_KEYS: Final = 256
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class HttpxTransport(Base):
    """What an `AsyncClient` sends its requests by.

    The arguments are those of `httpx.AsyncHTTPTransport`. HTTP/2 is not spoken; `proxy` is a `httpx.Proxy` or a URL.
    """

    def __init__(
        self,
        verify: ssl.SSLContext | str | bool = True,
        cert: Any = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: Any = None,
        proxy: Any = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[Any] | None = None,
    ) -> None:
        if http2 or not http1:
            raise ValueError("HttpxTransport speaks HTTP/1.1 alone: leave http1 and http2 as they are")
        self._tls = _context(verify, cert)
        self._limits = limits
        self._proxy = None if proxy is None else _Proxy.of(proxy)
        self._uds = uds
        self._local_address = local_address
        self._retries = retries
        self._socket_options = list(socket_options or ())
        self._connector: BaseConnector | None = None
        self._keys: dict[Any, ConnectionKey] = {}

    async def __aenter__(self) -> HttpxTransport:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request; its answer, whose body is read later."""
        library = sys.modules[type(request).__module__.partition(".")[0]]
        return await _Call(self, library, request).run()

    async def aclose(self) -> None:
        """Close all connections."""
        connector, self._connector = self._connector, None
        if connector is not None:
            await connector.close()

    def connector(self) -> BaseConnector:
        """Where connections come from; each loop has its own."""
        loop = asyncio.get_running_loop()
        if self._connector is None or self._connector._loop is not loop:
            self._connector = self._new_connector(loop)
        return self._connector

    def _new_connector(self, loop: asyncio.AbstractEventLoop) -> BaseConnector:
        most = 0 if self._limits is None else self._limits.max_connections or 0
        idle = 5.0 if self._limits is None else self._limits.keepalive_expiry
        if self._uds is not None:
            return UnixConnector(self._uds, limit=most or 100, keepalive_timeout=idle, loop=loop)
        local = None if self._local_address is None else (self._local_address, 0)
        return _Connector(
            self._socket_options,
            limit=100 if self._limits is None else most,
            keepalive_timeout=idle,
            loop=loop,
            ssl=self._tls,
            local_addr=local,
        )


class _Connector(TCPConnector):
    """Connections whose failures are httpx's exceptions."""

    def __init__(self, socket_options: list[Any], **settings: Any) -> None:
        super().__init__(**settings)
        self._socket_options = socket_options

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> HttpClientConnection:
        made = await super()._create_connection(req, traces, timeout)
        if self._socket_options and made.transport is not None:
            for option in self._socket_options:
                made.transport.get_extra_info("socket").setsockopt(*option)
        return made


class _Proxy(NamedTuple):
    """Where a proxy is, and what it is told."""

    url: Any
    auth: Any
    headers: Any

    @classmethod
    def of(cls, proxy: Any) -> _Proxy:
        """From httpx's, or a URL."""
        from yarl import URL

        from .auth import basic_auth, without_credentials

        url, auth = without_credentials(URL(str(getattr(proxy, "url", proxy))))
        if getattr(proxy, "raw_auth", None) is not None:
            auth = basic_auth(*(part.decode() for part in proxy.raw_auth))
        headers = getattr(proxy, "headers", None)
        return cls(url, auth, None if headers is None else dict(headers))


class _Asked:
    """What a connector is told of a request."""

    expects = False
    proxy_headers = None
    limits = HEAD_LIMITS

    def __init__(self, call: _Call) -> None:
        self._url = call.request.url
        self.failure = functools.partial(failure, call.library)
        key = self.connection_key = self.pool_key = call.key()
        proxy = call.transport._proxy
        self.host, self.ssl, self.proxy, self.proxy_auth = key.host, key.ssl, key.proxy, key.proxy_auth
        self.proxy_headers = None if proxy is None else proxy.headers
        self.server_hostname = key.server_hostname
        self.headers = {"Host": call.request.headers.get("Host", self.host)}

    @property
    def url(self) -> Any:
        """For a proxy."""
        from yarl import URL

        return URL(str(self._url))

    def is_ssl(self) -> bool:
        """Whether it goes over TLS."""
        return self.connection_key.is_ssl


class _Times(NamedTuple):
    """Limits as `ClientTimeout` has them."""

    connect: float | None
    sock_connect: float | None
    ceil_threshold: float = 5


class _Call:
    """One request."""

    def __init__(self, transport: HttpxTransport, library: Any, request: Any) -> None:
        self.transport = transport
        self.library = library
        self.request = request
        self.timeout: dict[str, float | None] = request.extensions.get("timeout", {})
        self._silence = self.timeout.get("read")
        self._trace: Callable[..., Awaitable[None]] | None = request.extensions.get("trace")
        self._writing: asyncio.Task[None] | None = None

    async def run(self) -> Any:
        """The answer."""
        scheme = self.request.url.scheme
        if scheme not in ("http", "https"):
            raise self.library.UnsupportedProtocol(
                f"Request URL has an unsupported protocol '{scheme}://'."
                if scheme
                else "Request URL is missing an 'http://' or 'https://' protocol."
            )
        body = self._small_body()
        again = self.request.method in IDEMPOTENT and body is not None
        while True:
            connection = await self._connection()
            try:
                return await self._exchange(connection, body)
            except (self.library.RemoteProtocolError, self.library.ReadError):
                if not again or not connection.stale:
                    raise
                again = False

    def _small_body(self) -> bytes | None:
        """The body where it is there already and not long."""
        if isinstance(self.request.stream, self.library.ByteStream):
            return b"".join(self.request.stream)
        headers = self.request.headers
        return b"" if "content-length" not in headers and "transfer-encoding" not in headers else None

    def key(self) -> ConnectionKey:
        """Which connections it can use; the few that a program has are made once."""
        url, keys = self.request.url, self.transport._keys
        name = self.request.extensions.get("sni_hostname")
        place = (url.scheme, url.raw_host, url.port, name)
        key = keys.get(place)
        if key is None:
            secure, proxy = url.scheme == "https", self.transport._proxy
            host, port = url.raw_host.decode("ascii"), url.port or (443 if secure else 80)
            to, auth = (None, None) if proxy is None else (proxy.url, proxy.auth)
            if len(keys) >= MOST_KEYS:
                keys.clear()
            key = keys[place] = ConnectionKey(host, port, secure, self.transport._tls, to, auth, None, name)
        return key

    async def _connection(self) -> HttpClientConnection:
        connector = self.transport.connector()
        taken = connector._pool.take(self.key())
        if taken is not None:
            return taken
        asked: Any = _Asked(self)
        library = self.library
        for attempt in range(self.transport._retries + 1):
            try:
                return await self._new_connection(connector, asked)
            except (library.ConnectError, library.ConnectTimeout):
                if attempt == self.transport._retries:
                    raise
                await asyncio.sleep(0.5 * 2 ** (attempt - 1) if attempt else 0)
        raise AssertionError("a range of at least one")

    async def _new_connection(self, connector: BaseConnector, asked: Any) -> HttpClientConnection:
        library, key = self.library, asked.pool_key
        try:
            async with asyncio.timeout(self.timeout.get("pool")):
                taken = await connector._pool.acquire(key)
        except TimeoutError:
            raise library.PoolTimeout("") from None
        if taken is not None:
            return taken
        times: Any = _Times(None, self.timeout.get("connect"))
        try:
            await self._tell("connection.connect_tcp.started", host=asked.host, port=asked.connection_key.port)
        except BaseException:
            connector._pool.give_up(key)
            raise
        try:
            made = await connector._open(key, asked, None, times)
        except (TimeoutError, ConnectionTimeoutError) as error:
            raise library.ConnectTimeout("") from error
        except ClientHttpProxyError as error:
            raise library.ProxyError(f"{error.status} {error.message}") from error
        except ClientConnectorError as error:
            kind = library.ProxyError if isinstance(error, ClientProxyConnectionError) else library.ConnectError
            raise kind(connect_text(error)) from error
        except ClientConnectionError as error:
            raise library.ConnectError(str(error)) from error
        try:
            await self._tell("connection.connect_tcp.complete", return_value=made)
        except BaseException:
            made.close()
            raise
        return made

    async def _exchange(self, connection: HttpClientConnection, body: bytes | None) -> Any:
        answer = HttpAnswer()
        try:
            return await self._answered(connection, answer, body)
        except BaseException as error:
            self._stop()
            connection.give_up(answer)
            if (failed := self._write_failure()) is not None:
                raise failed from error
            raise

    async def _answered(self, connection: HttpClientConnection, answer: HttpAnswer, body: bytes | None) -> Any:
        request = self.request
        headers, length = _fields(request)
        target = request.url.raw_path
        proxy = self.transport._proxy
        if proxy is not None and request.url.scheme == "http" and not is_socks(proxy.url):
            target = str(request.url).encode()
            if proxy.auth is not None:
                headers.append((b"Proxy-Authorization", proxy.auth.encode().encode()))
        target = request.extensions.get("target", target)
        if self._trace is not None:
            await self._tell("http11.send_request_headers.started", request=request)
        try:
            self._send(connection, answer, target, headers, length, body)
        except ValueError as error:
            raise self.library.LocalProtocolError(str(error)) from error
        if self._trace is not None:
            await self._tell("http11.send_request_headers.complete", return_value=None)
            await self._tell("http11.receive_response_headers.started", request=request)
        if self._writing is None or self._silence is None:
            await self.read(connection, answer._wait())
        else:
            await self._head(answer, self._writing, self._silence)
        if self._trace is not None:
            await self._tell("http11.receive_response_headers.complete", return_value=None)
        version = b"HTTP/1.1" if answer._minor_version else b"HTTP/1.0"
        stream = _stream_class(self.library)(self, answer)
        extensions = {
            "http_version": version,
            "reason_phrase": answer.reason.encode("ascii", "ignore"),
            "network_stream": NetworkStream(self.library, connection, answer),
        }
        return self.library.Response(
            status_code=answer.status, headers=list(answer.raw_headers), stream=stream, extensions=extensions
        )

    async def _head(self, answer: HttpAnswer, writing: asyncio.Task[None], silence: float) -> None:
        """Wait for the head. The time that a server may be silent begins when it has the whole body."""
        limit = Silence(silence)
        writing.add_done_callback(limit.begin)
        try:
            async with limit:
                await answer._wait()
        except TimeoutError as late:
            raise self.library.ReadTimeout("") from late

    def read(self, connection: HttpClientConnection, waiting: Awaitable[Any]) -> Awaitable[Any]:
        """Waits for something of the server's, but not for longer than it may be silent."""
        silence = self._silence
        if silence is None:
            return waiting
        if silence < PRECISE:
            return self.within("read", waiting, self.library.ReadTimeout)
        # The pool keeps it, to the second, at no cost.
        connection.deadline = asyncio.get_running_loop().time() + silence
        return waiting

    def _send(
        self,
        connection: HttpClientConnection,
        answer: HttpAnswer,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        length: bytes | None,
        body: bytes | None,
    ) -> None:
        method = self.request.method.encode()
        if body is not None and (body or length is None or length == b"0"):
            connection.send(answer, method, target, headers, body if length is not None else None, None)
            return
        connection.send(answer, method, target, headers, None, -1 if length is None else int(length))
        self._writing = asyncio.get_running_loop().create_task(self._write(connection))

    async def _write(self, connection: HttpClientConnection) -> None:
        """A body that comes in pieces."""
        try:
            async for piece in self.request.stream:
                if connection.transport is None or connection.transport.is_closing():
                    return  # whoever waits for the answer knows why
                self._check(connection.write, "Too much", piece)
                await self.within("write", connection.drain(), self.library.WriteTimeout)
            self._check(connection.end, "Too little")
        except BaseException:
            connection.close()
            raise

    def _check(self, write: Callable[..., None], what: str, *piece: bytes) -> None:
        try:
            write(*piece)
        except ValueError as error:
            raise self.library.LocalProtocolError(f"{what} data for declared Content-Length") from error

    def _write_failure(self) -> BaseException | None:
        writing = self._writing
        if writing is None or not writing.done() or writing.cancelled():
            return None
        return writing.exception()

    def _stop(self) -> None:
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()

    async def within(self, phase: str, waiting: Awaitable[Any], error: Any) -> Any:
        """Wait, but not for longer than that phase may take."""
        most = self.timeout.get(phase)
        if most is None:
            return await waiting
        try:
            async with asyncio.timeout(most):
                return await waiting
        except TimeoutError as late:
            raise error("") from late

    async def _tell(self, event: str, **info: Any) -> None:
        if self._trace is not None:
            await self._trace(event, info)


def _fields(request: Any) -> tuple[list[tuple[bytes, bytes]], bytes | None]:
    """The header fields of a request but for those that frame its body, and the length that they say."""
    fields, length = [], None
    for pair in request.headers.raw:
        name = pair[0].lower()
        if name not in FRAMING:
            fields.append(pair)
        elif name == b"content-length":
            length = pair[1] if length is None else length + b", " + pair[1]
    return fields, length


class _Body:
    """A body as httpx reads it; httpx asks for a class of its own, which `_stream_class()` makes of this one."""

    def __init__(self, call: _Call, answer: HttpAnswer) -> None:
        self._call = call
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        answer = self._answer
        while piece := answer._read_now(PIECE) or await self._more(answer):
            yield piece

    def _more(self, answer: HttpAnswer) -> Awaitable[bytes]:
        waiting, connection = answer._read_any(PIECE), answer._connection
        return waiting if connection is None else self._call.read(connection, waiting)

    async def aclose(self) -> None:
        self._call._stop()
        self._answer.release()
        if self._call._trace is not None:
            await self._call._tell("http11.response_closed.complete", return_value=None)


def _stream_class(library: Any) -> Any:
    name = library.__name__
    if name not in _STREAMS:
        _STREAMS[name] = type("Stream", (_Body, library.AsyncByteStream), {})
    return _STREAMS[name]


_STREAMS: dict[str, type] = {}


def _context(verify: Any, cert: Any) -> Any:
    """The setting for TLS, as httpx makes it of the two."""
    if isinstance(verify, str):
        verify = ssl.create_default_context(cafile=verify)
    if cert is None:
        return verify
    context = verify if isinstance(verify, ssl.SSLContext) else ssl.create_default_context()
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    return context
