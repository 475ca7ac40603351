"""Every way into TLS: connections and servers over TCP and Unix sockets, sockets of the caller's, both versions."""

import asyncio
import socket
import ssl

import pytest
from helpers import Log, on_loop, tcp_pair, until
from tls_support import (
    NAME,
    Echo,
    Peer,
    against_client,
    against_server,
    answered,
    client_of,
    ended,
    gone,
    limited,
    linked,
    same,
    serving,
)

MESSAGE = bytes(range(256)) * 100


@on_loop
async def test_tcp(loop, certificates, version):
    async with linked(loop, certificates.both_sides(version), server=Echo) as (near, far):
        await answered(near, MESSAGE)
        for end in (near, far):
            assert end.transport.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
        near.transport.close()
        assert await near.closed is None and await far.closed is None
        assert far.events[0] == "made" and far.events[-2:] == ["eof", "lost"]
        assert bytes(far.data) == MESSAGE


@on_loop
async def test_unix(loop, certificates, version, tmp_path):
    server_side, client_side = certificates.both_sides(version)
    made = []
    path = str(tmp_path / "socket")
    server = await loop.create_unix_server(lambda: made.append(Echo()) or made[-1], path, ssl=server_side)
    _, near = await loop.create_unix_connection(Log, path, ssl=client_side, server_hostname=NAME)
    await answered(near, MESSAGE)
    assert near.transport.get_extra_info("peername") == path
    near.transport.close()
    assert await near.closed is None
    assert await made[0].closed is None
    server.close()
    await server.wait_closed()


@on_loop
async def test_sockets_of_the_caller(loop, certificates, version):
    """create_connection(sock=) at one end, connect_accepted_socket at the other."""
    server_side, client_side = certificates.both_sides(version)
    with tcp_pair() as (near, far):
        ends = await asyncio.gather(
            loop.create_connection(Log, sock=near, ssl=client_side, server_hostname=NAME),
            loop.connect_accepted_socket(Echo, far, ssl=server_side),
        )
        client, server = (protocol for _, protocol in ends)
        assert ends[0][0] is client.transport and ends[1][0] is server.transport
        await answered(client, MESSAGE)
        client.transport.close()
        assert await client.closed is None and await server.closed is None


@on_loop
async def test_a_listening_socket_of_the_caller(loop, certificates):
    server_side, client_side = certificates.both_sides()
    made = []
    listener = socket.create_server(("127.0.0.1", 0))
    server = await loop.create_server(lambda: made.append(Echo()) or made[-1], sock=listener, ssl=server_side)
    address = listener.getsockname()
    _, near = await loop.create_connection(Log, *address, ssl=client_side, server_hostname=NAME)
    await answered(near)
    await gone(near, *made)
    server.close()
    await server.wait_closed()


@on_loop
async def test_start_serving_later(loop, certificates):
    server_side, client_side = certificates.both_sides()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_side, start_serving=False)
    await server.start_serving()
    address = server.sockets[0].getsockname()
    _, near = await loop.create_connection(Log, *address, ssl=client_side, server_hostname=NAME)
    await answered(near)
    near.transport.close()
    await near.closed
    server.close()
    await server.wait_closed()


@on_loop
async def test_connection_made_comes_after_the_handshake(loop, certificates, version):
    """Both ends know the cipher in connection_made, and may write there."""

    class Speaks(Log):
        def connection_made(self, transport):
            super().connection_made(transport)
            self.cipher = transport.get_extra_info("cipher")
            transport.write(b"hello")

    async with linked(loop, certificates.both_sides(version), server=Speaks, client=Speaks) as (near, far):
        await until(lambda: near.data == far.data == b"hello")
        assert near.cipher == far.cipher and near.cipher[2] >= 128


@on_loop
async def test_many_at_once(loop, certificates, version):
    server_side, client_side = certificates.both_sides(version)
    async with serving(loop, Echo, ssl=server_side) as (address, made):

        async def one(number):
            _, near = await loop.create_connection(Log, *address, ssl=client_side, server_hostname=NAME)
            await answered(near, b"%d " % number * 1000)
            near.transport.close()
            assert await near.closed is None

        await asyncio.gather(*map(one, range(50)))
        assert len(made) == 50


def test_the_server_picks_the_common_version(certificates):
    """Old client, new server, and the other way round."""
    old = ssl.TLSVersion.TLSv1_2
    for at_server, at_client, expected in ((old, None, "TLSv1.2"), (None, old, "TLSv1.2"), (None, None, "TLSv1.3")):

        async def scenario(loop, at_server=at_server, at_client=at_client):
            contexts = certificates.server_side(version=at_server), certificates.client_side(version=at_client)
            async with linked(loop, contexts, server=Echo) as (near, far):
                await answered(near)
                ends = (near, far)
                return [end.transport.get_extra_info("ssl_object").version() for end in ends]

        assert same(scenario) == [expected, expected]


@pytest.mark.parametrize("newer", ["server", "client"])
def test_no_common_version(certificates, newer):
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    server_side = certificates.server_side(version=new if newer == "server" else old)
    client_side = certificates.client_side(version=new if newer == "client" else old)

    async def by_hand(loop, sock):
        with pytest.raises(ssl.SSLError):
            await Peer(loop, sock, server_side, server_side=True).handshake()

    error, events, reports = same(against_client, client_side, by_hand)
    assert (error[0], error[2]["reason"], events, reports) == ("SSLError", "TLSV1_ALERT_PROTOCOL_VERSION", [], [])

    async def at_server(loop, sock):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Peer(loop, sock, client_side).handshake()

    assert same(against_server, server_side, at_server) == ([], b"", None, None, [])


def test_ciphers_are_those_of_the_context(certificates):
    for cipher in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):

        async def scenario(loop, cipher=cipher):
            contexts = certificates.both_sides(ssl.TLSVersion.TLSv1_2)
            contexts[1].set_ciphers(cipher)
            async with linked(loop, contexts) as (near, far):
                return [end.transport.get_extra_info("cipher") for end in (near, far)]

        assert [name for name, *_ in same(scenario)] == [cipher, cipher]


def test_no_common_cipher(certificates):
    version = ssl.TLSVersion.TLSv1_2
    server_side, client_side = certificates.both_sides(version)
    server_side.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    client_side.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")

    async def by_hand(loop, sock):
        with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
            await Peer(loop, sock, server_side, server_side=True).handshake()

    error, *_ = same(against_client, client_side, by_hand)
    assert error[2]["reason"] in ("SSLV3_ALERT_HANDSHAKE_FAILURE", "SSL/TLS_ALERT_HANDSHAKE_FAILURE")

    async def at_server(loop, sock):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Peer(loop, sock, client_side).handshake()

    assert same(against_server, server_side, at_server) == ([], b"", None, None, [])


@on_loop
async def test_the_handshake_in_pieces(loop, certificates, version):
    """A peer whose bytes come one at a time, each in a packet of its own."""
    server_side, client_side = certificates.both_sides(version)
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        async with client_of(loop, address) as sock:
            peer = Peer(loop, sock, client_side)

            async def flush():
                for byte in peer.outgoing.read():
                    await loop.sock_sendall(sock, bytes([byte]))
                    await asyncio.sleep(0)

            peer.flush = flush
            await peer.handshake()
            await peer.write(b"hello")
            assert await peer.read_exactly(5) == b"hello"
            await peer.notify()
            await ended(loop, sock)
        assert await made[0].closed is None


@on_loop
async def test_data_right_behind_the_handshake(loop, certificates, version):
    """What comes in the packet that ends the handshake is not lost, and comes after connection_made."""
    server_side, client_side = certificates.both_sides(version)
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        async with client_of(loop, address) as sock:
            peer = Peer(loop, sock, client_side)
            while True:
                try:
                    peer.tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await peer.flush()
                    await peer.fill()
            if version == ssl.TLSVersion.TLSv1_3:
                peer.tls.write(MESSAGE)
                peer.tls.write(b"end")
                await peer.flush()
            else:
                await peer.write(MESSAGE + b"end")
            assert await peer.read_exactly(len(MESSAGE) + 3) == MESSAGE + b"end"
            await peer.notify()
            await ended(loop, sock)
        assert made[0].events[:2] == ["made", "data"]


@on_loop
async def test_true_is_the_default_context(loop, certificates, monkeypatch):
    """ssl=True makes a verifying context; the authority comes from OpenSSL's own environment variable."""
    monkeypatch.setenv("SSL_CERT_FILE", certificates.authority)
    async with serving(loop, Echo, ssl=certificates.server_side()) as (address, made):
        _, near = await loop.create_connection(Log, NAME, address[1], ssl=True, family=socket.AF_INET)
        context = near.transport.get_extra_info("sslcontext")
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        await answered(near)
        await gone(near, *made)
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(Log, *address, ssl=True, server_hostname="elsewhere.example")


@on_loop
async def test_the_name_is_the_host_by_default(loop, certificates):
    server_side, client_side = certificates.both_sides()
    async with serving(loop, Echo, ssl=server_side) as (address, _):
        _, near = await loop.create_connection(Log, *address, ssl=client_side)
        assert near.transport.get_extra_info("ssl_object").server_hostname == "127.0.0.1"
        await gone(near)


@on_loop
async def test_arguments(loop, certificates):
    client_side = certificates.client_side()
    with tcp_pair() as (near, _):
        with pytest.raises(ValueError, match="You must set server_hostname when using ssl without a host"):
            await loop.create_connection(Log, sock=near, ssl=client_side)
        near.close()
    for argument in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
        for value in (0, -1):
            with tcp_pair() as (near, _):
                with pytest.raises(ValueError, match=f"^{argument} should be a positive number, got {value}$"):
                    await loop.create_connection(
                        Log, sock=near, ssl=client_side, server_hostname=NAME, **{argument: value}
                    )
                near.close()
    with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
        await loop.create_server(Log, "127.0.0.1", 0, ssl=True)
    wrapped = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(
        socket.socket(), server_hostname=NAME, do_handshake_on_connect=False
    )
    with wrapped, pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
        await loop.create_connection(Log, sock=wrapped, ssl=client_side, server_hostname=NAME)


def test_contexts_for_the_wrong_side(certificates):
    """A client's context at the server, a server's at the client: the errors, and nothing left."""
    server_side, client_side = certificates.both_sides()

    async def client(loop):
        with tcp_pair() as (near, _):
            try:
                await loop.create_connection(Log, sock=near, ssl=server_side, server_hostname=NAME)
            except ssl.SSLError as error:
                return type(error).__name__, error.reason or str(error).partition(" (")[0]
            finally:
                near.close()

    kind, reason = same(client)
    assert (kind, reason) == ("SSLError", "Cannot create a client socket with a PROTOCOL_TLS_SERVER context")

    async def server(loop):
        with tcp_pair() as (near, _):
            try:
                await loop.connect_accepted_socket(Log, near, ssl=client_side)
            except ssl.SSLError as error:
                return type(error).__name__, error.reason or str(error).partition(" (")[0]
            finally:
                near.close()

    client_side.check_hostname = False  # else ssl, in its latest releases, asks for a name first
    kind, reason = same(server)
    assert (kind, reason) == ("SSLError", "Cannot create a server socket with a PROTOCOL_TLS_CLIENT context")


@on_loop
async def test_a_change_of_the_context_is_for_the_next_connection(loop, certificates):
    """The context is the caller's own, alive, not a copy made when the server began."""
    server_side, client_side = certificates.both_sides()
    async with serving(loop, Echo, ssl=server_side) as (address, _):
        versions = []
        for limit in (None, ssl.TLSVersion.TLSv1_2):
            limited(server_side, limit)
            _, near = await loop.create_connection(Log, *address, ssl=client_side, server_hostname=NAME)
            await answered(near)
            versions.append(near.transport.get_extra_info("ssl_object").version())
            await gone(near)
        assert versions == ["TLSv1.3", "TLSv1.2"]


@on_loop
async def test_cancelled_in_the_middle(loop, certificates):
    """The connection attempt is given up, and its socket with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        connecting = loop.create_task(
            loop.create_connection(Log, *listener.getsockname(), ssl=certificates.client_side(), server_hostname=NAME)
        )
        sock, _ = await loop.sock_accept(listener)
        with sock:
            assert (await loop.sock_recv(sock, 1000)).startswith(b"\x16\x03")
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await ended(loop, sock)
