"""Idle connections: a server on the loop under test, and the load client that holds connections to it.

They are opened in steps, and the next step begins when the server has accepted the last: a listen backlog
must never overflow, because that costs a retransmission of a second. Whoever joined also answers like an
echo server.
"""

from __future__ import annotations

import asyncio

from . import client
from .servers import Echo, tcp_server

STEP = 500
PATIENCE = 20.0


class Crowd:
    """Connections that the client holds open until this process goes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, binary: str, cpu: int | None, limit: int) -> None:
        self._loop = loop
        self._present = 0
        self._expected = 0
        self.target = tcp_server(loop, lambda: Member(self))
        self._client = client.start(binary, "hold", cpu, {"to": self.target, "connections": limit})

    def joined(self) -> None:
        """One more connection was accepted."""
        self._present += 1
        if self._present == self._expected:
            self._loop.stop()

    def grow(self, total: int) -> None:
        """Have that many connections open."""
        assert self._client.stdin is not None
        patience = self._loop.call_later(PATIENCE, self._loop.stop)
        while self._present < total:
            self._expected = min(self._present + STEP, total)
            self._client.stdin.write(f"{self._expected}\n")
            self._client.stdin.flush()
            self._loop.run_forever()
            if self._present < self._expected:
                raise RuntimeError(f"{self._present} of {self._expected} accepted; {self._reason()}")
        patience.cancel()
        self._expected = 0

    def _reason(self) -> str:
        if self._client.poll() is None or self._client.stderr is None:
            return "the load client is waiting"
        return self._client.stderr.read().strip()


class Member(Echo):
    """A connection of the crowd, or of a load beside it."""

    __slots__ = ("_crowd",)

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._crowd.joined()
