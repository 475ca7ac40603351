"""What does an echo cost that is written with asyncio.start_server, StreamReader and StreamWriter?

1, 10 and 100 KiB over 64 connections: read, write, drain. asyncio.start_server is looked up when it is called, so a
package that replaces it on import (rsloop does) is measured as it ships.
"""

from __future__ import annotations

import asyncio
from functools import partial

from .harness.bench import ROUND_TRIPS, Bench
from .harness.servers import BACKLOG
from .installed.harness.row import Figures, Row


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def listen() -> asyncio.Server:
    return await asyncio.start_server(serve, "127.0.0.1", 0, backlog=BACKLOG)


def measure(bench: Bench, size: int) -> Figures:
    server = bench.loop.run_until_complete(listen())
    port = server.sockets[0].getsockname()[1]
    return bench.round_trips(f"tcp:{port}", size=size, connections=64)


ROWS = tuple(
    Row(
        f"echo_streams_{size}k_x64",
        ROUND_TRIPS,
        partial(measure, size=size * 1024),
        loaded=True,
        streams=True,
        bare="echo",
    )
    for size in (1, 10, 100)
)
