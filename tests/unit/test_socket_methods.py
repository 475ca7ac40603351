"""Sockets whose methods a program replaces, by a class of its own, on the instance or with `mock`: asyncio calls them.

On ferrio such a socket has asyncio's own transport; everything that is done with transports works on it.
"""

import asyncio
import os
import re
import socket
from unittest import mock

import pytest
from helpers import Echo, Log, collect_errors, on_loop, tcp_pair, until


class Counting(socket.socket):
    """Counts the calls of its methods."""

    def __init__(self, *args, **names):
        super().__init__(*args, **names)
        self.calls = {}

    def count(self, name, *args):
        self.calls[name] = self.calls.get(name, 0) + 1
        return getattr(super(), name)(*args)

    def recv(self, *args):
        return self.count("recv", *args)

    def recv_into(self, *args):
        return self.count("recv_into", *args)

    def recvfrom(self, *args):
        return self.count("recvfrom", *args)

    def send(self, *args):
        return self.count("send", *args)

    def sendto(self, *args):
        return self.count("sendto", *args)

    def shutdown(self, *args):
        return self.count("shutdown", *args)

    def accept(self):
        return self.count("accept")


def counting(sock):
    return Counting(sock.family, sock.type, sock.proto, fileno=sock.detach())


@on_loop
async def test_a_transport_uses_them(loop):
    with tcp_pair() as (near, far):
        near = counting(near)
        transport, log = await loop.create_connection(Log, sock=near)
        transport.write(b"data")
        far.send(b"answer")
        await until(lambda: log.data == b"answer")
        transport.write_eof()
        assert far.recv(100) == b"data"
        assert far.recv(100) == b""
        assert {"send", "recv", "shutdown"} <= near.calls.keys()
        assert re.match(r"<\w+ fd=\d+ read=\w+ write=<idle, bufsize=0>>$", repr(transport))
        assert transport.get_extra_info("socket").fileno() == near.fileno()
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(near, print)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.sock_recv(near, 1)
        transport.close()
        assert await log.closed is None
        await asyncio.sleep(0)
        assert near.fileno() == -1


@on_loop
async def test_what_they_raise_ends_the_connection(loop):
    class Fails(socket.socket):
        def recv(self, *args):
            raise LookupError("recv")

    errors = collect_errors(loop)
    with tcp_pair() as (near, far):
        near = Fails(fileno=near.detach())
        _, log = await loop.create_connection(Log, sock=near)
        far.send(b"data")
        assert isinstance(await log.closed, LookupError)
        assert [error["message"] for error in errors] == ["Fatal read error on socket transport"]


@on_loop
async def test_streams(loop):
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    with Counting() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        reader, writer = await asyncio.open_connection(sock=sock)
        for size in (10, 1 << 20):
            writer.write(b"x" * size)
            await asyncio.gather(writer.drain(), reader.readexactly(size))
        writer.close()
        await writer.wait_closed()
        assert {"send", "recv"} <= sock.calls.keys()
    server.close()
    await server.wait_closed()


@on_loop
async def test_sendfile(loop, tmp_path):
    (tmp_path / "file").write_bytes(b"file" * 1000)
    with tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=counting(near))
        with open(tmp_path / "file", "rb") as file:
            assert await loop.sendfile(transport, file) == 4000
        transport.write(b"end")
        assert far.recv(4003, socket.MSG_WAITALL) == b"file" * 1000 + b"end"
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(transport.get_extra_info("socket").fileno(), print)
        transport.close()
        await log.closed


@on_loop
async def test_sock_calls(loop):
    near, far = socket.socketpair()
    with counting(near) as near, far:
        near.setblocking(False)
        await loop.sock_sendall(near, b"data")
        assert far.recv(100) == b"data"
        for ready in (True, False):
            loop.call_later(0 if ready else 0.001, far.send, b"answer")
            assert await loop.sock_recv(near, 100) == b"answer"
        far.send(b"answer")
        assert await loop.sock_recv_into(near, bytearray(100)) == 6
        assert {"send", "recv", "recv_into"} <= near.calls.keys()


@on_loop
async def test_a_listening_socket(loop):
    with Counting() as listening:
        listening.bind(("127.0.0.1", 0))
        server = await loop.create_server(Echo, sock=listening)
        with socket.create_connection(listening.getsockname(), timeout=5) as far:
            far.send(b"data")
            far.setblocking(False)
            assert await loop.sock_recv(far, 100) == b"data"
        assert listening.calls["accept"] >= 1
        server.close()
        await server.wait_closed()


@on_loop
async def test_datagrams(loop):
    received = []

    class Packets(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            received.append((data, addr))

    with Counting(socket.AF_INET, socket.SOCK_DGRAM) as near, socket.socket(type=socket.SOCK_DGRAM) as far:
        for sock in (near, far):
            sock.bind(("127.0.0.1", 0))
        transport, _ = await loop.create_datagram_endpoint(Packets, sock=near)
        transport.sendto(b"data", far.getsockname())
        assert far.recvfrom(100) == (b"data", near.getsockname())
        far.sendto(b"answer", near.getsockname())
        await until(lambda: received)
        assert received == [(b"answer", far.getsockname())]
        assert {"sendto", "recvfrom"} <= near.calls.keys()
        assert re.match(r"<\w+ fd=\d+ ", repr(transport))
        transport.close()
        await asyncio.sleep(0)


@on_loop
async def test_a_class_that_replaces_nothing_is_as_good_as_the_plain_one(loop, aio):
    class Named(socket.socket):
        pass

    with tcp_pair() as (near, far):
        near = Named(fileno=near.detach())
        transport, log = await loop.create_connection(Log, sock=near)
        assert "Asking" not in repr(transport)
        transport.write(b"data")
        assert far.recv(100) == b"data"
        transport.close()
        await log.closed


@on_loop
async def test_a_method_replaced_on_the_instance(loop):
    class Named(socket.socket):
        pass

    with tcp_pair() as (near, far):
        near = Named(fileno=near.detach())
        near.send = mock.Mock(side_effect=near.send)
        transport, log = await loop.create_connection(Log, sock=near)
        transport.write(b"data")
        assert far.recv(100) == b"data"
        near.send.assert_called_once_with(b"data")
        near.setblocking(False)
        transport.close()
        await log.closed


@on_loop
async def test_a_method_replaced_on_the_class(loop):
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.send(b"data")
        assert await loop.sock_recv(near, 1) == b"d"
        with mock.patch.object(socket.socket, "recv", return_value=b"patched") as recv:
            assert await loop.sock_recv(near, 100) == b"patched"
            recv.assert_called_once_with(100)
        assert await loop.sock_recv(near, 100) == b"ata"
        with mock.patch.object(socket.socket, "send", side_effect=ConnectionAbortedError):
            transport, log = await loop.create_connection(Log, sock=near)
            transport.write(b"data")
            assert isinstance(await log.closed, ConnectionAbortedError)


@on_loop
async def test_a_socket_that_is_none(loop):
    sock = mock.Mock(type=socket.SOCK_STREAM)
    sock.recv.return_value = b"data"
    sock.gettimeout.return_value = 0
    with mock.patch("socket.socket"):
        assert await loop.sock_recv(sock, 100) == b"data"
    sock.send.side_effect = len
    assert await loop.sock_sendall(sock, b"data") is None
    sock.send.assert_called_once_with(b"data")


@on_loop
async def test_get_extra_info_is_the_base_class_own(loop):
    with tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=near)
        with mock.patch("asyncio.Transport.get_extra_info", return_value="patched"):
            assert transport.get_extra_info("sockname") == "patched"
        assert transport.get_extra_info("sockname") == far.getpeername()
        transport._extra["more"] = 1
        assert transport.get_extra_info("more") == 1
        transport._extra = {"other": 2}
        assert transport.get_extra_info("other") == 2 and transport.get_extra_info("more") is None
        transport.close()
        await log.closed


@on_loop
async def test_get_extra_info_of_pipes(loop):
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as read_end, open(writing, "wb", 0) as write_end:
        for connect, end, base in (
            (loop.connect_read_pipe, read_end, "asyncio.ReadTransport"),
            (loop.connect_write_pipe, write_end, "asyncio.WriteTransport"),
        ):
            transport, _ = await connect(Log, end)
            assert transport.get_extra_info("pipe") is end
            transport._extra["more"] = 1
            assert transport.get_extra_info("more") == 1
            with mock.patch(f"{base}.get_extra_info", return_value="patched"):
                assert transport.get_extra_info("pipe") == "patched"
            transport.close()
        await asyncio.sleep(0.001)
