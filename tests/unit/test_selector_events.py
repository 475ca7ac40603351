"""Stream transports: what goes through one between a connected socket and its protocol, up to the end.

How protocols are paused, changed and may fail is in test_transports.py, servers are in test_server.py, connecting in
test_connections.py, datagrams in test_datagram.py, pipes in test_unix_events.py, sockets without a transport in
test_sock.py. The far end of a transport is a plain blocking socket with a timeout, so that what was written can be
looked at without the loop.
"""

import asyncio
import contextlib
import contextvars
import logging
import os
import socket
import struct
import sys

import pytest
from helpers import Log, asyncio_log, collect_errors, connected, drained, fill, on_loop, tcp_pair, until

VAR = contextvars.ContextVar("VAR", default="unset")


# Reading and writing


@on_loop
async def test_echo_of_many_sizes(loop):
    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            assert type(data) is bytes
            self.transport.write(data)

    server = await loop.create_server(Echo, "127.0.0.1", 0)
    transport, log = await loop.create_connection(Log, *server.sockets[0].getsockname())
    for size in (1, 10, 1000, 65536, 262_144, 262_145, 1_000_000):
        message = os.urandom(size)
        log.data.clear()
        transport.write(message)
        await until(lambda size=size: len(log.data) >= size)
        assert log.data == message
    transport.close()
    assert await log.closed is None
    assert log.events[0] == "made" and log.events[-1] == "lost" and "eof" not in log.events
    server.close()
    await server.wait_closed()


@on_loop
async def test_a_write_reaches_the_other_end_before_the_loop_turns(loop):
    async with connected(loop) as (transport, _, far):
        for data in (b"bytes", bytearray(b"bytearray"), memoryview(b"memoryview"), memoryview(b"a-b-c")[::1]):
            transport.write(data)
            assert far.recv(100) == bytes(data)
        transport.write(b"")
        transport.writelines([])
        transport.writelines([b"1", bytearray(b"2"), memoryview(b"3")])
        assert far.recv(100) == b"123"


@on_loop
async def test_writelines_of_many_pieces(loop):
    async with connected(loop) as (transport, _, far):
        pieces = [b"%d," % n * 50 for n in range(5000)]
        transport.writelines(pieces)
        transport.write(b"end")
        whole = b"".join(pieces) + b"end"
        assert await drained(loop, far, len(whole)) == whole
        assert transport.get_write_buffer_size() == 0


@on_loop
async def test_writes_wait_in_order_behind_a_full_socket(loop):
    async with connected(loop) as (transport, _, far):
        size = fill(transport)
        transport.write(b"second")
        transport.writelines([b"third", b"fourth"])
        whole = b"x" * size + b"secondthirdfourth"
        assert await drained(loop, far, len(whole)) == whole


@pytest.mark.parametrize("data", ["text", 5, None, [b"list"], object()])
@on_loop
async def test_write_refuses_what_is_not_bytes(loop, data):
    async with connected(loop) as (transport, _, far):
        name = type(data).__name__
        wanted = "bytes, bytearray, or memoryview" if sys.version_info >= (3, 14) else "bytes-like"
        with pytest.raises(TypeError, match=rf"^data argument must be a {wanted} object, not '{name}'$"):
            transport.write(data)
        transport.write(b"still open")
        assert far.recv(100) == b"still open"


@on_loop
async def test_write_can_be_replaced_on_the_instance(loop):
    async with connected(loop) as (transport, _, far):
        original, seen = transport.write, []
        transport.write = lambda data: (seen.append(data), original(data.upper()))
        transport.write(b"text")
        assert (far.recv(100), seen) == (b"TEXT", [b"text"])


@on_loop
async def test_callbacks_see_the_context_of_their_connection(loop):
    seen = []

    class Looking(Log):
        def saw(self, name):
            seen.append((name, VAR.get()))
            super().saw(name)

    VAR.set("when connecting")
    async with connected(loop, Looking) as (_, log, far):
        VAR.set("later")
        far.send(b"data")
        await until(lambda: log.data)
    assert seen[:2] == [("made", "when connecting"), ("data", "when connecting")]


# Flow control


@on_loop
async def test_write_buffer_limits(loop):
    async with connected(loop) as (transport, _, _):
        limits = transport.get_write_buffer_limits
        assert limits() == (16 * 1024, 64 * 1024)
        transport.set_write_buffer_limits(high=400)
        assert limits() == (100, 400)
        transport.set_write_buffer_limits(low=100)
        assert limits() == (100, 400)
        transport.set_write_buffer_limits(high=7, low=7)
        assert limits() == (7, 7)
        transport.set_write_buffer_limits(high=0)
        assert limits() == (0, 0)
        transport.set_write_buffer_limits()
        assert limits() == (16 * 1024, 64 * 1024)
        for high, low in ((1, 2), (5, -1)):
            with pytest.raises(ValueError, match=rf"^high \({high}\) must be >= low \({low}\) must be >= 0$"):
                transport.set_write_buffer_limits(high=high, low=low)


@on_loop
async def test_pause_comes_within_write_and_resume_once_below_the_low_mark(loop):
    async with connected(loop) as (transport, log, far):
        sizes = []
        log.resume_writing = lambda: (sizes.append(transport.get_write_buffer_size()), log.saw("resume"))
        transport.set_write_buffer_limits(high=1000, low=500)
        assert transport.get_write_buffer_size() == 0
        size = fill(transport)
        assert log.events == ["made", "pause"]
        held = transport.get_write_buffer_size()
        assert 1000 < held <= size
        transport.write(b"y" * 10)
        assert transport.get_write_buffer_size() == held + 10
        assert log.events == ["made", "pause"]
        assert await drained(loop, far, size + 10) == b"x" * size + b"y" * 10
        await until(lambda: "resume" in log.events)
        assert log.events == ["made", "pause", "resume"] and sizes[0] <= 500
        assert transport.get_write_buffer_size() == 0


@on_loop
async def test_lower_limits_pause_at_once(loop):
    async with connected(loop) as (transport, log, _):
        transport.set_write_buffer_limits(high=1 << 30)
        fill(transport)
        assert log.events == ["made"]
        transport.set_write_buffer_limits(high=1)
        assert log.events == ["made", "pause"]


# The end of the stream


@on_loop
async def test_write_eof_leaves_the_other_direction_open(loop):
    async with connected(loop) as (transport, log, far):
        assert transport.can_write_eof()
        transport.write(b"all")
        transport.write_eof()
        transport.write_eof()
        assert (far.recv(100), far.recv(100)) == (b"all", b"")
        far.send(b"answer")
        await until(lambda: log.data == b"answer")
        for data in (b"more", b""):
            with pytest.raises(RuntimeError, match=r"^Cannot call write\(\) after write_eof\(\)$"):
                transport.write(data)
        method = "writelines" if sys.version_info >= (3, 12) else "write"  # 3.11 joins and calls write()
        with pytest.raises(RuntimeError, match=rf"^Cannot call {method}\(\) after write_eof\(\)$"):
            transport.writelines([b"more"])
        assert not transport.is_closing()


@on_loop
async def test_write_eof_comes_after_what_was_written(loop):
    async with connected(loop) as (transport, _, far):
        size = fill(transport)
        transport.write_eof()
        assert len(await drained(loop, far, size)) == size
        assert await loop.sock_recv(far, 1) == b""


@pytest.mark.parametrize("keep_open", [None, False, True])
@on_loop
async def test_eof_closes_unless_the_protocol_keeps_the_connection(loop, keep_open):
    async with connected(loop, lambda: Log(keep_open=keep_open)) as (transport, log, far):
        far.send(b"last")
        far.shutdown(socket.SHUT_WR)
        await until(lambda: "eof" in log.events)
        assert transport.is_closing() is not keep_open or keep_open is None
        transport.write(b"answer")
        if keep_open:
            assert far.recv(100) == b"answer"
            transport.close()
        assert await log.closed is None
        assert far.recv(100) == b""
        assert log.events == ["made", "data", "eof", "lost"]


@on_loop
async def test_close_flushes_and_tells_later(loop):
    async with connected(loop) as (transport, log, far):
        size = fill(transport)
        transport.close()
        transport.close()
        assert transport.is_closing() and not transport.is_reading()
        assert log.events == ["made", "pause"]
        assert len(await drained(loop, far, size)) == size
        assert await log.closed is None
        assert log.events[-1] == "lost" and log.events.count("lost") == 1


@on_loop
async def test_abort_drops_what_was_not_sent(loop):
    async with connected(loop) as (transport, log, far):
        size = fill(transport)
        transport.abort()
        assert transport.is_closing() and transport.get_write_buffer_size() == 0
        assert not log.closed.done()
        assert await log.closed is None
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while chunk := far.recv(1 << 20):
                received += len(chunk)
        assert received < size


@on_loop
async def test_the_socket_is_closed_after_connection_lost(loop):
    during = []
    with tcp_pair() as (near, _):
        transport, log = await loop.create_connection(Log, sock=near)
        log.saw = lambda name: during.append((name, near.fileno() >= 0))
        transport.close()
        await log.closed
        await asyncio.sleep(0)
        assert during == [("lost", True)]
        assert near.fileno() == -1


@on_loop
async def test_close_within_data_received(loop):
    async with connected(loop) as (transport, log, far):

        def data_received(data):
            log.saw("data")
            transport.write(b"bye")
            transport.close()

        log.data_received = data_received
        transport.set_protocol(log)
        far.send(b"x" * 100_000)
        assert await log.closed is None
        assert log.events == ["made", "data", "lost"]
        assert far.recv(100)[:3] == b"bye"


@on_loop
async def test_writes_after_close_are_dropped_and_in_the_end_logged(loop):
    async with connected(loop) as (transport, log, _):
        transport.close()
        with asyncio_log() as records:
            for _ in range(4):
                transport.write(b"data")
            assert records == []
            await log.closed
            await asyncio.sleep(0)
            transport.write(b"")
            transport.write(b"data")
            transport.write(b"data")
        assert [record.getMessage() for record in records] == ["socket.send() raised exception."] * 2


@pytest.mark.parametrize("debug", [False, True])
@on_loop
async def test_reset_by_the_peer(loop, debug):
    contexts = collect_errors(loop)
    with asyncio_log(logging.DEBUG) as records:
        loop.set_debug(debug)
        async with connected(loop) as (transport, log, far):
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            far.close()
            assert isinstance(await log.closed, ConnectionResetError)
            assert log.events == ["made", "lost"] and transport.is_closing()
    logged = [text for text in (r.getMessage() for r in records) if "Fatal read error on socket transport" in text]
    assert len(logged) == debug and contexts == []


@on_loop
async def test_writing_to_a_peer_that_is_gone(loop):
    contexts = collect_errors(loop)
    async with connected(loop) as (transport, log, far):
        transport.pause_reading()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        while not transport.is_closing():
            transport.write(b"data")
            assert not log.closed.done()
            await asyncio.sleep(0)
        assert isinstance(await log.closed, (BrokenPipeError, ConnectionResetError))
        assert contexts == []
