"""Peers that are broken, rude or gone, before, in and after the handshake, and callbacks that raise.

Each scenario runs on asyncio and on ferrio: class and text of the exception, what the protocol was told, what the
loop's exception handler was told. Nothing stays open.
"""

import asyncio
import contextlib
import socket
import ssl

import ferrio
import pytest
from helpers import Log, asyncio_log, on_loop, until
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
    reset,
    same,
    serving,
)

GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    "answer": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": bytes(4096),
    "letters": b"x" * 4096,
    "short": b"\x16",
    "other version": b"\x16\x03\x09\x00\x05hello",
    "huge record": b"\x16\x03\x01\xff\xff" + bytes(70_000),
    "empty records": b"\x16\x03\x01\x00\x00" * 100,
    "data first": b"\x17\x03\x03\x00\x20" + bytes(32),
    "hello of nonsense": b"\x16\x03\x01\x00\x30\x01\x00\x00\x2c" + b"\xff" * 44,
    "alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "warning": b"\x15\x03\x03\x00\x02\x01\x00",
    "nothing": b"",
}


def sending(data, how):
    async def play(loop, sock):
        await loop.sock_sendall(sock, data)
        if how == "reset":
            await loop.sock_recv(sock, 1)  # so that the other end is at work
            reset(sock)
        elif how == "end":
            sock.shutdown(socket.SHUT_WR)

    return play


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_to_a_server(certificates, what):
    result = same(against_server, certificates.server_side(), sending(GARBAGE[what], "end"), Echo)
    assert result == ([], b"", None, None, [])


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_to_a_client(certificates, what):
    """The exception tells what it was, by OpenSSL's reason, or that the connection was lost."""
    error, events, reports = same(against_client, certificates.client_side(), sending(GARBAGE[what], "end"))
    assert (events, reports) == ([], [])
    reasons = {
        "http": "HTTP_REQUEST",
        "answer": "WRONG_VERSION_NUMBER",
        "alert": "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "huge record": "DATA_LENGTH_TOO_LONG",
    }
    if what in ("short", "nothing"):
        assert error == ("ConnectionResetError", "", {})
    elif what in reasons:
        assert error[0] == "SSLError"
        others = ("PACKET_LENGTH_TOO_LONG", RECORD_LAYER)
        assert error[2]["reason"].replace("SSL/TLS_ALERT", "SSLV3_ALERT") in (reasons[what], *others)


@pytest.mark.parametrize("what", ["http", "zeros", "hello of nonsense"])
def test_what_debug_mode_logs_of_it(certificates, what, caplog):
    """The reason, with a traceback, at the level of debugging."""
    caplog.set_level("DEBUG", "asyncio")

    async def scenario(loop):
        caplog.clear()
        loop.set_debug(True)
        await against_server(loop, certificates.server_side(), sending(GARBAGE[what], "end"))
        logged = [record for record in caplog.records if "SSL handshake failed" in record.getMessage()]
        return [(record.levelname, describe(record.exc_info[1])) for record in logged]

    [(level, (kind, *_))] = same(scenario)
    assert (level, kind) == ("DEBUG", "SSLError")


def test_a_reset_before_anything(certificates):
    async def play(loop, sock):
        await loop.sock_recv(sock, 1)
        reset(sock)

    error, events, reports = same(against_client, certificates.client_side(), play)
    assert (error[0], events, reports) == ("ConnectionResetError", [], [])


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_client_that_leaves_in_the_middle(certificates, version, how):
    """At each byte count that matters of its first flight, and before its second."""
    server_side = certificates.server_side(version=version)
    for part in (0, 1, 4, 5, 6, 50, None):

        async def play(loop, sock, part=part):
            peer = Peer(loop, sock, certificates.client_side(version=version))
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.do_handshake()
            await loop.sock_sendall(sock, peer.outgoing.read()[:part])
            if part is None:
                await peer.fill()  # the server's answer
            if how == "reset":
                reset(sock)
            else:
                sock.shutdown(socket.SHUT_WR)

        assert same(against_server, server_side, play) == ([], b"", None, None, [])


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_server_that_leaves_in_the_middle(certificates, version, how):
    client_side = certificates.client_side(version=version)
    for part in (0, 1, 5, 60, 200, 400):

        async def play(loop, sock, part=part):
            peer = Peer(loop, sock, certificates.server_side(version=version), server_side=True)
            await peer.fill()
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.do_handshake()
            await loop.sock_sendall(sock, peer.outgoing.read()[:part])
            if how == "reset":
                reset(sock)
            else:
                sock.shutdown(socket.SHUT_WR)

        error, events, reports = same(against_client, client_side, play)
        assert (error[0], events, reports) == ("ConnectionResetError", [], [])


def test_flights_with_a_wrong_byte(certificates, version):
    """One bit of a server's answer, somewhere: always an error, never a connection, never a hang."""
    client_side = certificates.client_side(version=version)
    for place in range(5, 600, 85):

        async def play(loop, sock, place=place):
            peer = Peer(loop, sock, certificates.server_side(version=version), server_side=True)
            await peer.fill()
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.do_handshake()
            flight = bytearray(peer.outgoing.read())
            flight[min(place, len(flight) - 1)] ^= 0x40
            await loop.sock_sendall(sock, flight)
            sock.shutdown(socket.SHUT_WR)

        assert same(lambda loop, play=play: fails(loop, client_side, play)) == (True, [], [])


async def fails(loop, context, play):
    """As against_client, less which exception it was: the keys are others each time, and so is what the bit was for."""
    error, *others = await against_client(loop, context, play)
    return error[0] in ("SSLError", "SSLCertVerificationError", "ConnectionResetError"), *others


# As newer releases of OpenSSL call everything that is wrong with a record.
RECORD_LAYER = "RECORD_LAYER_FAILURE"


def corrupted(data):
    return data[:-1] + bytes([data[-1] ^ 1])


BROKEN = {
    "flipped": (corrupted, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
    "twice": (lambda data: data + data, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
    "cut": (lambda data: data[:3] + (len(data) - 6).to_bytes(2) + data[5:-1], "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
    "plain": (lambda data: b"in the clear, all of this", "WRONG_VERSION_NUMBER"),
    "too long": (lambda data: data[:3] + b"\xff\xff" + bytes(70_000), ""),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_records(certificates, version, how):
    """What came whole is delivered; then the protocol gets the error."""
    change, reason = BROKEN[how]

    async def play(loop, sock):
        peer = Peer(loop, sock, certificates.client_side(version=version))
        await peer.handshake()
        await peer.write(b"whole")
        await peer.read_exactly(5)
        await loop.sock_sendall(sock, change(peer.records(b"second")))

    events, data, error, _, reports = same(against_server, certificates.server_side(version=version), play, Echo)
    assert (events, reports) == (["made", "data", "lost"], [])
    assert data in (b"whole", b"wholesecond")
    assert error[0] == "SSLError" and (reason in error[2]["reason"] or error[2]["reason"] == RECORD_LAYER)


def test_a_fatal_alert_later(certificates, version):
    """Such as a certificate that was revoked meanwhile: unencrypted, it is itself an error of the record layer."""

    async def play(loop, sock):
        peer = Peer(loop, sock, certificates.client_side(version=version))
        await peer.handshake()
        await peer.write(b"whole")
        await peer.read_exactly(5)
        await loop.sock_sendall(sock, b"\x15\x03\x03\x00\x02\x02\x2c")

    events, data, error, _, reports = same(against_server, certificates.server_side(version=version), play, Echo)
    assert (events, data, reports) == (["made", "data", "lost"], b"whole", [])
    assert error[0] == "SSLError"


# Callbacks that raise


@pytest.mark.parametrize("callback", ["made", "data", "eof", "lost"])
def test_callbacks_that_raise(certificates, version, callback):
    """Who is told what, and what becomes of the connection, as with asyncio."""

    async def play(loop, sock):
        peer = Peer(loop, sock, certificates.client_side(version=version))
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await peer.handshake()
            await peer.write(b"hello")
            await peer.notify()

    async def scenario(loop):
        server_side = certificates.server_side(version=version)
        with asyncio_log():
            events, _, end, _, reports = await against_server(loop, server_side, play, lambda: Log(callback))
        return events, end and end[0], [(message, text) for message, text in reports if "Unhandled" not in message]

    events, _, reports = same(scenario)
    assert callback in events and any(callback in text for _, text in reports)


@on_loop
async def test_a_factory_that_raises(loop, certificates):
    async with serving(loop, Echo, ssl=certificates.server_side()) as (address, made):
        async with client_of(loop, address) as sock:
            with pytest.raises(ZeroDivisionError):
                await loop.create_connection(
                    lambda: 1 / 0, sock=sock, ssl=certificates.client_side(), server_hostname=NAME
                )
        await until(lambda: made)


def test_a_protocol_raises_base_exceptions(certificates):
    """SystemExit and KeyboardInterrupt leave the loop; the connection can be ended afterwards."""
    for kind in (SystemExit, KeyboardInterrupt):

        class Quits(Log):
            def data_received(self, data, kind=kind):
                super().data_received(data)
                raise kind

        def scenario(module, kind=kind, quits=Quits):
            loop = module.new_event_loop()
            stack = []

            async def setup():
                manager = linked(loop, certificates.both_sides(), server=quits)
                near, _ = await manager.__aenter__()
                stack.append(manager)
                near.transport.write(b"stop")
                await asyncio.Event().wait()

            task = loop.create_task(setup())
            with pytest.raises(kind):
                loop.run_until_complete(task)
            loop.run_until_complete(stack[0].__aexit__(None, None, None))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                loop.run_until_complete(task)
            loop.close()

        for module in (asyncio, ferrio):
            scenario(module)


@on_loop
async def test_a_server_survives_all_of_it(loop, certificates, version):
    """Between every kind of rude client an ordinary one is served."""
    server_side, client_side = certificates.both_sides(version)
    async with serving(loop, Echo, ssl=server_side, ssl_handshake_timeout=5) as (address, made):
        for data in GARBAGE.values():
            async with client_of(loop, address) as sock:
                await loop.sock_sendall(sock, data)
                sock.shutdown(socket.SHUT_WR)
                await ended(loop, sock)
            _, near = await loop.create_connection(Log, *address, ssl=client_side, server_hostname=NAME)
            await answered(near)
            await gone(near)
        await until(lambda: len(made) == 2 * len(GARBAGE))
