"""Names into addresses: resolvers with aiohttp's interface, and the cache before them.

Owns who looks up and how long that holds. Invariant: whoever asks for a name that is being looked up waits for that
look-up, and a cancelled one does not take the others' away.
"""

from __future__ import annotations

import asyncio
import socket
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypedDict

from .tracing import (
    TraceDnsCacheHitParams,
    TraceDnsCacheMissParams,
    TraceDnsResolveHostEndParams,
    TraceDnsResolveHostStartParams,
)

if TYPE_CHECKING:
    from .tracing import Tracing

Place = tuple[str, int]


class ResolveResult(TypedDict):
    """An address of a name."""

    hostname: str
    host: str
    port: int
    family: int
    proto: int
    flags: int


class AbstractResolver(ABC):
    """What a connector asks for a name's addresses."""

    @abstractmethod
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name; `OSError` where it has none."""

    @abstractmethod
    async def close(self) -> None:
        """Nothing more is asked."""


class ThreadedResolver(AbstractResolver):
    """The loop's own: the system's `getaddrinfo()` in a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        results = []
        for kind, _, proto, _, address in found:
            flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            place = str(address[0])
            if kind == socket.AF_INET6 and len(address) > 3 and address[3]:
                place = f"{place}%{address[3]}"
            results.append(_result(host, place, int(address[1]), kind, proto, int(flags)))
        return results

    async def close(self) -> None:
        """A thread needs no closing."""


class AsyncResolver(AbstractResolver):
    """aiodns: no thread, and no `/etc/nsswitch.conf`."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, *args: Any, **kwargs: Any) -> None:
        try:
            aiodns: Any = import_module("aiodns")
        except ImportError:
            raise RuntimeError("Resolver requires aiodns library") from None
        self._failure = aiodns.error.DNSError
        self._resolver = aiodns.DNSResolver(*args, **kwargs)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._resolver.getaddrinfo(
                host, port=port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
            )
        except self._failure as error:
            text = error.args[1] if len(error.args) >= 2 else "DNS lookup failed"
            raise OSError(None, text) from error
        results = []
        for node in found.nodes:
            address = node.addr[0].decode("ascii") if isinstance(node.addr[0], bytes) else node.addr[0]
            results.append(_result(host, address, port, node.family, 0, 0))
        if not results:
            raise OSError(None, "DNS lookup failed")
        return results

    async def close(self) -> None:
        cancel = getattr(self._resolver, "cancel", None)
        if cancel is not None:
            cancel()


DefaultResolver = ThreadedResolver


class Addresses:
    """A connector's resolver, its cache, and who waits for an answer."""

    def __init__(
        self, resolver: AbstractResolver, family: int, *, is_cached: bool, lifetime: float | None, most: int
    ) -> None:
        self.resolver = resolver
        self.is_cached = is_cached
        self._family: Any = family
        self._lifetime = lifetime
        self._most = most
        self._known: OrderedDict[Place, tuple[list[ResolveResult], float]] = OrderedDict()
        self._asking: dict[Place, asyncio.Task[list[ResolveResult]]] = {}

    async def of(self, host: str, port: int, tracing: Tracing | None) -> list[ResolveResult]:
        """The addresses of a name, another one first each time."""
        if not self.is_cached:
            return await self._ask(host, port, tracing)
        place = (host, port)
        if place not in self._known or self._is_old(place):
            await self._wait_for(place, tracing)
        elif tracing is not None:
            await tracing.send("on_dns_cache_hit", TraceDnsCacheHitParams(host))
        addresses, since = self._known[place]
        self._known[place] = (addresses[1:] + addresses[:1], since)
        return addresses

    def forget(self, host: str | None = None, port: int | None = None) -> None:
        """Forget a name, or all."""
        if host is not None and port is not None:
            self._known.pop((host, port), None)
        elif host is not None or port is not None:
            raise ValueError("either both host and port or none of them are allowed")
        else:
            self._known.clear()

    def cancel(self) -> list[Awaitable[Any]]:
        """Ask no more; who is to be waited for."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        return list(tasks)

    def _is_old(self, place: Place) -> bool:
        return self._lifetime is not None and self._known[place][1] + self._lifetime < time.monotonic()

    async def _wait_for(self, place: Place, tracing: Tracing | None) -> None:
        task = self._asking.get(place)
        if task is None:
            task = self._asking[place] = asyncio.create_task(self._learn(place, tracing))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        elif tracing is not None:
            await tracing.send("on_dns_cache_hit", TraceDnsCacheHitParams(place[0]))
        await asyncio.shield(task)

    async def _learn(self, place: Place, tracing: Tracing | None) -> list[ResolveResult]:
        try:
            if tracing is not None:
                await tracing.send("on_dns_cache_miss", TraceDnsCacheMissParams(place[0]))
            found = await self._ask(*place, tracing)
            self._known[place] = (found, time.monotonic())
            self._known.move_to_end(place)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
            return found
        finally:
            del self._asking[place]

    async def _ask(self, host: str, port: int, tracing: Tracing | None) -> list[ResolveResult]:
        if tracing is not None:
            await tracing.send("on_dns_resolvehost_start", TraceDnsResolveHostStartParams(host))
        found = await self.resolver.resolve(host, port, family=self._family)
        if tracing is not None:
            await tracing.send("on_dns_resolvehost_end", TraceDnsResolveHostEndParams(host))
        return found


def _result(hostname: str, host: str, port: int, family: int, proto: int, flags: int) -> ResolveResult:
    return {"hostname": hostname, "host": host, "port": port, "family": family, "proto": proto, "flags": flags}
