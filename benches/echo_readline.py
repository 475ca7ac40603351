"""What does it cost to read lines with StreamReader.readline()?

Requests as in text protocols: lines of 64 bytes up to an empty one, 1 KiB in all, then the answer, which is the same
again. 64 connections.
"""

from __future__ import annotations

import asyncio

from .harness.bench import ROUND_TRIPS, Bench
from .harness.servers import BACKLOG
from .installed.harness.row import Figures, Row


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    lines = []
    while line := await reader.readline():
        lines.append(line)
        if line == b"\n":
            writer.write(b"".join(lines))
            await writer.drain()
            lines.clear()


async def listen() -> asyncio.Server:
    return await asyncio.start_server(serve, "127.0.0.1", 0, backlog=BACKLOG)


def measure(bench: Bench) -> Figures:
    server = bench.loop.run_until_complete(listen())
    port = server.sockets[0].getsockname()[1]
    return bench.round_trips(f"tcp:{port}", size=1024, connections=64, form="lines")


ROWS = (Row("echo_readline_1k_x64", ROUND_TRIPS, measure, loaded=True, streams=True, bare="echo"),)
