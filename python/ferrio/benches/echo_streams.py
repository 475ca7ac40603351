"""What does an echo cost that is written with asyncio.start_server, StreamReader and StreamWriter?

1 KiB over 64 connections: read, write, drain. asyncio.start_server is looked up when it is called, so a
package that replaces it on import (rsloop does) is measured as it ships.
"""

from __future__ import annotations

import asyncio

from .harness.bench import Bench
from .harness.row import ROUND_TRIPS, Figures, Row
from .harness.servers import BACKLOG


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def listen() -> asyncio.Server:
    return await asyncio.start_server(serve, "127.0.0.1", 0, backlog=BACKLOG)


def measure(bench: Bench) -> Figures:
    server = bench.loop.run_until_complete(listen())
    port = server.sockets[0].getsockname()[1]
    return bench.round_trips(f"tcp:{port}", size=1024, connections=64)


ROWS = (Row("echo_streams_1k_x64", ROUND_TRIPS, measure, loaded=True, bare="echo"),)
