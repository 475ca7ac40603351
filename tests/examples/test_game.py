"""examples/python/game, both versions: the rules without a network, players and spectators, hostile clients, the page,
the end.
"""

import asyncio
import contextlib
import runpy
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from programs import FOLDER
from versions import versions

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: make examples")
browser = pytest.importorskip("browser")

version = versions("game", "--seed", "7")
RULES = SimpleNamespace(**runpy.run_path(str(FOLDER / "game/world.py")))


class Seat:
    """A client of the game, and the newest state it has seen."""

    def __init__(self, connection):
        self.connection = connection
        self.state = None

    async def send(self, **message):
        await self.connection.send_json(message)

    async def next(self):
        message = await self.connection.receive_json(timeout=10)
        if message["type"] == "state":
            self.state = message
        return message

    async def until(self, condition):
        while not (self.state and condition(self.state)):
            await self.next()
        return self.state

    async def join(self, name):
        """The number of the new player, or why there is none."""
        await self.send(type="join", name=name)
        while (message := await self.next())["type"] == "state":
            pass
        return message.get("id") or message["reason"]

    async def closed(self):
        """How the server closed the connection."""
        while (message := await self.connection.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
            pass
        return message.data, message.extra


def play(version, strict, match):
    """Runs `match(sit, server)` against a server; Ctrl-C comes when it is over."""

    async def with_session(server):
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())

            async def sit(**options):
                connection = await session.ws_connect(f"{server.address}/play", **options)
                stack.push_async_callback(connection.close)
                return Seat(connection)

            await match(sit, server)

    with version.serving(strict) as server:
        asyncio.run(asyncio.wait_for(with_session(server), 40))
    assert version.has_ended(server)


def player(state, number):
    return next((each for each in state["players"] if each["id"] == number), None)


def way(at, to):
    return 0 if abs(to - at) <= 12 else (1 if to > at else -1)


def test_the_world_keeps_its_rules():
    world = RULES.World(7)
    ada = world.players[world.join(" Ada  L ")]
    assert (ada.name, len(world.coins)) == ("Ada L", RULES.COINS)
    assert all(0 <= x <= RULES.WIDTH and 0 <= y <= RULES.HEIGHT for x, y in world.coins)
    ada.x, ada.y, ada.steer = 400, 250, (1, 0)
    world.coins = [(700, 400)]
    world.step()
    assert (world.tick, ada.x, ada.y) == (1, 408, 250)
    ada.steer = (-1, 1)
    world.step()
    assert (ada.x, ada.y, ada.score) == (402, 256, 0)
    for _ in range(200):
        world.step()
    assert (ada.x, ada.y) == (RULES.PLAYER, RULES.HEIGHT - RULES.PLAYER)  # in the corner, wholly inside
    world.coins = [(ada.x + RULES.PLAYER + RULES.COIN, ada.y), (ada.x + RULES.PLAYER + RULES.COIN + 1, ada.y)]
    world.step()
    assert ada.score == 1
    assert world.coins[1] == (ada.x + RULES.PLAYER + RULES.COIN + 1, ada.y)  # not quite touched


def test_a_client_gets_the_newest_state_only():
    async def show():
        client = RULES.Client()
        client.show("a")
        seen = [await client.next()]
        for state in "bcd":
            client.show(state)
        seen.append(await client.next())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                seen.append(await client.next())
        return seen

    assert asyncio.run(show()) == ["a", "d"]


def test_players_join_move_and_leave(version, strict):
    world = RULES.World(7)
    same = world.state()["coins"]
    x, y = world.players[world.join("Ada")].x, world.players[1].y

    async def match(sit, _server):
        ada, watcher = await sit(), await sit()
        assert (await ada.until(lambda _: True))["coins"] == [list(coin) for coin in same]
        assert await ada.join("Ada") == 1
        state = await watcher.until(lambda state: player(state, 1))
        assert player(state, 1) == {"id": 1, "name": "Ada", "colour": 0, "x": x, "y": y, "score": 0}
        assert await (await sit()).join("<b>Bob</b>") == 2
        await ada.send(type="steer", x=-1, y=0)
        await watcher.until(lambda state: player(state, 1)["x"] == RULES.PLAYER)
        await ada.send(type="steer", x=1, y=1)
        await watcher.until(lambda state: player(state, 1)["x"] > RULES.PLAYER and player(state, 1)["y"] > y)
        assert player(watcher.state, 2)["name"] == "<b>Bob</b>"
        await ada.send(type="leave")
        await watcher.until(lambda state: not player(state, 1))
        assert await ada.join("Ada again") == 3
        await ada.connection.close()
        state = await watcher.until(lambda state: not player(state, 3) and len(state["players"]) == 1)
        assert state["players"][0]["id"] == 2

    play(version, strict, match)


def test_who_reaches_a_coin_scores(version):
    async def match(sit, _server):
        ada = await sit()
        number = await ada.join("Ada")
        await ada.until(lambda state: player(state, number))
        while not (me := player(ada.state, number))["score"]:
            target = min(ada.state["coins"], key=lambda coin: abs(coin[0] - me["x"]) + abs(coin[1] - me["y"]))
            await ada.send(type="steer", x=way(me["x"], target[0]), y=way(me["y"], target[1]))
            before = ada.state
            await ada.until(lambda state, before=before: state is not before)
        assert len(ada.state["coins"]) == RULES.COINS

    play(version, True, match)


def test_ticks_come_at_a_fixed_rate(version):
    """Every third is shown, none is left out for who reads, and they never run ahead of the clock."""

    async def match(sit, _server):
        watcher = await sit()
        first = (await watcher.until(lambda _: True))["tick"]
        start = time.monotonic()
        ticks = [(await watcher.next())["tick"] for _ in range(15)]
        assert ticks == [first + RULES.TICKS_PER_STATE * (index + 1) for index in range(15)]
        # Up to ten ticks may have been made up for, of those the first state was late by.
        assert time.monotonic() - start > (ticks[-1] - first - 10) * RULES.TICK

    play(version, False, match)


def test_names_and_number_of_players_are_limited(version):
    async def match(sit, _server):
        stranger = await sit()
        for name in ("", "  ", 5, None, ["x"], "a\u202eb"):
            assert await stranger.join(name) == "Please choose a name."
        assert await stranger.join("x" * 13) == "This name is too long: at most 12 characters."
        for number in range(1, RULES.MOST_PLAYERS + 1):
            assert await (await sit()).join("Ada") == number
        assert await stranger.join("Ada") == "The field is full: please try again later."
        state = await stranger.until(lambda state: len(state["players"]) == RULES.MOST_PLAYERS)
        assert {each["colour"] for each in state["players"]} == set(range(RULES.MOST_PLAYERS))

    play(version, True, match)


def test_who_does_not_keep_to_the_messages_is_put_out(version, strict):
    nonsense = ["", "{", "null", "[" * 1000, '{"type": "steer", "x": 1}', '{"type": "join", "name": "twice"}']
    nonsense += [f'{{"type": "steer", "x": {way}, "y": 0}}' for way in ("2", "0.5", "1e300", '"1"', "null", "NaN")]

    async def match(sit, server):
        watcher = await sit()
        for text in nonsense:
            bad = await sit()
            number = await bad.join("Eve")
            await watcher.until(lambda state, number=number: player(state, number))
            await bad.connection.send_str(text)
            code, reason = await bad.closed()
            assert (code, reason) in [(1008, "not JSON"), (1008, "not a message of this game")], text
            await watcher.until(lambda state: state["players"] == [])
        flooding = await sit()
        await flooding.join("Eve")
        for _ in range(3 * RULES.MOST_MESSAGES):
            await flooding.send(type="steer", x=0, y=0)
        assert await flooding.closed() == (1008, "too many messages")
        large = await sit()
        await large.connection.send_str("x" * 2000)
        assert (await large.closed())[0] == 1009
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await sit(headers={"Origin": "http://elsewhere.example"})
        await watcher.until(lambda state: state["players"] == [])

    play(version, strict, match)


def test_ctrl_c_says_goodbye(version, strict):
    async def stay(address, playing):
        async with aiohttp.ClientSession() as session:
            seats = [Seat(await session.ws_connect(f"{address}/play")) for _ in range(2)]
            await seats[0].join("Ada")
            playing.set()
            return [await seat.closed() for seat in seats]

    with ThreadPoolExecutor(1) as thread:
        with version.serving(strict) as server:
            playing = threading.Event()
            ends = thread.submit(asyncio.run, stay(server.address, playing))
            assert playing.wait(10)
        assert ends.result(10) == [version.goodbye] * 2


def test_the_page(version):
    """Joining, a refusal, playing by keyboard and by button, leaving, a server that goes away and comes back."""
    me = "now.players.find(player => player.id === me)"

    async def with_browser():
        async with browser.browsing() as chromium:
            with version.serving(True) as server:
                page = await chromium.open(server.address)
                await join(page, "a name too long")
                await page.wait_for("document.getElementById('problem').innerText.startsWith('This name is too long')")
                await page.evaluate("document.getElementById('name').value = ''")
                await join(page, "<i>Eve</i>")
                await page.wait_for(f"me !== null && now !== null && {me}")
                assert (await page.text("#scores")).split() == ["<i>Eve</i>", "0"]
                assert await page.evaluate("document.querySelectorAll('#scores span i').length") == 0
                await page.evaluate("pictured = document.getElementById('field').toDataURL()")
                await page.key("keyDown", "ArrowLeft")
                await page.wait_for(f"{me}.x === {RULES.PLAYER}")
                await page.key("keyUp", "ArrowLeft")
                await page.key("keyDown", "ArrowRight")
                await page.wait_for(f"{me}.x > 100")
                await page.key("keyUp", "ArrowRight")
                await page.wait_for("document.getElementById('field').toDataURL() !== pictured")
                await page.click("[data-key=ArrowRight]")  # pressed and let go: back to standing still
                await page.wait_for("sent === JSON.stringify({type: 'steer', x: 0, y: 0})")
                await page.click("#leave")
                await page.wait_for("me === null && now.players.length === 0")
                await join(page, "")  # the name is still in the field
                await page.wait_for("me !== null")
                assert page.errors == []
            await page.wait_for("document.getElementById('state').innerText.startsWith('no connection')")
            port = server.address.rpartition(":")[2]
            with version.serving(True, port):
                await page.wait_for("me === 1 && document.getElementById('state').innerText === 'connected'")

    asyncio.run(with_browser())


async def join(page, name):
    await page.wait_for("document.getElementById('state').className === 'on'")
    await page.click("#name")
    await page.write(name)
    await page.press("Enter")
