"""A small game for several players over WebSocket: collect the coins. Open the printed address in two browsers.

Run it:      ferrio run examples/python/game/game.py

What it teaches: the server alone decides. Clients send which way they steer and nothing else; one task moves
the world on at a fixed rate, whatever the network does, and every third tick the state goes to all. A state replaces
the one before it, so nobody needs a queue: each client has one place for the newest, and who reads slowly sees fewer
of them, as `send` returns when there is room for more.

The rules, and what is said between page and server, are in world.py. game_aiohttp.py is the same game on aiohttp, and
shows how to give the kernel less room, which has megabytes for a client that does not read.
"""

import argparse
import asyncio
import contextlib
from pathlib import Path

import ferrio.server
from world import Client, Game, World

PAGE = Path(__file__).with_name("page.html").read_bytes()
GAME = Game()
POLICY_VIOLATION = 1008  # why a WebSocket is closed


async def app(scope, receive, send) -> None:
    """Called once for each request and each WebSocket, and once for the application's own start and end."""
    match scope["type"], scope.get("path"):
        case "lifespan", _:
            await lifespan(receive, send)
        case "websocket", "/play" if from_our_page(scope):
            await play(receive, send)
        case "websocket", _:
            await send({"type": "websocket.close"})  # before it is accepted: the answer is 403
        case "http", "/":
            await answer(send, 200, b"text/html; charset=utf-8", PAGE)
        case _:
            await answer(send, 404, b"text/plain", b"There is no such page.\n")


async def lifespan(receive, send) -> None:
    await receive()  # {"type": "lifespan.startup"}
    ticking = asyncio.create_task(GAME.run())
    await send({"type": "lifespan.startup.complete"})
    await receive()  # {"type": "lifespan.shutdown"}, when everybody is out
    ticking.cancel()
    await asyncio.wait([ticking])
    await send({"type": "lifespan.shutdown.complete"})


async def play(receive, send) -> None:
    """One connection, from the handshake to the end."""
    await receive()  # {"type": "websocket.connect"}
    await send({"type": "websocket.accept"})
    client = Client()
    showing = asyncio.create_task(show(client, send))
    GAME.clients.add(client)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            reply = GAME.understand(client, message.get("text") or "")
            if reply is not None:
                await send({"type": "websocket.send", "text": reply})
    except ValueError as error:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": str(error)})
    finally:
        GAME.leave(client)
        showing.cancel()
        await asyncio.wait([showing])


async def show(client: Client, send) -> None:
    with contextlib.suppress(OSError):  # it has gone
        while True:
            await send({"type": "websocket.send", "text": await client.next()})


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
    parser = argparse.ArgumentParser(description="Collect the coins: a game for several players.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    parser.add_argument("--seed", type=int, help="a number: the same coins in every game with it")
    arguments = parser.parse_args()
    GAME.world = World(arguments.seed)
    ferrio.server.run(app, port=arguments.port, ws_max_size=1024, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
