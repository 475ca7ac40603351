"""WSGI applications (PEP 3333) for a server of ASGI: each request runs on a thread of the loop's own pool.

    loop:    WsgiCall ──run_in_executor──▶ thread: app(environ, start_response) ──▶ one block ──▶ loop: the answer
                                             └─ more of them, each: put ──▶ at most QUEUE wait ──▶ loop: a task sends

The call is native (`http/wsgi` of the crate), and so is an answer of one block, which goes out at once, with its
length, and costs one hop each way. What streams is Python code: `wsgi.input` waits for what the client sends, and a
thread whose client is slow waits for room (`_support/wsgi.py`); meanwhile another thread has its place in the pool, so
that slow clients keep nobody else waiting. When the client is gone, the next block ends the application's iterable.

`on_loop`: the application is called on the loop's own thread, one request at a time; bodies are received first. Between
two blocks of an iterable all others have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from .._ferrio import WsgiApp
from .asgi import Receive, Scope, Send
from .wsgi_input import Input, received

Environ = dict[str, Any]
WSGIApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_ALWAYS: Environ = {
    "wsgi.version": (1, 0),
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


class WSGIMiddleware(WsgiApp):
    """A WSGI application as one of ASGI 3. The server calls it for requests with a body; the others need no scope."""

    def __init__(self, app: WSGIApp, on_loop: bool = False) -> None:
        super().__init__(app, _ALWAYS | {"wsgi.multithread": not on_loop}, on_loop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"a WSGI application has no {scope['type']}")
        loop = asyncio.get_running_loop()
        environ = self.environ(scope if isinstance(scope, dict) else dict(scope))
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            if self.on_loop:
                with await received(receive) as environ["wsgi.input"]:
                    return await self.request(environ, loop, send)
            environ["wsgi.input"] = body = Input(receive, loop)
            await body.prefetch()
        await self.request(environ, loop, send)
