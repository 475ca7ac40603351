"""The chat of chat.py, on aiohttp instead of ferrio's server. Open the printed address in two browser tabs.

Run it:      python examples/python/chat/chat_aiohttp.py
On ferrio:   ferrio run examples/python/chat/chat_aiohttp.py

What it teaches: the room is the same, and so are the two tasks per connection. What the server does by itself in
chat.py is done by hand here: the goodbye on Ctrl-C, and the end of a client that does not read.
"""

import argparse
import asyncio
import contextlib
from pathlib import Path
from socket import SO_SNDBUF, SOL_SOCKET, create_server

from aiohttp import WSCloseCode, WSMsgType, web
from room import Member, Room

PAGE = Path(__file__).with_name("page.html")
KERNEL_BUFFER = 32768  # bytes; beyond that, messages wait in our queue


class Connection(Member):
    """A member, and the socket by which it is connected."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(put_out=request.transport.abort)
        self.socket = socket
        # The kernel would keep megabytes for a client that does not read, all of it old.
        request.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER)

    async def write(self) -> None:
        with contextlib.suppress(ConnectionError):  # the reading side sees the end too, and cleans up
            while True:
                await self.socket.send_str(await self.next())

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):  # a client that does not read does not answer either
            async with asyncio.timeout(1):
                await self.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")
        self.put_out()


ROOM = web.AppKey("room", Room)
CONNECTED = web.AppKey("connected", set[Connection])  # those who have not joined yet too


async def page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


async def chat(request: web.Request) -> web.StreamResponse:
    """One connection, from the handshake to the end."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden(text="This chat is for its own page only.")  # not for any page a browser has open
    socket = web.WebSocketResponse(heartbeat=20, timeout=1, max_msg_size=8192)
    try:
        await socket.prepare(request)
    except ConnectionResetError:
        return web.Response()  # it has hung up already: nobody gets this
    if request.transport is None:
        return socket  # it has hung up already
    connected, room = request.app[CONNECTED], request.app[ROOM]
    connection = Connection(request, socket)
    writer = asyncio.create_task(connection.write())
    connected.add(connection)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                room.understand(connection, message.data)
                await asyncio.sleep(0)  # messages may lie in wait: the writers get their turn between them
    finally:
        connected.discard(connection)
        room.leave(connection)
        writer.cancel()
        await asyncio.wait([writer])
    return socket


async def say_goodbye(app: web.Application) -> None:
    await asyncio.gather(*(connection.close() for connection in app[CONNECTED]))


def make_app() -> web.Application:
    app = web.Application()
    app[ROOM], app[CONNECTED] = Room(), set()
    app.add_routes([web.get("/", page), web.get("/chat", chat)])
    app.on_shutdown.append(say_goodbye)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat over WebSocket.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    port = parser.parse_args().port
    try:
        listener = create_server(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(f"cannot listen on port {port}: {error.strerror}; choose another: --port") from None
    address = "http://{}:{}".format(*listener.getsockname())
    web.run_app(
        make_app(),
        sock=listener,
        shutdown_timeout=2,
        print=lambda _: print(f"listening on {address}", flush=True),
        access_log=None,
    )
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
