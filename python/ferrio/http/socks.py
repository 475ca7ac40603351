"""Proxies that speak SOCKS 5: `proxy="socks5://name:password@host:1080"`, which hand on bytes.

Owns the protocol of a connection until it is the peer's; what is said is native. Names are resolved by the proxy, with
`socks5://` as with `socks5h://`. Invariant: nothing of a request is sent before the proxy says that it is connected.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Final, cast

from .._ferrio import HttpSocks

if TYPE_CHECKING:
    from yarl import URL

    from .requests import ClientRequest

SCHEMES: Final = frozenset({"socks5", "socks5h"})
PORT: Final = 1080


def is_socks(proxy: URL | None) -> bool:
    """Whether a proxy speaks SOCKS 5."""
    return proxy is not None and proxy.scheme in SCHEMES


class Handshake(asyncio.Protocol):
    """The protocol of a connection to a proxy. `await done`: it is the peer's, and its transport reads nothing more."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, request: ClientRequest) -> None:
        """Raises ValueError for names and passwords that SOCKS cannot say."""
        proxy, auth = request.proxy, request.proxy_auth
        key = request.connection_key
        assert proxy is not None and key.port is not None
        credentials = None
        if auth is not None:
            credentials = auth.login, auth.password
        elif proxy.user is not None:
            credentials = proxy.user, proxy.password or ""
        self._socks = HttpSocks(key.host, key.port, credentials)
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say the first words."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._socks.begin())

    def data_received(self, data: bytes) -> None:
        """Answer what the proxy says."""
        if self.done.done():
            return
        try:
            answer, is_over = self._socks.advance(data)
        except ValueError as error:
            self.done.set_exception(OSError(errno.ECONNREFUSED, str(error)))
            return
        self.transport.write(answer)
        if is_over:
            self.transport.pause_reading()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy went away."""
        if not self.done.done():
            self.done.set_exception(exc or OSError(errno.ECONNRESET, "the proxy closed the connection"))
