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
from io import BytesIO
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
        self._environ = environ_of(scope)
        has_body = self._environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in self._environ
        self._input = Input(receive, self._loop) if has_body else None
        self._environ["wsgi.input"] = self._input or BytesIO()
        self._out: deque[Message] = deque()
        self._room: threading.Semaphore | None = None  # where more than one message is sent
        self._news = asyncio.Event()
        self._gone = False
        self._head: Message | None = None
        self._head_sent = False

    async def run(self) -> None:
        """Until the application has ended, or the client has gone."""
        if self._input is not None:
            await self._input.prefetch()
        context = contextvars.copy_context()
        thread = self._loop.run_in_executor(None, context.run, self._work)
        thread.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                while self._out:
                    await self._send(self._out.popleft())
                    self._release()
                if thread.done():
                    break
                self._news.clear()
                await self._news.wait()
        except BaseException:
            self._gone = True
            self._release()
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
            self._room = threading.Semaphore(QUEUE)
            self._put(self._head)

    def _release(self) -> None:
        if self._room is not None:
            self._room.release()

    def _put(self, message: Message) -> None:
        assert self._room is not None
        self._room.acquire()
        if self._gone:
            self._room.release()
            raise Gone("the client has closed the connection")
        self._out.append(message)
        self._loop.call_soon_threadsafe(self._news.set)


def environ_of(scope: Scope) -> Environ:
    """The request as WSGI has it: texts whose characters are bytes. Its body is not there yet."""
    root = scope.get("root_path", "").encode().decode("latin1")
    path = _path(scope)
    host, port = scope.get("server") or ("localhost", 80)
    environ: Environ = {
        **_ALWAYS,
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root,
        "PATH_INFO": path.removeprefix(root),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(host),
        "SERVER_PORT": "80" if port is None else str(port),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.errors": sys.stderr,
    }
    if client := scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = str(client[0]), str(client[1])
    for name, value in scope["headers"]:
        key = _KEYS.get(name) or _key(name)
        if key:
            text = value.decode("latin1")
            if key in environ:
                text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
            environ[key] = text
    return environ


_ALWAYS: Environ = {
    "wsgi.version": (1, 0),
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_KEYS: dict[bytes, str] = {}
"""Of headers that came before, as many as a program may meet; a client cannot fill the memory with them."""


def _key(name: bytes) -> str:
    """A header's name in the environment; nothing for one with `_`, which would pass for one that a proxy sets."""
    if b"_" in name:
        return ""
    key = name.decode("latin1").upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    if len(_KEYS) < 512:
        _KEYS[name] = key
    return key


def _path(scope: Scope) -> str:
    """The path without its escapes, byte for byte; the decoded one has lost bytes that are no UTF-8."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin1")
