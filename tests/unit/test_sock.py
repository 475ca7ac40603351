"""Sockets without a transport: readers and writers on file descriptors, and the sock_* coroutines."""

import asyncio
import contextlib
import errno
import functools
import gc
import os
import re
import socket
import ssl
import struct
import weakref

import pytest
from helpers import collect_errors, connected, drained, on_loop, tcp_pair, until


@contextlib.contextmanager
def nonblocking_pair():
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


# Readers and writers


@on_loop
async def test_readers_and_writers_are_level_triggered_replaceable_and_removable(loop):
    with nonblocking_pair() as (near, far):
        seen = []
        loop.add_writer(near, seen.append, "old writer")
        loop.add_writer(near.fileno(), seen.append, "writer")
        await until(lambda: seen.count("writer") >= 3)
        assert "old writer" not in seen
        assert loop.remove_writer(near) is True
        assert loop.remove_writer(near) is False
        seen.clear()
        loop.add_reader(near, seen.append, "old reader")
        loop.add_reader(near, seen.append, "reader")
        await asyncio.sleep(0.002)
        assert seen == []
        far.send(b"data")
        await until(lambda: seen.count("reader") >= 3)
        near.recv(100)
        await asyncio.sleep(0)
        count = len(seen)
        await asyncio.sleep(0.002)
        assert seen == ["reader"] * count
        assert loop.remove_reader(near) is True
        far.send(b"data")
        await asyncio.sleep(0.002)
        assert seen == ["reader"] * count
        assert loop.remove_reader(near.fileno()) is False


@on_loop
async def test_a_reader_runs_before_the_writer_and_may_remove_it(loop):
    with nonblocking_pair() as (near, far):
        far.send(b"data")
        seen = []
        loop.add_writer(near, seen.append, "writer")
        loop.add_reader(near, lambda: (seen.append("reader"), loop.remove_writer(near)))
        await until(lambda: len(seen) >= 2)
        loop.remove_reader(near)
        assert set(seen) == {"reader"}


@on_loop
async def test_a_file_that_was_closed_while_watched_is_removed_by_itself(loop):
    with nonblocking_pair() as (near, _far):
        loop.add_reader(near, print)
        near.close()
        assert loop.remove_writer(near) is False
        assert loop.remove_reader(near) is True
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            loop.remove_reader(near)


@on_loop
async def test_a_file_that_was_closed_while_watched_can_be_watched_again_for_the_same(loop):
    with nonblocking_pair() as (near, _far):
        first = loop._add_reader(near, print)
        near.close()
        loop.add_reader(near, print)
        assert first.cancelled()
        with pytest.raises(OSError) as caught:
            loop.add_writer(near, print)
        assert caught.value.errno == errno.EBADF
        for forgotten in (loop.remove_reader, loop.remove_writer):
            with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
                forgotten(near)
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            loop.add_reader(near, print)


@on_loop
async def test_a_watched_file_is_kept_alive(loop):
    near, far = socket.socketpair()
    with far:
        fd, alive = near.fileno(), weakref.ref(near)
        ready = asyncio.Event()
        loop.add_reader(near, ready.set)
        del near
        gc.collect()
        assert alive() is not None
        far.send(b"data")
        await ready.wait()
        near = alive()
        assert loop.remove_reader(fd) is True
        near.close()


async def spin():
    while True:
        await asyncio.sleep(0)


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("operation", ["send", "connect"])
@on_loop
async def test_what_an_operation_does_is_seen_within_two_turns(loop, operation, busy, tmp_path):
    """As what a transport writes, however busy the loop is."""
    with contextlib.ExitStack() as stack:
        near, far = stack.enter_context(nonblocking_pair())
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(tmp_path / "listener"))
        listener.listen()
        seen = []
        loop.add_reader(far, lambda: seen.append(far.recv(1)))
        loop.add_reader(listener, lambda: seen.append(stack.enter_context(listener.accept()[0])))
        spinning = loop.create_task(spin()) if busy else None
        for count in range(1, 51):
            for _ in range(150 if busy else 0):
                await asyncio.sleep(0)
            if operation == "send":
                await loop.sock_sendall(near, b"x")
            else:
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                await loop.sock_connect(client, listener.getsockname())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(seen) == count
        if spinning is not None:
            spinning.cancel()
        loop.remove_reader(far)
        loop.remove_reader(listener)


@on_loop
async def test_a_reader_that_raises_is_told_and_called_again(loop):
    contexts = collect_errors(loop)
    with nonblocking_pair() as (near, far):
        far.send(b"data")
        loop.add_reader(near, lambda: 1 / 0)
        await until(lambda: len(contexts) >= 2)
        loop.remove_reader(near)
    assert {type(context["exception"]) for context in contexts} == {ZeroDivisionError}


@pytest.mark.parametrize("method", ["add_reader", "add_writer", "remove_reader", "remove_writer"])
@on_loop
async def test_bad_file_descriptors(loop, method):
    call = getattr(loop, method)
    arguments = (print,) if method.startswith("add") else ()
    for wrong in (object(), "text", 1.5, None):
        with pytest.raises(ValueError, match=rf"^Invalid file object: {re.escape(repr(wrong))}$"):
            call(wrong, *arguments)
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    if arguments:
        with pytest.raises(OSError) as caught:
            call(reading, *arguments)
        assert caught.value.errno == errno.EBADF
        with pytest.raises(ValueError, match=r"^Invalid file descriptor: -1$"):
            call(-1, *arguments)
    else:
        assert call(reading) is False


@on_loop
async def test_a_reader_can_be_removed_after_its_descriptor_was_closed(loop):
    near, far = socket.socketpair()
    fd = near.fileno()
    loop.add_reader(fd, print)
    near.close()
    far.close()
    assert loop.remove_reader(fd) is True
    assert loop.remove_reader(fd) is False


@on_loop
async def test_the_descriptor_of_a_transport_is_not_free(loop):
    async with connected(loop) as (transport, log, _):
        fd = transport.get_extra_info("socket").fileno()
        for call in (
            lambda: loop.add_reader(fd, print),
            lambda: loop.add_writer(fd, print),
            lambda: loop.remove_reader(fd),
            lambda: loop.remove_writer(fd),
        ):
            with pytest.raises(RuntimeError) as caught:
                call()
            assert str(caught.value) == f"File descriptor {fd} is used by transport {transport!r}"
        transport.close()
        assert loop.remove_reader(fd) is False
        await log.closed


def test_readers_on_a_closed_loop(new_loop):
    loop = new_loop()
    loop.close()
    with nonblocking_pair() as (near, _):
        for method in (loop.add_reader, loop.add_writer):
            with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
                method(near, print)


# The sock_* coroutines


@on_loop
async def test_sock_receiving(loop):
    with nonblocking_pair() as (near, far):
        buffer = bytearray(10)
        calls = {
            b"recv": (lambda: loop.sock_recv(near, 10), b"recv"),
            b"into": (lambda: loop.sock_recv_into(near, buffer), 4),
            b"from": (lambda: loop.sock_recvfrom(near, 10), (b"from", None)),
            b"from_into": (lambda: loop.sock_recvfrom_into(near, buffer), (9, None)),
        }
        for message, (call, expected) in calls.items():
            for ready in (True, False):
                buffer[:] = bytes(10)
                if not ready:
                    loop.call_later(0.001, far.send, message)
                else:
                    far.send(message)
                assert await call() == expected
                assert bytes(buffer).rstrip(b"\0") in (b"", message)
            assert message in (b"recv", b"from") or buffer.startswith(message)
        far.send(b"data")
        assert await loop.sock_recvfrom_into(near, buffer, 2) == (2, None)
        assert await loop.sock_recv(near, 100) == b"ta"
        assert not loop.remove_reader(near)
        far.close()
        assert await loop.sock_recv(near, 10) == b""


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@on_loop
async def test_sock_sendall_of_much(loop, kind):
    with nonblocking_pair() as (near, far):
        message = os.urandom(1 << 21)
        sending = loop.create_task(loop.sock_sendall(near, kind(message)))
        assert await drained(loop, far, len(message)) == message
        assert await sending is None
        assert await loop.sock_sendall(near, kind(b"")) is None
        assert not loop.remove_writer(near)


@on_loop
async def test_sock_sendto(loop):
    with socket.socket(type=socket.SOCK_DGRAM) as near, socket.socket(type=socket.SOCK_DGRAM) as far:
        for sock in (near, far):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        receiving = loop.create_task(loop.sock_recvfrom(far, 100))
        assert await loop.sock_sendto(near, b"datagram", far.getsockname()) == 8
        assert await receiving == (b"datagram", near.getsockname())


@on_loop
async def test_sock_connect_and_accept(loop):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        for connect_first in (True, False):
            with socket.socket() as client:
                client.setblocking(False)
                if connect_first:
                    assert await loop.sock_connect(client, listener.getsockname()) is None
                accepting = loop.create_task(loop.sock_accept(listener))
                if not connect_first:
                    await asyncio.sleep(0.001)
                    await loop.sock_connect(client, listener.getsockname())
                conn, address = await accepting
                with conn:
                    assert address == client.getsockname() and conn.gettimeout() == 0
                    await loop.sock_sendall(client, b"data")
                    assert await loop.sock_recv(conn, 10) == b"data"


@on_loop
async def test_sock_connect_refused(loop):
    with socket.socket() as taken, socket.socket() as client:
        taken.bind(("127.0.0.1", 0))  # so that nobody else listens there, and the client is not given this very port
        address = taken.getsockname()
        client.setblocking(False)
        with pytest.raises(ConnectionRefusedError) as caught:
            await loop.sock_connect(client, address)
        assert str(caught.value) == f"[Errno {errno.ECONNREFUSED}] Connect call failed {address}"
        assert not loop.remove_writer(client)
        with pytest.raises(socket.gaierror):
            await loop.sock_connect(client, ("127.0.0.1", "no-such-service"))
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        with pytest.raises(FileNotFoundError):
            await loop.sock_connect(client, "/nonexistent/socket")


CANCELLED = {
    "recv": lambda loop, sock: loop.sock_recv(sock, 1),
    "recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(1)),
    "recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 1),
    "recvfrom_into": lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1)),
    "sendall": lambda loop, sock: loop.sock_sendall(sock, bytes(1 << 23)),
}


@pytest.mark.parametrize("name", CANCELLED)
@on_loop
async def test_a_cancelled_call_lets_go_of_the_socket(loop, name):
    with nonblocking_pair() as (near, far):
        await cancelled(loop, CANCELLED[name](loop, near))
        assert not loop.remove_reader(near) and not loop.remove_writer(near)
        far.send(b"kept")
        assert await loop.sock_recv(near, 10) == b"kept"


async def cancelled(loop, coroutine):
    """Start it, see that it waits, cancel it."""
    task = loop.create_task(coroutine)
    await asyncio.sleep(0.001)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_loop
async def test_a_cancelled_accept_or_connect_lets_go_of_the_socket(loop):
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        listener.setblocking(False)
        await cancelled(loop, loop.sock_accept(listener))
        assert not loop.remove_reader(listener)
        clients = [stack.enter_context(socket.socket()) for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())  # fills the queue, so that the last one is not answered
        await cancelled(loop, loop.sock_connect(clients[-1], listener.getsockname()))
        assert not loop.remove_writer(clients[-1])
        conn, address = await loop.sock_accept(listener)
        conn.close()
        assert address == clients[0].getsockname()


@on_loop
async def test_a_cancelled_sendto_lets_go_of_the_socket(loop):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as far, socket.socket(far.family, far.type) as near:
        far.bind("")  # an abstract name of the kernel's choice
        near.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(5000):
                near.sendto(b"data", far.getsockname())
        await cancelled(loop, loop.sock_sendto(near, b"late", far.getsockname()))
        assert not loop.remove_writer(near)
        assert far.recv(10) == b"data"
        assert await loop.sock_sendto(near, b"next", far.getsockname()) == 4


SOCK_CALLS = {
    "recv": lambda loop, sock: loop.sock_recv(sock, 1),
    "recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(1)),
    "recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 1),
    "recvfrom_into": lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1)),
    "sendall": lambda loop, sock: loop.sock_sendall(sock, b"data"),
    "sendto": lambda loop, sock: loop.sock_sendto(sock, b"data", ("127.0.0.1", 1)),
    "connect": lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 1)),
    "accept": lambda loop, sock: loop.sock_accept(sock),
}


@pytest.mark.parametrize("name", SOCK_CALLS)
@on_loop
async def test_sock_calls_refuse_bad_sockets(loop, name):
    call = functools.partial(SOCK_CALLS[name], loop)
    with socket.socket() as blocking:
        loop.set_debug(True)
        with pytest.raises(ValueError, match=r"^the socket must be non-blocking$"):
            await call(blocking)
        loop.set_debug(False)
    with socket.socket() as closed:
        closed.setblocking(False)
    with pytest.raises(OSError) as caught:
        await call(closed)
    assert caught.value.errno == errno.EBADF
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with (
        context.wrap_socket(socket.socket(), do_handshake_on_connect=False) as tls,
        pytest.raises(TypeError, match=r"^Socket cannot be of type SSLSocket$"),
    ):
        await call(tls)


@on_loop
async def test_sock_calls_refuse_bad_arguments(loop):
    with nonblocking_pair() as (near, far):
        far.send(b"waiting")
        with pytest.raises(ValueError, match=r"^negative buffersize in recv$"):
            await loop.sock_recv(near, -1)
        with pytest.raises(ValueError, match=r"^negative buffersize in recvfrom$"):
            await loop.sock_recvfrom(near, -1)
        with pytest.raises(TypeError, match=r"'str' object cannot be interpreted as an integer"):
            await loop.sock_recv(near, "1")
        with pytest.raises(TypeError, match=r"read-write bytes-like object, not bytes"):
            await loop.sock_recv_into(near, b"constant")
        with pytest.raises(TypeError, match=r"a bytes-like object is required, not 'str'"):
            await loop.sock_sendall(near, "text")
        with pytest.raises(ValueError, match=r"^nbytes is greater than the length of the buffer$"):
            await loop.sock_recvfrom_into(near, bytearray(1), 2)
        assert await loop.sock_recv(near, 100) == b"waiting"


@on_loop
async def test_sock_calls_tell_a_peer_that_is_gone(loop):
    with tcp_pair() as (near, far):
        near.setblocking(False)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        receiving = loop.create_task(loop.sock_recv(near, 10))
        await asyncio.sleep(0)
        far.close()
        with pytest.raises(ConnectionResetError):
            await receiving
        with pytest.raises(BrokenPipeError):
            await loop.sock_sendall(near, b"data")
        assert not loop.remove_reader(near) and not loop.remove_writer(near)


@on_loop
async def test_a_sock_call_on_the_descriptor_of_a_transport_is_refused(loop):
    async with connected(loop) as (transport, _, _):
        with (
            socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as twin,
            pytest.raises(TimeoutError),
        ):
            twin.setblocking(False)  # another descriptor of the same connection is nobody's
            await asyncio.wait_for(loop.sock_recv(twin, 1), 0.001)
        with pytest.raises(RuntimeError, match=r"^File descriptor .* is used by transport "):
            await loop.sock_recv(transport._sock, 1)
