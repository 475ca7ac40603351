"""`TCPConnector`: names, addresses, TLS and proxies on the way to a connection.

Owns how a connection is made, and aiohttp's exceptions where none is. Invariants: contexts for TLS are made in a
thread, since that reads files; through a proxy nothing but CONNECT is sent before TLS.
"""

from __future__ import annotations

import _socket
import asyncio
import functools
import socket
import ssl
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .._ferrio import HttpClientConnection, is_ipv4
from . import hdrs
from .connector import SCHEMES, UNSET, BaseConnector, proxy_request
from .cookies import is_ip_address
from .errors import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    InvalidUrlClientError,
)
from .racing import AddrInfoType, SocketFactoryType, connected
from .requests import ClientRequest, Fingerprint, SSLSetting, merged_ssl
from .resolver import AbstractResolver, Addresses, DefaultResolver
from .response import ClientResponse
from .socks import PORT, Handshake, is_socks
from .timeouts import is_late, limit

if TYPE_CHECKING:
    from types import TracebackType

    from .timeouts import ClientTimeout
    from .tracing import Tracing

ProtocolT = TypeVar("ProtocolT", bound=asyncio.BaseProtocol)


class TCPConnector(BaseConnector):
    """Connections over TCP, with TLS where the URL says so."""

    allowed_protocol_schema_set = SCHEMES | {"tcp"}

    def __init__(
        self,
        *,
        verify_ssl: bool = True,
        fingerprint: bytes | None = None,
        use_dns_cache: bool = True,
        ttl_dns_cache: float | None = 10,
        dns_cache_max_size: int = 1000,
        family: int = socket.AF_UNSPEC,
        ssl_context: ssl.SSLContext | None = None,
        ssl: SSLSetting | None = True,
        local_addr: tuple[str, int] | None = None,
        resolver: AbstractResolver | None = None,
        keepalive_timeout: float | None = UNSET,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        enable_cleanup_closed: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
        happy_eyeballs_delay: float | None = 0.25,
        interleave: int | None = None,
        socket_factory: SocketFactoryType | None = None,
        ssl_shutdown_timeout: float | None = UNSET,
    ) -> None:
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
            timeout_ceil_threshold=timeout_ceil_threshold,
        )
        self._ssl = merged_ssl(ssl, verify_ssl, ssl_context, fingerprint)
        self._family = family
        self._owns_resolver = resolver is None
        self._addresses = Addresses(
            DefaultResolver(self._loop) if resolver is None else resolver,
            family,
            is_cached=use_dns_cache,
            lifetime=ttl_dns_cache,
            most=dns_cache_max_size,
        )
        self._local = _local_infos(local_addr)
        self._delay = happy_eyeballs_delay
        self._interleave = interleave
        self._socket_factory = socket_factory
        if ssl_shutdown_timeout is not UNSET:
            warnings.warn(
                "The ssl_shutdown_timeout parameter is deprecated and will be removed in aiohttp 4.0",
                DeprecationWarning,
                stacklevel=2,
            )

    @property
    def family(self) -> int:
        """The family of its addresses."""
        return self._family

    @property
    def use_dns_cache(self) -> bool:
        """Whether names are looked up once only."""
        return self._addresses.is_cached

    def clear_dns_cache(self, host: str | None = None, port: int | None = None) -> None:
        """Look up anew."""
        self._addresses.forget(host, port)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections."""
        await super().close(abort_ssl=abort_ssl)
        if self._owns_resolver:
            await self._addresses.resolver.close()

    def _close(self) -> list[Awaitable[Any]]:
        return super()._close() + self._addresses.cancel()

    def _create_connection(
        self, req: ClientRequest, traces: Tracing | None, timeout: ClientTimeout
    ) -> Coroutine[Any, Any, HttpClientConnection]:
        return self._direct(req, traces, timeout) if req.proxy is None else self._through_proxy(req, timeout)

    async def _direct(
        self,
        request: ClientRequest,
        traces: Tracing | None,
        timeout: ClientTimeout,
        error: type[ClientConnectorError] = ClientConnectorError,
    ) -> HttpClientConnection:
        transport, made = await self._connected(request, traces, timeout, error, functools.partial(self._new, request))
        if request.is_ssl():
            self._check_fingerprint(request, transport, made)
        return made

    async def _connected(
        self,
        request: ClientRequest,
        traces: Tracing | None,
        timeout: ClientTimeout,
        error: type[ClientConnectorError],
        make: Callable[[], ProtocolT],
    ) -> tuple[asyncio.Transport, ProtocolT]:
        host = request.url.raw_host or ""
        if host.endswith(".."):
            host = host.rstrip(".") + "."
        try:
            infos = await self._infos(host, request.url.port or 0, traces)
        except TimeoutError:
            raise
        except OSError as lookup_error:
            raise ClientConnectorDNSError(request.connection_key, lookup_error) from lookup_error
        tls = await self._tls(request) if request.is_ssl() else None
        options: dict[str, Any] = {}
        if tls is not None:
            options = {"ssl": tls, "server_hostname": (request.server_hostname or host).rstrip(".")}
        try:
            async with limit(timeout.sock_connect, timeout.ceil_threshold):
                if len(infos) == 1 and self._socket_factory is None and not self._local:
                    address = infos[0][4]
                    if tls is None and (begun := self._begun(made := make(), address)) is not None:
                        return await begun, made
                    options |= {"host": address[0], "port": address[1], "family": infos[0][0]}
                else:
                    options["sock"] = await connected(
                        infos,
                        local=self._local,
                        delay=self._delay,
                        interleave=self._interleave,
                        factory=self._socket_factory,
                    )
                return await self._loop.create_connection(make, **options)
        except OSError as failure:
            if is_late(failure):
                raise
            raise _translation(request, error, failure) from failure

    def _begun(self, protocol: asyncio.BaseProtocol, address: tuple[Any, ...]) -> Awaitable[asyncio.Transport] | None:
        """The transport to an address, if nothing of the loop's or of the sockets' is a program's own."""
        loop = self._loop
        begin = getattr(loop, "_connect_to", None)
        if (
            begin is None
            or getattr(loop.create_connection, "__func__", None) is not CREATE
            or getattr(loop.sock_connect, "__func__", None) is not CONNECT
        ):
            return None
        begun: Coroutine[Any, Any, asyncio.Transport] | None = begin(protocol, *address[:2])
        if begun is not None:
            try:
                _tell_hooks(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, address)
            except BaseException:
                begun.close()
                raise
        return begun

    async def _infos(self, host: str, port: int, traces: Tracing | None) -> list[AddrInfoType]:
        if is_ip_address(host):
            if ":" not in host and not is_ipv4(host):
                raise InvalidUrlClientError(host, "is not a canonical IPv4 address")
            hosts = [(host, port)]
        else:
            found = await self._addresses.of(host, port, traces)
            hosts = [(each["host"], each["port"]) for each in found]
        infos: list[AddrInfoType] = []
        for address, number in hosts:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            if not self._family or self._family == family:
                place: tuple[Any, ...] = (address, number, 0, 0) if ":" in address else (address, number)
                infos.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place))
        if not infos:
            raise OSError(None, "no address of the family that was asked for")
        return infos

    async def _through_proxy(self, request: ClientRequest, timeout: ClientTimeout) -> HttpClientConnection:
        if is_socks(request.proxy):
            return await self._through_socks(request, timeout)
        asking = proxy_request(request, self._loop)
        made = await self._direct(asking, None, timeout, ClientProxyConnectionError)
        if not request.is_ssl():
            return made
        try:
            transport = await self._tunnel(made, asking, request)
        except BaseException:
            made.close()
            raise
        return await self._secured(transport, request, timeout)

    async def _through_socks(self, request: ClientRequest, timeout: ClientTimeout) -> HttpClientConnection:
        assert request.proxy is not None
        proxy = request.proxy if request.proxy.explicit_port else request.proxy.with_port(PORT)
        asking = ClientRequest(hdrs.METH_GET, proxy, loop=self._loop)
        handshake = Handshake(self._loop, request)
        transport, _ = await self._connected(asking, None, timeout, ClientProxyConnectionError, lambda: handshake)
        try:
            with _translated(asking, ClientProxyConnectionError):
                async with limit(timeout.sock_connect, timeout.ceil_threshold):
                    await handshake.done
        except BaseException:
            transport.abort()
            raise
        if request.is_ssl():
            return await self._secured(transport, request, timeout)
        made = self._new(request)
        transport.set_protocol(made)
        made.connection_made(transport)
        transport.resume_reading()
        return made

    async def _tunnel(
        self, made: HttpClientConnection, asking: ClientRequest, request: ClientRequest
    ) -> asyncio.Transport:
        """Have the proxy connect."""
        answer = ClientResponse()
        answer.method = hdrs.METH_CONNECT
        answer._url, answer._info = asking.original_url, asking.request_info
        url = request.url
        headers = ((name.encode(), value.encode()) for name, value in asking.headers.items())
        made.send(answer, b"CONNECT", f"{url.host_subcomponent}:{url.port}".encode(), headers)
        await answer._wait()
        if answer.status != 200:
            raise ClientHttpProxyError(
                answer.request_info,
                answer.history,
                status=answer.status,
                message=answer.reason,
                headers=answer.headers,
            )
        transport, _ = made.upgrade()
        return transport

    async def _secured(
        self, transport: asyncio.Transport, request: ClientRequest, timeout: ClientTimeout
    ) -> HttpClientConnection:
        """TLS within the tunnel."""
        made = self._new(request)
        with _translated(request, ClientConnectorError):
            try:
                tls = await self._tls(request)
                async with limit(timeout.sock_connect, timeout.ceil_threshold):
                    over = await self._loop.start_tls(
                        transport, made, tls, server_hostname=request.server_hostname or request.host
                    )
            except BaseException:
                transport.abort()
                raise
            if over is None:
                raise OSError("Failed to start TLS (possibly caused by closing transport)")
        made.connection_made(over)
        self._check_fingerprint(request, over, made)
        return made

    async def _tls(self, request: ClientRequest) -> ssl.SSLContext:
        """The context of a request; made in a thread, since that reads files."""
        setting = request.ssl if request.ssl is not True else self._ssl
        if isinstance(setting, ssl.SSLContext):
            return setting
        is_verified = setting is True
        if is_verified not in CONTEXTS:
            CONTEXTS[is_verified] = await self._loop.run_in_executor(None, _context, is_verified)
        return CONTEXTS[is_verified]

    def _check_fingerprint(
        self, request: ClientRequest, transport: asyncio.BaseTransport, made: HttpClientConnection
    ) -> None:
        wanted = next((each for each in (request.ssl, self._ssl) if isinstance(each, Fingerprint)), None)
        if wanted is not None:
            try:
                wanted.check(cast("asyncio.Transport", transport))
            except BaseException:
                made.close()
                raise


class _translated:
    """What fails inside is raised as aiohttp's exception for a connection that was not made."""

    __slots__ = ("_error", "_request")

    def __init__(self, request: ClientRequest, error: type[ClientConnectorError]) -> None:
        self._request = request
        self._error = error

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and not is_late(error):
            raise _translation(self._request, self._error, error) from error


def _translation(request: ClientRequest, kind: type[ClientConnectorError], error: OSError) -> ClientConnectorError:
    """aiohttp's exception for a connection that was not made."""
    key = request.connection_key
    if isinstance(error, ssl.CertificateError):
        return ClientConnectorCertificateError(key, error)
    return (ClientConnectorSSLError if isinstance(error, ssl.SSLError) else kind)(key, error)


CREATE, CONNECT = asyncio.BaseEventLoop.create_connection, asyncio.SelectorEventLoop.sock_connect
# Closed ones, by families, for audit hooks where none is made. `socket.socket` may be a program's own.
UNMADE: dict[int, _socket.socket] = {}
CONTEXTS: dict[bool, ssl.SSLContext] = {}


def _tell_hooks(family: int, address: tuple[Any, ...]) -> None:
    """What they would see of a socket that is made and connected."""
    if (made := UNMADE.get(family)) is None:
        made = _socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # which tells them
        made.close()
        UNMADE[family] = made
    else:
        sys.audit("socket.__new__", made, family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sys.audit("socket.connect", made, address)


def _context(is_verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(("http/1.1",))
    return context


def _local_infos(address: tuple[str, int] | None) -> list[AddrInfoType]:
    if address is None:
        return []
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    place: tuple[Any, ...] = (*address, 0, 0) if ":" in address[0] else address
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place)]
