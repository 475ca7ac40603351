"""WSGI applications (PEP 3333) for a server of ASGI: each request runs on a thread of the loop's own pool.

    loop:    __call__ ──run_in_executor──▶ thread: app(environ, start_response) ──▶ one block ──▶ loop: send, send
                                             └─ more of them, each: put ──▶ at most QUEUE wait ──▶ loop: a task sends

An answer of one block goes out at once, with its length, and costs one hop each way. Bodies are streamed both ways:
`wsgi.input` waits for what the client sends, and a thread whose client is slow waits for room; meanwhile another thread
has its place in the pool, so that slow clients keep nobody else waiting. When the client is gone, the next block ends
the application's iterable.
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

from .._ferrio import _environ
from ..threads import lent
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
        await Exchange(self.app, send).run(environ_of(scope), receive)


class Gone(ConnectionError):
    """The client has closed the connection."""


class Exchange:
    """One request and its answer. Methods without `async` are the thread's."""

    def __init__(self, app: WSGIApp, send: Send) -> None:
        self._app, self._send = app, send
        self._head: Message | None = None
        self._whole: bytes | None = None  # the only block there is
        self._stream: Stream | None = None
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop

    async def run(self, environ: Environ, receive: Receive) -> None:
        """Until the application has ended, and what it answered was sent."""
        loop = self._loop = asyncio.get_running_loop()
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = body = Input(receive, loop)
            await body.prefetch()
        else:
            environ["wsgi.input"] = BytesIO()
        context = contextvars.copy_context()
        thread = loop.run_in_executor(None, lambda: context.run(self._work, environ))
        try:
            await thread
        except asyncio.CancelledError:
            self._cancelled = True
            if self._stream is not None:
                self._stream.give_up()
            raise
        finally:
            if self._stream is not None and not self._cancelled:
                await self._stream.end()
        if self._whole is not None and self._head is not None:
            await self._send(self._head)
            await self._send({"type": "http.response.body", "body": self._whole})

    def _work(self, environ: Environ) -> None:
        blocks = self._app(environ, self._start_response)
        try:
            if isinstance(blocks, (list, tuple)) and len(blocks) == 1 and self._stream is None:
                self._take_whole(blocks[0])
                return
            for block in blocks:
                if block:
                    self._write(block)
            self._begun().put({"type": "http.response.body", "body": b"", "more_body": False})
        except Gone:
            return
        finally:
            if (close := getattr(blocks, "close", None)) is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        try:
            if exc_info and self._stream is not None:
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
        self._begun().put({"type": "http.response.body", "body": block, "more_body": True})

    def _take_whole(self, block: bytes) -> None:
        assert self._head is not None, "the application did not call start_response()"
        headers, status = self._head["headers"], self._head["status"]
        if status >= 200 and status not in (204, 304) and b"content-length" not in dict(headers):
            headers.append((b"content-length", b"%d" % len(block)))
        self._whole = block

    def _begun(self) -> Stream:
        """The stream of the answer, with its head: the first block or the end says that it stands."""
        if self._stream is None:
            assert self._head is not None, "the application did not call start_response()"
            self._stream = Stream(self._loop, self._send)
            self._loop.call_soon_threadsafe(self._start)
            self._stream.put(self._head)
        return self._stream

    def _start(self) -> None:
        """On the loop: what was begun is sent, unless the request was cancelled meanwhile."""
        assert self._stream is not None
        if self._cancelled:
            self._stream.give_up()
        else:
            self._stream.start()


class Stream:
    """An answer on its way from the thread that makes it, which calls `put`, to the client. All else is the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self._loop, self._send = loop, send
        self._out: deque[Message] = deque()
        self._room = threading.Semaphore(QUEUE)
        self._news = asyncio.Event()
        self._gone = self._ended = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send what is put."""
        self._task = self._loop.create_task(self._send_all())

    def put(self, message: Message) -> None:
        """Wait for room, and have it sent."""
        if not self._room.acquire(blocking=False):
            with lent(self._loop):
                self._room.acquire()
        if self._gone:
            self._room.release()
            raise Gone("the client has closed the connection")
        self._out.append(message)
        self._loop.call_soon_threadsafe(self._news.set)

    async def end(self) -> None:
        """Wait until all was sent; raises what sending raised. The thread has ended: it puts no more."""
        self._ended = True
        self._news.set()
        if self._task is not None:
            await self._task

    def give_up(self) -> None:
        """Send no more, and let the thread know when it puts the next."""
        self._gone = True
        self._room.release()
        if self._task is not None:
            self._task.cancel()
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())  # which nobody asks for

    async def _send_all(self) -> None:
        try:
            while True:
                while self._out:
                    await self._send(self._out.popleft())
                    self._room.release()
                if self._ended:
                    return
                self._news.clear()
                await self._news.wait()
        except BaseException:
            self._gone = True
            self._room.release()
            raise


def environ_of(scope: Scope) -> Environ:
    """The request as WSGI has it: texts whose characters are bytes. Its body is not there yet."""
    environ = _environ(scope if isinstance(scope, dict) else dict(scope), _ALWAYS, _KEYS)
    environ["wsgi.errors"] = sys.stderr
    return environ


_ALWAYS: Environ = {
    "wsgi.version": (1, 0),
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_KEYS: dict[bytes, str] = {}
"""What the environment calls headers that came before."""
