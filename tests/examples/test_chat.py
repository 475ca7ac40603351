"""examples/python/chat, both versions: joining, talking, leaving, refusals, slow and hostile clients, the page, the
end.
"""

import asyncio
import contextlib
import json
import runpy
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from programs import FOLDER
from versions import versions

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: make examples")
browser = pytest.importorskip("browser")

version = versions("chat")


class Person:
    """A client that has joined under a name."""

    def __init__(self, connection):
        self.connection = connection

    async def say(self, text):
        await self.connection.send_json({"type": "say", "text": text})

    async def hear(self):
        return await self.connection.receive_json(timeout=10)

    async def hear_all(self, count):
        return [await self.hear() for _ in range(count)]


def talk(version, strict, conversation):
    """Runs `conversation(connect, server)` against a server; Ctrl-C comes when it is over."""

    async def with_session(server):
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())

            async def connect(name=None, **options):
                connection = await session.ws_connect(f"{server.address}/chat", **options)
                stack.push_async_callback(connection.close)
                person = Person(connection)
                if name is not None:
                    await connection.send_json({"type": "join", "name": name})
                    assert (await person.hear())["type"] == "welcome"
                return person

            await conversation(connect, server)

    with version.serving(strict) as server:
        asyncio.run(asyncio.wait_for(with_session(server), 40))
    assert version.has_ended(server)


def test_people_join_talk_and_leave(version, strict):
    async def conversation(connect, _server):
        ada = await connect()
        await ada.connection.send_json({"type": "join", "name": "  Ada  L "})
        assert await ada.hear() == {"type": "welcome", "name": "Ada L", "users": ["Ada L"]}
        bob = await connect("bob")
        assert await ada.hear() == {"type": "joined", "name": "bob", "users": ["Ada L", "bob"]}
        await bob.say(" <b>hello</b> ü ")
        said = {"type": "said", "name": "bob", "text": "<b>hello</b> ü"}
        assert [await ada.hear(), await bob.hear()] == [said, said]
        await bob.connection.close()
        assert await ada.hear() == {"type": "left", "name": "bob", "users": ["Ada L"]}
        await connect("Bob")  # the name is free again
        assert (await ada.hear())["users"] == ["Ada L", "Bob"]

    talk(version, strict, conversation)


def test_bad_names_and_messages_are_refused_with_a_reason(version):
    names = [
        ("", "Please choose a name."),
        ("   ", "Please choose a name."),
        (7, "Please choose a name."),
        (None, "Please choose a name."),
        ("x" * 21, "This name is too long: at most 20 characters."),
        ("a\u202eb", "This name has characters that cannot be shown."),
        ("ADA", "This name is taken: please choose another."),
    ]
    nonsense = ["", "{", "[]", "null", "1" * 5000, "[" * 8000, '{"type": "say"}', '{"type": "join", "name": "again"}']

    async def conversation(connect, _server):
        ada, stranger = await connect("Ada"), await connect()
        for name, reason in names:
            await stranger.connection.send_json({"type": "join", "name": name})
            assert await stranger.hear() == {"type": "refused", "reason": reason}
        await stranger.say("I have not joined")
        assert await stranger.hear() == {"type": "refused", "reason": "This message makes no sense here."}
        if version.native:  # the other says nothing to what is no text
            await stranger.connection.send_bytes(b"\xff")
            assert await stranger.hear() == {"type": "refused", "reason": "This message makes no sense here."}
        for text in nonsense:
            await ada.connection.send_str(text)
            assert await ada.hear() == {"type": "refused", "reason": "This message makes no sense here."}
        bob = await connect("bob")
        await bob.say("x" * 501)
        assert (await bob.hear())["reason"] == "This message is too long: at most 500 characters."
        await bob.say(" ")
        assert (await bob.hear())["reason"] == "There is nothing to say in this message."
        await bob.say("x" * 500)
        assert (await ada.hear())["name"] == "bob"
        assert (await ada.hear())["text"] == "x" * 500  # none of the rest came to Ada

    talk(version, True, conversation)


def test_haste_is_refused_and_too_long_a_frame_ends_the_connection(version):
    async def conversation(connect, _server):
        ada, hasty = await connect("Ada"), await connect("hasty")
        for number in range(30):
            await hasty.say(str(number))
        heard = await hasty.hear_all(30)
        assert [each["type"] for each in heard] == ["said"] * 9 + ["refused"] * 21  # joining was the first of ten
        assert [each["type"] for each in await ada.hear_all(10)] == ["joined"] + ["said"] * 9
        await hasty.connection.send_str("x" * 10_000)
        assert (await hasty.connection.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        assert hasty.connection.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        assert (await ada.hear())["type"] == "left"

    talk(version, True, conversation)


def test_only_the_servers_own_page_may_connect(version):
    async def conversation(connect, server):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connect(headers={"Origin": "http://elsewhere.example"})
        assert refused.value.status == 403
        await connect("Ada", headers={"Origin": server.address})

    talk(version, True, conversation)


def test_who_does_not_read_is_put_out_and_delays_nobody(version, strict):
    async def conversation(connect, server):
        with deaf_client(server.address) as deaf:
            listener = await connect("listener")
            assert "deaf" in (await listener_list(listener, connect))
            speakers = [await connect(f"speaker {number}") for number in range(30)]
            gone = False
            for _ in range(9):
                await asyncio.gather(*(speaker.say("\u2603" * 500) for speaker in speakers))
                left = await asyncio.gather(*(hear_said(person, 30) for person in (listener, *speakers)))
                gone = gone or "deaf" in left[0]
            if not version.native:  # there, the kernel keeps all this for it
                assert gone  # and the others heard all
                assert len(rest_of(deaf)) < 9 * 30 * 500  # much of it was never sent

    talk(version, strict, conversation)


def test_a_full_queue_ends_the_connection(monkeypatch):
    """On ferrio's server: `send` does not return while there is no room for more, and the queue fills behind it."""
    monkeypatch.syspath_prepend(FOLDER / "chat")
    chat = runpy.run_path(str(FOLDER / "chat/chat.py"))
    received = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": '{"type": "join", "name": "deaf"}'},
    ]
    sent = []

    async def receive():
        return received.pop(0) if received else await asyncio.Future()

    async def send(message):
        sent.append(message["type"])
        if message["type"] == "websocket.send":
            await asyncio.Future()

    async def fill():
        connection = asyncio.create_task(chat["chat"](receive, send))
        while "websocket.send" not in sent:
            await asyncio.sleep(0)
        assert chat["ROOM"].names() == ["deaf"]
        for _ in range(65):
            chat["ROOM"].tell({"type": "said", "name": "Ada", "text": "hello?"})
        await asyncio.wait_for(connection, 10)
        assert chat["ROOM"].names() == []

    asyncio.run(fill())
    assert sent == ["websocket.accept", "websocket.send"]


async def listener_list(listener, connect):
    newcomer = await connect("newcomer")
    users = (await listener.hear())["users"]
    await newcomer.connection.close()
    return users


async def hear_said(person, count):
    """Hears that many things said; returns who has left meanwhile."""
    left = set()
    while count:
        message = await person.hear()
        count -= message["type"] == "said"
        left |= {message["name"]} if message["type"] == "left" else set()
    return left


@contextlib.contextmanager
def deaf_client(address):
    """Joins as `deaf` and does not read another byte."""
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect((host, int(port)))
        client.sendall(
            f"GET /chat HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.recv(1)
        assert answer.startswith(b"HTTP/1.1 101 ")
        message = json.dumps({"type": "join", "name": "deaf"}).encode()
        client.sendall(bytes([0x81, 0x80 | len(message), 0, 0, 0, 0]) + message)
        assert b"welcome" in client.recv(200)
        yield client


def rest_of(client):
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while more := client.recv(65536):
            received += more
    return received


def test_ctrl_c_says_goodbye(version, strict):
    """To those who have joined and to those who have not, and also with a client that reads nothing."""
    with ThreadPoolExecutor(1) as thread, contextlib.ExitStack() as stack:
        with version.serving(strict) as server:
            joined = threading.Event()
            ends = thread.submit(asyncio.run, goodbyes(server.address, joined))
            stack.enter_context(deaf_client(server.address))
            assert joined.wait(10)
        assert ends.result(10) == [version.goodbye] * 2


async def goodbyes(address, joined):
    async with aiohttp.ClientSession() as session:
        people = [await session.ws_connect(f"{address}/chat") for _ in range(2)]
        await people[0].send_json({"type": "join", "name": "Ada"})
        assert (await people[0].receive_json(timeout=10))["type"] == "welcome"
        joined.set()
        while (end := await people[0].receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
            pass  # the other client's joining and leaving
        return [(end.data, end.extra) for end in (end, await people[1].receive(timeout=10))]


def test_the_page(version):
    """Two tabs: joining, a refusal, text that looks like HTML, leaving, a server that goes away and comes back."""

    async def with_browser():
        async with browser.browsing() as chromium:
            with version.serving(True) as server:
                ada, bob = await chromium.open(server.address), await chromium.open(server.address)
                await join(ada, "Ada")
                await join(bob, "ada", accepted=False)
                assert await bob.text("#problem") == "This name is taken: please choose another."
                await bob.evaluate("document.getElementById('name').value = ''")
                await join(bob, "<i>Bob</i>")
                await ada.wait_for("document.getElementById('users').innerText === '<i>Bob</i>\\nAda (you)'")
                await bob.click("#text")
                await bob.write("<img src=x onerror='window.hurt = true'> & <script>hurt = true</script>")
                await bob.press("Enter")
                await ada.wait_for("document.querySelector('.said')")
                said = "<i>Bob</i>: <img src=x onerror='window.hurt = true'> & <script>hurt = true</script>"
                assert await ada.text(".said") == said
                assert await ada.evaluate("document.querySelectorAll('main img, main script, main i').length") == 0
                assert await ada.evaluate("window.hurt === undefined")
                assert await bob.evaluate("document.getElementById('text').value") == ""
                await bob.close()
                await ada.wait_for("document.getElementById('users').innerText === 'Ada (you)'")
                assert "<i>Bob</i> has left" in await ada.text("#messages")
                assert ada.errors == bob.errors == []
            await ada.wait_for("document.getElementById('state').innerText.startsWith('no connection')")
            assert await ada.evaluate("document.querySelector('#say button').disabled")
            port = server.address.rpartition(":")[2]
            with version.serving(True, port):
                await ada.wait_for("document.getElementById('users').innerText === 'Ada (you)'")

    asyncio.run(with_browser())


async def join(page, name, accepted=True):
    await page.wait_for("document.getElementById('state').className === 'on'")
    await page.click("#name")
    await page.write(name)
    await page.press("Enter")
    # Whether #say is shown: of what is hidden, too, innerText has words.
    await page.wait_for(f"document.querySelector('{'#say:not([hidden])' if accepted else '#problem:not(:empty)'}')")
