"""The end of a connection: close, abort, close_notify from either side, an end without one, half-close, time-outs."""

import asyncio
import socket
import ssl

import pytest
from helpers import Log, asyncio_log, collect_errors, on_loop, until
from tls_support import (
    Echo,
    Peer,
    against_client,
    against_server,
    answered,
    client_of,
    describe,
    ended,
    gone,
    linked,
    reset,
    same,
    serving,
    story,
)

BULK = bytes(range(256)) * 4096


@pytest.mark.parametrize("who", ["client", "server"])
def test_close(certificates, version, who):
    """Whoever closes, both hear of it, in the same order, and without an error."""

    async def scenario(loop):
        async with linked(loop, certificates.both_sides(version), server=Echo) as (near, far):
            await answered(near)
            closing = near if who == "client" else far
            closing.transport.close()
            assert closing.transport.is_closing()
            ends = describe(await near.closed), describe(await far.closed)
            return story(near), story(far), ends

    near, far, ends = same(scenario)
    assert ends == (None, None)
    assert near == far == ["made", "data", "eof", "lost"]


@pytest.mark.parametrize("size", [1, 1 << 20])
@on_loop
async def test_what_was_written_before_close_arrives(loop, certificates, version, size):
    async with linked(loop, certificates.both_sides(version)) as (near, far):
        near.transport.write(BULK[:size])
        near.transport.close()
        assert await far.closed is None
        assert bytes(far.data) == BULK[:size]
        assert await near.closed is None


@on_loop
async def test_a_large_answer_before_close(loop, certificates, version):
    """The server's last words are larger than every buffer, and the client reads them slowly."""

    class Answers(Log):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(BULK * 8)
            self.transport.close()

    async with linked(loop, certificates.both_sides(version), server=Answers) as (near, far):
        near.transport.write(b"go")
        near.transport.pause_reading()
        await until(lambda: far.data)
        near.transport.resume_reading()
        assert await near.closed is None and await far.closed is None
        assert bytes(near.data) == BULK * 8


@pytest.mark.parametrize("who", ["client", "server"])
def test_abort(certificates, version, who):
    async def scenario(loop):
        async with linked(loop, certificates.both_sides(version), server=Echo) as (near, far):
            await answered(near)
            aborting, other = (near, far) if who == "client" else (far, near)
            aborting.transport.write(BULK * 8)
            aborting.transport.abort()
            assert aborting.transport.is_closing()
            end = describe(await aborting.closed)
            await other.closed
            return end, [name for name in story(aborting) if name != "pause"]  # which depends on the kernel's room

    assert same(scenario) == (None, ["made", "data", "lost"])


@on_loop
async def test_closing_twice(loop, certificates):
    async with linked(loop, certificates.both_sides(), server=Echo) as (near, far):
        await answered(near)
        for method in ("close", "close", "abort", "close", "abort"):
            getattr(near.transport, method)()
        assert await near.closed is None
        near.transport.close()
        near.transport.abort()
        await far.closed
        assert story(near)[-1] == "lost"


@on_loop
async def test_close_in_connection_made(loop, certificates, version):
    class Leaves(Log):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.close()

    for server, client in ((Leaves, Log), (Log, Leaves), (Leaves, Leaves)):
        async with linked(loop, certificates.both_sides(version), server=server, client=client) as (near, far):
            await near.closed
            await far.closed
            assert near.events[0] == far.events[0] == "made"


@on_loop
async def test_close_and_abort_in_data_received(loop, certificates, version):
    for method in ("close", "abort"):

        class Leaves(Log):
            def data_received(self, data, method=method):
                super().data_received(data)
                getattr(self.transport, method)()

        async with linked(loop, certificates.both_sides(version), server=Leaves) as (near, far):
            near.transport.write(b"ping")
            assert await far.closed is None
            await near.closed
            assert far.events.count("lost") == 1


@on_loop
async def test_writing_after_close_is_dropped(loop, certificates):
    with asyncio_log() as records:
        async with linked(loop, certificates.both_sides(), server=Echo) as (near, far):
            await answered(near)
            near.transport.close()
            near.transport.write(b"late")
            await near.closed
            for _ in range(10):
                near.transport.write(b"later")
            await far.closed
            assert bytes(far.data) == b"ping"
    assert {record.getMessage() for record in records} <= {
        "SSL connection is closed",
        "socket.send() raised exception.",
    }


def test_half_close_is_not_there(certificates):
    async def scenario(loop):
        async with linked(loop, certificates.both_sides(), server=Echo) as (near, _):
            assert near.transport.can_write_eof() is False
            with pytest.raises(NotImplementedError) as caught:
                near.transport.write_eof()
            await answered(near)
            return str(caught.value)

    same(scenario)


@pytest.mark.parametrize("keep_open", [None, True])
def test_close_notify_from_the_other(certificates, version, keep_open):
    """A clean end: eof_received, then connection_lost; staying open is not possible, and said to be so."""

    async def play(loop, sock):
        peer = Peer(loop, sock, certificates.client_side(version=version))
        await peer.handshake()
        await peer.write(b"bye")
        await peer.notify()
        with pytest.raises((ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            while True:
                await peer.step(peer.tls.read, 100)  # its close_notify, then the end

    async def scenario(loop):
        with asyncio_log() as records:
            server_side = certificates.server_side(version=version)
            result = await against_server(loop, server_side, play, lambda: Log(keep_open=keep_open))
        return result, [record.getMessage() for record in records]

    result, logged = same(scenario)
    assert result == (["made", "data", "eof", "lost"], b"bye", None, None, [])
    assert logged == (["returning true from eof_received() has no effect when using ssl"] if keep_open else [])


def test_the_end_without_close_notify(certificates, version):
    """A truncated stream; asyncio makes no difference between that and a clean end."""

    async def play(loop, sock):
        peer = Peer(loop, sock, certificates.client_side(version=version))
        await peer.handshake()
        await peer.write(b"trunca")
        sock.shutdown(socket.SHUT_WR)

    result = same(against_server, certificates.server_side(version=version), play)
    assert result == (["made", "data", "eof", "lost"], b"trunca", None, None, [])

    async def at_client(loop, sock):
        peer = Peer(loop, sock, certificates.server_side(version=version), server_side=True)
        await peer.handshake()
        await peer.write(b"trunca")
        sock.shutdown(socket.SHUT_WR)

    result = same(against_client, certificates.client_side(version=version), at_client)
    assert result == (["made", "data", "eof", "lost"], b"trunca", None, [])


def test_half_a_record_and_the_end(certificates, version):
    async def play(loop, sock):
        peer = Peer(loop, sock, certificates.client_side(version=version))
        await peer.handshake()
        await peer.write(b"whole")
        await loop.sock_sendall(sock, peer.records(BULK[:10_000])[:5000])
        sock.shutdown(socket.SHUT_WR)

    result = same(against_server, certificates.server_side(version=version), play)
    assert result == (["made", "data", "eof", "lost"], b"whole", None, None, [])


def test_reset(certificates, version):
    async def play(loop, sock):
        peer = Peer(loop, sock, certificates.client_side(version=version))
        await peer.handshake()
        await peer.write(b"bye")
        await peer.read_exactly(3)
        reset(sock)

    events, data, error, _, reports = same(against_server, certificates.server_side(version=version), play, Echo)
    assert (events, data, reports) == (["made", "data", "lost"], b"bye", [])
    assert error[0] == "ConnectionResetError"


def test_data_after_close_notify(certificates, version):
    """What follows is not delivered, whatever it is."""
    for after in (b"\x17\x03\x03\x00\x10" + bytes(16), b"nonsense"):

        async def play(loop, sock, after=after):
            peer = Peer(loop, sock, certificates.client_side(version=version))
            await peer.handshake()
            await peer.write(b"bye")
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.unwrap()
            await loop.sock_sendall(sock, peer.outgoing.read() + after)
            await ended(loop, sock)

        events, data, *_, reports = same(against_server, certificates.server_side(version=version), play)
        assert (data, reports) == (b"bye", [])
        assert events[:2] == ["made", "data"] and events[-1] == "lost"


def test_a_peer_that_never_answers_close_notify(certificates, version):
    """After ssl_shutdown_timeout the connection is cut, with asyncio's text."""

    async def scenario(loop):
        options = {"ssl": certificates.server_side(version=version), "ssl_shutdown_timeout": 0.05}
        async with serving(loop, Echo, **options) as (address, made), client_of(loop, address) as sock:
            peer = Peer(loop, sock, certificates.client_side(version=version))
            await peer.handshake()
            await peer.write(b"ping")
            await peer.read_exactly(4)
            made[0].transport.close()
            return describe(await made[0].closed), story(made[0])

    error, events = same(scenario)
    assert error[:2] == ("TimeoutError", "SSL shutdown timed out")
    assert events == ["made", "data", "lost"]


@on_loop
async def test_a_peer_that_stopped_reading(loop, certificates, version):
    """Nor does a full buffer keep the connection beyond the time-out."""
    options = {"ssl": certificates.server_side(version=version), "ssl_shutdown_timeout": 0.05}
    async with serving(loop, Log, **options) as (address, made), client_of(loop, address) as sock:
        await Peer(loop, sock, certificates.client_side(version=version)).handshake()
        await until(lambda: made and made[0].events)
        made[0].transport.write(BULK * 16)
        made[0].transport.close()
        error = await made[0].closed
        assert isinstance(error, TimeoutError) and str(error) == "SSL shutdown timed out"


@on_loop
async def test_data_that_is_under_way_while_closing(loop, certificates, version):
    """The closing end still reads, as asyncio's does, and does not fail over what it gets."""
    errors = collect_errors(loop)
    async with linked(loop, certificates.both_sides(version), server=Echo) as (near, far):
        await answered(near)
        for _ in range(20):
            near.transport.write(BULK[:50_000])
            far.transport.write(BULK[:50_000])
        far.transport.close()
        await far.closed
        await near.closed
        assert errors == []


@on_loop
async def test_close_while_paused(loop, certificates, version):
    """A client that reads nothing any more is closed by its server, and hears of it when it reads again."""
    async with linked(loop, certificates.both_sides(version), server=Echo) as (near, far):
        await answered(near)
        near.transport.pause_reading()
        far.transport.write(b"last words")
        far.transport.close()
        await asyncio.sleep(0)
        near.transport.resume_reading()
        assert await near.closed is None
        assert near.data.endswith(b"last words")
        assert await far.closed is None


def test_a_transport_outlives_its_loop(certificates, version):
    """What the transport is told then does no harm."""

    async def scenario(loop):
        async with serving(loop, Echo, ssl=certificates.server_side(version=version)) as (address, _):
            client_side = certificates.client_side(version=version)
            _, near = await loop.create_connection(Log, *address, ssl=client_side, server_hostname="localhost")
            await answered(near)
            near.transport.abort()
            await gone(near)
            return near.transport

    transports = []

    async def keep(loop):
        transports.append(await scenario(loop))

    same(keep)
    for transport in transports:
        assert transport.is_closing()
        transport.close()
        transport.abort()
