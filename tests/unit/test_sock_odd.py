"""Several who wait for one descriptor, wrong arguments of sock_*(), and what counts as a file object.

Who watches a descriptor takes it from whoever waited for it, and for good, as with asyncio.
"""

import asyncio
import contextlib
import socket

import pytest
from helpers import Log, on_loop, until


@contextlib.contextmanager
def nonblocking_pair():
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


@pytest.mark.parametrize("kinds", [("sock_recv", "sock_recvfrom"), ("sock_recvfrom", "sock_recv"), ("sock_recv",) * 2])
@on_loop
async def test_a_cancelled_operation_leaves_the_other_its_registration(loop, kinds):
    with nonblocking_pair() as (near, far):
        first, second = (loop.create_task(getattr(loop, kind)(near, 1)) for kind in kinds)
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        far.send(b"x")
        assert b"x" in (await asyncio.wait_for(second, 5), second.result()[0])


@on_loop
async def test_an_operation_is_displaced_though_its_event_is_queued(loop):
    with nonblocking_pair() as (near, far):
        old = loop.create_task(loop.sock_recv(near, 1))
        await asyncio.sleep(0.01)
        far.send(b"x")
        first, second = (loop.create_task(loop.sock_recv(near, 1)) for _ in range(2))
        assert await asyncio.wait_for(first, 5) == b"x"
        await asyncio.sleep(0.01)
        far.send(b"y")
        assert await asyncio.wait_for(second, 5) == b"y"
        assert not old.done()
        old.cancel()


@on_loop
async def test_a_watcher_is_displaced_by_an_operation_though_its_event_is_queued(loop):
    with nonblocking_pair() as (near, _):
        called = []
        loop.add_writer(near, called.append, 1)
        sending = loop.create_task(loop.sock_sendall(near, bytes(1 << 24)))
        await asyncio.sleep(0.01)
        assert called == []
        sending.cancel()
        await asyncio.sleep(0)


@on_loop
async def test_remove_reader_and_a_transport_end_the_waiting_of_an_operation(loop):
    with nonblocking_pair() as (near, far):
        waiting = loop.create_task(loop.sock_recv(near, 1))
        await asyncio.sleep(0.01)
        assert loop.remove_reader(near) is True
        assert loop.remove_reader(near) is False
        other = loop.create_task(loop.sock_recv(near, 1))
        await asyncio.sleep(0.01)
        transport, protocol = await loop.create_connection(Log, sock=near)
        far.send(b"data")
        await until(lambda: protocol.data == b"data")
        assert not waiting.done() and not other.done()
        other.cancel()
        waiting.cancel()
        await asyncio.sleep(0.01)
        far.send(b" more")
        await until(lambda: protocol.data == b"data more")
        transport.abort()
        await protocol.closed


@pytest.mark.parametrize("name", ["sock_recv_into", "sock_recvfrom_into", "sock_recv", "sock_sendall", "sock_sendto"])
@on_loop
async def test_wrong_arguments_are_errors_of_the_coroutine(loop, name):
    with nonblocking_pair() as (near, far):
        far.send(b"x")
        wrong = {"sock_recv": "text", "sock_sendall": "text", "sock_sendto": ()}.get(name, bytes(5))
        more = ("nowhere",) if name == "sock_sendto" else ()
        coroutine = getattr(loop, name)(near, wrong, *more)
        with pytest.raises(TypeError):
            await coroutine


class Both:
    def __index__(self):
        return 1

    def fileno(self):
        return -1


class Index:
    def __index__(self):
        return 1


class Broken:
    def fileno(self):
        raise RuntimeError("none today")


@pytest.mark.parametrize("name", ["add_reader", "add_writer", "remove_reader", "remove_writer"])
def test_what_a_file_object_is(new_loop, name):
    loop = new_loop()
    method = getattr(loop, name)
    callback = (print,) if name.startswith("add") else ()
    for thing, error, text in (
        (Both(), ValueError, "Invalid file descriptor: -1"),
        (Index(), ValueError, "Invalid file object"),
        (1.0, ValueError, "Invalid file object"),
        (Broken(), RuntimeError, "none today"),
    ):
        with pytest.raises(error, match=text):
            method(thing, *callback)
