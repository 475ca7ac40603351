"""TCP servers: options of create_server, serving and closing, accepting.

Connecting is in test_connections.py, Unix sockets in test_unix_server.py, what happens on an established connection in
test_selector_events.py. Names are resolved by a replaced loop.getaddrinfo, so that no test asks a resolver; all traffic
is on loopback.
"""

import asyncio
import contextlib
import contextvars
import errno
import functools
import gc
import os
import re
import socket
import sys

import pytest
from ferrio import _ferrio
from helpers import Echo, Log, answers, on_loop, shut, until

HOST = "127.0.0.1"


def tcp(loop, server, index=0):
    return loop.create_connection(Log, *server.sockets[index].getsockname()[:2])


# TCP servers: options


@on_loop
async def test_a_server_tells_what_it_is(loop):
    server = await loop.create_server(Echo, HOST, 0)
    (sock,) = server.sockets
    assert server.is_serving() and server.get_loop() is loop
    assert sock.family == socket.AF_INET and sock.type == socket.SOCK_STREAM
    assert sock.getsockname()[0] == HOST and sock.getsockname()[1] > 0
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    assert repr(server) == f"<Server sockets={server.sockets!r}>"
    assert isinstance(server, asyncio.AbstractServer)
    assert await answers(tcp(loop, server))
    await shut(server)
    assert repr(server) == "<Server sockets=()>"


@on_loop
async def test_several_hosts_each_once(loop):
    server = await loop.create_server(Echo, [HOST, "127.0.0.2", HOST], 0)
    assert sorted(sock.getsockname()[0] for sock in server.sockets) == [HOST, "127.0.0.2"]
    for index in range(2):
        assert await answers(tcp(loop, server, index))
    await shut(server)


@on_loop
async def test_ipv6_servers_take_ipv6_only(loop):
    try:
        server = await loop.create_server(Echo, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    (sock,) = server.sockets
    assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    transport, client = await tcp(loop, server)
    assert transport.get_extra_info("peername") == sock.getsockname() and len(sock.getsockname()) == 4
    transport.close()
    await client.closed
    await shut(server)


@on_loop
async def test_reuse_options(loop):
    first = await loop.create_server(Echo, HOST, 0, reuse_port=True)
    port = first.sockets[0].getsockname()[1]
    second = await loop.create_server(Echo, HOST, port, reuse_port=True)
    assert second.sockets[0].getsockname()[1] == port
    await shut(first)
    assert await answers(tcp(loop, second))
    await shut(second)
    third = await loop.create_server(Echo, HOST, 0, reuse_address=False)
    assert third.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
    await shut(third)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="keep_alive came with 3.13")
@on_loop
async def test_keep_alive(loop):
    server = await loop.create_server(Echo, HOST, 0, keep_alive=True)
    assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    await shut(server)


@on_loop
async def test_a_bound_socket_can_be_given(loop):
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        server = await loop.create_server(Echo, sock=sock)
        assert sock.gettimeout() == 0 and server.sockets[0].fileno() == sock.fileno()
        assert await answers(tcp(loop, server))
        await shut(server)
        assert sock.fileno() == -1


@on_loop
async def test_a_used_port(loop):
    with socket.create_server((HOST, 0)) as sock:
        address = sock.getsockname()
        with pytest.raises(OSError) as caught:
            await loop.create_server(Echo, *address)
        reason = os.strerror(errno.EADDRINUSE).lower()  # whose words differ between C libraries
        if sys.version_info >= (3, 13):  # takes str(error) where 3.12 took error.strerror
            reason = f"[errno {errno.EADDRINUSE}] {reason}"
        assert caught.value.errno == errno.EADDRINUSE
        assert caught.value.strerror == f"error while attempting to bind on address {address}: {reason}"


@on_loop
async def test_a_used_port_among_several_hosts_leaves_none_open(loop):
    with socket.create_server(("127.0.0.3", 0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(OSError, match=r"error while attempting to bind on address"):
            await loop.create_server(Echo, [HOST, "127.0.0.2", "127.0.0.3"], port)
        with socket.create_server((HOST, port), reuse_port=False):
            pass


@on_loop
async def test_an_address_of_another_machine(loop):
    with pytest.raises(OSError) as caught:
        await loop.create_server(Echo, "192.0.2.1", 0)
    if sys.version_info >= (3, 13):  # takes it for a family that is off, and goes on with the other addresses
        assert str(caught.value) == "could not bind on any address out of [('192.0.2.1', 0)]"
    else:
        assert caught.value.strerror == (
            "error while attempting to bind on address ('192.0.2.1', 0): cannot assign requested address"
        )


@on_loop
async def test_create_server_refuses(loop):
    create = functools.partial(loop.create_server, Echo)
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        for arguments, kind, message in (
            ({}, ValueError, "Neither host/port nor sock were specified"),
            (
                {"sock": stream, "port": 1},
                ValueError,
                "host/port and sock can not be specified at the same time",
            ),
            ({"sock": datagram}, ValueError, f"A Stream Socket was expected, got {datagram!r}"),
            ({"ssl": True, "port": 1}, TypeError, "ssl argument must be an SSLContext or None"),
            ({"ssl_handshake_timeout": 1}, ValueError, "ssl_handshake_timeout is only meaningful with ssl"),
            ({"ssl_shutdown_timeout": 1}, ValueError, "ssl_shutdown_timeout is only meaningful with ssl"),
        ):
            with pytest.raises(kind, match=rf"^{re.escape(message)}$"):
                await create(**arguments)


@on_loop
async def test_an_empty_resolution(loop):
    async def nothing(*args, **kwargs):
        return []

    loop.getaddrinfo = nothing
    with pytest.raises(OSError, match=r"^getaddrinfo\('nowhere'\) returned empty list$"):
        await loop.create_server(Echo, "nowhere", 0)
    with pytest.raises(OSError, match=r"^getaddrinfo\(\) returned empty list$"):
        await loop.create_connection(Echo, "nowhere", 1)


# Serving and closing


@on_loop
async def test_start_serving_later(loop):
    server = await loop.create_server(Echo, HOST, 0, start_serving=False)
    assert not server.is_serving() and len(server.sockets) == 1
    with pytest.raises(ConnectionRefusedError):
        await tcp(loop, server)
    await server.start_serving()
    await server.start_serving()
    assert server.is_serving() and await answers(tcp(loop, server))
    await shut(server)


@on_loop
async def test_serve_forever_ends_by_cancelling_or_closing(loop):
    for end in ("cancel", "close"):
        server = await loop.create_server(Echo, HOST, 0, start_serving=False)
        serving = loop.create_task(server.serve_forever())
        await asyncio.sleep(0)
        assert server.is_serving() and await answers(tcp(loop, server))
        with pytest.raises(RuntimeError, match=r"^server <Server .*> is already being awaited on serve_forever\(\)$"):
            await server.serve_forever()
        serving.cancel() if end == "cancel" else server.close()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert not server.is_serving() and server.sockets == ()
        with pytest.raises(RuntimeError, match=r"^server <Server sockets=\(\)> is closed$"):
            await server.serve_forever()


@on_loop
async def test_close_refuses_new_connections_and_keeps_the_old(loop):
    server = await loop.create_server(Echo, HOST, 0)
    address = server.sockets[0].getsockname()
    transport, client = await tcp(loop, server)
    await until(lambda: client.transport)
    transport.write(b"1")
    await until(lambda: client.data == b"1")
    server.close()
    server.close()
    assert not server.is_serving() and server.sockets == ()
    with pytest.raises(ConnectionRefusedError):
        await loop.create_connection(Log, *address)
    transport.write(b"2")
    await until(lambda: client.data == b"12")
    waiting = loop.create_task(server.wait_closed())
    await asyncio.sleep(0.001)
    # Until 3.12 wait_closed() returned at once on a closed server, whatever its connections did.
    assert waiting.done() is (sys.version_info < (3, 12))
    transport.close()
    await waiting
    await client.closed


@on_loop
async def test_wait_closed_waits_for_an_open_server(loop):
    server = await loop.create_server(Echo, HOST, 0)
    waiters = [loop.create_task(server.wait_closed()) for _ in range(2)]
    await asyncio.sleep(0.001)
    assert not any(waiter.done() for waiter in waiters)
    waiters[0].cancel()
    await asyncio.sleep(0)
    server.close()
    assert await waiters[1] is None and waiters[0].cancelled()
    await server.wait_closed()


@on_loop
async def test_a_server_is_a_context(loop):
    async with await loop.create_server(Echo, HOST, 0) as server:
        assert server.is_serving() and await answers(tcp(loop, server))
    assert not server.is_serving() and server.sockets == ()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients and abort_clients came with 3.13")
@pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
@on_loop
async def test_ending_the_connections_of_a_server(loop, method):
    made = []
    server = await loop.create_server(lambda: Echo(made), HOST, 0)
    clients = [await tcp(loop, server) for _ in range(3)]
    await until(lambda: len(made) == 3)
    full, _ = clients[0]
    full.pause_reading()
    made[0].transport.write(bytes(1 << 23))
    held = made[0].transport.get_write_buffer_size()
    assert held > 0
    server.close()
    getattr(server, method)()
    assert all(protocol.transport.is_closing() for protocol in made)
    assert made[0].transport.get_write_buffer_size() == (held if method == "close_clients" else 0)
    full.resume_reading()
    await server.wait_closed()
    for _, client in clients:
        await client.closed
    assert (len(clients[0][1].data) == 1 << 23) is (method == "close_clients")


@pytest.mark.skipif(sys.version_info < (3, 13), reason="servers know their connections since 3.13")
@on_loop
async def test_a_server_knows_its_connections_and_keeps_none(loop):
    made = []
    server = await loop.create_server(lambda: Echo(made), HOST, 0)
    clients = [await tcp(loop, server) for _ in range(3)]
    await until(lambda: len(made) == 3)
    assert len(server._clients) == 3
    assert {id(one) for one in server._clients.copy()} == {id(protocol.transport) for protocol in made}
    clients[0][0].close()
    await until(lambda: len(server._clients) == 2)
    assert made[0].transport not in list(server._clients.copy())
    server.close()
    waits = asyncio.ensure_future(server.wait_closed())
    for client, _ in clients[1:]:
        assert not waits.done()
        client.close()
    await waits
    assert len(server._clients) == 0


def test_dead_connections_are_forgotten():
    class Transport:
        """Whatever has weak references."""

    clients = _ferrio.Clients()
    kept = Transport()
    clients.add(kept)
    for _ in range(1000):
        clients.add(Transport())
        batch = [Transport() for _ in range(10)]
        for one in batch:
            clients.add(one)
    assert set(clients.copy()) == {kept, *batch}
    assert len(clients) < 1000
    clients.discard(kept)
    clients.discard(kept)
    del kept, batch, one
    assert len(clients) == 0 and clients.copy() == []
    with pytest.raises(TypeError):
        clients.add(5)


# Accepting


@on_loop
async def test_accepted_connections_know_both_ends(loop):
    made = []
    server = await loop.create_server(lambda: Echo(made), HOST, 0)
    transport, client = await tcp(loop, server)
    await until(lambda: made)
    info, far = transport.get_extra_info, made[0].transport.get_extra_info
    assert far("peername") == info("sockname") and far("sockname") == info("peername")
    assert far("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert far("socket").gettimeout() == 0 and not os.get_inheritable(far("socket").fileno())
    transport.close()
    await client.closed
    await shut(server)


@on_loop
async def test_a_lost_connection_that_is_kept_still_knows_both_ends(loop):
    made = []
    server = await loop.create_server(lambda: made.append(Log()) or made[0], HOST, 0)
    transport, _ = await tcp(loop, server)
    await until(lambda: made and made[0].events)
    far, near = made[0].transport, transport.get_extra_info("sockname")
    transport.close()
    await made.pop().closed  # the test alone has the transport now
    gc.collect()
    assert far.get_extra_info("peername") == near
    assert far.get_extra_info("sockname") == server.sockets[0].getsockname()
    await shut(server)


@on_loop
async def test_a_protocol_that_dies_with_its_connection_may_still_ask_for_its_ends(loop):
    asked = []

    class Asks(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            transport.close()

        def __del__(self):
            asked.append((self.transport.get_extra_info("sockname"), self.transport.get_extra_info("peername")))

    server = await loop.create_server(Asks, HOST, 0)
    transport, client = await tcp(loop, server)
    await client.closed
    await until(lambda: gc.collect() >= 0 and asked)
    ends = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    assert asked == [ends]
    await shut(server)


# Stock asyncio counts such a connection out though it was never counted in, and stumbles.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@on_loop
async def test_a_factory_that_closes_its_server_gets_no_connection(loop):
    told = []
    loop.set_exception_handler(lambda loop, context: told.append(type(context["exception"])))
    loop.set_debug(True)

    def factory():
        server.close()
        return Echo(made)

    made = []
    server = await loop.create_server(factory, HOST, 0)
    _, client = await tcp(loop, server)
    await until(lambda: told)
    gc.collect()  # in debug mode stock asyncio leaves the socket in a cycle with the traceback
    assert isinstance(await client.closed, (ConnectionResetError, type(None)))
    assert (told, made) == ([AssertionError], [])
    await server.wait_closed()


@on_loop
async def test_many_connections_at_once(loop):
    made = []
    server = await loop.create_server(lambda: Echo(made), HOST, 0, backlog=300)
    assert all(await asyncio.gather(*(answers(tcp(loop, server)) for _ in range(200))))
    assert len(made) == 200
    await shut(server)


@on_loop
async def test_connections_that_waited_in_the_backlog_are_all_accepted(loop):
    made = []
    server = await loop.create_server(lambda: Echo(made), HOST, 0)
    with contextlib.ExitStack() as stack:
        for _ in range(90):
            stack.enter_context(socket.create_connection(server.sockets[0].getsockname()))
        await until(lambda: len(made) == 90)
    await until(lambda: all(protocol.transport.is_closing() for protocol in made))
    await shut(server)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 10])
@on_loop
async def test_so_many_connections_at_once_are_accepted(loop, count):
    made = []
    server = await loop.create_server(lambda: Echo(made), HOST, 0)
    for times in (1, 2):
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(socket.create_connection(server.sockets[0].getsockname()))
            await until(lambda wanted=times * count: len(made) == wanted)
    await until(lambda: all(protocol.transport.is_closing() for protocol in made))
    await shut(server)


@pytest.mark.parametrize("debug", [False, True])
@on_loop
async def test_a_factory_that_raises_loses_only_its_connection(loop, debug):
    told = []

    def handler(loop, context):
        told.append((context["message"], type(context["exception"])))

    loop.set_exception_handler(handler)
    loop.set_debug(debug)
    factories = [lambda: 1 / 0, Echo]
    server = await loop.create_server(lambda: factories.pop(0)(), HOST, 0)
    transport, client = await tcp(loop, server)
    transport.write(b"ping")
    await until(lambda: told or not debug)
    gc.collect()  # in debug mode stock asyncio leaves the socket in a cycle with the traceback
    assert isinstance(await client.closed, (ConnectionResetError, type(None)))
    assert await answers(tcp(loop, server))
    await shut(server)
    # Outside debug mode stock asyncio says nothing.
    assert told == [("Error on transport creation for incoming connection", ZeroDivisionError)] * debug


@on_loop
async def test_connections_begin_with_the_context_in_which_serving_began(loop):
    request, connection = contextvars.ContextVar("request"), contextvars.ContextVar("connection")
    seen = []

    class Witness(Echo):
        def __init__(self):
            super().__init__()
            seen.append((request.get(None), connection.get(None)))
            connection.set(len(seen))

        def connection_made(self, transport):
            seen.append((request.get(None), connection.get(None)))
            super().connection_made(transport)

        def data_received(self, data):
            seen.append((request.get(None), connection.get(None)))
            super().data_received(data)

    request.set("creating")
    server = await loop.create_server(Witness, HOST, 0, start_serving=False)
    request.set("serving")
    async with server:
        await server.start_serving()
        request.set("later")
        for _ in range(2):
            assert await answers(loop.create_connection(Log, *server.sockets[0].getsockname()))
    began = "creating" if sys.version_info >= (3, 15) else "serving"  # since then servers have contexts of their own
    assert seen == [(began, None), *[(began, 1)] * 2, (began, None), *[(began, 4)] * 2]


@on_loop
async def test_connect_accepted_socket(loop):
    with socket.create_server((HOST, 0)) as listener, socket.create_connection(listener.getsockname()) as far:
        sock, _ = listener.accept()
        transport, protocol = await loop.connect_accepted_socket(Log, sock)
        assert isinstance(protocol, Log) and sock.gettimeout() == 0
        assert transport.get_extra_info("peername") == far.getsockname()
        far.send(b"data")
        await until(lambda: protocol.data == b"data")
        transport.close()
        await protocol.closed
        with socket.socket(type=socket.SOCK_DGRAM) as datagram:
            message = rf"^A Stream Socket was expected, got {re.escape(repr(datagram))}$"
            with pytest.raises(ValueError, match=message):
                await loop.connect_accepted_socket(Log, datagram)
        for argument in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            with pytest.raises(ValueError, match=rf"^{argument} is only meaningful with ssl$"):
                await loop.connect_accepted_socket(Log, far, **{argument: 1})
