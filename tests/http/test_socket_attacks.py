"""WebSockets of clients and applications that break rules, stop in the middle, or close at the same time."""

import asyncio
import contextlib
import random
import resource
import struct
import zlib

import pytest
from cuts import frame, frames
from http_support import client, on_ferrio, request, served, settle, until

HANDSHAKE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
HEAD = request("/", "GET", None, *HANDSHAKE, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
DRAW = random.Random(1)


def sent(opcode, payload=b"", last=True):
    return frame(DRAW, opcode, payload, last)


def close_frame(code, reason=b""):
    return sent(8, struct.pack("!H", code) + reason)


@contextlib.asynccontextmanager
async def talking(app, head=HEAD, **settings):
    """A server, and a client whose handshake was accepted."""
    async with served(app, websocket=settings) as server, client(server.port) as peer:
        await peer.send(head)
        assert (await peer.answer()).status == 101
        yield server, peer


def closes(peer):
    """Codes of the close frames that came."""
    return [int.from_bytes(payload[:2]) for _, payload in frames(peer.received)[2]]


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def accepts(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})


@on_ferrio
async def test_a_message_that_inflates_to_a_gigabyte():
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    pieces = [deflate.compress(bytes(1 << 20)) for _ in range(1024)]
    bomb = b"".join([*pieces, deflate.flush(zlib.Z_SYNC_FLUSH)])[:-4]
    head = HEAD[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    async with talking(echo, head, max_size=1 << 20, deflate=True) as (_, peer):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        whole = bytearray(sent(2, bomb))
        whole[0] |= 0x40
        with contextlib.suppress(ConnectionError):
            await peer.send(bytes(whole))
        await peer.to_the_end()
        assert closes(peer) == [1009]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (bytes([0x81, 5]) + b"hello", 1002),  # not masked
        (sent(3), 1002),
        (bytes([0xC1]) + sent(1, b"x")[1:], 1002),
        (sent(0, b"x"), 1002),
        (sent(1, b"x", False) + sent(1, b"x"), 1002),
        (sent(9, bytes(126)), 1002),
        (sent(9, b"", False), 1002),
        (sent(1, b"\xff"), 1007),
        (close_frame(1005), 1002),
        (sent(8, b"x"), 1002),
        (close_frame(1000, b"\xff"), 1007),
        (sent(2, bytes(101)), 1009),
        (sent(2, bytes(60), False) + sent(0, bytes(60)), 1009),
        (bytes([0x82, 0xFF]) + struct.pack("!Q", (1 << 63) - 1) + bytes(4), 1009),
    ],
)
def test_broken_frames(broken, code):
    @on_ferrio
    async def main():
        async with talking(echo, max_size=100) as (server, peer):
            await peer.send(broken)
            await peer.to_the_end()
            assert closes(peer) == [code]
            await until(lambda: not server.serving.busy)
            assert not server.told

    main()


@on_ferrio
async def test_a_message_that_is_too_big_is_read_so_that_its_sender_learns_why():
    async with talking(echo, max_size=100) as (server, peer):
        await peer.send(sent(2, bytes(1 << 24)))  # a reset would end this
        await peer.to_the_end()
        assert closes(peer) == [1009]
        assert not server.serving.busy and not server.told


@on_ferrio
async def test_both_close_at_once():
    told = []

    async def app(scope, receive, send):
        await accepts(scope, receive, send)
        await receive()
        with contextlib.suppress(OSError):
            await send({"type": "websocket.close", "code": 4000})
        told.append(await receive())

    async with talking(app) as (_, peer):
        await peer.send(sent(1, b"x") + close_frame(4001))
        await peer.to_the_end()
        assert len(closes(peer)) == 1
        assert told[0]["type"] == "websocket.disconnect"


@on_ferrio
async def test_a_close_waits_for_the_clients():
    async def app(scope, receive, send):
        await accepts(scope, receive, send)
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})

    async with talking(app) as (server, peer):
        await until(lambda: peer.take())
        assert closes(peer) == [4000]
        # What it sent before it knew is taken, and nobody is told.
        await peer.send(sent(1, b"late") * 100 + sent(9, b"ping"))
        await settle()
        assert not server.connection.transport.is_closing()
        await peer.send(close_frame(4000))
        await peer.to_the_end()
        assert closes(peer) == [4000]


@on_ferrio
async def test_sends_after_the_client_closed():
    errors = []

    async def app(scope, receive, send):
        await accepts(scope, receive, send)
        assert (await receive())["type"] == "websocket.disconnect"
        for kind in ("websocket.send", "websocket.close", "websocket.accept"):
            try:
                await send({"type": kind, "text": "x"})
            except OSError as error:
                errors.append(error)
        assert (await receive())["type"] == "websocket.disconnect"

    async with talking(app) as (server, peer):
        await peer.send(close_frame(1000))
        await peer.to_the_end()
        await until(lambda: not server.serving.busy)
        assert len(errors) == 3 and not server.told


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [None],
        [{"type": "websocket.send", "text": "x"}],
        [{"type": "http.response.start", "status": 200}],
        [{"type": "websocket.accept", "subprotocol": 7}],
        [{"type": "websocket.accept", "headers": [(b"a b", b"c")]}],
        [{"type": "websocket.http.response.start", "status": 42}],
        [{"type": "websocket.http.response.start", "status": 101}],
    ],
)
def test_what_an_application_may_not_send_before_it_accepts(wrong):
    async def app(scope, receive, send):
        for message in wrong:
            await send(message)

    @on_ferrio
    async def main():
        async with served(app) as server, client(server.port) as peer:
            await peer.send(HEAD)
            assert [answer.status for answer in await peer.all_answers()] == [500]
            assert len(server.told) == 1

    main()


@pytest.mark.parametrize("offered", [[], ["other"], ["chosen", "other"]])
@pytest.mark.parametrize("chosen", ["chosen", "", None])
def test_the_application_decides_on_the_subprotocol(offered, chosen):
    """As with uvicorn. A client that has not offered it says what is wrong."""

    async def app(scope, receive, send):
        await send({"type": "websocket.accept", "subprotocol": chosen})

    @on_ferrio
    async def main():
        async with served(app) as server, client(server.port) as peer:
            fields = [f"Sec-WebSocket-Protocol: {', '.join(offered)}"][: len(offered)]
            await peer.send(HEAD[:-2] + "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n")
            answer = await peer.answer()
            found = [value for name, value in answer.headers if name.lower() == b"sec-websocket-protocol"]
            assert answer.status == 101
            assert found == ([chosen.encode()] if chosen else [])

    main()


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("headers", [[(b"content-length", b"9")], [(b"content-length", b"1")], [(b"a", b"b\r\nc: d")]])
def test_a_refusal_that_cannot_be_sent(headers, is_whole):
    async def app(scope, receive, send):
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"nope", "more_body": not is_whole})

    @on_ferrio
    async def main():
        async with served(app) as server, client(server.port) as peer:
            await peer.send(HEAD)
            assert [answer.status for answer in await peer.all_answers()] == [500]
            assert server.kinds() == ["raised"]
            await until(lambda: not server.serving.busy)

    main()


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "websocket.send"},
        {"type": "websocket.send", "text": b"x"},
        {"type": "websocket.send", "bytes": "x"},
        {"type": "websocket.send", "text": "\ud800"},
        {"type": "websocket.accept"},
        {"type": "websocket.close", "code": 1006},
        {"type": "websocket.close", "code": "1000"},
        {"type": "websocket.close", "code": 1 << 40},
        {"type": "websocket.close", "reason": "x" * 124},
        {"type": "nothing"},
        {},
    ],
)
def test_what_an_application_may_not_send_afterwards(wrong):
    async def app(scope, receive, send):
        await accepts(scope, receive, send)
        await send(wrong)

    @on_ferrio
    async def main():
        async with talking(app) as (server, peer):
            await peer.to_the_end()
            await until(lambda: not server.serving.busy)
            assert server.kinds() == ["raised"]

    main()


@on_ferrio
async def test_clients_that_are_gone_at_every_point():
    whole = HEAD + sent(1, b"hello") + sent(2, bytes(200)) + sent(9, b"x") + close_frame(1000)
    async with served(echo) as server:
        for size in range(0, len(whole) + 1, 3):
            for turns in range(4):
                async with client(server.port) as peer:
                    await peer.send(whole[:size])
                    for _ in range(turns):
                        await asyncio.sleep(0)
        await until(lambda: not server.serving.connections and not server.serving.busy)
        assert not server.told


@on_ferrio
async def test_a_client_that_answers_no_ping():
    async with talking(echo, ping_interval=0.05, ping_timeout=0.05) as (server, peer):
        async with asyncio.timeout(30):
            while server.serving.connections:
                server.serving.tick()
                await asyncio.sleep(0.01)
        await peer.to_the_end()
        assert closes(peer) == [1011]
        await until(lambda: not server.serving.busy)


@on_ferrio
async def test_messages_are_not_read_faster_than_they_are_received():
    go_on, count = asyncio.Event(), []

    async def app(scope, receive, send):
        await accepts(scope, receive, send)
        await go_on.wait()
        while (await receive())["type"] == "websocket.receive":
            count.append(1)

    async with talking(app, queue=4) as (_, peer):
        flood = asyncio.create_task(peer.send(sent(2, bytes(60_000)) * 500))
        for _ in range(100):
            await asyncio.sleep(0.002)
        assert not flood.done()
        go_on.set()
        await flood
        await until(lambda: len(count) == 500)


@on_ferrio
async def test_a_websocket_without_room_for_messages():
    """One is read at a time: with none at all nothing would be."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    async with served(app, websocket={"queue": 0}) as server, client(server.port) as peer:
        await peer.send(HEAD)
        assert (await peer.answer()).status == 101
        for _ in range(3):
            await peer.send(b"\x89\x80\0\0\0\0")
            while peer.received != b"\x8a\0":
                await peer.more()
            await peer.send(b"\x81\x82\0\0\0\0hi")
            while peer.received != b"\x8a\0\x81\x02hi":
                await peer.more()
            peer.received = b""
