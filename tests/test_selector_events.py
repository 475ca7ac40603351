"""Stream transports: everything between a connected socket and its protocol.

Servers and connecting by name are in test_server.py, datagrams in test_datagram.py, pipes in
test_unix_events.py, sockets without a transport in test_sock.py.

The far end of a transport is a plain blocking socket with a timeout, so that what was written can be looked
at without the loop.

Over 500 lines because a stream transport has that many promises to keep.
"""

import asyncio
import contextlib
import contextvars
import gc
import logging
import os
import re
import socket
import struct
import sys
import warnings

import pytest
from helpers import Log, asyncio_log, collect_errors, connected, drained, on_loop, tcp_pair, until

VAR = contextvars.ContextVar("VAR", default="unset")


class BufferedLog(Log, asyncio.BufferedProtocol):
    buffer_size = 100

    def get_buffer(self, sizehint):
        self.buffer = bytearray(self.buffer_size)
        self.saw("get")
        return self.buffer

    def buffer_updated(self, nbytes):
        self.data += self.buffer[:nbytes]
        self.saw("updated")


def fill(transport, size=1 << 23):
    """Write more than the kernel takes from nobody who reads."""
    transport.write(b"x" * size)
    return size


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


# Pausing the reader, changing the protocol


@on_loop
async def test_pause_and_resume_reading(loop):
    async with connected(loop) as (transport, log, far):
        assert transport.is_reading()
        for _ in range(2):
            transport.pause_reading()
            assert not transport.is_reading()
        far.send(b"data")
        far.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.003)
        assert log.events == ["made"]
        for _ in range(2):
            transport.resume_reading()
            assert transport.is_reading()
        assert await log.closed is None
        assert log.events == ["made", "data", "eof", "lost"]
        transport.pause_reading()
        transport.resume_reading()
        assert not transport.is_reading()


@on_loop
async def test_pausing_in_connection_made_and_data_received(loop):
    class Pausing(Log):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()

    async with connected(loop, Pausing) as (transport, log, far):
        for n in range(1, 3):
            far.send(b"data")
            await asyncio.sleep(0.002)
            assert log.events.count("data") == n - 1
            transport.resume_reading()
            await until(lambda n=n: log.data == b"data" * n)


@on_loop
async def test_set_protocol(loop):
    async with connected(loop) as (transport, first, far):
        assert transport.get_protocol() is first
        second, third = BufferedLog(), Log()
        first.data_received = lambda data: transport.set_protocol(second)
        transport.set_protocol(first)
        far.send(b"to the first")
        await until(lambda: transport.get_protocol() is second)
        far.send(b"to the second")
        await until(lambda: second.data == b"to the second")
        transport.set_protocol(third)
        far.send(b"to the third")
        await until(lambda: third.data == b"to the third")
        transport.close()
        first.closed.set_result(await third.closed)
        assert second.events == ["get", "updated"] and third.events == ["data", "lost"]


@on_loop
async def test_buffered_protocols(loop):
    async with connected(loop, BufferedLog) as (_, log, far):
        message = os.urandom(1050)
        far.send(message)
        await until(lambda: len(log.data) == len(message))
        assert log.data == message
        assert log.events.count("updated") >= 11 and "data" not in log.events
        far.close()
        assert await log.closed is None
        assert log.events[-2:] == ["eof", "lost"]


@on_loop
async def test_get_buffer_must_give_room(loop):
    contexts = collect_errors(loop)
    async with connected(loop, BufferedLog) as (_, log, far):
        log.buffer_size = 0
        far.send(b"data")
        error = await log.closed
        assert isinstance(error, RuntimeError) and str(error) == "get_buffer() returned an empty buffer"
        assert contexts[0]["message"] == "Fatal error: protocol.get_buffer() call failed."


# Protocols that raise


@pytest.mark.parametrize(
    ("kind", "raising", "message"),
    [
        (Log, "data", "Fatal error: protocol.data_received() call failed."),
        (Log, "eof", "Fatal error: protocol.eof_received() call failed."),
        (BufferedLog, "get", "Fatal error: protocol.get_buffer() call failed."),
        (BufferedLog, "updated", "Fatal error: protocol.buffer_updated() call failed."),
        (BufferedLog, "eof", "Fatal error: protocol.eof_received() call failed."),
    ],
)
@on_loop
async def test_an_error_while_reading_ends_the_connection(loop, kind, raising, message):
    contexts = collect_errors(loop)
    async with connected(loop, lambda: kind(raising)) as (transport, log, far):
        far.send(b"data")
        far.shutdown(socket.SHUT_WR)
        error = await log.closed
        assert isinstance(error, LookupError)
        assert contexts == [{"message": message, "exception": error, "transport": transport, "protocol": log}]
        assert log.events[-2:] == [raising, "lost"]


@on_loop
async def test_an_error_in_connection_made_is_told_and_the_connection_goes_on(loop):
    contexts = collect_errors(loop)
    async with connected(loop, lambda: Log("made")) as (transport, log, far):
        assert [type(context["exception"]) for context in contexts] == [LookupError]
        assert contexts[0]["message"].startswith("Exception in callback ")
        transport.write(b"out")
        assert far.recv(100) == b"out"
        far.send(b"in")
        await until(lambda: log.data == b"in")


@on_loop
async def test_an_error_in_connection_lost_still_closes_the_socket(loop):
    contexts = collect_errors(loop)
    async with connected(loop, lambda: Log("lost")) as (transport, log, far):
        transport.close()
        await log.closed
        await asyncio.sleep(0)
        assert [type(context["exception"]) for context in contexts] == [LookupError]
        assert far.recv(1) == b""


@pytest.mark.parametrize("raising", ["pause", "resume"])
@on_loop
async def test_an_error_in_flow_control_is_told_and_the_connection_goes_on(loop, raising):
    contexts = collect_errors(loop)
    async with connected(loop, lambda: Log(raising)) as (transport, log, far):
        size = fill(transport)
        assert len(await drained(loop, far, size)) == size
        await until(lambda: "resume" in log.events)
        (context,) = contexts
        assert context.pop("exception").args == (raising,)
        message = f"protocol.{raising}_writing() failed"
        assert context == {"message": message, "transport": transport, "protocol": log}


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_exits_raised_by_a_protocol_leave_the_loop(new_loop, error):
    loop = new_loop()

    class Leaving(Log):
        def data_received(self, data):
            raise error

    async def main(near, far):
        transport, log = await loop.create_connection(Leaving, sock=near)
        far.send(b"data")
        try:
            await asyncio.shield(log.closed)
        finally:
            transport.abort()

    with tcp_pair() as (near, far):
        task = loop.create_task(main(near, far))
        with pytest.raises(error):
            loop.run_forever()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(asyncio.sleep(0))


@on_loop
async def test_a_factory_that_raises(loop):
    with tcp_pair() as (near, far):
        with pytest.raises(ZeroDivisionError):
            await loop.create_connection(lambda: 1 / 0, sock=near)
        near.close()
        assert far.recv(1) == b""


# What a transport tells


@on_loop
async def test_extra_info(loop):
    async with connected(loop) as (transport, _, far):
        info = transport.get_extra_info
        assert info("sockname") == far.getpeername() and info("peername") == far.getsockname()
        assert info("nothing") is None and info("nothing", 5) == 5
        sock = info("socket")
        assert (sock.family, sock.type, sock.proto) == (
            socket.AF_INET,
            socket.SOCK_STREAM,
            socket.IPPROTO_TCP,
        )
        assert sock.getsockname() == info("sockname") and sock.getpeername() == info("peername")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert os.fstat(sock.fileno()).st_ino == os.fstat(transport._sock.fileno()).st_ino
        assert sock.gettimeout() == 0 and not os.get_inheritable(sock.fileno())


@on_loop
async def test_repr_of_a_transport(loop):
    async with connected(loop) as (transport, log, _):
        fd = transport.get_extra_info("socket").fileno()
        name = type(transport).__name__
        assert repr(transport) == f"<{name} fd={fd} read=polling write=<idle, bufsize=0>>"
        transport.pause_reading()
        fill(transport)
        size = transport.get_write_buffer_size()
        assert repr(transport) == f"<{name} fd={fd} read=idle write=<polling, bufsize={size}>>"
        transport.abort()
        assert repr(transport) == f"<{name} closing fd={fd} read=idle write=<idle, bufsize=0>>"
        await log.closed
        await asyncio.sleep(0)
        assert repr(transport) == f"<{name} closed fd={fd}>"


def unclosed_transports(action):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
        gc.collect()
    return [str(w.message) for w in caught if str(w.message).startswith("unclosed transport ")]


def test_a_dropped_transport_warns_and_closes_its_socket(new_loop):
    loop = new_loop()

    async def drop(sock):
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=sock)
        transport.pause_reading()

    with tcp_pair() as (near, far):
        messages = unclosed_transports(lambda: loop.run_until_complete(drop(near)))
        assert len(messages) == 1 and re.search(r"fd=\d+ read=idle", messages[0])
        assert far.recv(1) == b""


def test_a_transport_that_outlives_its_loop_warns(new_loop):
    loop = new_loop()

    async def leave(sock):
        await loop.create_connection(asyncio.Protocol, sock=sock)

    with tcp_pair() as (near, far):
        loop.run_until_complete(leave(near))
        messages = unclosed_transports(loop.close)
        assert len(messages) == 1
        assert far.recv(1) == b""
