"""A chat over WebSocket: join, leave, talk to all, see who is here. Open the printed address in two browser tabs.

Run it:      ferrio run examples/python/chat/chat.py
Or:          ferrio serve --app-dir examples/python/chat chat:app --reload

What it teaches: a WebSocket in ASGI is a `receive` and a `send`, both with dictionaries. One task per connection
reads, another writes from a queue of bounded length. Saying something to all is then a matter of filling queues: it
never waits, and a client that does not read its messages fills the kernel's buffers, then its own queue, and is put
out, while the others notice nothing.

The server sees to the rest: it answers pings, refuses messages that are too large, and says goodbye on Ctrl-C. The
rules are in room.py. chat_aiohttp.py is the same chat on aiohttp, with less room in the kernel. The page escapes what
people write, not the server.
"""

import argparse
import asyncio
import contextlib
from pathlib import Path

import ferrio.server
from room import Member, Room

PAGE = Path(__file__).with_name("page.html").read_bytes()
ROOM = Room()


async def app(scope, receive, send) -> None:
    """Called once for each request and each WebSocket."""
    match scope["type"], scope.get("path"):
        case "lifespan", _:
            raise NotImplementedError("nothing is to be started or ended")  # in ASGI, that is how to say so
        case "websocket", "/chat" if from_our_page(scope):
            await chat(receive, send)
        case "websocket", _:
            await send({"type": "websocket.close"})  # before it is accepted: the answer is 403
        case "http", "/":
            await answer(send, 200, b"text/html; charset=utf-8", PAGE)
        case _:
            await answer(send, 404, b"text/plain", b"There is no such page.\n")


async def chat(receive, send) -> None:
    """One connection, from the handshake to the end."""
    await receive()  # {"type": "websocket.connect"}
    await send({"type": "websocket.accept"})
    member = Member(put_out=lambda: writing.cancel())
    writing = asyncio.create_task(write(member, send))
    reading = asyncio.create_task(read(member, receive))
    try:
        await asyncio.wait([reading, writing], return_when=asyncio.FIRST_COMPLETED)
    finally:  # the connection ends when this function does
        ROOM.leave(member)
        reading.cancel()
        writing.cancel()
        await asyncio.wait([reading, writing])


async def read(member: Member, receive) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        ROOM.understand(member, message.get("text") or "")
        await asyncio.sleep(0)  # messages may lie in wait: the writers get their turn between them


async def write(member: Member, send) -> None:
    with contextlib.suppress(OSError):  # the client has gone
        while True:
            await send({"type": "websocket.send", "text": await member.next()})


def from_our_page(scope) -> bool:
    """Any page that a browser has open could connect: browsers say which it is, and only ours may."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    return origin is None or origin.partition(b"://")[2] == headers.get(b"host")


async def answer(send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat over WebSocket.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    port = parser.parse_args().port
    ferrio.server.run(app, port=port, lifespan="off", ws_max_size=8192, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
