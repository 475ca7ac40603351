"""loop.start_tls: a plain transport becomes TLS under its protocol, as client and as server."""

import asyncio
import socket
import ssl

import pytest
from helpers import Log, collect_errors, connected, on_loop, tcp_pair, until
from tls_support import NAME, Echo, Peer, answered, describe, ended, same, story


async def upgraded(loop, contexts, near, far, **options):
    """Both ends of a connection at once; gives the new transports."""
    switching = [
        loop.start_tls(far.transport, far, contexts[0], server_side=True),
        loop.start_tls(near.transport, near, contexts[1], server_hostname=NAME, **options),
    ]
    far.transport, near.transport = await asyncio.gather(*switching)


async def plain_pair(loop, sockets, far=Echo):
    _, near = await loop.create_connection(Log, sock=sockets[0])
    _, far = await loop.connect_accepted_socket(far, sockets[1])
    return near, far


@on_loop
async def test_both_ends(loop, certificates, version):
    with tcp_pair() as sockets:
        near, far = await plain_pair(loop, sockets)
        await answered(near)
        plain = near.transport
        await upgraded(loop, certificates.both_sides(version), near, far)
        assert near.transport is not plain
        assert near.transport.get_protocol() is near
        await answered(near, bytes(100_000))
        assert near.events.count("made") == 1  # connection_made is not called again
        assert (
            near.transport.get_extra_info("peername") == sockets[1].getsockname() if sockets[1].fileno() >= 0 else True
        )
        near.transport.close()
        assert await near.closed is None and await far.closed is None
        assert story(near) == story(far) == ["made", "data", "eof", "lost"]


@on_loop
async def test_unix(loop, certificates, tmp_path):
    made = []
    path = str(tmp_path / "socket")
    server = await loop.create_unix_server(lambda: made.append(Echo()) or made[-1], path)
    _, near = await loop.create_unix_connection(Log, path)
    await until(lambda: made and made[0].events)
    await upgraded(loop, certificates.both_sides(), near, made[0])
    await answered(near)
    near.transport.close()
    await near.closed
    await made[0].closed
    server.close()
    await server.wait_closed()


@on_loop
async def test_tls_in_tls(loop, certificates, version):
    """A proxy's CONNECT over https: the inner handshake travels in the outer's records."""
    with tcp_pair() as sockets:
        near, far = await plain_pair(loop, sockets)
        for contexts in (certificates.both_sides(), certificates.both_sides(version)):
            await upgraded(loop, contexts, near, far)
            await answered(near, bytes(50_000))
        assert near.transport.get_extra_info("sslcontext") is contexts[1]
        assert near.transport.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
        near.transport.close()
        await near.closed
        await far.closed


@on_loop
async def test_bytes_that_came_too_early(loop, certificates, version):
    """The client's hello is in the kernel's buffer before the server asks for TLS; nothing is lost."""
    server_side, client_side = certificates.both_sides(version)
    async with connected(loop, Echo) as (transport, log, sock):
        sock.setblocking(False)
        transport.pause_reading()
        peer = Peer(loop, sock, client_side)
        shaking = loop.create_task(peer.handshake())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        log.transport = await loop.start_tls(transport, log, server_side, server_side=True)
        await shaking
        await peer.write(b"hello")
        assert await peer.read_exactly(5) == b"hello"
        assert bytes(log.data) == b"hello"
        log.transport.close()
        assert await peer.read() == b""
        await peer.notify()


@pytest.mark.parametrize("high", [1 << 24, None])
@on_loop
async def test_plain_bytes_that_nobody_sent_yet(loop, certificates, version, high, asyncio_errors):
    """What is still in the write buffer goes first, in the clear, and the handshake behind it."""
    server_side, client_side = certificates.both_sides(version)
    block = bytes(4_000_000)
    async with connected(loop) as (transport, log, sock):
        sock.setblocking(False)
        transport.set_write_buffer_limits(high)
        # As large as the kernel likes, the buffers can hold all of it.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        transport.write(block)
        assert transport.get_write_buffer_size() > 0
        switching = loop.create_task(loop.start_tls(transport, log, client_side, server_hostname=NAME))
        received = bytearray()
        while len(received) < len(block):
            received += await loop.sock_recv(sock, len(block) - len(received))
        assert received == block
        peer = Peer(loop, sock, server_side, server_side=True)
        await peer.handshake()
        log.transport = await switching
        log.transport.write(b"after")
        assert await peer.read_exactly(5) == b"after"
        log.transport.close()
        assert await peer.read() == b""
        await peer.notify()
        await log.closed
        if high is None:
            asyncio_errors.clear()  # asyncio's asserts, wrongly, that whoever is told to go on was told to pause


def test_failures(certificates):
    """What start_tls raises, and what the protocol is told."""

    async def scenario(loop, leaf, cut):
        async with connected(loop) as (transport, log, sock):
            sock.setblocking(False)
            reports = collect_errors(loop)

            async def play():
                peer = Peer(loop, sock, certificates.server_side(leaf), server_side=True)
                if cut:
                    await peer.fill()
                    sock.close()
                    return
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await peer.handshake()
                    await peer.read()
                    raise ConnectionError

            playing = loop.create_task(play())
            try:
                await loop.start_tls(transport, log, certificates.client_side(), server_hostname=NAME)
            except OSError as error:
                result = describe(error)[:2]
            await playing
            end = describe(await log.closed)
            return result, transport.is_closing(), log.events, end and end[0], reports

    result, *others = same(scenario, "alone", False)
    assert result[0] == "SSLCertVerificationError"
    assert others == [True, ["made", "lost"], "SSLCertVerificationError", []]
    assert same(scenario, "elsewhere", False)[0][0] == "SSLCertVerificationError"
    assert same(scenario, "server", True)[0][0] == "ConnectionResetError"


@on_loop
async def test_cancelled(loop, certificates):
    async with connected(loop) as (transport, log, sock):
        sock.setblocking(False)
        switching = loop.create_task(loop.start_tls(transport, log, certificates.client_side(), server_hostname=NAME))
        assert (await loop.sock_recv(sock, 1000)).startswith(b"\x16\x03")
        switching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await switching
        assert transport.is_closing()
        await ended(loop, sock)
        if not log.closed.done():
            log.closed.set_result(None)


@on_loop
async def test_arguments(loop, certificates, tmp_path):
    client_side = certificates.client_side()
    async with connected(loop) as (transport, log, _):
        for wrong in (None, True, "context"):
            with pytest.raises(TypeError, match=r"^sslcontext is expected to be an instance of ssl.SSLContext, got "):
                await loop.start_tls(transport, log, wrong)
        for wrong in (None, object(), asyncio.Transport()):
            with pytest.raises(TypeError, match=r"^transport .* is not supported by start_tls\(\)$"):
                await loop.start_tls(wrong, log, client_side)
        with pytest.raises(ValueError, match=r"^ssl_handshake_timeout should be a positive number, got -1$"):
            await loop.start_tls(transport, log, client_side, ssl_handshake_timeout=-1)
    datagrams, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    with pytest.raises(TypeError, match=r" is not supported by start_tls\(\)$"):
        await loop.start_tls(datagrams, log, client_side)
    datagrams.close()
    await asyncio.sleep(0)


@on_loop
async def test_another_protocol(loop, certificates):
    """The one given to start_tls is served, not the one before; no connection_made for it."""
    with tcp_pair() as sockets:
        near, far = await plain_pair(loop, sockets)
        after = Log()
        plain = near.transport
        waiting = loop.start_tls(plain, after, certificates.client_side(), server_hostname=NAME)
        far.transport, after.transport = await asyncio.gather(
            loop.start_tls(far.transport, far, certificates.server_side(), server_side=True), waiting
        )
        assert after.events == []
        after.transport.write(b"ping")
        await until(lambda: after.data == b"ping")
        after.transport.close()
        await after.closed
        await far.closed
        assert (near.events, story(after)) == (["made"], ["data", "eof", "lost"])


@on_loop
async def test_paused_before_the_switch(loop, certificates):
    """start_tls resumes reading: it has to, for the handshake."""
    with tcp_pair() as sockets:
        near, far = await plain_pair(loop, sockets)
        near.transport.pause_reading()
        await upgraded(loop, certificates.both_sides(), near, far)
        await answered(near)
        near.transport.close()
        await near.closed
        await far.closed
