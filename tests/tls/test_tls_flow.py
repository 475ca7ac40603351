"""Data in bulk: every size, every kind of buffer, both ways, with pausing; BufferedProtocol; nothing lost or moved."""

import asyncio
import random
import ssl

import pytest
from helpers import Log, on_loop, until
from tls_support import Echo, Peer, answered, client_of, ended, linked, serving

BULK = random.Random(1).randbytes(1 << 20)


@pytest.mark.parametrize("size", [1, 2, 255, 4096, 16383, 16384, 16385, 65536, 262_144, 262_145, 1 << 20])
@on_loop
async def test_sizes(loop, certificates, version, size):
    """Around the limits of a record and of the buffers."""
    async with linked(loop, certificates.both_sides(version), server=Echo) as (near, _):
        await answered(near, BULK[:size])
        await answered(near, BULK[:size])


@on_loop
async def test_many_small_writes(loop, certificates, version):
    """Their order, and that none is lost, whatever goes into one record or packet."""
    async with linked(loop, certificates.both_sides(version), server=Echo) as (near, far):
        pieces = [BULK[i * 37 : (i + 1) * 37] for i in range(2000)]
        for number, piece in enumerate(pieces):
            near.transport.write(piece)
            if number % 100 == 0:
                await asyncio.sleep(0)
        expected = b"".join(pieces)
        await until(lambda: len(near.data) == len(expected))
        assert bytes(near.data) == bytes(far.data) == expected


@on_loop
async def test_kinds_of_buffers(loop, certificates, version):
    """Anything that is bytes-like; what was handed over may be changed at once, as asyncio's transports allow."""
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        changing = bytearray(b"bytearray,")
        near.transport.write(b"bytes,")
        near.transport.write(bytes(changing))
        near.transport.write(memoryview(b"..view,..")[2:7])
        near.transport.writelines([b"many,", bytearray(b"of,"), memoryview(b"them,")])
        near.transport.writelines(iter([b"iter,", b""]))
        near.transport.write(b"")
        near.transport.writelines([])
        near.transport.write(b"end")
        expected = b"bytes,bytearray,view,many,of,them,iter,end"
        await until(lambda: len(far.data) >= len(expected))
        assert bytes(far.data) == expected


@on_loop
async def test_a_bytearray_that_changes_later(loop, certificates, version):
    """It is encrypted, or copied, before write() returns; and it can be resized right away."""
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        data = bytearray(BULK[:300_000])
        near.transport.write(data)
        data[:] = bytes(len(data))
        data.clear()
        await until(lambda: len(far.data) == 300_000)
        assert far.data.startswith(BULK[:16384])


@on_loop
async def test_pieces_of_all_sizes_keep_their_order(loop, certificates, version):
    """Also across a pause: small ones, that may share a record, between large ones, and more of them behind."""
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        far.transport.pause_reading()
        sizes = [1, 1000, 16383, 0, 16384, 16385, 5, 70_000, *[700] * 200, 300_000, 1, *[9000] * 40] * 3
        pieces, at = [], 0
        for size in sizes:
            pieces.append((BULK * 8)[at : at + size])
            at += size
        near.transport.writelines(pieces)
        near.transport.writelines([b"and", b" then"])
        near.transport.write(b" this")
        far.transport.resume_reading()
        expected = b"".join(pieces) + b"and then this"
        await until(lambda: len(far.data) >= len(expected))
        assert far.data == expected


class Source(Log):
    """Writes blocks while it may."""

    def __init__(self, blocks=64):
        super().__init__()
        self.left, self.may = blocks, True

    def pump(self):
        while self.may and self.left:
            self.left -= 1
            self.transport.write(BULK[:65536])
        if not self.left:
            self.transport.close()

    def pause_writing(self):
        super().pause_writing()
        self.may = False

    def resume_writing(self):
        super().resume_writing()
        self.may = True
        self.pump()


@on_loop
async def test_back_pressure(loop, certificates, version):
    """A reader that stops is noticed by the writer, and the writer goes on when it reads again."""
    async with linked(loop, certificates.both_sides(version), client=Source) as (near, far):
        near.left = 1 << 30
        far.transport.pause_reading()
        near.pump()
        await until(lambda: near.events[-1] == "pause")
        assert near.transport.get_write_buffer_size() > 0
        near.left = 16
        far.transport.resume_reading()
        await far.closed
        await near.closed
        assert len(far.data) % 65536 == 0 and "resume" in near.events
        assert far.data[-65536:] == BULK[:65536]


@on_loop
async def test_pauses_are_balanced(loop, certificates, version):
    """pause_writing and resume_writing take turns, starting with the first."""
    async with linked(loop, certificates.both_sides(version), client=Source) as (near, far):
        near.transport.set_write_buffer_limits(high=50_000)
        near.pump()
        await near.closed
        await far.closed
        assert len(far.data) == 64 * 65536
        turns = [name for name in near.events if name in ("pause", "resume")]
        assert turns == ["pause", "resume"] * (len(turns) // 2) + ["pause"] * (len(turns) % 2)


@on_loop
async def test_reading_is_paused(loop, certificates, version):
    """Not a byte arrives while paused, even of those that were decrypted or received; then all do."""
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        near.transport.write(b"first")
        await until(lambda: far.data)

        class Stops(Log):
            def data_received(self, data):
                super().data_received(data)
                self.transport.pause_reading()

        stops = Stops()
        stops.transport = far.transport
        far.transport.set_protocol(stops)
        near.transport.write(BULK)
        turns = 0
        while len(stops.data) < len(BULK):
            have = len(stops.data)
            await asyncio.sleep(0)
            if len(stops.data) > have:
                turns += 1
                assert not far.transport.is_reading()
                for _ in range(5):
                    before = len(stops.data)
                    await asyncio.sleep(0)
                    assert len(stops.data) == before
                far.transport.resume_reading()
        assert bytes(stops.data) == BULK and turns > 1
        far.transport.abort()
        await stops.closed
        far.closed.set_result(None)


@on_loop
async def test_pause_in_connection_made(loop, certificates):
    """In TLS 1.3: in 1.2 asyncio's server, when paused there, keeps the last words of its handshake to itself."""

    class Waits(Log):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    async with linked(loop, certificates.both_sides(ssl.TLSVersion.TLSv1_3), server=Waits) as (near, far):
        near.transport.write(BULK[:100_000])
        for _ in range(50):
            await asyncio.sleep(0)
        assert not far.data
        far.transport.resume_reading()
        await until(lambda: len(far.data) == 100_000)
        assert bytes(far.data) == BULK[:100_000]


@on_loop
async def test_full_buffers_both_ways(loop, certificates, version):
    """Each end writes all it has without waiting for the other."""
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        for _ in range(8):
            near.transport.write(BULK)
            far.transport.write(BULK[::-1])
        await until(lambda: len(near.data) == len(far.data) == 8 * len(BULK))
        assert bytes(far.data) == BULK * 8 and bytes(near.data) == BULK[::-1] * 8


@on_loop
async def test_records_cut_anywhere(loop, certificates, version):
    """The stream of records in pieces of every length, so that headers and bodies are split everywhere."""
    choose = random.Random(2)
    server_side, client_side = certificates.both_sides(version)
    async with serving(loop, Echo, ssl=server_side) as (address, made), client_of(loop, address) as sock:
        peer = Peer(loop, sock, client_side)
        await peer.handshake()
        plain = [BULK[: choose.choice((1, 100, 5000, 16384))] for _ in range(20)]
        stream = b"".join(map(peer.records, plain))
        expected = b"".join(plain)
        sent = 0
        while sent < len(stream):
            size = choose.choice((1, 2, 3, 5, 7, 100, 1000, 17000))
            await loop.sock_sendall(sock, stream[sent : sent + size])
            sent += size
            await asyncio.sleep(0)
        assert await peer.read_exactly(len(expected)) == expected
        assert bytes(made[0].data) == expected
        await peer.notify()
        await ended(loop, sock)


@on_loop
async def test_empty_records(loop, certificates):
    """TLS 1.2 allows records without data, and some stacks send them; they are no end of anything."""
    server_side, client_side = certificates.both_sides(ssl.TLSVersion.TLSv1_2)
    async with serving(loop, Echo, ssl=server_side) as (address, made), client_of(loop, address) as sock:
        peer = Peer(loop, sock, client_side)
        await peer.handshake()
        for _ in range(5):
            peer.tls.write(b"")
            await peer.flush()
            await peer.write(b"x")
        assert await peer.read_exactly(5) == b"xxxxx"
        assert bytes(made[0].data) == b"xxxxx"
        await peer.notify()
        await ended(loop, sock)


class Buffered(asyncio.BufferedProtocol):
    """Reads into a buffer of its own, of a given size, and notes what was asked and what came."""

    size = 1000

    def __init__(self):
        self.events, self.data, self.hints = [], bytearray(), []
        self.buffer = bytearray(self.size)
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.events.append("made")

    def get_buffer(self, hint):
        self.hints.append(hint)
        return memoryview(self.buffer)

    def buffer_updated(self, count):
        assert 0 < count <= len(self.buffer)
        self.events.append("data")
        self.data += self.buffer[:count]

    def eof_received(self):
        self.events.append("eof")

    def connection_lost(self, exc):
        self.events.append("lost")
        self.closed.set_result(exc)


@pytest.mark.parametrize("size", [1, 100, 16384, 1 << 18])
@on_loop
async def test_buffered_protocols(loop, certificates, version, size):
    class Sized(Buffered):
        pass

    Sized.size = size
    length = 3000 if size == 1 else 300_000
    async with linked(loop, certificates.both_sides(version), server=Sized) as (near, far):
        near.transport.write(BULK[:length])
        await until(lambda: len(far.data) == length)
        assert bytes(far.data) == BULK[:length]
        near.transport.close()
        assert await far.closed is None
        assert far.events[0] == "made" and far.events[-2:] == ["eof", "lost"]
        await near.closed


@on_loop
async def test_a_buffered_protocol_takes_over(loop, certificates, version):
    """set_protocol() from one kind to the other, in the middle of the data."""
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        near.transport.write(b"first")
        await until(lambda: far.data == b"first")
        after = Buffered()
        after.transport = far.transport
        far.transport.set_protocol(after)
        near.transport.write(BULK[:50_000])
        await until(lambda: len(after.data) == 50_000)
        assert bytes(after.data) == BULK[:50_000]
        far.transport.set_protocol(far)
        near.transport.write(b"last")
        await until(lambda: far.data == b"firstlast")


@on_loop
async def test_pausing_a_buffered_protocol(loop, certificates, version):
    """It stops after a buffer, whatever is decrypted already, and takes up there."""

    class Stops(Buffered):
        def buffer_updated(self, count):
            super().buffer_updated(count)
            self.transport.pause_reading()

    async with linked(loop, certificates.both_sides(version), server=Stops) as (near, far):
        near.transport.write(BULK[:20_000])
        while len(far.data) < 20_000:
            have = len(far.data)
            await asyncio.sleep(0)
            if len(far.data) > have and not far.transport.is_reading():
                far.transport.resume_reading()
        assert bytes(far.data) == BULK[:20_000]


@on_loop
async def test_write_in_every_callback(loop, certificates, version):
    """Re-entrance: a write from data_received, from resume_writing and from eof_received."""

    class Talks(Log):
        def data_received(self, data):
            super().data_received(data)
            for _ in range(3):
                self.transport.write(b"answer ")

        def eof_received(self):
            super().eof_received()
            self.transport.write(b"too late, or not")

    async with linked(loop, certificates.both_sides(version), server=Talks) as (near, far):
        near.transport.write(b"ask")
        await until(lambda: near.data == b"answer " * 3)
        near.transport.close()
        error = await near.closed  # which had said close_notify and got data nevertheless
        assert error is None or error.reason == "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"
        await far.closed


@on_loop
async def test_sendfile(loop, certificates, version, tmp_path):
    """loop.sendfile over TLS: asyncio refuses without its fallback, and copies with it."""
    path = tmp_path / "file"
    path.write_bytes(BULK)
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        with open(path, "rb") as file:
            near.transport.write(b"before")
            assert await loop.sendfile(near.transport, file) == len(BULK)
            assert await loop.sendfile(near.transport, file, 10, 1000) == 1000
            near.transport.write(b"after")
            expected = b"before" + BULK + BULK[10:1010] + b"after"
            await until(lambda: len(far.data) == len(expected))
            assert bytes(far.data) == expected
            with pytest.raises((RuntimeError, asyncio.SendfileNotAvailableError)):
                await loop.sendfile(near.transport, file, fallback=False)
