"""Sessions taken up again, with Python's own context as it is: asyncio has no argument for a session.

A client's SSLContext whose wrap_bio() sets SSLObject.session is the way that is there, and so the hook is `wrap_bio`.
"""

import ssl

from helpers import on_loop, until
from tls_support import NAME, Echo, Peer, client_of, ended, gone, serving


class Resuming(ssl.SSLContext):
    """Offers `last`, a session of a connection before."""

    last = None

    def wrap_bio(self, *arguments, **options):
        tls = super().wrap_bio(*arguments, **options)
        if self.last is not None:
            tls.session = self.last
        return tls


async def visits(loop, address, client_side, times):
    """Connections one after the other; which of them resumed."""
    reused = []
    for _ in range(times):
        _, near = await loop.create_connection(Echo, *address, ssl=client_side, server_hostname=NAME)
        tls = near.transport.get_extra_info("ssl_object")
        await until(lambda tls=tls: tls.session is not None and tls.session.has_ticket)  # of TLS 1.3, it comes later
        client_side.last = tls.session
        reused.append(tls.session_reused)
        near.transport.close()
        await near.closed
    return reused


async def visits_by_hand(loop, address, client_side, times):
    """The same with a client that is not asyncio's; of each connection, whether it resumed and got a ticket."""
    session, reused = None, []
    for _ in range(times):
        async with client_of(loop, address) as sock:
            peer = Peer(loop, sock, client_side)
            if session:
                peer.tls.session = session
            await peer.handshake()
            await peer.write(b"ping")
            assert await peer.read_exactly(4) == b"ping"
            session = peer.tls.session
            reused.append((peer.tls.session_reused, session.has_ticket))
            await peer.notify()
            await ended(loop, sock)
    return reused


@on_loop
async def test_a_client_resumes(loop, certificates, version):
    server_side = certificates.server_side(version=version)
    client_side = certificates.client_side(version=version, make=Resuming)
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        assert await visits(loop, address, client_side, 3) == [False, True, True]
        await until(lambda: len(made) == 3)
        stats = server_side.session_stats()
        assert (stats["accept_good"], stats["hits"]) == (3, 2)


@on_loop
async def test_a_server_resumes_with_any_client(loop, certificates, version):
    server_side = certificates.server_side(version=version)
    client_side = certificates.client_side(version=version)
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        reused = await visits_by_hand(loop, address, client_side, 3)
        await gone(*made)
        tls = made[-1].events and made[-1].transport.get_extra_info("ssl_object")
        assert tls is None or tls.session_reused
    assert reused == [(False, True), (True, True), (True, True)]


@on_loop
async def test_without_tickets(loop, certificates):
    """TLS 1.2 by session identifier, from the server's own cache."""
    version = ssl.TLSVersion.TLSv1_2
    server_side = certificates.server_side(version=version)
    server_side.options |= ssl.OP_NO_TICKET
    client_side = certificates.client_side(version=version)
    async with serving(loop, Echo, ssl=server_side) as (address, _):
        reused = await visits_by_hand(loop, address, client_side, 2)
    assert reused[0] == (False, False) and reused[1][1] is False


@on_loop
async def test_no_tickets_at_all(loop, certificates):
    """num_tickets = 0: nothing to resume with in TLS 1.3, and nothing breaks."""
    server_side, client_side = certificates.both_sides(ssl.TLSVersion.TLSv1_3)
    server_side.num_tickets = 0
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        _, near = await loop.create_connection(Echo, *address, ssl=client_side, server_hostname=NAME)
        tls = near.transport.get_extra_info("ssl_object")
        near.transport.close()
        await near.closed
        await gone(*made)
        assert not tls.session.has_ticket and not tls.session_reused


@on_loop
async def test_a_session_of_another_context(loop, certificates):
    """ssl refuses it, and the exception reaches who connects."""
    server_side = certificates.server_side()
    first = certificates.client_side(make=Resuming)
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        await visits(loop, address, first, 1)
        await gone(*made)
        other = certificates.client_side(make=Resuming)
        other.last = first.last
        async with client_of(loop, address) as sock:
            try:
                await loop.create_connection(Echo, sock=sock, ssl=other, server_hostname=NAME)
            except ValueError as error:
                assert str(error) == "Session refers to a different SSLContext."
            else:
                raise AssertionError("accepted")
