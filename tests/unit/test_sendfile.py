"""sendfile and sock_sendfile, with files that the kernel can send and files that it cannot."""

import asyncio
import contextlib
import io
import os
import re
import socket
import tempfile
import threading

import pytest
from helpers import Log, on_loop, pipe, tcp_pair


class Reader(threading.Thread):
    """Reads a socket to its end in another thread."""

    def __init__(self, sock):
        super().__init__()
        self.sock, self.data = sock, b""
        self.start()

    def run(self):
        while chunk := self.sock.recv(1 << 16):
            self.data += chunk


@contextlib.contextmanager
def files(data):
    """The same bytes as a file that the kernel can send and as one that it cannot."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file, io.BytesIO(data)


@pytest.mark.parametrize(("offset", "count"), [(0, None), (1000, None), (0, 2000), (500_000, 1_000_000)])
@on_loop
async def test_sendfile(loop, offset, count):
    data = os.urandom(1_000_000)
    part = data[offset:][:count]
    with files(data) as kinds:
        for file in kinds:
            with tcp_pair() as (near, far):
                transport, log = await loop.create_connection(Log, sock=near)
                reader = Reader(far)
                transport.write(b"before")
                assert await loop.sendfile(transport, file, offset, count) == len(part)
                assert file.tell() == offset + len(part)
                assert transport.is_reading()
                transport.write(b"after")
                transport.close()
                await log.closed
                reader.join()
                assert reader.data == b"before" + part + b"after"


@on_loop
async def test_sendfile_on_an_accepted_connection_in_debug_mode(loop):
    loop.set_debug(True)
    accepted = loop.create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport):
            accepted.set_result(transport)

    server = await loop.create_server(Accepting, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as near, files(b"data" * 1000) as (file, _):
        transport = await accepted
        assert transport.get_extra_info("socket").gettimeout() == 0
        assert await loop.sendfile(transport, file) == 4000
        transport.close()
        near.settimeout(5)
        assert near.recv(10) == b"datadatada"
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(("offset", "count"), [(0, None), (1000, None), (0, 2000), (500_000, 1_000_000)])
@on_loop
async def test_sock_sendfile(loop, offset, count):
    data = os.urandom(1_000_000)
    part = data[offset:][:count]
    with files(data) as kinds:
        for file in kinds:
            with tcp_pair() as (near, far):
                near.setblocking(False)
                reader = Reader(far)
                assert await loop.sock_sendfile(near, file, offset, count) == len(part)
                assert file.tell() == offset + len(part) and not loop.remove_writer(near)
                near.close()
                reader.join()
                assert reader.data == part


@on_loop
async def test_sendfile_refuses(loop):
    with files(b"data") as (file, memory), tcp_pair() as (near, far), tempfile.TemporaryFile("w+") as text:
        transport, log = await loop.create_connection(Log, sock=near)
        far.setblocking(False)
        with socket.socket(type=socket.SOCK_DGRAM) as datagram:
            datagram.setblocking(False)
            for arguments, kind, message in (
                ((far, text), ValueError, "file should be opened in binary mode"),
                ((datagram, file), ValueError, "only SOCK_STREAM type sockets are supported"),
                ((far, file, 0, "1"), TypeError, "count must be a positive integer (got '1')"),
                ((far, file, 0, 0), ValueError, "count must be a positive integer (got 0)"),
                ((far, file, -1), ValueError, "offset must be a non-negative integer (got -1)"),
                ((far, file, "1"), TypeError, "offset must be a non-negative integer (got '1')"),
            ):
                with pytest.raises(kind, match=rf"^{re.escape(message)}$"):
                    await loop.sock_sendfile(*arguments)
        for call, target in ((loop.sendfile, transport), (loop.sock_sendfile, far)):
            with pytest.raises(asyncio.SendfileNotAvailableError, match=r"^not a regular file$"):
                await call(target, memory, fallback=False)
        transport.close()
        with pytest.raises(RuntimeError, match=r"^Transport is closing$"):
            await loop.sendfile(transport, file)
        await log.closed
    with pipe() as (_, writing), files(b"data") as (file, _):
        transport, log = await loop.connect_write_pipe(Log, writing)
        with pytest.raises(RuntimeError, match=r"^sendfile is not supported for transport "):
            await loop.sendfile(transport, file)
        transport.close()
        await log.closed


@on_loop
async def test_nothing_is_written_during_sendfile_and_a_lost_peer_ends_it(loop):
    with files(bytes(1 << 24)) as (file, _), tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=near)
        sending = loop.create_task(loop.sendfile(transport, file))
        await asyncio.sleep(0.002)
        assert not sending.done() and not transport.is_reading()
        with pytest.raises(RuntimeError, match=r"^unable to write; sendfile is in progress$"):
            transport.write(b"data")
        with pytest.raises(RuntimeError, match=r"sendfile is in progress$"):
            transport.writelines([b"data"])
        far.close()
        with pytest.raises(ConnectionError):
            await sending
        assert 0 < file.tell() < 1 << 24
        transport.abort()
        await log.closed


@on_loop
async def test_a_cancelled_sock_sendfile_lets_go_of_the_socket(loop):
    with files(bytes(1 << 24)) as (file, _), tcp_pair() as (near, _):
        near.setblocking(False)
        sending = loop.create_task(loop.sock_sendfile(near, file))
        await asyncio.sleep(0.002)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not loop.remove_writer(near)
