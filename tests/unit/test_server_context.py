"""Contexts of servers and of their connections (Python 3.15): every test runs on asyncio, the oracle, and on ferrio.

What holds on every release, a context for each connection, is in test_server.py.
"""

import asyncio
import contextvars
import os
import socket
import sys

import pytest
from helpers import Echo, Log, answers, on_loop, until

HOST = "127.0.0.1"
pytestmark = pytest.mark.skipif(sys.version_info < (3, 15), reason="servers have contexts since Python 3.15")
VALUE: "contextvars.ContextVar[str]" = contextvars.ContextVar("value", default="none")


class Witness(Echo):
    """Notes the value in each of its methods, and changes it in the first two."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen
        self.seen.append(("factory", VALUE.get()))
        self.token = VALUE.set("by the factory")

    def connection_made(self, transport):
        self.seen.append(("made", VALUE.get()))
        VALUE.reset(self.token)  # in another context than that of set() it would raise
        VALUE.set("by connection_made")
        super().connection_made(transport)

    def data_received(self, data):
        self.seen.append(("data", VALUE.get()))
        super().data_received(data)

    def connection_lost(self, error):
        self.seen.append(("lost", VALUE.get()))
        super().connection_lost(error)


OF_ONE = [("made", "by the factory"), ("data", "by connection_made"), ("lost", "by connection_made")]


async def use(loop, server, seen, count, **options):
    for _ in range(count):
        all_of_it = len(seen) + 4
        assert await answers(loop.create_connection(Log, *server.sockets[0].getsockname(), **options))
        await until(lambda expected=all_of_it: len(seen) == expected)


@on_loop
async def test_connections_have_copies_of_the_context_in_which_the_server_was_made(loop):
    seen = []
    VALUE.set("creating")
    server = await loop.create_server(lambda: Witness(seen), HOST, 0, start_serving=False)
    VALUE.set("serving")
    async with server:
        await server.start_serving()
        VALUE.set("later")
        await use(loop, server, seen, 2)
        assert server._context[VALUE] == "creating"
    assert seen == [("factory", "creating"), *OF_ONE] * 2


@on_loop
async def test_what_is_changed_in_the_context_of_the_server_is_there_for_the_next(loop):
    seen = []
    async with await loop.create_server(lambda: Witness(seen), HOST, 0) as server:
        await use(loop, server, seen, 1)
        server._context.run(VALUE.set, "changed")
        await use(loop, server, seen, 1)
    assert seen == [("factory", "none"), *OF_ONE, ("factory", "changed"), *OF_ONE]


@on_loop
async def test_a_unix_server(loop, tmp_path):
    seen = []
    VALUE.set("creating")
    path = os.fspath(tmp_path / "socket")
    async with await loop.create_unix_server(lambda: Witness(seen), path):
        VALUE.set("later")
        assert await answers(loop.create_unix_connection(Log, path))
        await until(lambda: len(seen) == 4)
    assert seen == [("factory", "creating"), *OF_ONE]


@on_loop
async def test_a_transport_runs_its_callbacks_in_the_context_it_is_given(loop):
    seen = []
    context = contextvars.copy_context()
    near, far = socket.socketpair()
    near.setblocking(False)
    protocol = context.run(Witness, seen)
    waiter = loop.create_future()
    with far:
        transport = loop._make_socket_transport(near, protocol, waiter, context=context)
        await waiter
        far.send(b"x")
        await until(lambda: len(seen) == 3)
        assert context[VALUE] == "by connection_made"
        transport.close()
        await until(lambda: len(seen) == 4)
    assert seen == [("factory", "none"), *OF_ONE]


@on_loop
async def test_a_socket_with_methods_of_the_programs_own(loop):
    class Own(socket.socket):
        def recv(self, *args):
            return super().recv(*args)

    seen = []
    VALUE.set("creating")
    listener = Own()
    listener.bind((HOST, 0))
    server = await loop.create_server(lambda: Witness(seen), sock=listener)
    VALUE.set("later")
    async with server:
        await use(loop, server, seen, 1)
    assert seen == [("factory", "creating"), *OF_ONE]
    assert asyncio.current_task().get_context()[VALUE] == "later"
