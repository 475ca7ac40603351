"""websockets: echo, pings, close codes, many clients, back pressure."""

import asyncio
import contextlib
import functools

import pytest

websockets = pytest.importorskip("websockets", reason="websockets is not installed: make ecosystem")
client = pytest.importorskip("websockets.asyncio.client")
server = pytest.importorskip("websockets.asyncio.server")
connect = functools.partial(client.connect, proxy=None)


async def echo(socket):
    async for message in socket:
        if message == "close":
            await socket.close(4002, "enough")
        else:
            await socket.send(message)


@contextlib.asynccontextmanager
async def served(handler=echo, **options):
    async with server.serve(handler, "127.0.0.1", 0, **options) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def test_echo(run):
    async def case():
        async with served() as uri, connect(uri) as socket:
            for message in ("text", b"bytes", "", "x" * 500_000, b"\x00" * 500_000):
                await socket.send(message)
                assert await socket.recv() == message
            await socket.send(["in ", "frag", "ments"])
            assert await socket.recv() == "in fragments"

    run(case())


def test_ping_and_pong(run):
    async def case():
        async with served() as uri, connect(uri) as socket:
            pongs = [await socket.ping() for _ in range(10)]
            assert all(latency >= 0 for latency in await asyncio.gather(*pongs))

    run(case())


def test_silence_is_noticed_by_keepalive(run):
    async def case():
        impatient = served(ping_interval=0.02, ping_timeout=0.02)
        async with impatient as uri, connect(uri, ping_interval=None) as socket:
            socket.transport.pause_reading()
            await asyncio.sleep(0.2)
            socket.transport.resume_reading()
            with pytest.raises(websockets.ConnectionClosedError):
                await socket.recv()
            assert socket.close_code == 1011

    run(case())


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_close_code_of_the_client(run, code):
    closed = []

    async def note(socket):
        await socket.wait_closed()
        closed.append((socket.close_code, socket.close_reason))

    async def case():
        async with served(note) as uri, connect(uri) as socket:
            await socket.close(code, "reason")
            assert socket.close_code == code
        assert closed == [(code, "reason")]

    run(case())


def test_close_code_of_the_server(run):
    async def case():
        async with served() as uri, connect(uri) as socket:
            await socket.send("close")
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                await socket.recv()
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4002, "enough")

    run(case())


def test_a_server_that_stops_says_so(run):
    async def case():
        listening = await server.serve(echo, "127.0.0.1", 0)
        async with connect(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}") as socket:
            listening.close()
            await socket.wait_closed()
            assert socket.close_code == 1001
        await listening.wait_closed()

    run(case())


def test_an_aborted_connection(run):
    async def case():
        async with served() as uri, connect(uri) as socket:
            socket.transport.abort()
            with pytest.raises(websockets.ConnectionClosedError):
                await socket.recv()
            assert socket.close_code == 1006

    run(case())


def test_many_clients(run):
    async def case():
        async with served() as uri:

            async def one(number):
                async with connect(uri) as socket:
                    for turn in range(5):
                        await socket.send(f"{number} {turn}")
                        assert await socket.recv() == f"{number} {turn}"

            await asyncio.gather(*map(one, range(100)))

    run(case())


def test_a_slow_reader_holds_the_sender_up(run):
    sent = []

    async def pour(socket):
        for number in range(200):
            await socket.send(bytes(100_000))
            sent.append(number)

    async def case():
        async with served(pour, compression=None) as uri, connect(uri, max_queue=4) as socket:
            await asyncio.sleep(0.1)
            assert len(sent) < 200
            assert [len(message) async for message in socket] == [100_000] * 200

    run(case())


def test_tls(run, server_tls, client_tls):
    async def case():
        async with served(ssl=server_tls) as uri:
            uri = uri.replace("ws://127.0.0.1", "wss://localhost")
            async with connect(uri, ssl=client_tls, host="127.0.0.1") as socket:
                await socket.send("secret" * 10_000)
                assert await socket.recv() == "secret" * 10_000

    run(case())
