"""A WebSocket from its client's side, with a server that the program starts itself.

What it teaches: sending and receiving are apart, so that one side may do both at once; messages keep their order and
their kind; a server may refuse, by a status; and closing is a message, too, with a code that says why. Needs aiohttp.

    python examples/python/websocket_client.py
    ferrio run examples/python/websocket_client.py
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

WORDS = ("one", "two", "three")


async def main() -> None:
    async with local_server() as base, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{base}/echo") as socket, asyncio.TaskGroup() as group:
            group.create_task(send(socket))  # one task sends while this one receives
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    print("received:", message.data)
                else:
                    print("received:", len(message.data), "bytes")
            print("closed:", socket.close_code)

        try:
            await session.ws_connect(f"{base}/members")
        except aiohttp.WSServerHandshakeError as error:
            print("refused:", error.status)


async def send(socket: aiohttp.ClientWebSocketResponse) -> None:
    for word in WORDS:
        await socket.send_str(word)
    await socket.send_bytes(b"\1\2\3")
    await socket.send_str("bye")


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Sends everything back until it is told to stop."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data == "bye":
            await socket.close(message=b"as you wish")
        else:
            await socket.send_str(f"echo of {message.data}")
    return socket


async def members(request: web.Request) -> web.Response:
    raise web.HTTPForbidden


@contextlib.asynccontextmanager
async def local_server() -> AsyncIterator[str]:
    """A server on loopback for the time of the block; the value is its URL."""
    application = web.Application()
    application.router.add_get("/echo", echo)
    application.router.add_get("/members", members)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()  # port 0: any free one
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
