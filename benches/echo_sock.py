"""What does an echo cost that is written with loop.sock_recv and loop.sock_sendall, one task per
connection?

1, 10 and 100 KiB over 64 connections; the server accepts with loop.sock_accept. Every wait is a future and a task step,
so this asks about those as much as about sockets.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from .harness.bench import ROUND_TRIPS, Bench
from .harness.servers import listening_socket
from .installed.harness.row import Figures, Row


async def serve(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    with connection:
        while data := await loop.sock_recv(connection, 65536):
            await loop.sock_sendall(connection, data)


async def accept(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    tasks = set()
    while True:
        connection, _ = await loop.sock_accept(listener)
        connection.setblocking(False)
        tasks.add(loop.create_task(serve(loop, connection)))


def measure(bench: Bench, size: int) -> Figures:
    listener, target = listening_socket()
    accepting = bench.loop.create_task(accept(bench.loop, listener))
    figures = bench.round_trips(target, size=size, connections=64)
    if accepting.done():
        accepting.result()
    return figures


ROWS = tuple(
    Row(f"echo_sock_{size}k_x64", ROUND_TRIPS, partial(measure, size=size * 1024), loaded=True, bare="echo")
    for size in (1, 10, 100)
)
