"""What does it cost to read records with StreamReader.readexactly()?

Requests as in binary protocols: sixteen records, each a head of 4 bytes and a body of 60, then the answer, which is the
same again. 64 connections.
"""

from __future__ import annotations

import asyncio

from .harness.bench import ROUND_TRIPS, Bench
from .harness.servers import BACKLOG
from .installed.harness.row import Figures, Row

RECORDS = 16


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not reader.at_eof():
        parts = []
        for _ in range(RECORDS):
            parts.append(await reader.readexactly(4))
            parts.append(await reader.readexactly(60))
        writer.write(b"".join(parts))
        await writer.drain()


async def listen() -> asyncio.Server:
    return await asyncio.start_server(serve, "127.0.0.1", 0, backlog=BACKLOG)


def measure(bench: Bench) -> Figures:
    server = bench.loop.run_until_complete(listen())
    port = server.sockets[0].getsockname()[1]
    return bench.round_trips(f"tcp:{port}", size=RECORDS * 64, connections=64)


ROWS = (Row("echo_readexactly_1k_x64", ROUND_TRIPS, measure, loaded=True, streams=True, bare="echo"),)
