"""How many WebSocket messages a second does a server echo on the loop, and what does each cost it in CPU?

Binary messages of 1 KiB over 64 connections, one under way on each, without compression: with `websockets` and with
aiohttp, both at their defaults but for that. The native client sends masked frames, as a client has to.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Any

from .harness.bench import ROUND_TRIPS, Bench
from .harness.servers import listening_socket
from .installed.harness.row import Figures, Row


async def with_websockets(listener: socket.socket) -> Any:
    server: Any = import_module("websockets.asyncio.server")

    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    return await server.serve(echo, sock=listener, compression=None)


async def with_aiohttp(listener: socket.socket) -> Any:
    aiohttp: Any = import_module("aiohttp")
    web: Any = import_module("aiohttp.web")

    async def echo(request: Any) -> Any:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket

    application = web.Application()
    application.router.add_get("/", echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


def measure(bench: Bench, start: Callable[[socket.socket], Awaitable[Any]]) -> Figures:
    listener, target = listening_socket()
    _server = bench.loop.run_until_complete(start(listener))  # kept: nobody else refers to it
    return bench.round_trips(target, form="websocket", size=1024, connections=64)


def row(name: str, start: Callable[[socket.socket], Awaitable[Any]], needs: str) -> Row:
    return Row(name, ROUND_TRIPS, partial(measure, start=start), loaded=True, needs=(needs,))


ROWS = (
    row("websocket_websockets", with_websockets, "websockets"),
    row("websocket_aiohttp", with_aiohttp, "aiohttp"),
)
