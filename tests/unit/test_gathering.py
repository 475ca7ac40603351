"""What a callback writes in small pieces leaves together, soon after, and nobody can tell but by the clock.

A transport learns from the last callback that wrote: `learn` makes one that did so twice. Stock asyncio, which runs the
same tests, never holds anything.
"""

import asyncio
import contextlib
import os
import random
import socket
import time

import ferrio
import pytest
from helpers import (
    Log,
    accepted,
    collect_errors,
    connected,
    drained,
    fill,
    on_loop,
    pipe,
    runs_clean,
    shut,
    tcp_pair,
    until,
)

PIECE = b"piece"


def got(far):
    """What has come by now; nothing is waited for."""
    far.settimeout(0)
    try:
        return far.recv(1 << 20)
    except BlockingIOError:
        return b""
    finally:
        far.settimeout(5)


async def is_held(far, data):
    """Whether `data`, written in this callback, comes when it has ended; if not, it has come by now."""
    now = got(far)
    await asyncio.sleep(0)
    assert now + got(far) == data
    return not now


async def learn(transport, far):
    transport.write(PIECE)
    transport.write(PIECE)
    await asyncio.sleep(0)
    assert got(far) == PIECE * 2


@contextlib.asynccontextmanager
async def learned(loop, factory=Log):
    async with accepted(loop, factory) as (transport, log, far):
        await learn(transport, far)
        yield transport, log, far


@on_loop
async def test_one_write_a_callback_leaves_at_once(loop):
    async with accepted(loop) as (transport, _, far):
        for _ in range(5):
            transport.write(PIECE)
            assert got(far) == PIECE
            await asyncio.sleep(0)


@on_loop
async def test_what_the_first_callback_writes_is_not_held(loop):
    async with accepted(loop) as (transport, _, far):
        for _ in range(5):
            transport.write(PIECE)
            assert got(far) == PIECE


@on_loop
async def test_a_callback_after_one_that_wrote_twice_is_held(loop, aio):
    async with learned(loop) as (transport, _, far):
        for _ in range(3):
            transport.write(PIECE)
            transport.writelines([b"1", b"2"])
            assert await is_held(far, PIECE + b"12") == (aio is ferrio)


@on_loop
async def test_a_callback_that_wrote_once_ends_it(loop, aio):
    async with learned(loop) as (transport, _, far):
        transport.write(PIECE)
        assert await is_held(far, PIECE) == (aio is ferrio)
        transport.write(PIECE)
        assert got(far) == PIECE


def unchanged_limits(transport):
    low, high = transport.get_write_buffer_limits()
    transport.set_write_buffer_limits(high, low)


@pytest.mark.parametrize(
    "look",
    [
        lambda transport: transport.get_write_buffer_size(),
        unchanged_limits,
        lambda transport: transport.write_eof(),
        lambda transport: transport.close(),
        lambda transport: transport.abort(),
        lambda transport: transport.write(bytes(20_000)),
        lambda transport: transport.writelines([bytes(10_000), bytes(10_000)]),
    ],
    ids=["size", "limits", "eof", "close", "abort", "write", "writelines"],
)
@on_loop
async def test_whoever_looks_has_it_sent(loop, look):
    async with learned(loop) as (transport, _, far):
        transport.write(PIECE)
        look(transport)
        assert got(far).startswith(PIECE)


@on_loop
async def test_many_small_writes_are_sent_in_parts(loop):
    async with learned(loop) as (transport, _, far):
        for _ in range(40):
            transport.write(bytes(1000))
        assert len(got(far)) > 40_000 - 20_000


@on_loop
async def test_a_callback_that_takes_its_time_is_not_held(loop):
    """A program that blocks its loop between two pieces, as none should: they are not kept until it is done."""
    async with learned(loop) as (transport, _, far):
        for _ in range(2):
            transport.write(PIECE)
            time.sleep(0.001)
            transport.write(PIECE)
            assert got(far) == PIECE * 2
            for _ in range(3):
                transport.write(PIECE)
                assert got(far) == PIECE
            await asyncio.sleep(0)


@on_loop
async def test_it_does_not_wait_for_all_of_a_long_turn(loop):
    seen = []
    async with learned(loop) as (transport, _, far):
        loop.call_soon(transport.write, PIECE)
        loop.call_soon(time.sleep, 0.001)
        loop.call_soon(lambda: seen.append(got(far)))
        await asyncio.sleep(0)
        assert seen == [PIECE]


@on_loop
async def test_sendfile_comes_after_it(loop, tmp_path):
    (tmp_path / "file").write_bytes(b"file")
    async with learned(loop) as (transport, _, far):
        with open(tmp_path / "file", "rb") as file:
            transport.write(PIECE)
            await loop.sendfile(transport, file)
        transport.write(b"end")
        assert far.recv(12, socket.MSG_WAITALL) == PIECE + b"fileend"


@on_loop
async def test_drain_has_it_sent(loop):
    made = loop.create_future()
    server = await asyncio.start_server(lambda _, writer: made.set_result(writer), "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname(), timeout=5) as far:
        writer = await made
        await learn(writer.transport, far)
        for _ in range(3):
            writer.write(PIECE)
            writer.write(PIECE)
            await writer.drain()
            assert got(far) == PIECE * 2
        writer.close()
        await writer.wait_closed()
    await shut(server)


DOORS = {
    "fileno": lambda transport: transport.get_extra_info("socket").fileno(),
    "dup": lambda transport: transport.get_extra_info("socket").dup().close(),
    "extra": lambda transport: transport._extra["socket"]._sock,
    "_sock": lambda transport: transport._sock,
    "_sock_fd": lambda transport: transport._sock_fd,
    "repr": repr,
}
OURS = {
    "_fileno": lambda transport: transport._fileno,
    "_owner": lambda transport: transport._owner,
    "own owner": lambda transport: setattr(transport, "_owner", socket.socket(fileno=transport._quiet_number)),
}


@pytest.mark.parametrize("door", DOORS)
@on_loop
async def test_whoever_gets_at_the_socket_has_it_sent_and_nothing_is_held_any_more(loop, door):
    async with learned(loop) as (transport, _, far):
        await gets_at_the_socket(transport, far, DOORS[door])


@pytest.mark.parametrize("door", OURS)
def test_so_has_whoever_knows_names_of_ours(door):
    async def main():
        async with learned(asyncio.get_running_loop()) as (transport, _, far):
            await gets_at_the_socket(transport, far, OURS[door])

    ferrio.run(main())


async def gets_at_the_socket(transport, far, door):
    transport.write(PIECE)
    door(transport)
    assert got(far) == PIECE
    for _ in range(3):
        await asyncio.sleep(0)
        transport.write(PIECE)
        transport.write(PIECE)
        assert got(far) == PIECE * 2


@on_loop
async def test_a_socket_that_the_program_has_is_used_after_what_was_written(loop):
    async with learned(loop) as (transport, _, far):
        shown = transport.get_extra_info("socket")
        for _ in range(3):
            transport.write(PIECE)
            transport.write(PIECE)
            os.write(shown.fileno(), b"end")
            assert got(far) == PIECE * 2 + b"end"
            await asyncio.sleep(0)
        transport.write(PIECE)
        shown.shutdown(socket.SHUT_WR)
        assert got(far) == PIECE
        assert far.recv(1) == b""


@on_loop
async def test_shutdown_on_a_socket_that_was_asked_for_long_ago(loop):
    async with accepted(loop) as (transport, _, far):
        shown = transport.get_extra_info("socket")
        assert shown.getpeername() == far.getsockname()
        await learn(transport, far)
        transport.write(PIECE)
        shown.shutdown(socket.SHUT_WR)
        assert got(far) == PIECE
        assert far.recv(1) == b""


@on_loop
async def test_asking_for_an_address_or_an_option_changes_nothing(loop, aio):
    async with accepted(loop) as (transport, _, far):
        shown = transport.get_extra_info("socket")
        assert (shown.family, shown.type, shown.proto) == (far.family, far.type, far.proto)
        assert (shown.getsockname(), shown.getpeername()) == (far.getpeername(), far.getsockname())
        assert shown.gettimeout() == 0
        assert repr(shown).startswith("<asyncio.TransportSocket fd=")
    async with learned(loop) as (transport, _, far):
        transport.get_extra_info("socket").getpeername()
        transport.write(PIECE)
        assert await is_held(far, PIECE) == (aio is ferrio)
        transport.write(PIECE)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert got(far) == PIECE


@on_loop
async def test_a_socket_that_the_program_gave_is_never_held(loop):
    async with connected(loop) as (transport, _, far):
        for _ in range(3):
            transport.write(PIECE)
            transport.write(PIECE)
            assert got(far) == PIECE * 2
            await asyncio.sleep(0)


@on_loop
async def test_nor_is_one_that_the_program_accepted(loop):
    with tcp_pair() as (near, far):
        transport, log = await loop.connect_accepted_socket(Log, near)
        for _ in range(3):
            transport.write(PIECE)
            transport.write(PIECE)
            assert got(far) == PIECE * 2
            await asyncio.sleep(0)
        transport.close()
        await log.closed


@on_loop
async def test_a_pipe_is_never_held(loop):
    with pipe() as (reading, writing):
        transport, _ = await loop.connect_write_pipe(Log, writing)
        for _ in range(3):
            transport.write(PIECE)
            transport.write(PIECE)
            assert os.read(reading.fileno(), 100) == PIECE * 2
            await asyncio.sleep(0)
        transport.close()


def test_a_fork_has_it_sent(tmp_path):
    """Otherwise both processes would send it."""
    (tmp_path / "fork.py").write_text(FORK)
    assert runs_clean(tmp_path / "fork.py") == "sent\n"


FORK = """
import asyncio, os, socket, ferrio

class Server(asyncio.Protocol):
    count = 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.count += 1
        self.transport.write(b"a")
        self.transport.write(b"b")
        if self.count == 3:
            if (child := os.fork()) == 0:
                os._exit(0)
            os.waitpid(child, 0)
            print("sent" if far.recv(100) == b"ab" else "held")

async def main():
    global far
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname(), timeout=5) as far:
        for n in range(3):
            far.send(b"x")
            await asyncio.sleep(0.01)
            if n < 2:
                assert far.recv(100) == b"ab"
    server.close()

ferrio.run(main())
"""


def enter(loop, stack):
    """`accepted`, for tests that run the loop themselves."""
    manager = accepted(loop)
    stack.callback(lambda: loop.run_until_complete(manager.__aexit__(None, None, None)))
    return loop.run_until_complete(manager.__aenter__())


def test_outside_of_a_callback_it_leaves_at_once(new_loop):
    loop = new_loop()
    with contextlib.ExitStack() as stack:
        transport, log, far = enter(loop, stack)
        loop.run_until_complete(learn(transport, far))
        for _ in range(3):
            transport.write(PIECE)
            assert got(far) == PIECE
        transport.close()
        loop.run_until_complete(log.closed)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_it_is_sent_though_the_callback_fails(new_loop, error):
    loop = new_loop()
    collect_errors(loop)

    def fail(transport):
        transport.write(PIECE)
        loop.stop()
        raise error

    with contextlib.ExitStack() as stack:
        transport, log, far = enter(loop, stack)
        loop.run_until_complete(learn(transport, far))
        loop.call_soon(fail, transport)
        with contextlib.suppress(KeyboardInterrupt, SystemExit):
            loop.run_forever()
        assert got(far) == PIECE
        transport.close()
        loop.run_until_complete(log.closed)


def test_an_inner_run_sends_it():
    async def main():
        loop = asyncio.get_running_loop()
        async with learned(loop) as (transport, _, far):
            far.setblocking(False)
            transport.write(PIECE)
            assert loop.run_until_complete(loop.sock_recv(far, 100)) == PIECE

    ferrio.run(main(), nested=True)


@on_loop
async def test_a_peer_that_is_gone(loop):
    async with learned(loop) as (transport, log, far):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        far.close()
        transport.write(PIECE)
        transport.write(PIECE)
        assert isinstance(await log.closed, OSError)
        assert log.events[-1] == "lost"
        assert log.events.count("lost") == 1


@on_loop
async def test_without_limits_nothing_is_held(loop):
    async with learned(loop) as (transport, log, far):
        transport.set_write_buffer_limits(0)
        for _ in range(3):
            transport.write(PIECE)
            assert got(far) == PIECE
        assert "pause" not in log.events


def test_written_when_there_is_room_again_and_closed():
    """Not on stock asyncio, which may call connection_lost() twice then."""

    class Resumed(Log):
        def resume_writing(self):
            super().resume_writing()
            for _ in range(3):
                self.transport.write(PIECE)
            self.transport.close()

        def connection_made(self, transport):
            super().connection_made(transport)
            self.transport = transport

    async def main():
        loop = asyncio.get_running_loop()
        async with learned(loop, Resumed) as (transport, log, far):
            data = await drained(loop, far, fill(transport) + len(PIECE) * 3)
            assert data.endswith(PIECE * 3)
            assert await log.closed is None

    ferrio.run(main())


@on_loop
async def test_it_comes_before_the_end(loop):
    async with learned(loop) as (transport, log, far):
        transport.write(PIECE)
        transport.write(PIECE)
        transport.close()
        assert await log.closed is None
        assert got(far) == PIECE * 2
        assert far.recv(100) == b""


@pytest.mark.parametrize("seed", range(8))
@on_loop
async def test_every_byte_once_and_in_order(loop, seed):
    chance = random.Random(seed)
    expected = bytearray()
    async with accepted(loop) as (transport, _, far):
        received = bytearray()

        def write():
            for _ in range(chance.randrange(5)):
                data = chance.randbytes(chance.choice([0, 1, 10, 1000, 20_000]))
                expected.extend(data)
                kind = chance.randrange(4)
                if kind == 0:
                    transport.writelines([data[:5], memoryview(data)[5:]])
                else:
                    transport.write(bytearray(data) if kind == 1 else data)
                if chance.random() < 0.1:
                    transport.get_write_buffer_size()

        for _ in range(300):
            loop.call_soon(write)
            await asyncio.sleep(0)
            if chance.random() < 0.5:
                received += got(far)
        await until(lambda: received.extend(got(far)) or len(received) >= len(expected))
        assert received == expected
