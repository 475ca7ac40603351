"""TLS under streams: open_connection, start_server, Unix sockets, drain, EOF, StreamWriter.start_tls at both ends."""

import asyncio
import contextlib
import ssl

import pytest
from helpers import collect_errors, on_loop
from tls_support import NAME, Peer, client_of, describe, ended

BULK = bytes(range(256)) * 4096


@contextlib.asynccontextmanager
async def served(aio, handle, contexts, **options):
    """A server of streams and a client connected to it; all is closed at the end."""
    tasks = []

    async def handler(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            await handle(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await aio.start_server(handler, "127.0.0.1", 0, ssl=contexts and contexts[0])
    address = server.sockets[0].getsockname()
    options = {"server_hostname": NAME, **options} if contexts else {}
    try:
        reader, writer = await aio.open_connection(*address, ssl=contexts and contexts[1], **options)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def upper(reader, writer):
    """Answers every line in capitals, to the end."""
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()


@on_loop
async def test_lines(loop, aio, certificates, version):
    async with served(aio, upper, certificates.both_sides(version)) as (reader, writer):
        for line in (b"one\n", b"two\n", b"x" * 30_000 + b"\n"):
            writer.write(line)
            await writer.drain()
            assert await reader.readline() == line.upper()
        writer.writelines([b"a", b"b\n", bytearray(b"c"), memoryview(b"d\n")])
        assert await reader.readexactly(6) == b"AB\nCD\n"
        assert writer.can_write_eof() is False


@on_loop
async def test_unix(loop, aio, certificates, version, tmp_path):
    server_side, client_side = certificates.both_sides(version)
    path = str(tmp_path / "socket")

    async def handle(reader, writer):
        await upper(reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await aio.start_unix_server(handle, path, ssl=server_side)
    reader, writer = await aio.open_unix_connection(path, ssl=client_side, server_hostname=NAME)
    writer.write(b"hello\n")
    assert await reader.readline() == b"HELLO\n"
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


@on_loop
async def test_a_download(loop, aio, certificates, version):
    """More than every buffer, with drain() at the sender; the reader's limit stops the sender in between."""

    async def handle(reader, writer):
        for _ in range(8):
            writer.write(BULK)
            await writer.drain()

    async with served(aio, handle, certificates.both_sides(version), limit=5000) as (reader, _):
        assert await reader.read() == BULK * 8
        assert reader.at_eof()


@on_loop
async def test_an_upload(loop, aio, certificates, version):
    got = loop.create_future()

    async def handle(reader, writer):
        data = bytearray()
        while len(data) < len(BULK) * 8:
            data += await reader.read(10_000)
        got.set_result(bytes(data))

    async with served(aio, handle, certificates.both_sides(version)) as (_, writer):
        for _ in range(8):
            writer.write(BULK)
            await writer.drain()
        assert await got == BULK * 8


@on_loop
async def test_both_ways_at_once(loop, aio, certificates, version):
    """Full buffers in both directions, which would be a deadlock if one waited for the other."""

    async def talk(reader, writer):
        async def send():
            for _ in range(8):
                writer.write(BULK)
                await writer.drain()

        sending = loop.create_task(send())
        assert await reader.readexactly(len(BULK) * 8) == BULK * 8
        await sending

    finished = loop.create_future()

    async def handle(reader, writer):
        await talk(reader, writer)
        finished.set_result(None)
        await reader.read()

    async with served(aio, handle, certificates.both_sides(version)) as (reader, writer):
        await talk(reader, writer)
        await finished


@on_loop
async def test_an_end_in_the_middle(loop, aio, certificates, version):
    async def handle(reader, writer):
        writer.write(b"only this")

    async with served(aio, handle, certificates.both_sides(version)) as (reader, _):
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await reader.readexactly(100)
        assert caught.value.partial == b"only this"
        assert await reader.read() == b""


@on_loop
async def test_a_connection_that_is_refused(loop, aio, certificates):
    async def never(reader, writer):
        raise AssertionError

    errors = collect_errors(loop)
    server = await aio.start_server(
        never, "127.0.0.1", 0, ssl=certificates.server_side("alone", ssl.TLSVersion.TLSv1_2)
    )
    for _ in range(3):
        with pytest.raises(ssl.SSLCertVerificationError):
            await aio.open_connection(
                *server.sockets[0].getsockname(), ssl=certificates.client_side(), server_hostname=NAME
            )
    server.close()
    await server.wait_closed()
    assert errors == []


@on_loop
async def test_garbage_to_a_server_of_streams(loop, aio, certificates):
    errors = collect_errors(loop)
    handled = []
    server = await aio.start_server(
        lambda *streams: handled.append(streams), "127.0.0.1", 0, ssl=certificates.server_side()
    )
    async with client_of(loop, server.sockets[0].getsockname()) as sock:
        await loop.sock_sendall(sock, b"GET / HTTP/1.0\r\n\r\n")
        await ended(loop, sock)
    server.close()
    await server.wait_closed()
    assert (handled, errors) == ([], [])


@on_loop
async def test_a_broken_record(loop, aio, certificates, version):
    """The reader raises what broke the connection, with asyncio's class."""
    outcome = loop.create_future()

    async def handle(reader, writer):
        try:
            assert await reader.readexactly(5) == b"whole"
            await reader.read()
        except ssl.SSLError as error:
            outcome.set_result(describe(error))
        writer.close()

    server = await aio.start_server(handle, "127.0.0.1", 0, ssl=certificates.server_side(version=version))
    async with client_of(loop, server.sockets[0].getsockname()) as sock:
        peer = Peer(loop, sock, certificates.client_side(version=version))
        await peer.handshake()
        await peer.write(b"whole")
        record = bytearray(peer.records(b"broken"))
        record[-1] ^= 1
        await loop.sock_sendall(sock, record)
        kind, _, details = await outcome
        await ended(loop, sock)
    # The second is what newer releases of OpenSSL say.
    assert kind == "SSLError"
    assert details["reason"] in ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "RECORD_LAYER_FAILURE")
    server.close()
    await server.wait_closed()


# start_tls


@on_loop
async def test_start_tls(loop, aio, certificates, version):
    """A conversation in the clear, the switch at both ends, and more of it."""
    server_side, client_side = certificates.both_sides(version)

    async def handle(reader, writer):
        writer.write(await reader.readline())
        await writer.start_tls(server_side)
        assert writer.get_extra_info("ssl_object").server_side
        await upper(reader, writer)

    async with served(aio, handle, None) as (reader, writer):
        writer.write(b"plain\n")
        assert await reader.readline() == b"plain\n"
        await writer.start_tls(client_side, server_hostname=NAME)
        assert writer.get_extra_info("sslcontext") is client_side
        assert ("DNS", NAME) in writer.get_extra_info("peercert")["subjectAltName"]
        for line in (b"secret\n", b"x" * 50_000 + b"\n"):
            writer.write(line)
            await writer.drain()
            assert await reader.readline() == line.upper()


@on_loop
async def test_start_tls_fails_at_the_client(loop, aio, certificates):
    errors = collect_errors(loop)
    outcome = loop.create_future()

    async def handle(reader, writer):
        await reader.readline()
        writer.write(b"go\n")
        try:
            await writer.start_tls(certificates.server_side("alone"))
            await reader.read()
        except OSError as error:
            outcome.set_result(type(error))
        else:
            outcome.set_result(None)

    async with served(aio, handle, None) as (reader, writer):
        writer.write(b"start\n")
        assert await reader.readline() == b"go\n"
        with pytest.raises(ssl.SSLCertVerificationError):
            await writer.start_tls(certificates.client_side(), server_hostname=NAME)
        assert writer.is_closing() or writer.transport.is_closing()
        await outcome
    assert errors == []


@on_loop
async def test_start_tls_twice(loop, aio, certificates):
    """TLS inside of TLS."""
    outer, inner = certificates.both_sides(), (certificates.server_side("second"), certificates.client_side())

    async def handle(reader, writer):
        await writer.start_tls(outer[0])
        await writer.start_tls(inner[0])
        await upper(reader, writer)

    async with served(aio, handle, None) as (reader, writer):
        await writer.start_tls(outer[1], server_hostname=NAME)
        await writer.start_tls(inner[1], server_hostname="second.example")
        writer.write(b"deep\n")
        assert await reader.readline() == b"DEEP\n"
        assert ("DNS", "second.example") in writer.get_extra_info("peercert")["subjectAltName"]


@on_loop
async def test_start_tls_with_full_buffers(loop, aio, certificates, version):
    """What was written in the clear is sent in the clear, all of it, before the handshake."""
    server_side, client_side = certificates.both_sides(version)

    async def handle(reader, writer):
        assert await reader.readexactly(len(BULK)) == BULK
        writer.write(b"now\n")
        await writer.start_tls(server_side)
        await upper(reader, writer)

    async with served(aio, handle, None) as (reader, writer):
        writer.write(BULK)
        assert await reader.readline() == b"now\n"
        await writer.start_tls(client_side, server_hostname=NAME)
        writer.write(b"after\n")
        assert await reader.readline() == b"AFTER\n"


@on_loop
async def test_start_tls_wants_a_context(loop, aio, certificates):
    async def handle(reader, writer):
        await reader.read()

    async with served(aio, handle, None) as (_, writer):
        for wrong in (None, True, "context"):
            with pytest.raises(TypeError, match=r"^sslcontext is expected to be an instance of ssl.SSLContext, got "):
                await writer.start_tls(wrong)


@on_loop
async def test_dropped_without_close(loop, aio, certificates):
    """The handler just returns: with a reference gone the connection goes too, with a ResourceWarning as asyncio's."""

    async def handle(reader, writer):
        await reader.readline()

    async with served(aio, handle, certificates.both_sides()) as (reader, writer):
        writer.write(b"go\n")
        assert await reader.read() == b""
