"""X-Forwarded-For and X-Forwarded-Proto, believed where the peer is trusted: `--forwarded-allow-ips`.

`TrustedHosts` knows whom: addresses, networks, or other texts, such as a Unix socket's path. `forwarded()` makes what
a server calls for a request with such headers; `ProxyHeadersMiddleware` is the same as a middleware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from .asgi import ASGI3, Receive, Scope, Send

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

LONGEST = 253
"""Of a name; longer texts are nobody's address, and no key of a cache."""


class TrustedHosts:
    """Whose word is taken. `"*"` is everybody. `ipaddress` is imported where it is used: most servers never do."""

    def __init__(self, trusted: list[str] | str) -> None:
        self.always_trust = trusted in ("*", ["*"])
        self.trusted_literals: set[str] = set()
        self.trusted_hosts: set[IPv4Address | IPv6Address] = set()
        self.trusted_networks: set[IPv4Network | IPv6Network] = set()
        if not self.always_trust:
            self._add(_split(trusted) if isinstance(trusted, str) else trusted)
        self._trusts = lru_cache(maxsize=4096)(self._look)

    def __contains__(self, host: str | None) -> bool:
        if self.always_trust:
            return True
        if not host:
            return False
        return self._trusts(host) if len(host) <= LONGEST else self._look(host)

    def client_of(self, forwarded_for: str) -> tuple[str, int]:
        """Who asked: the last of those named that is not trusted, or the first if all are."""
        hosts = _split(forwarded_for)
        for each in () if self.always_trust else reversed(hosts):
            host, port = host_and_port(each)
            if host not in self:
                return host, port
        return host_and_port(hosts[0])

    def _add(self, hosts: Iterable[str]) -> None:
        from ipaddress import ip_address, ip_network

        for host in hosts:
            try:
                if "/" in host:
                    self.trusted_networks.add(ip_network(host))
                else:
                    self.trusted_hosts.add(ip_address(host))
            except ValueError:
                self.trusted_literals.add(host)

    def _look(self, host: str) -> bool:
        from ipaddress import ip_address

        try:
            address = ip_address(host)
        except ValueError:
            return host in self.trusted_literals
        return address in self.trusted_hosts or any(address in network for network in self.trusted_networks)


def forwarded(hosts: list[str] | str) -> Callable[[Scope], None]:
    """What changes `client` and `scheme` of a scope, where its peer is trusted."""
    return _forwarded_by(cache(lambda: TrustedHosts(hosts)))


def _forwarded_by(whom: Callable[[], TrustedHosts]) -> Callable[[Scope], None]:
    def change(scope: Scope) -> None:
        client, trusted = scope.get("client"), whom()
        if (client[0] if client else None) not in trusted:
            return
        protocol, hosts = "", []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-proto":
                protocol = value.decode("latin1").strip()
            elif name == b"x-forwarded-for":
                hosts.append(value.decode("latin1"))
        if protocol in ("http", "https", "ws", "wss"):
            scope["scheme"] = protocol.replace("http", "ws") if scope["type"] == "websocket" else protocol
        if hosts and (found := trusted.client_of(", ".join(hosts)))[0]:
            scope["client"] = found

    return change


class ProxyHeadersMiddleware:
    """For servers that know nothing of proxies."""

    def __init__(self, app: ASGI3, trusted_hosts: list[str] | str = "127.0.0.1") -> None:
        self.app = app
        self.trusted_hosts = TrustedHosts(trusted_hosts)
        self._change = _forwarded_by(lambda: self.trusted_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            self._change(scope)
        await self.app(scope, receive, send)


def host_and_port(text: str) -> tuple[str, int]:
    """Of `host`, `host:port`, `[host]` and `[host]:port`. What looks like none of them is a host, as it stands."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            return text, 0
        return host, _port(rest[1:]) or 0
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        number = _port(port)
        return (text, 0) if number is None else (host, number)
    return text, 0


def _port(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _split(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]
