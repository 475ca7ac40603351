"""A small game for several players over WebSocket: collect the coins. Open the printed address in two browsers.

Run it:      python examples/python/game/game.py
On ferrio:   ferrio run examples/python/game/game.py

What it teaches: the server alone decides. Clients send which way they steer and nothing else; one task moves
the world on at a fixed rate, whatever the network does, and every third tick the state goes to all. A state replaces
the one before it, so nobody needs a queue: each client has one place for the newest, and who reads slowly sees fewer
of them. `World` knows nothing of networks or time, and so can be tested by itself.

The client sends {"type": "join", "name": ...}, {"type": "steer", "x": -1, 0 or 1, "y": likewise}, {"type": "leave"}.
Anything else, or too much of it, closes its connection. The server sends `welcome`, `refused` and `state`.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from socket import SO_SNDBUF, SOL_SOCKET
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

PAGE = Path(__file__).with_name("page.html")
TICK = 1 / 30  # seconds
TICKS_PER_STATE = 3
KERNEL_BUFFER = 8192  # bytes; beyond that, a state waits to be replaced by the next
WIDTH, HEIGHT = 800, 500
PLAYER, COIN = 16, 9  # radii
STEP, DIAGONAL = 8, 6  # the way in one tick; whole numbers, so that every game with the same seed is the same
COINS = 6
MOST_PLAYERS = 12
LONGEST_NAME = 12
MOST_MESSAGES = 60  # in one second, from one client: more than anybody's fingers make

# --------------------------------------------------------------------------------------------------- the rules


@dataclass
class Player:
    name: str
    colour: int
    x: int
    y: int
    score: int = 0
    steer: tuple[int, int] = (0, 0)


class World:
    """The field with its players and coins. Invariant: everything is wholly inside."""

    def __init__(self, seed: int | None) -> None:
        self.tick = 0
        self.players: dict[int, Player] = {}
        self._random = random.Random(seed)
        self._next_player = 1
        self.coins = [self._place(COIN) for _ in range(COINS)]

    def join(self, name: object) -> int:
        """Returns the number of the new player. Raises ValueError with a reason that the user can act on."""
        if not isinstance(name, str) or not (name := " ".join(name.split())) or not name.isprintable():
            raise ValueError("Please choose a name.")
        if len(name) > LONGEST_NAME:
            raise ValueError(f"This name is too long: at most {LONGEST_NAME} characters.")
        if len(self.players) >= MOST_PLAYERS:
            raise ValueError("The field is full: please try again later.")
        number, self._next_player = self._next_player, self._next_player + 1
        taken = {player.colour for player in self.players.values()}
        colour = next(colour for colour in range(MOST_PLAYERS) if colour not in taken)
        self.players[number] = Player(name, colour, *self._place(PLAYER))
        return number

    def step(self) -> None:
        """One tick: all move, then take what they touch; who has been here longer goes first."""
        self.tick += 1
        for player in self.players.values():
            x, y = player.steer
            way = DIAGONAL if x and y else STEP
            player.x = min(max(player.x + x * way, PLAYER), WIDTH - PLAYER)
            player.y = min(max(player.y + y * way, PLAYER), HEIGHT - PLAYER)
            for index, (coin_x, coin_y) in enumerate(self.coins):
                if (player.x - coin_x) ** 2 + (player.y - coin_y) ** 2 <= (PLAYER + COIN) ** 2:
                    player.score += 1
                    self.coins[index] = self._place(COIN)

    def state(self) -> dict:
        players = [
            {"id": number, "name": each.name, "colour": each.colour, "x": each.x, "y": each.y, "score": each.score}
            for number, each in self.players.items()
        ]
        return {"type": "state", "tick": self.tick, "players": players, "coins": self.coins}

    def _place(self, radius: int) -> tuple[int, int]:
        return self._random.randint(radius, WIDTH - radius), self._random.randint(radius, HEIGHT - radius)


# ------------------------------------------------------------------------------------------------- the network


class Client:
    """One connection: somebody who watches, and plays once `player` is set."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.player: int | None = None
        self._transport = request.transport
        # The kernel would keep megabytes for a client that does not read, all of it old.
        request.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER)
        self._state = ""
        self._fresh = asyncio.Event()
        self._second, self._messages = 0, 0

    def show(self, state: str) -> None:
        """Never waits: a state that has not been sent yet is replaced."""
        self._state = state
        self._fresh.set()

    async def write(self) -> None:
        with contextlib.suppress(ConnectionError):  # the reading side sees the end too, and cleans up
            while await self._fresh.wait():
                self._fresh.clear()
                await self.socket.send_str(self._state)

    def floods(self) -> bool:
        second = int(asyncio.get_running_loop().time())
        self._messages = self._messages + 1 if second == self._second else 1
        self._second = second
        return self._messages > MOST_MESSAGES

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):  # a client that does not read does not answer either
            async with asyncio.timeout(1):
                await self.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")
        self._transport.abort()


class Game:
    """The world, those connected to it, and the task that moves it on."""

    def __init__(self, seed: int | None) -> None:
        self.world = World(seed)
        self.clients: set[Client] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # From the time this tick was due, not from now: lateness must not add up.
            due = max(due + TICK, loop.time() - 10 * TICK)  # after a long halt, do not rush through all of it
            await asyncio.sleep(due - loop.time())
            self.world.step()
            if self.world.tick % TICKS_PER_STATE == 0:
                state = json.dumps(self.world.state())  # once for all
                for client in self.clients:
                    client.show(state)

    async def understand(self, client: Client, text: str) -> None:
        """Raises ValueError where a client sends what no page of ours would."""
        if client.floods():
            raise ValueError("too many messages")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        match message:
            case {"type": "join", "name": name} if client.player is None:
                try:
                    client.player = self.world.join(name)
                except ValueError as refusal:
                    await client.socket.send_json({"type": "refused", "reason": str(refusal)})
                else:
                    await client.socket.send_json({"type": "welcome", "id": client.player})
            case {"type": "steer", "x": -1 | 0 | 1 as x, "y": -1 | 0 | 1 as y} if client.player is not None:
                self.world.players[client.player].steer = int(x), int(y)
            case {"type": "leave"} if client.player is not None:
                self.leave(client)
            case _:
                raise ValueError("not a message of this game")

    def leave(self, client: Client) -> None:
        if client.player is not None:
            del self.world.players[client.player]
            client.player = None


GAME = web.AppKey("game", Game)


async def page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


async def play(request: web.Request) -> web.StreamResponse:
    """One connection, from the handshake to the end."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="This game is for its own page only.")  # not for any page a browser has open
    socket = web.WebSocketResponse(heartbeat=20, timeout=1, max_msg_size=1024)
    try:
        await socket.prepare(request)
    except ConnectionResetError:
        return web.Response()  # it has hung up already: nobody gets this
    if request.transport is None:
        return socket  # it has hung up already
    game, client = request.app[GAME], Client(request, socket)
    writer = asyncio.create_task(client.write())
    game.clients.add(client)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await game.understand(client, message.data)
    except ValueError as error:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode())
    except ConnectionError:
        pass  # it left while we were answering
    finally:
        game.clients.discard(client)
        game.leave(client)
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
    await asyncio.gather(*(client.close() for client in app[GAME].clients))


def make_app(seed: int | None) -> web.Application:
    app = web.Application()
    app[GAME] = Game(seed)
    app.add_routes([web.get("/", page), web.get("/play", play)])
    app.cleanup_ctx.append(ticking)
    app.on_shutdown.append(say_goodbye)
    return app


async def serve(port: int, seed: int | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(seed), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, port = runner.addresses[0]
        print(f"listening on http://{host}:{port}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()
    print("stopped", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Collect the coins: a game for several players.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    parser.add_argument("--seed", type=int, help="a number: the same coins in every game with it")
    arguments = parser.parse_args()
    port = arguments.port
    try:
        asyncio.run(serve(port, arguments.seed))
    except OSError as error:
        raise SystemExit(f"cannot listen on port {port}: {error.strerror}; choose another: --port") from None


if __name__ == "__main__":
    main()
