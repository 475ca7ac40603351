"""The servers' protocols: as small as a protocol can be, so that the loop is what is measured."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

BACKLOG = 4096


class Echo(asyncio.Protocol):
    """Sends back what arrives, as it arrives."""

    __slots__ = ("transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def tcp_server(loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol]) -> str:
    """Listen on a free loopback port; the target for the load client."""
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0, backlog=BACKLOG))
    return f"tcp:{server.sockets[0].getsockname()[1]}"


def listening_socket() -> tuple[socket.socket, str]:
    """A non-blocking listening socket and its target, for servers that accept by themselves."""
    # The protocol is named, as getaddrinfo() names it: asyncio sets TCP_NODELAY on connections of such sockets only.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener, f"tcp:{listener.getsockname()[1]}"
