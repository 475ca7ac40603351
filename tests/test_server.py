"""Servers and the connections made to them: TCP and Unix, create_server, create_connection and their cousins.

Owns listening, accepting, closing and connecting by address; what happens on an established connection is in
test_selector_events.py.

Names are resolved by a replaced loop.getaddrinfo, so that no test asks a resolver; all traffic is on
loopback.

Over 500 lines because both families and both ends of a connection are one subject.
"""

import asyncio
import contextlib
import contextvars
import errno
import functools
import gc
import os
import pathlib
import re
import socket
import sys

import pytest
from ferrio import _ferrio
from helpers import on_loop, until

HOST = "127.0.0.1"


class Echo(asyncio.Protocol):
    """Answers with what it gets; `made` lists all instances of one server's factory."""

    def __init__(self, made=None):
        self.made = made

    def connection_made(self, transport):
        self.transport = transport
        if self.made is not None:
            self.made.append(self)

    def data_received(self, data):
        self.transport.write(data)


class Client(asyncio.Protocol):
    def __init__(self):
        self.data = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data

    def connection_lost(self, exc):
        self.closed.set_result(exc)


async def answers(connecting):
    """Whether the server at the other end of this connection echoes; the connection is closed."""
    transport, client = await connecting
    transport.write(b"ping")
    await until(lambda: client.data == b"ping")
    transport.close()
    await client.closed
    return True


def tcp(loop, server, index=0):
    return loop.create_connection(Client, *server.sockets[index].getsockname()[:2])


async def shut(server):
    server.close()
    await server.wait_closed()


def free_port():
    with socket.create_server((HOST, 0)) as sock:
        return sock.getsockname()[1]


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
        reason = "address already in use"
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
        await loop.create_connection(Client, *address)
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
            assert await answers(loop.create_connection(Client, *server.sockets[0].getsockname()))
    assert seen == [("serving", None), *[("serving", 1)] * 2, ("serving", None), *[("serving", 4)] * 2]


@on_loop
async def test_connect_accepted_socket(loop):
    with socket.create_server((HOST, 0)) as listener, socket.create_connection(listener.getsockname()) as far:
        sock, _ = listener.accept()
        transport, protocol = await loop.connect_accepted_socket(Client, sock)
        assert isinstance(protocol, Client) and sock.gettimeout() == 0
        assert transport.get_extra_info("peername") == far.getsockname()
        far.send(b"data")
        await until(lambda: protocol.data == b"data")
        transport.close()
        await protocol.closed
        with socket.socket(type=socket.SOCK_DGRAM) as datagram:
            message = rf"^A Stream Socket was expected, got {re.escape(repr(datagram))}$"
            with pytest.raises(ValueError, match=message):
                await loop.connect_accepted_socket(Client, datagram)
        for argument in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            with pytest.raises(ValueError, match=rf"^{argument} is only meaningful with ssl$"):
                await loop.connect_accepted_socket(Client, far, **{argument: 1})


# Connecting


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
async def test_a_refused_connection(loop):
    port = free_port()
    with pytest.raises(ConnectionRefusedError) as caught:
        await loop.create_connection(Client, HOST, port)
    assert str(caught.value) == f"[Errno {errno.ECONNREFUSED}] Connect call failed ('{HOST}', {port})"


@on_loop
async def test_connecting_tries_the_addresses_in_turn(loop):
    port = free_port()
    server = await loop.create_server(Echo, HOST, 0)
    resolving(loop, (HOST, port), ("127.0.0.2", port), server.sockets[0].getsockname())
    assert await answers(loop.create_connection(Client, "name", 1))
    await shut(server)
    resolving(loop, (HOST, port), ("127.0.0.2", port))
    errors = [f"[Errno {errno.ECONNREFUSED}] Connect call failed ('{host}', {port})" for host in (HOST, "127.0.0.2")]
    with pytest.raises(OSError) as caught:
        await loop.create_connection(Client, "name", 1)
    assert str(caught.value) == f"Multiple exceptions: {', '.join(errors)}"
    resolving(loop, (HOST, port), (HOST, port))
    with pytest.raises(ConnectionRefusedError, match=re.escape(errors[0])):
        await loop.create_connection(Client, "name", 1)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="all_errors came with 3.12")
@on_loop
async def test_all_errors(loop):
    port = free_port()
    resolving(loop, (HOST, port), ("127.0.0.2", port))
    with pytest.raises(ExceptionGroup, match=r"^create_connection failed") as caught:
        await loop.create_connection(Client, "name", 1, all_errors=True)
    assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError] * 2


@on_loop
async def test_happy_eyeballs_overtake_an_address_that_does_not_answer(loop):
    server = await loop.create_server(Echo, HOST, 0)
    good = server.sockets[0].getsockname()
    with unanswering() as silent:
        resolving(loop, silent, good)
        assert await answers(loop.create_connection(Client, "name", 1, happy_eyeballs_delay=0.005))
    resolving(loop, (HOST, free_port()), good)
    assert await answers(loop.create_connection(Client, "name", 1, happy_eyeballs_delay=60, interleave=2))
    await shut(server)


@on_loop
async def test_a_cancelled_connection_closes_its_socket(loop):
    with unanswering() as silent:
        connecting = loop.create_task(loop.create_connection(Client, *silent))
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
    transport, client = await loop.create_connection(Client, *address, local_addr=("127.0.0.2", port))
    assert transport.get_extra_info("sockname") == ("127.0.0.2", port)
    transport.abort()
    await client.closed
    with pytest.raises(OSError) as caught:
        await loop.create_connection(Client, *address, local_addr=address)
    reason = "address already in use"
    if sys.version_info >= (3, 13):  # takes str(error) where 3.12 took error.strerror
        reason = f"[errno {errno.EADDRINUSE}] {reason}"
    assert caught.value.strerror == f"error while attempting to bind on address {address}: {reason}"
    await shut(server)


@on_loop
async def test_create_connection_refuses(loop):
    create = functools.partial(loop.create_connection, Client)
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


# Unix


def path_of(folder, name="socket"):
    """Relative to the working directory, because the kernel takes at most 107 bytes."""
    return os.path.relpath(folder / name)


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
@on_loop
async def test_unix_server_at_a_path(loop, tmp_path, kind):
    path = path_of(tmp_path)
    server = await loop.create_unix_server(Echo, kind(path))
    assert [sock.getsockname() for sock in server.sockets] == [path] and os.path.exists(path)
    transport, client = await loop.create_unix_connection(Client, kind(path))
    assert transport.get_extra_info("peername") == path and transport.get_extra_info("sockname") == ""
    assert transport.get_extra_info("socket").family == socket.AF_UNIX
    transport.close()
    await client.closed
    assert await answers(loop.create_unix_connection(Client, path))
    await shut(server)
    assert os.path.exists(path) is (sys.version_info < (3, 13))  # removed at close() since 3.13


@pytest.mark.skipif(sys.version_info < (3, 13), reason="cleanup_socket came with 3.13")
@on_loop
async def test_unix_socket_cleanup(loop, tmp_path):
    path = path_of(tmp_path)
    kept = await loop.create_unix_server(Echo, path, cleanup_socket=False)
    await shut(kept)
    assert os.path.exists(path)
    first = await loop.create_unix_server(Echo, path)
    second = await loop.create_unix_server(Echo, path)
    await shut(first)
    assert await answers(loop.create_unix_connection(Client, path))
    os.unlink(path)
    await shut(second)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        given = await loop.create_unix_server(Echo, sock=sock)
        await shut(given)
    assert not os.path.exists(path)


@on_loop
async def test_unix_server_in_the_abstract_namespace(loop):
    for kind in (str, os.fsencode):
        name = kind(f"\0ferrio-test-{os.getpid()}")
        server = await loop.create_unix_server(Echo, name)
        assert server.sockets[0].getsockname() == os.fsencode(name)
        assert await answers(loop.create_unix_connection(Client, name))
        await shut(server)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_unix_connection(Client, name)


@on_loop
async def test_a_stale_socket_is_replaced_and_a_file_is_not(loop, tmp_path):
    path = path_of(tmp_path)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    with pytest.raises(ConnectionRefusedError):
        await loop.create_unix_connection(Client, path)
    server = await loop.create_unix_server(Echo, path)
    assert await answers(loop.create_unix_connection(Client, path))
    await shut(server)
    file = path_of(tmp_path, "file")
    pathlib.Path(file).write_text("kept")
    with pytest.raises(OSError) as caught:
        await loop.create_unix_server(Echo, file)
    assert caught.value.errno == errno.EADDRINUSE and caught.value.strerror == f"Address {file!r} is already in use"
    assert pathlib.Path(file).read_text() == "kept"


@on_loop
async def test_unix_arguments_that_are_refused(loop, tmp_path):
    with pytest.raises(FileNotFoundError):
        await loop.create_unix_connection(Client, path_of(tmp_path, "missing"))
    with pytest.raises(FileNotFoundError):
        await loop.create_unix_server(Client, path_of(tmp_path, "missing/socket"))
    for create in (loop.create_unix_server, loop.create_unix_connection):
        with pytest.raises(OSError, match=r"^AF_UNIX path too long$"):
            await create(Client, "x" * 200)
        with socket.socket() as inet, socket.socket(socket.AF_UNIX) as unix:
            with pytest.raises(ValueError, match=r"^path and sock can not be specified at the same time$"):
                await create(Client, "path", sock=unix)
            message = rf"^A UNIX Domain Stream Socket was expected, got {re.escape(repr(inet))}$"
            with pytest.raises(ValueError, match=message):
                await create(Client, sock=inet)
        for argument in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            with pytest.raises(ValueError, match=rf"^{argument} is only meaningful with ssl$"):
                await create(Client, "path", **{argument: 1})
    with pytest.raises(ValueError, match=r"^path was not specified, and no sock specified$"):
        await loop.create_unix_server(Client)
    with pytest.raises(ValueError, match=r"^no path and sock were specified$"):
        await loop.create_unix_connection(Client)
    with pytest.raises(ValueError, match=r"^server_hostname is only meaningful with ssl$"):
        await loop.create_unix_connection(Client, "path", server_hostname="name")
    with pytest.raises(TypeError, match=r"^ssl argument must be an SSLContext or None$"):
        await loop.create_unix_server(Client, "path", ssl=True)
