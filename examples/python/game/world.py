"""The game without its network: the rules, who plays, and the task that moves the world on at a fixed rate.

Knows nothing of sockets: game.py serves it by ferrio's server, game_aiohttp.py by aiohttp. `World` knows nothing of
time either, and so can be tested by itself.

The client sends {"type": "join", "name": ...}, {"type": "steer", "x": -1, 0 or 1, "y": likewise}, {"type": "leave"}.
Anything else, or too much of it, closes its connection. It is sent `welcome`, `refused` and `state`.
"""

import asyncio
import json
import random
from dataclasses import dataclass

TICK = 1 / 30  # seconds
TICKS_PER_STATE = 3
WIDTH, HEIGHT = 800, 500
PLAYER, COIN = 16, 9  # radii
STEP, DIAGONAL = 8, 6  # the way in one tick; whole numbers, so that every game with the same seed is the same
COINS = 6
MOST_PLAYERS = 12
LONGEST_NAME = 12
MOST_MESSAGES = 60  # in one second, from one client: more than anybody's fingers make


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


class Client:
    """Somebody who watches, and plays once `player` is set. There is one place for the newest state."""

    def __init__(self) -> None:
        self.player: int | None = None
        self._state = ""
        self._fresh = asyncio.Event()
        self._second, self._messages = 0, 0

    def show(self, state: str) -> None:
        """Never waits: a state that has not been sent yet is replaced."""
        self._state = state
        self._fresh.set()

    async def next(self) -> str:
        await self._fresh.wait()
        self._fresh.clear()
        return self._state

    def floods(self) -> bool:
        second = int(asyncio.get_running_loop().time())
        self._messages = self._messages + 1 if second == self._second else 1
        self._second = second
        return self._messages > MOST_MESSAGES


class Game:
    """The world, those who look at it, and the task that moves it on."""

    def __init__(self, seed: int | None = None) -> None:
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

    def understand(self, client: Client, text: str) -> str | None:
        """Returns the answer, if there is one. Raises ValueError where a client sends what no page of ours would."""
        if client.floods():
            raise ValueError("too many messages")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        match message:
            case {"type": "join", "name": name} if client.player is None:
                return json.dumps(self._join(client, name))
            case {"type": "steer", "x": -1 | 0 | 1 as x, "y": -1 | 0 | 1 as y} if client.player is not None:
                self.world.players[client.player].steer = int(x), int(y)
            case {"type": "leave"} if client.player is not None:
                self._stop_playing(client)
            case _:
                raise ValueError("not a message of this game")
        return None

    def leave(self, client: Client) -> None:
        """The client has gone, and its player with it."""
        self.clients.discard(client)
        self._stop_playing(client)

    def _join(self, client: Client, name: object) -> dict:
        try:
            client.player = self.world.join(name)
        except ValueError as refusal:
            return {"type": "refused", "reason": str(refusal)}
        return {"type": "welcome", "id": client.player}

    def _stop_playing(self, client: Client) -> None:
        if client.player is not None:
            del self.world.players[client.player]
            client.player = None
