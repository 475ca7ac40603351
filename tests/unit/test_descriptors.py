"""Sockets closed behind the back of who uses them: the number is another descriptor's by then, and so are its bytes.

asyncio calls the socket's methods, which know; so everything here is what a closed socket answers.
"""

import asyncio
import contextlib
import errno
import os
import socket
import sys

import ferrio
import pytest
from helpers import Log, collect_errors, connected, fill, noop, on_loop, tcp_pair, until


def renumbered(sock, number):
    """The same socket, by another number."""
    with sock:
        return socket.socket(sock.family, sock.type, sock.proto, fileno=os.dup2(sock.fileno(), number))


@contextlib.contextmanager
def reusing(sock):
    """Closes `sock`; another connection has its number then: its two ends."""
    number = sock.fileno()
    near, far = socket.socketpair()
    sock.close()
    near = renumbered(near, number)
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


def nothing_came(far):
    with pytest.raises(BlockingIOError):
        far.recv(100)
    return True


def pair():
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    return near, far


SOCK_CALLS = {
    "recv": lambda loop, sock: loop.sock_recv(sock, 100),
    "recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(100)),
    "recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 100),
    "sendall": lambda loop, sock: loop.sock_sendall(sock, b"private"),
}


@pytest.mark.parametrize("name", SOCK_CALLS)
@on_loop
async def test_a_sock_call_on_a_socket_that_is_closed_before_its_first_step(loop, name):
    near, far = pair()
    with near, far:
        task = loop.create_task(SOCK_CALLS[name](loop, near))
        with reusing(near) as (_, other):
            other.send(b"secret")
            with pytest.raises(OSError) as caught:
                await asyncio.wait_for(task, 5)
            assert caught.value.errno == errno.EBADF
            assert nothing_came(other)


@on_loop
async def test_a_sock_call_whose_socket_is_detached(loop):
    near, far = pair()
    with near, far:
        task = loop.create_task(loop.sock_recv(near, 100))
        number = near.detach()
        far.send(b"data")
        with pytest.raises(OSError) as caught:
            await task
        assert caught.value.errno == errno.EBADF
        assert os.read(number, 100) == b"data"
        os.close(number)


@pytest.mark.parametrize("name", ["recv", "recv_into"])
@on_loop
async def test_a_sock_call_that_waits_while_its_socket_is_closed_reads_nothing(loop, name):
    """Whether it hears of it depends on the poller; that it is left alone does not."""
    near, far = pair()
    with near, far:
        task = loop.create_task(SOCK_CALLS[name](loop, near))
        await asyncio.sleep(0)
        with reusing(near) as (other, peer):
            peer.send(b"secret")
            await asyncio.sleep(0.005)
            assert other.recv(100) == b"secret"
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task


@on_loop
async def test_a_sock_call_that_ended_leaves_whoever_has_the_number_now(loop):
    near, far = pair()
    with near, far:
        task = loop.create_task(loop.sock_recv(near, 100))
        await asyncio.sleep(0)
        with contextlib.suppress(asyncio.CancelledError):
            task.cancel()
            await task
        with reusing(near) as (other, peer):
            peer.send(b"data")
            assert await loop.sock_recv(other, 100) == b"data"


@pytest.mark.parametrize("lose", [socket.socket.close, socket.socket.detach], ids=["close", "detach"])
@on_loop
async def test_a_write_to_a_transport_whose_socket_is_gone(loop, lose):
    errors = collect_errors(loop)
    with tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=near)
        number = near.fileno()
        lose(near)
        transport.write(b"data")
        assert transport.is_closing()
        reason = await log.closed
        assert isinstance(reason, OSError) and reason.errno == errno.EBADF
        assert not errors
        if lose is socket.socket.detach:
            os.close(number)
        assert far.recv(100) == b""


WRITING = {
    "write": lambda transport: transport.write(b"private"),
    "writelines": lambda transport: transport.writelines([b"pri", b"vate"]),
    "bytearray": lambda transport: transport.write(bytearray(b"private")),
}


@pytest.mark.parametrize("name", WRITING)
@on_loop
async def test_nothing_is_written_to_the_next_connection(loop, name):
    with tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=near)
        with reusing(near) as (other, peer):
            WRITING[name](transport)
            assert (await log.closed).errno == errno.EBADF
            assert nothing_came(peer)
            other.send(b"still open")
            assert peer.recv(100) == b"still open"
        assert far.recv(100) == b""


@pytest.mark.parametrize("end", ["close", "abort"])
@on_loop
async def test_closing_leaves_the_next_connection_open(loop, end):
    with tcp_pair() as (near, _):
        transport, log = await loop.create_connection(Log, sock=near)
        with reusing(near) as (other, peer):
            getattr(transport, end)()
            assert await log.closed is None
            await asyncio.sleep(0)
            other.send(b"still open")
            assert peer.recv(100) == b"still open"


@on_loop
async def test_what_waits_is_not_written_to_the_next_connection(loop):
    with tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=near)
        transport.pause_reading()
        fill(transport)
        with reusing(near) as (_, peer):
            transport.write(b"private")
            far.close()
            await asyncio.sleep(0.002)
            transport.abort()
            await log.closed
            assert nothing_came(peer)


@on_loop
async def test_the_end_is_not_told_to_the_next_connection(loop):
    with tcp_pair() as (near, _):
        transport, log = await loop.create_connection(Log, sock=near)
        with reusing(near) as (_, peer):
            with pytest.raises(OSError) as caught:
                transport.write_eof()
            assert caught.value.errno == errno.EBADF
            assert nothing_came(peer)
            transport.abort()
            await log.closed


@on_loop
async def test_the_next_connection_is_not_read_from(loop):
    with tcp_pair() as (near, _):
        transport, log = await loop.create_connection(Log, sock=near)
        with reusing(near) as (other, peer):
            peer.send(b"secret")
            await asyncio.sleep(0.002)
            assert not log.data
            assert other.recv(100) == b"secret"
            transport.abort()
            await log.closed


@on_loop
async def test_a_buffer_that_closes_the_socket(loop):
    class Closes(Log, asyncio.BufferedProtocol):
        def get_buffer(self, sizehint):
            number, (other, self.peer) = self.sock.fileno(), socket.socketpair()
            self.sock.close()
            self.other = renumbered(other, number)
            self.peer.send(b"secret")
            return bytearray(100)

        def buffer_updated(self, nbytes):
            self.saw("updated")

    with tcp_pair() as (near, far):
        _, log = await loop.create_connection(Closes, sock=near)
        log.sock = near
        far.send(b"data")
        assert (await log.closed).errno == errno.EBADF
        with log.other, log.peer:
            assert "updated" not in log.events
            assert log.other.recv(100) == b"secret"


@on_loop
async def test_addresses_stay_known(loop):
    with tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=near)
        ends = far.getpeername(), far.getsockname()
        with reusing(near):
            assert (transport.get_extra_info("sockname"), transport.get_extra_info("peername")) == ends
            assert transport.get_extra_info("socket").fileno() == -1
            transport.abort()
            await log.closed


@on_loop
async def test_a_socket_closed_by_way_of_an_accepted_transport(loop):
    """Its socket object is made when somebody asks for it."""
    made = loop.create_future()

    class Server(Log):
        def connection_made(self, transport):
            super().connection_made(transport)
            made.set_result(self)

    server = await loop.create_server(Server, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname(), timeout=5):
        log = await made
        with reusing(log.transport._sock) as (_, peer):
            log.transport.write(b"private")
            assert (await log.closed).errno == errno.EBADF
            assert nothing_came(peer)
    server.close()
    await server.wait_closed()


class Packets(asyncio.DatagramProtocol):
    def __init__(self):
        self.errors, self.data = [], []
        self.closed = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, addr):
        self.data.append(data)

    def error_received(self, exc):
        self.errors.append(exc.errno)

    def connection_lost(self, exc):
        self.closed.set_result(exc)


@pytest.mark.parametrize("connects", [True, False])
@on_loop
async def test_a_datagram_socket_that_is_closed(loop, connects):
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with near, far:
        for sock in (near, far):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        if connects:
            near.connect(far.getsockname())
        transport, log = await loop.create_datagram_endpoint(Packets, sock=near)
        number, other = near.fileno(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        near.close()
        with renumbered(other, number) as other:
            other.setblocking(False)
            other.bind(("127.0.0.1", 0))
            transport.sendto(b"private", None if connects else far.getsockname())
            assert log.errors == [errno.EBADF]
            assert nothing_came(far)
            far.sendto(b"secret", other.getsockname())
            await asyncio.sleep(0.002)
            assert not log.data
            assert other.recv(100) == b"secret"
            transport.close()
            assert await log.closed is None
            await asyncio.sleep(0)
            other.sendto(b"still open", far.getsockname())
            assert far.recv(100) == b"still open"


@on_loop
async def test_a_reader_sees_only_the_number(loop):
    near, far = pair()
    with near, far:
        seen = []
        loop.add_reader(near, seen.append, "read")
        far.send(b"data")
        await until(lambda: seen)
        loop.remove_reader(near)
        with reusing(near) as (other, peer):
            count = len(seen)
            loop.add_reader(other, seen.append, "other")
            peer.send(b"data")
            await until(lambda: seen[count:])
            assert set(seen[count:]) == {"other"}
            assert loop.remove_reader(other)


@on_loop
async def test_transports_of_one_number_one_after_the_other(loop):
    with tcp_pair() as (near, _):
        first, log = await loop.create_connection(Log, sock=near)
        with reusing(near) as (other, peer):
            if sys.version_info >= (3, 12):  # before, asyncio asks for readers and writers only
                number, spare = other.fileno(), other.dup()
                with pytest.raises(RuntimeError, match="is used by transport"):
                    await loop.create_connection(Log, sock=other)
                if other.fileno() < 0:  # later releases close what they refuse
                    other = renumbered(spare, number)
                spare.close()
            first.write(b"private")
            second, second_log = await loop.create_connection(Log, sock=other)
            await log.closed
            peer.send(b"data")
            await until(lambda: second_log.data == b"data")
            second.write(b"answer")
            assert peer.recv(100) == b"answer"
            second.close()
            await second_log.closed


def test_a_transport_that_is_closing_leaves_whoever_watches_its_number():
    """asyncio's takes the number's reader and writer away, whoever's they are."""

    async def main():
        loop = asyncio.get_running_loop()
        with tcp_pair() as (near, _):
            transport, log = await loop.create_connection(Log, sock=near)
            fill(transport)
            transport.close()
            with reusing(near) as (other, _):
                seen = []
                loop.add_writer(other, seen.append, "room")
                transport.abort()
                await log.closed
                seen.clear()
                await until(lambda: seen)
                loop.remove_writer(other)

    ferrio.run(main())


@on_loop
async def test_nobody_else_is_disturbed(loop):
    async with connected(loop) as (transport, log, far):
        with tcp_pair() as (near, _):
            broken, broken_log = await loop.create_connection(Log, sock=near)
            near.close()
            broken.write(b"data")
            await broken_log.closed
        far.send(b"data")
        await until(lambda: log.data == b"data")
        transport.write(b"answer")
        assert far.recv(100) == b"answer"


@pytest.mark.parametrize("how", ["remove", "add"])
@on_loop
async def test_a_closed_number_whose_watching_cannot_be_changed_is_forgotten(loop, how):
    near, far = pair()
    number, seen = near.fileno(), []
    with far, near.dup():
        far.send(b"keeps it readable")
        loop.add_reader(near, seen.append, "readable")
        if how == "remove":
            loop.add_writer(number, seen.append, "writable")
        near.close()
        with pytest.raises(OSError) as raised:
            loop.remove_reader(near) if how == "remove" else loop.add_writer(number, seen.append, "writable")
        assert raised.value.errno == errno.EBADF
        await asyncio.sleep(0)
        seen.clear()
        await asyncio.sleep(0.01)
        assert seen == [] and not loop.remove_reader(number) and not loop.remove_writer(number)
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            loop.remove_reader(near)


@on_loop
async def test_a_closed_number_is_watched_again_in_the_same_direction(loop):
    near, far = pair()
    number = near.fileno()
    with far:
        loop.add_reader(number, noop)
        near.close()
        loop.add_reader(number, noop)
        assert loop.remove_reader(number)
        with pytest.raises(OSError) as raised:
            loop.add_reader(number, noop)
        assert raised.value.errno == errno.EBADF


@on_loop
async def test_a_closed_number_is_known_by_what_it_was_watched_by_first(loop):
    near, far = pair()
    with far:
        loop.add_reader(near, noop)
        loop.add_writer(near.fileno(), noop)
        assert loop.remove_reader(near.fileno())
        near.close()
        assert loop.remove_writer(near)
    near, far = pair()
    with far:
        number = near.fileno()
        loop.add_reader(number, noop)
        loop.add_writer(near, noop)
        assert loop.remove_reader(number)
        near.close()
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            loop.remove_writer(near)
        assert loop.remove_writer(number)
