"""The questions about a server, each asked of a fresh one: `ROWS`, in the order of the table.

Must not know any server, and no application but by name. How a server is started and loaded, it is given (stage.py).
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

from ..installed.harness.row import Figures, Metric, Row
from .apps import asgi_app as answers
from .check import MESSAGE, frame, http_answer, websocket_echo
from .contenders import Service
from .server import Server
from .stage import Stage

REQUESTS = (
    Metric("rate", "req/s", is_spoiled=True),
    Metric("cpu", "us/req", ".cpu", higher_is_better=False),
)
MESSAGES = (replace(REQUESTS[0], unit="msg/s"), replace(REQUESTS[1], unit="us/msg"))
CONNECTIONS, IDLE, FEW = 64, 1000, 200

ASGI = Service("asgi_app:app")
FASTAPI = Service("fastapi_app:app")
WSGI = Service("wsgi_app:app", interface="wsgi")
JSON, ITEM = b'{"message":"Hello, World!"}', b'{"id":7,"name":"item 7","price":10.5}'
POSTED = bytes(1024)


def requests(stage: Stage, service: Service, expected: bytes, path: str, body: bytes | None) -> Figures:
    """One request under way on each of 64 connections, which are kept."""
    with stage.serve(service) as server:
        http_answer(server.port, service.secured, path, body, expected)
        form: dict[str, Any] = {"form": "http"} if body is None else {"form": "post", "size": len(body)}
        return stage.load(server, service.secured, connections=CONNECTIONS, path=path, **form)


def messages(stage: Stage, service: Service) -> Figures:
    """One message of 125 bytes under way on each of 64 WebSockets."""
    deflated = service.websocket == "deflate"
    with stage.serve(service) as server:
        websocket_echo(server.port, deflated)
        return stage.load(server, connections=CONNECTIONS, **message(deflated))


def message(deflated: bool) -> dict[str, Any]:
    """What the client sends, and whether it compares the echo byte by byte or takes any frame."""
    if deflated:
        return {"form": "frame", "message": frame(deflated).hex()}
    return {"form": "websocket", "size": len(MESSAGE)}


def idle_connections(stage: Stage) -> Figures:
    with stage.serve(ASGI) as server:
        http_answer(server.port, False, "/", None, answers.HELLO)
        return memory_of_idle(stage, server, {"form": "http"})


def idle_websockets(stage: Stage) -> Figures:
    """With deflate; each has echoed one message, so that what compresses is there."""
    with stage.serve(replace(ASGI, websocket="deflate")) as server:
        websocket_echo(server.port, True)
        return memory_of_idle(stage, server, message(True))


def memory_of_idle(stage: Stage, server: Server, form: dict[str, Any]) -> Figures:
    """Bytes of the server for each connection that has made one round trip and keeps quiet."""
    wanted = FEW if stage.settings.quick else IDLE
    before = server.memory()
    with stage.settled(server, connections=wanted, **form):
        return {"bytes": max(server.memory() - before, 1) / wanted}


def start(stage: Stage) -> Figures:
    """From the system call that starts the server to the end of its first answer, and its CPU time until then."""
    with stage.serve(ASGI) as server:
        http_answer(server.port, False, "/", None, answers.HELLO)
        return {"time": (time.monotonic() - server.started) * 1e3, "cpu": server.cpu() * 1e3}


def resident_memory(stage: Stage) -> Figures:
    """After a window of plaintext: what it then holds, it keeps."""
    with stage.serve(ASGI) as server:
        stage.load(server, connections=CONNECTIONS, form="http")
        return {"memory": server.memory() / 2**20}


def row(name: str, service: Service, expected: bytes, path: str = "/", body: bytes | None = None) -> Row:
    asked = partial(requests, service=service, expected=expected, path=path, body=body)
    return Row(name, REQUESTS, asked, loaded=True)


def echo(name: str, kind: str) -> Row:
    return Row(name, MESSAGES, partial(messages, service=replace(ASGI, websocket=kind)), loaded=True)


BYTES = Metric("bytes", "B", higher_is_better=False)
DATABASE = "fastapi_database"
TLS = "tls_plaintext"

ROWS: tuple[Row, ...] = (
    row("asgi_plaintext", ASGI, answers.HELLO),
    row("asgi_10k", ASGI, answers.LARGE, "/10k"),
    row("asgi_post_1k", ASGI, answers.HELLO, "/post", POSTED),
    row("asgi_stream", ASGI, answers.CHUNK * answers.CHUNKS, "/stream"),
    row("fastapi_json", FASTAPI, JSON),
    row(DATABASE, FASTAPI, ITEM, "/item"),
    row("wsgi_plaintext", WSGI, answers.HELLO),
    row(TLS, replace(ASGI, secured=True), answers.HELLO),
    echo("websocket_125", "plain"),
    echo("websocket_deflate_125", "deflate"),
    Row("idle_memory", (BYTES,), idle_connections, loaded=True),
    Row("websocket_idle_memory", (BYTES,), idle_websockets, loaded=True),
    Row(
        "start",
        (
            Metric("time", "ms", higher_is_better=False, is_spoiled=True),
            Metric("cpu", "ms", ".cpu", higher_is_better=False),
        ),
        start,
    ),
    Row("resident_memory", (Metric("memory", "MiB", higher_is_better=False),), resident_memory, loaded=True),
)
