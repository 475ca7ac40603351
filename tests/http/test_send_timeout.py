"""Clients that read nothing are disconnected after a while, those that read slowly are not. Time is virtual."""

import asyncio
import functools

import ferrio
import pytest
from ferrio.testing import VirtualLoop
from http_support import client, request, served, settle

START = {"type": "http.response.start", "status": 200, "headers": []}
PIECE = b"x" * (1 << 16)


def in_virtual_time(function):
    """Make a test of a coroutine function, which may take fixtures."""

    @functools.wraps(function)
    def test(**fixtures):
        ferrio.run(function(**fixtures), loop_factory=VirtualLoop)

    return test


class Endless:
    """Sends for ever, and says what ended that."""

    def __init__(self):
        self.error = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            message = {"type": "websocket.send", "bytes": PIECE}
        else:
            await send(START)
            message = {"type": "http.response.body", "body": PIECE, "more_body": True}
        try:
            while True:
                await send(message)
                await asyncio.sleep(0)
        except OSError as error:
            self.error = error
            raise


HANDSHAKE = request(
    "/",
    "GET",
    None,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


async def passes(server, seconds):
    await asyncio.sleep(seconds)
    server.serving.tick()
    await settle()


async def stuck(server):
    """Nothing more fits into the socket's buffers, which the kernel may take a moment of real time to find."""
    while not (server.serving.connections and server.connection.transport):
        await settle()
    transport, size = server.connection.transport, -1
    while (now := transport.get_write_buffer_size()) != size or not now:
        size = now
        with asyncio.get_running_loop().real_time():
            await asyncio.sleep(0.2)
    server.serving.tick()


@pytest.mark.parametrize("asked", [request(), HANDSHAKE], ids=["an answer", "a WebSocket"])
@in_virtual_time
async def test_a_client_that_reads_nothing(asked):
    app = Endless()
    async with served(app, send_timeout=60, websocket={"deflate": False}) as server, client(server.port) as peer:
        await peer.send(asked)
        await stuck(server)
        await passes(server, 59)
        assert server.serving.busy and app.error is None
        await passes(server, 2)
        assert not server.serving.busy and not server.serving.connections
        assert "disconnected" in str(app.error)
        assert not server.told


@in_virtual_time
async def test_a_client_that_reads_slowly():
    app = Endless()
    async with served(app, send_timeout=60) as server, client(server.port) as peer:
        await peer.send(request())
        for _ in range(5):
            await stuck(server)
            await passes(server, 50)
            peer.take()
        assert server.serving.busy and app.error is None


@in_virtual_time
async def test_an_answer_that_was_given_whole():
    async def app(scope, receive, send):
        await send({**START, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": PIECE * 256})

    async with served(app, send_timeout=60, keep_alive=5) as server, client(server.port) as peer:
        await peer.send(request())
        await stuck(server)
        await passes(server, 59)
        assert server.serving.connections
        await passes(server, 2)
        assert not server.serving.connections and not server.serving.busy and not server.told


@in_virtual_time
async def test_a_file(tmp_path):
    (tmp_path / "large").write_bytes(PIECE * 256)
    errors = []

    async def app(scope, receive, send):
        await send(START)
        try:
            await send({"type": "http.response.pathsend", "path": str(tmp_path / "large")})
        except OSError as error:
            errors.append(error)
            raise

    async with served(app, send_timeout=60) as server, client(server.port) as peer:
        await peer.send(request())
        assert (await peer.answer()).body == PIECE * 256
        await peer.send(request())
        await asyncio.sleep(70)
        assert errors
        assert not server.serving.busy and not server.serving.connections and not server.told


@in_virtual_time
async def test_a_client_that_is_still_sending_gets_all_of_a_last_answer_however_slowly_it_reads():
    size = 16 << 20

    async def app(scope, receive, send):
        await send({**START, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": bytes(size)})

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request("/", "POST", None, "Content-Length: 2") + b"x")
        await stuck(server)
        for _ in range(3):
            await passes(server, 60)
        while await peer.more():
            pass
        assert len(peer.received) > size
        await passes(server, 3)
        assert not server.serving.connections and not server.told
