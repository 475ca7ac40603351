"""How many HTTP requests a second does a server answer on the loop, and what does each cost it in CPU?

GET of thirteen bytes over 64 kept connections, one request under way on each. uvicorn with httptools as the parser
serves a plain ASGI application and a FastAPI one; aiohttp serves its own. Most of the time is the framework's and the
same on every loop: this is what is left of a loop's speed in a program. `epoll` answers without parsing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Any

from .harness.bench import Bench
from .harness.servers import listening_socket
from .installed.harness.row import Figures, Metric, Row

METRICS = (
    Metric("rate", "req/s", is_spoiled=True),
    Metric("cpu", "us/req", ".cpu", higher_is_better=False),
)
HELLO = b"Hello, World!"

Start = Callable[[socket.socket], Awaitable[None]]
"""Serves on the socket; returns when it is listening."""


async def plain(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The application: no framework at all."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": HELLO})


async def uvicorn_asgi(listener: socket.socket) -> None:
    await serve_asgi(plain, listener)


async def uvicorn_fastapi(listener: socket.socket) -> None:
    fastapi: Any = import_module("fastapi")
    responses: Any = import_module("fastapi.responses")

    async def hello() -> Any:
        return responses.PlainTextResponse(HELLO)

    application = fastapi.FastAPI()
    application.add_api_route("/", hello, response_class=responses.PlainTextResponse)
    await serve_asgi(application, listener)


async def serve_asgi(application: Any, listener: socket.socket) -> None:
    uvicorn: Any = import_module("uvicorn")
    config = uvicorn.Config(
        application, loop="none", http="httptools", ws="none", lifespan="off", log_level="critical", access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.get_running_loop().create_task(server.serve([listener]))
    while not server.started:
        await asyncio.wait([serving], timeout=0.01)
        if serving.done():
            raise RuntimeError("uvicorn stopped") from serving.exception()


async def aiohttp_server(listener: socket.socket) -> None:
    web: Any = import_module("aiohttp.web")

    async def hello(request: Any) -> Any:
        return web.Response(body=HELLO)

    application = web.Application()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()


def measure(bench: Bench, start: Start) -> Figures:
    listener, target = listening_socket()
    bench.loop.run_until_complete(start(listener))
    return bench.round_trips(target, form="http", connections=64)


def row(name: str, start: Start, *needs: str) -> Row:
    return Row(name, METRICS, partial(measure, start=start), loaded=True, bare="http", needs=needs)


ROWS = (
    row("http_uvicorn_asgi", uvicorn_asgi, "uvicorn", "httptools"),
    row("http_uvicorn_fastapi", uvicorn_fastapi, "uvicorn", "httptools", "fastapi"),
    row("http_aiohttp_server", aiohttp_server, "aiohttp"),
)
