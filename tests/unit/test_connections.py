"""Connecting by address: one address after the other, happy eyeballs, cancelling, local addresses.

Names are resolved by a replaced loop.getaddrinfo, so that no test asks a resolver; all traffic is on loopback.
"""

import asyncio
import contextlib
import errno
import functools
import re
import socket
import sys

import pytest
from helpers import Echo, Log, answers, on_loop, shut

HOST = "127.0.0.1"


@pytest.fixture
def refusing():
    """A port that refuses on every address: it is bound, so that nobody else is given it, and does not listen."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        yield taken.getsockname()[1]


def free_port():
    with socket.create_server((HOST, 0)) as sock:
        return sock.getsockname()[1]


def resolving(loop, *addresses):
    """Have the loop resolve every name to these addresses."""

    async def getaddrinfo(host, port, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in addresses]

    loop.getaddrinfo = getaddrinfo


@contextlib.contextmanager
def unanswering():
    """The address of a listener whose queue is full, so that a connection to it stays pending."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind((HOST, 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


@on_loop
async def test_a_refused_connection(loop, refusing):
    with pytest.raises(ConnectionRefusedError) as caught:
        await loop.create_connection(Log, HOST, refusing)
    assert str(caught.value) == f"[Errno {errno.ECONNREFUSED}] Connect call failed ('{HOST}', {refusing})"


@on_loop
async def test_connecting_tries_the_addresses_in_turn(loop, refusing):
    port = refusing
    server = await loop.create_server(Echo, HOST, 0)
    resolving(loop, (HOST, port), ("127.0.0.2", port), server.sockets[0].getsockname())
    assert await answers(loop.create_connection(Log, "name", 1))
    await shut(server)
    resolving(loop, (HOST, port), ("127.0.0.2", port))
    errors = [f"[Errno {errno.ECONNREFUSED}] Connect call failed ('{host}', {port})" for host in (HOST, "127.0.0.2")]
    with pytest.raises(OSError) as caught:
        await loop.create_connection(Log, "name", 1)
    assert str(caught.value) == f"Multiple exceptions: {', '.join(errors)}"
    resolving(loop, (HOST, port), (HOST, port))
    with pytest.raises(ConnectionRefusedError, match=re.escape(errors[0])):
        await loop.create_connection(Log, "name", 1)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="all_errors came with 3.12")
@on_loop
async def test_all_errors(loop, refusing):
    resolving(loop, (HOST, refusing), ("127.0.0.2", refusing))
    with pytest.raises(ExceptionGroup, match=r"^create_connection failed") as caught:
        await loop.create_connection(Log, "name", 1, all_errors=True)
    assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError] * 2


@on_loop
async def test_happy_eyeballs_overtake_an_address_that_does_not_answer(loop, refusing):
    server = await loop.create_server(Echo, HOST, 0)
    good = server.sockets[0].getsockname()
    with unanswering() as silent:
        resolving(loop, silent, good)
        assert await answers(loop.create_connection(Log, "name", 1, happy_eyeballs_delay=0.005))
    resolving(loop, (HOST, refusing), good)
    assert await answers(loop.create_connection(Log, "name", 1, happy_eyeballs_delay=60, interleave=2))
    await shut(server)


@on_loop
async def test_a_cancelled_connection_closes_its_socket(loop):
    with unanswering() as silent:
        connecting = loop.create_task(loop.create_connection(Log, *silent))
        await asyncio.sleep(0.002)
        assert not connecting.done()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


@on_loop
async def test_local_addresses(loop):
    server = await loop.create_server(Echo, HOST, 0)
    address = server.sockets[0].getsockname()
    port = free_port()
    transport, client = await loop.create_connection(Log, *address, local_addr=("127.0.0.2", port))
    assert transport.get_extra_info("sockname") == ("127.0.0.2", port)
    transport.abort()
    await client.closed
    with pytest.raises(OSError) as caught:
        await loop.create_connection(Log, *address, local_addr=address)
    reason = "address already in use"
    if sys.version_info >= (3, 13):  # takes str(error) where 3.12 took error.strerror
        reason = f"[errno {errno.EADDRINUSE}] {reason}"
    assert caught.value.strerror == f"error while attempting to bind on address {address}: {reason}"
    await shut(server)


@on_loop
async def test_create_connection_refuses(loop):
    create = functools.partial(loop.create_connection, Log)
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        for arguments, message in (
            ({}, "host and port was not specified and no sock specified"),
            ({"sock": stream, "port": 1}, "host/port and sock can not be specified at the same time"),
            ({"sock": datagram}, f"A Stream Socket was expected, got {datagram!r}"),
            ({"port": 1, "server_hostname": "a"}, "server_hostname is only meaningful with ssl"),
            ({"port": 1, "ssl": True}, "You must set server_hostname when using ssl without a host"),
            ({"port": 1, "ssl_handshake_timeout": 1}, "ssl_handshake_timeout is only meaningful with ssl"),
            ({"port": 1, "ssl_shutdown_timeout": 1}, "ssl_shutdown_timeout is only meaningful with ssl"),
        ):
            with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
                await create(**arguments)
