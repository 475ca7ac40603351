"""The ASGI application without a framework: what is left is the server.

`/` plaintext, `/10k` a body of 10 KiB, `/post` reads the body and answers as `/`, `/stream` ten chunks of 1 KiB without
a length; a WebSocket echoes. Must not know who serves it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HELLO = b"Hello, World!"
LARGE = b"0123456789abcdef" * 640
CHUNK = b"0123456789abcdef" * 64
CHUNKS = 10

PLAIN = (b"content-type", b"text/plain; charset=utf-8")
HELLO_HEADERS = [PLAIN, (b"content-length", str(len(HELLO)).encode())]
LARGE_HEADERS = [PLAIN, (b"content-length", str(len(LARGE)).encode())]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    kind = scope["type"]
    if kind == "http":
        await ANSWERS.get(scope["path"], plain)(receive, send)
    elif kind == "websocket":
        await echo(receive, send)
    else:
        await lifespan(receive, send)


async def plain(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HELLO_HEADERS})
    await send({"type": "http.response.body", "body": HELLO})


async def large(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": LARGE_HEADERS})
    await send({"type": "http.response.body", "body": LARGE})


async def post(receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await plain(receive, send)


async def stream(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN]})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("bytes") is not None:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
        else:
            await send({"type": "websocket.send", "text": message["text"]})


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


ANSWERS = {"/10k": large, "/post": post, "/stream": stream}
