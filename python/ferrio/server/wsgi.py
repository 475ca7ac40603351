"""WSGI applications (PEP 3333) for a server of ASGI: each request runs on a thread of the loop's own pool.

    loop:    __call__ ──run_in_executor──▶ thread: app(environ, start_response), each block ──▶ put
             send ◀───────── at most QUEUE messages ─────────────────────────────────────────────┘

Bodies are streamed both ways: `wsgi.input` waits for what the client sends, and a thread whose client is slow waits for
room. An answer of one block goes out at once, with its length. When the client is gone, the next block ends the
application's iterable.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from .asgi import Message, Receive, Scope, Send
from .wsgi_input import Input

QUEUE = 16
"""Messages of one answer that may wait for the client."""

Environ = dict[str, Any]
WSGIApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class WSGIMiddleware:
    """A WSGI application as one of ASGI 3."""

    def __init__(self, app: WSGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"a WSGI application has no {scope['type']}")
        await Exchange(self.app, scope, receive, send).run()


class Gone(ConnectionError):
    """The client has closed the connection."""


class Exchange:
    """One request and its answer. Methods without `async` are the thread's."""

    def __init__(self, app: WSGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._send = app, send
        self._loop = asyncio.get_running_loop()
        self._input = Input(receive, self._loop, has_body(scope))
        self._environ = environ_of(scope, self._input)
        self._out: deque[Message] = deque()
        self._room = threading.Semaphore(QUEUE)
        self._news = asyncio.Event()
        self._gone = False
        self._head: Message | None = None
        self._head_sent = False

    async def run(self) -> None:
        """Until the application has ended, or the client has gone."""
        await self._input.prefetch()
        context = contextvars.copy_context()
        thread = self._loop.run_in_executor(None, context.run, self._work)
        thread.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                while self._out:
                    await self._send(self._out.popleft())
                    self._room.release()
                if thread.done():
                    break
                self._news.clear()
                await self._news.wait()
        except BaseException:
            self._gone = True
            self._room.release()
            thread.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody asks any more
            raise
        thread.result()

    def _work(self) -> None:
        blocks = self._app(self._environ, self._start_response)
        try:
            if isinstance(blocks, (list, tuple)) and len(blocks) == 1 and not self._head_sent:
                self._whole(blocks[0])
                return
            for block in blocks:
                if block:
                    self._write(block)
            self._finish()
        except Gone:
            return
        finally:
            if (close := getattr(blocks, "close", None)) is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        try:
            if exc_info and self._head_sent:
                raise exc_info[1].with_traceback(exc_info[2])
            assert exc_info or self._head is None, "start_response() was called twice without exc_info"
        finally:
            exc_info = None  # which refers to this frame
        self._head = {
            "type": "http.response.start",
            "status": int(status[:3]),
            "headers": [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers],
        }
        return self._write

    def _write(self, block: bytes) -> None:
        self._begin()
        self._put({"type": "http.response.body", "body": block, "more_body": True})

    def _whole(self, block: bytes) -> None:
        """An answer of one block; its end wakes the loop."""
        assert self._head is not None, "the application did not call start_response()"
        headers, status = self._head["headers"], self._head["status"]
        if status >= 200 and status not in (204, 304) and b"content-length" not in dict(headers):
            headers.append((b"content-length", b"%d" % len(block)))
        self._out.append(self._head)
        self._out.append({"type": "http.response.body", "body": block, "more_body": False})

    def _finish(self) -> None:
        self._begin()
        self._put({"type": "http.response.body", "body": b"", "more_body": False})

    def _begin(self) -> None:
        """Send the head, once the first block or the end says that it stands."""
        if not self._head_sent:
            assert self._head is not None, "the application did not call start_response()"
            self._head_sent = True
            self._put(self._head)

    def _put(self, message: Message) -> None:
        self._room.acquire()
        if self._gone:
            self._room.release()
            raise Gone("the client has closed the connection")
        self._out.append(message)
        self._loop.call_soon_threadsafe(self._news.set)


def has_body(scope: Scope) -> bool:
    """Whether the client announced a body."""
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def environ_of(scope: Scope, body: Input) -> Environ:
    """The request as WSGI has it: texts whose characters are bytes."""
    root = scope.get("root_path", "").encode().decode("latin1")
    path = _path(scope)
    host, port = scope.get("server") or ("localhost", 80)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root,
        "PATH_INFO": path[len(root) :] if path.startswith(root) else path,
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(80 if port is None else port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if client := scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = str(client[0]), str(client[1])
    for name, value in scope["headers"]:
        if b"_" not in name:  # or it would pass for a header that a proxy sets
            _add(environ, name.decode("latin1").upper().replace("-", "_"), value.decode("latin1"))
    return environ


def _add(environ: Environ, name: str, value: str) -> None:
    key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
    if key in environ:
        value = f"{environ[key]}{'; ' if name == 'COOKIE' else ','}{value}"
    environ[key] = value


def _path(scope: Scope) -> str:
    """The path without its escapes, byte for byte; the decoded one has lost bytes that are no UTF-8."""
    raw = scope.get("raw_path")
    return (unquote_to_bytes(raw) if raw else scope["path"].encode()).decode("latin1")
