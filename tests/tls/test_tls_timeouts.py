"""Time-outs of the handshake: at the client, at the server, in start_tls; and that none is left behind."""

import asyncio
import gc
import ssl
import weakref

import pytest
from helpers import Log, on_loop, tcp_pair
from tls_support import (
    NAME,
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
    same,
    serving,
)

SHORT = 0.05
LATE = f"SSL handshake is taking longer than {SHORT} seconds: aborting the connection"


async def silent(loop, sock):
    await ended(loop, sock)


def test_a_silent_server(certificates):
    client_side = certificates.client_side()
    error, events, reports = same(lambda loop: against_client(loop, client_side, silent, ssl_handshake_timeout=SHORT))
    assert (error[:2], events, reports) == (("ConnectionAbortedError", LATE), [], [])


def test_a_silent_client(certificates):
    """The server drops it and goes on; the protocol never hears of the connection."""
    server_side = certificates.server_side()
    result = same(lambda loop: against_server(loop, server_side, silent, ssl_handshake_timeout=SHORT))
    assert result == ([], b"", None, None, [])


def test_a_client_that_stops_in_the_middle(certificates, version):
    """Each half of each flight: nothing but the time-out ends it."""
    server_side = certificates.server_side(version=version)
    for part in (1, 5, 6, 100, None):

        async def play(loop, sock, part=part):
            peer = Peer(loop, sock, certificates.client_side(version=version))
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.do_handshake()
            await loop.sock_sendall(sock, peer.outgoing.read()[:part])
            await ended(loop, sock)

        result = same(lambda loop, play=play: against_server(loop, server_side, play, ssl_handshake_timeout=SHORT))
        assert result == ([], b"", None, None, [])


def test_a_server_that_stops_in_the_middle(certificates, version):
    client_side = certificates.client_side(version=version)
    for part in (1, 5, 60, 200):

        async def play(loop, sock, part=part):
            peer = Peer(loop, sock, certificates.server_side(version=version), server_side=True)
            await peer.fill()
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.do_handshake()
            await loop.sock_sendall(sock, peer.outgoing.read()[:part])
            await ended(loop, sock)

        result = same(lambda loop, play=play: against_client(loop, client_side, play, ssl_handshake_timeout=SHORT))
        assert result[0][:2] == ("ConnectionAbortedError", LATE)


def test_start_tls(certificates):
    async def scenario(loop):
        with tcp_pair() as (near, _):
            transport, log = await loop.create_connection(Log, sock=near)
            try:
                await loop.start_tls(
                    transport, log, certificates.client_side(), server_hostname=NAME, ssl_handshake_timeout=SHORT
                )
            except ConnectionAbortedError as error:
                await asyncio.sleep(0)
                return describe(error)[:2], transport.is_closing(), log.events

    result, closing, events = same(scenario)
    assert (result, closing) == (("ConnectionAbortedError", LATE), True)
    assert events == ["made"]  # the protocol is told of no end: who called start_tls is


@pytest.mark.parametrize("method", ["abort", "close"])
@on_loop
async def test_a_transport_that_is_closed_before_its_handshake_begins(loop, certificates, method):
    """Only who makes one by hand can do so. asyncio goes on until the time is up; ferrio ends it at once."""
    with tcp_pair() as (near, far):
        near.setblocking(False)
        waiter, log = loop.create_future(), Log()
        options = {"server_hostname": NAME, "ssl_handshake_timeout": SHORT}
        transport = loop._make_ssl_transport(near, log, certificates.client_side(), waiter, **options)
        getattr(transport, method)()
        await asyncio.wait([waiter])
        far.setblocking(False)
        await ended(loop, far)
        assert (near.fileno(), log.events, transport.is_closing()) == (-1, [], True)
        assert isinstance(waiter.exception(), ConnectionAbortedError | None)


@on_loop
async def test_wait_for(loop, certificates):
    """Somebody else's time-out ends it just as well."""
    with tcp_pair() as (near, far):
        connecting = loop.create_connection(Log, sock=near, ssl=certificates.client_side(), server_hostname=NAME)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connecting, SHORT)
        far.setblocking(False)
        await ended(loop, far)


@on_loop
async def test_a_time_out_does_not_outlive_the_handshake(loop, certificates):
    """Short ones for the handshake, and a connection that lives longer."""
    options = {"ssl_handshake_timeout": 1}
    async with linked(loop, certificates.both_sides(), server=Echo, at_server=options, **options) as (near, _):
        await answered(near)
        await asyncio.sleep(1.1)
        await answered(near)


@on_loop
async def test_no_timer_keeps_a_connection_alive(loop, certificates, version):
    """Minutes are the default: the objects are freed long before."""
    references = []
    async with serving(loop, Echo, ssl=certificates.server_side(version=version)) as (address, made):
        for _ in range(3):
            client_side = certificates.client_side(version=version)
            _, near = await loop.create_connection(Log, *address, ssl=client_side, server_hostname=NAME)
            await answered(near)
            tls = near.transport.get_extra_info("ssl_object")
            references += [weakref.ref(near), weakref.ref(client_side), weakref.ref(tls)]
            near.transport.close()
            await near.closed
            del near, client_side, tls, _
        await gone(*made)
        references += map(weakref.ref, made)
        made.clear()
        await asyncio.sleep(0)
        gc.collect()
        assert [reference() for reference in references if reference() is not None] == []


@on_loop
async def test_no_timer_keeps_a_failed_handshake_alive(loop, certificates):
    references = []

    def factory():
        log = Log()
        references.append(weakref.ref(log))
        return log

    async with serving(loop, Echo, ssl=certificates.server_side("alone")) as (address, _):
        for _ in range(3):
            client_side = certificates.client_side()
            with pytest.raises(ssl.SSLCertVerificationError):
                await loop.create_connection(factory, *address, ssl=client_side, server_hostname=NAME)
            references.append(weakref.ref(client_side))
            del client_side
    async with serving(loop, factory, ssl=certificates.server_side()) as (address, made):
        async with client_of(loop, address) as sock:
            await loop.sock_sendall(sock, b"nonsense, and more of it")
            await ended(loop, sock)
        made.clear()
    await asyncio.sleep(0)
    gc.collect()
    assert len(references) == 7
    assert [reference() for reference in references if reference() is not None] == []
