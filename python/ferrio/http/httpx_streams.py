"""The connection beneath an answer of httpx's: `response.extensions["network_stream"]`, as httpcore has it.

Owns reading and writing after an upgrade; before one, it tells what the transport knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from .._ferrio import HttpAnswer, HttpClientConnection


class NetworkStream:
    """The connection beneath an answer, for those who ask for `response.extensions["network_stream"]`."""

    def __init__(self, library: Any, connection: HttpClientConnection, answer: HttpAnswer) -> None:
        self._library = library
        self._connection = connection
        self._answer = answer
        self._upgraded: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def get_extra_info(self, info: str) -> Any:
        """As httpcore's: `ssl_object`, `client_addr`, `server_addr`, `socket`, `is_readable`."""
        names = {"client_addr": "sockname", "server_addr": "peername"}
        transport = self._connection.transport
        if transport is None:
            return None
        if info == "is_readable":
            return not self._connection.usable
        return transport.get_extra_info(names.get(info, info))

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read, after an upgrade."""
        reader, _ = self._streams()
        return await self._within(reader.read(max_bytes), timeout, self._library.ReadTimeout)  # type: ignore[no-any-return]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, after an upgrade."""
        _, writer = self._streams()
        writer.write(buffer)
        await self._within(writer.drain(), timeout, self._library.WriteTimeout)

    async def aclose(self) -> None:
        """Close."""
        if self._upgraded is None:
            self._connection.give_up(self._answer)
        else:
            self._upgraded[1].close()

    def _streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._upgraded is None:
            if self._answer._connection is not self._connection:
                raise RuntimeError("the connection has not switched to another protocol")
            loop = asyncio.get_running_loop()
            transport, received = self._connection.upgrade()
            reader = asyncio.StreamReader(loop=loop)
            protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
            if received:
                reader.feed_data(received)
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            transport.resume_reading()
            self._upgraded = reader, asyncio.StreamWriter(transport, protocol, reader, loop)
        return self._upgraded

    async def _within(self, waiting: Awaitable[Any], timeout: float | None, error: Any) -> Any:
        try:
            async with asyncio.timeout(timeout):
                return await waiting
        except TimeoutError as late:
            raise error("") from late
