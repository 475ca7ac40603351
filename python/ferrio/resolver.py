"""`Resolver`: the part of the loop that turns names into addresses and back.

Addresses written in numbers are answered on the loop's thread: natively where they are written as usual, else by
libc, which asks nobody for them and takes 1.5 to 3 us (about 30 for no host at all), where a thread costs 40 to 60.
What cannot be told for sure to be numeric, service names too, goes to threads of this module's own, so that a slow
resolver does not keep to_thread() waiting, nor the other way round.
All results and errors are those of socket.getaddrinfo and socket.getnameinfo; a replacement of these two,
as tests make them, is always called on a thread, as it may block.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from typing import TYPE_CHECKING, Any

from ._ferrio import literal_address

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_getaddrinfo, _getnameinfo = socket.getaddrinfo, socket.getnameinfo
_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
_DOTTED = re.compile(r"[0-9a-fA-FxX.]+")


class Resolver(asyncio.SelectorEventLoop):
    """What a loop does to resolve names."""

    _resolving: ThreadPoolExecutor | None = None

    if TYPE_CHECKING:  # asyncio's own, of which its stubs know nothing
        _debug: bool
        _getaddrinfo_debug: Any

        def _check_closed(self) -> None: ...
        def _check_default_executor(self) -> None: ...

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """socket.getaddrinfo() that blocks nobody."""
        if not self._debug and socket.getaddrinfo is _getaddrinfo:
            answer = literal_address(host, port, family, type, proto, flags)
            if answer is not None:
                self._check_closed()
                self._check_default_executor()
                sys.audit("socket.getaddrinfo", host, port, family, type, proto)
                return answer
        resolve = self._getaddrinfo_debug if self._debug else socket.getaddrinfo
        numeric = is_number(port) and is_address(host) and socket.getaddrinfo is _getaddrinfo
        return await self._resolve(numeric, resolve, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """socket.getnameinfo() that blocks nobody."""
        resolve = socket.getnameinfo
        numeric = isinstance(flags, int) and flags & _NUMERIC == _NUMERIC and resolve is _getnameinfo
        return await self._resolve(numeric, resolve, sockaddr, flags)

    async def _resolve(self, numeric: bool, resolve: Any, *args: Any) -> Any:
        self._check_closed()
        self._check_default_executor()
        if numeric:
            return resolve(*args)
        if self._resolving is None:
            from concurrent.futures import ThreadPoolExecutor  # which most programs do without

            # As many threads as asyncio's own pool: no program resolves fewer names at once than it did.
            self._resolving = ThreadPoolExecutor(thread_name_prefix="ferrio-resolver")
        return await self.run_in_executor(self._resolving, resolve, *args)

    def close(self) -> None:
        """Close the loop; lookups under way are left to themselves."""
        super().close()
        if self._resolving is not None:
            self._resolving.shutdown(wait=False, cancel_futures=True)
            self._resolving = None


def is_number(port: Any) -> bool:
    """Whether a port is certain not to be looked up among the services, as glibc does with -1."""
    if port is None:
        return True
    if type(port) is int:
        return 0 <= port <= 0xFFFF
    return isinstance(port, str | bytes) and len(port) <= 5 and port.isascii() and port.isdigit()


def is_address(host: Any) -> bool:
    """Whether a host is certain not to be looked up; abbreviations such as 127.1 are numeric too."""
    if host is None:
        return True
    if isinstance(host, bytes):
        host = host.decode("latin-1")
    if not isinstance(host, str) or not host.isascii():  # other letters make it an IDNA name, zone or not
        return False
    try:
        if ":" in host:
            socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        elif _DOTTED.fullmatch(host):  # inet_aton() allows anything after a space
            socket.inet_aton(host)
        else:
            return False
    except (OSError, ValueError):
        return False
    return True
