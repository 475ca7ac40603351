"""The game of game.py, on aiohttp instead of ferrio's server. Open the printed address in two browsers.

Run it:      python examples/python/game/game_aiohttp.py
On ferrio:   ferrio run examples/python/game/game_aiohttp.py

What it teaches: the world is the same, and so is the task that moves it on. What the server does by itself in
game.py is done by hand here: the goodbye on Ctrl-C, and the end of a client that does not read.
"""

import argparse
import asyncio
import contextlib
from pathlib import Path
from socket import SO_SNDBUF, SOL_SOCKET, create_server

from aiohttp import WSCloseCode, WSMsgType, web
from world import Client, Game

PAGE = Path(__file__).with_name("page.html")
KERNEL_BUFFER = 8192  # bytes; beyond that, a state waits to be replaced by the next


class Connection(Client):
    """A client, and the socket by which it is connected."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self.socket = socket
        self._transport = request.transport
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
        self._transport.abort()


GAME = web.AppKey("game", Game)


async def page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


async def play(request: web.Request) -> web.StreamResponse:
    """One connection, from the handshake to the end."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden(text="This game is for its own page only.")  # not for any page a browser has open
    socket = web.WebSocketResponse(heartbeat=20, timeout=1, max_msg_size=1024)
    try:
        await socket.prepare(request)
    except ConnectionResetError:
        return web.Response()  # it has hung up already: nobody gets this
    if request.transport is None:
        return socket  # it has hung up already
    game, connection = request.app[GAME], Connection(request, socket)
    writer = asyncio.create_task(connection.write())
    game.clients.add(connection)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                reply = game.understand(connection, message.data)
                if reply is not None:
                    await socket.send_str(reply)
    except ValueError as error:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode())
    except ConnectionError:
        pass  # it left while we were answering
    finally:
        game.leave(connection)
        writer.cancel()
        await asyncio.wait([writer])
    return socket


async def ticking(app: web.Application):
    """Before `yield`: start-up. After it: the end, when everybody is out."""
    task = asyncio.create_task(app[GAME].run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def say_goodbye(app: web.Application) -> None:
    """All at once, so that one client that does not answer delays nobody else."""
    await asyncio.gather(*(connection.close() for connection in app[GAME].clients))


def make_app(seed: int | None) -> web.Application:
    app = web.Application()
    app[GAME] = Game(seed)
    app.add_routes([web.get("/", page), web.get("/play", play)])
    app.cleanup_ctx.append(ticking)
    app.on_shutdown.append(say_goodbye)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="Collect the coins: a game for several players.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    parser.add_argument("--seed", type=int, help="a number: the same coins in every game with it")
    arguments = parser.parse_args()
    port = arguments.port
    try:
        listener = create_server(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(f"cannot listen on port {port}: {error.strerror}; choose another: --port") from None
    address = "http://{}:{}".format(*listener.getsockname())
    web.run_app(
        make_app(arguments.seed),
        sock=listener,
        shutdown_timeout=1,
        print=lambda _: print(f"listening on {address}", flush=True),
        access_log=None,
    )
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
