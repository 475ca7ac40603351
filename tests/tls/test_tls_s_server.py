"""A client on the loop, and `openssl s_server` as its server."""

import contextlib
import ssl

import pytest
from helpers import Log, on_loop, until
from tls_programs import flag, openssl, running
from tls_support import NAME, gone, story


@contextlib.asynccontextmanager
async def s_server(certificates, *arguments, leaf="server"):
    """A server and its address."""
    own = ["-cert", getattr(certificates, leaf), "-key", getattr(certificates, leaf)]
    chain = ["-cert_chain", getattr(certificates, leaf)]
    async with running("openssl", "s_server", "-accept", "127.0.0.1:0", *own, *chain, *arguments) as server:
        await server.until("ACCEPT ")
        while "\n" not in server.said.partition("ACCEPT ")[2]:
            await server.until("\n", count=server.said.count("\n") + 1)
        host, _, port = server.said.partition("ACCEPT ")[2].split()[0].rpartition(":")
        yield server, (host, int(port))


@contextlib.asynccontextmanager
async def connected(loop, address, context, factory=Log):
    _, near = await loop.create_connection(factory, *address, ssl=context, server_hostname=NAME)
    try:
        yield near
    finally:
        await gone(near)


async def tell(server, near, word):
    """Write a line to s_server, and wait until it has printed it."""
    near.transport.write(f"{word}\n".encode())
    await server.until(word)


async def command(server, near, letter):
    """Have s_server obey. It drops what it reads along with a command, and tells with its next words that it obeyed."""
    obeyed = server.said.count("SSL_do_handshake -> ")
    await server.say(f"{letter}\n")
    while server.said.count("SSL_do_handshake -> ") == obeyed:
        pokes = server.said.count("poke")
        near.transport.write(b"poke\n")
        await server.until("poke", count=pokes + 1)


@openssl
@on_loop
async def test_s_server(loop, certificates, version):
    """-rev answers every line in reverse."""
    context = certificates.client_side(version=version)
    async with s_server(certificates, flag(version), "-rev") as (_, address), connected(loop, address, context) as near:
        for line in (b"hello\n", b"x" * 5000 + b"y\n"):
            near.data.clear()
            near.transport.write(line)
            await until(lambda line=line: len(near.data) == len(line))
            assert bytes(near.data) == line[-2::-1] + b"\n"
        near.transport.close()
        assert await near.closed is None


@openssl
@on_loop
async def test_s_server_closes(loop, certificates, version):
    context = certificates.client_side(version=version)
    async with s_server(certificates, flag(version)) as (server, address), connected(loop, address, context) as near:
        await tell(server, near, "hello")
        await server.say("bye\n")
        await until(lambda: near.data == b"bye\n")
        await server.say("q\n")  # close_notify, and the end of the connection
        assert await near.closed is None
        assert story(near) == ["made", "data", "eof", "lost"]


@openssl
@on_loop
async def test_s_server_dies(loop, certificates, version):
    """Killed: the kernel ends the stream, or resets it; no close_notify."""
    context = certificates.client_side(version=version)
    async with s_server(certificates, flag(version)) as (server, address), connected(loop, address, context) as near:
        await tell(server, near, "hello")
        server.process.kill()
        assert isinstance(await near.closed, (ConnectionError, type(None)))


@openssl
@on_loop
async def test_s_server_renegotiates(loop, certificates):
    """TLS 1.2: the server asks, the client obliges, in between and under data."""
    context = certificates.client_side(version=ssl.TLSVersion.TLSv1_2)
    async with s_server(certificates, "-tls1_2") as (server, address), connected(loop, address, context) as near:
        await tell(server, near, "hello")
        for number in range(3):
            await command(server, near, "r")
            await server.say(f"after{number}\n")
            await until(lambda number=number: near.data.endswith(b"after%d\n" % number))
            await tell(server, near, f"reply{number}")


@openssl
@on_loop
async def test_s_server_may_not_renegotiate(loop, certificates):
    """OP_NO_RENEGOTIATION of the client's context: the server is told no, and leaves: it must have had a reason."""
    context = certificates.client_side(version=ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION
    async with s_server(certificates, "-tls1_2") as (server, address), connected(loop, address, context) as near:
        await tell(server, near, "hello")
        await server.say("r\n")
        error = await near.closed
        assert error is None or error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


@openssl
@on_loop
async def test_s_server_asks_for_a_certificate_by_renegotiating(loop, certificates):
    """As web servers do it for one folder: R asks for one with TLS 1.2."""
    context = certificates.client_side("client", ssl.TLSVersion.TLSv1_2)
    options = ["-tls1_2", "-CAfile", certificates.authority]
    async with s_server(certificates, *options) as (server, address), connected(loop, address, context) as near:
        await tell(server, near, "hello")
        await command(server, near, "R")
        await server.say("after\n")
        await until(lambda: near.data == b"after\n")
        await tell(server, near, "reply")


@openssl
@on_loop
async def test_s_server_updates_its_keys(loop, certificates):
    context = certificates.client_side(version=ssl.TLSVersion.TLSv1_3)
    async with s_server(certificates, "-tls1_3") as (server, address), connected(loop, address, context) as near:
        await tell(server, near, "hello")
        for number, letter in enumerate("kKkK"):
            await command(server, near, letter)
            await server.say(f"after{number}\n")
            await until(lambda number=number: near.data.endswith(b"after%d\n" % number))
            await tell(server, near, f"reply{number}")


@pytest.mark.parametrize("leaf", ["alone", "expired", "elsewhere", "foreign"])
@openssl
@on_loop
async def test_s_server_with_a_bad_certificate(loop, certificates, version, leaf):
    async with s_server(certificates, flag(version), leaf=leaf) as (_, address):
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(
                Log, *address, ssl=certificates.client_side(version=version), server_hostname=NAME
            )


@openssl
@on_loop
async def test_s_server_wants_a_certificate(loop, certificates, version):
    wants = ["-Verify", "1", "-verify_return_error", "-CAfile", certificates.authority, "-rev", flag(version)]
    async with s_server(certificates, *wants) as (_, address):
        async with connected(loop, address, certificates.client_side("client", version)) as near:
            near.transport.write(b"ab\n")
            await until(lambda: near.data == b"ba\n")
        try:
            async with connected(loop, address, certificates.client_side(version=version)) as near:
                assert isinstance(await near.closed, (ssl.SSLError, ConnectionError))  # TLS 1.3: after the handshake
        except (ssl.SSLError, ConnectionError):
            assert version == ssl.TLSVersion.TLSv1_2
