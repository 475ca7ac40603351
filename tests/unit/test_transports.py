"""Stream transports and their protocols: pausing, changing, raising, and what a transport tells of itself.

What goes through one is in test_selector_events.py. The far end is a plain blocking socket with a timeout.
"""

import asyncio
import collections
import gc
import os
import re
import socket
import sys
import warnings

import pytest
from helpers import Log, collect_errors, connected, drained, fill, on_loop, pipe, tcp_pair, until


class BufferedLog(Log, asyncio.BufferedProtocol):
    buffer_size = 100

    def get_buffer(self, sizehint):
        self.buffer = bytearray(self.buffer_size)
        self.saw("get")
        return self.buffer

    def buffer_updated(self, nbytes):
        self.data += self.buffer[:nbytes]
        self.saw("updated")


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


@pytest.mark.parametrize("busy", [False, True])
@on_loop
async def test_what_was_written_is_seen_within_two_turns(loop, busy):
    """Tests of protocols write, let the loop turn twice, and look at the other end; so they do in a busy loop."""
    near, far = socket.socketpair()
    writing, _ = await loop.create_connection(Log, sock=near)
    reading, log = await loop.create_connection(Log, sock=far)
    spinning = loop.create_task(spin()) if busy else None
    for count in range(1, 51):
        for _ in range(150 if busy else 0):
            await asyncio.sleep(0)
        writing.write(b"x")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(log.data) == count
    if spinning is not None:
        spinning.cancel()
    writing.abort()
    reading.abort()


async def spin():
    while True:
        await asyncio.sleep(0)


@on_loop
async def test_private_attributes_of_a_transport(loop):
    """Test suites and libraries read them."""
    async with connected(loop) as (transport, log, _):
        assert (transport._paused, transport._conn_lost, transport._eof, transport._empty_waiter) == (
            False,
            0,
            False,
            None,
        )
        assert (transport._low_water, transport._high_water) == (16 * 1024, 64 * 1024)
        assert not transport._buffer and transport._protocol_paused is False
        transport.pause_reading()
        assert transport._paused is True
        transport.resume_reading()
        assert transport._paused is False
        fill(transport)
        transport.write(b"more")
        kind = collections.deque if sys.version_info >= (3, 12) else bytearray
        assert type(transport._buffer) is kind
        pieces = transport._buffer if kind is collections.deque else [transport._buffer]
        assert sum(map(len, pieces)) == transport.get_write_buffer_size()
        assert bytes(pieces[-1]).endswith(b"more")
        waiter = transport._make_empty_waiter()
        assert transport._empty_waiter is waiter and not waiter.done()
        transport._reset_empty_waiter()
        assert transport._empty_waiter is None
        transport.abort()
        assert (transport._conn_lost, len(transport._buffer)) == (1, 0)
        transport.write(b"lost")
        assert transport._conn_lost == 2
        await log.closed


@on_loop
async def test_private_attributes_of_a_datagram_transport(loop):
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    assert (transport._paused, transport._conn_lost, transport._protocol_paused) == (False, 0, False)
    assert (transport._low_water, transport._high_water) == (16 * 1024, 64 * 1024)
    assert type(transport._buffer) is collections.deque and not transport._buffer
    transport.close()
    assert transport._conn_lost == 1
    await asyncio.sleep(0)


@on_loop
async def test_private_attributes_of_pipe_transports(loop):
    with pipe() as (reading, writing):
        reader, _ = await loop.connect_read_pipe(Log, reading)
        writer, _ = await loop.connect_write_pipe(Log, writing)
        assert reader._paused is False
        reader.pause_reading()
        assert reader._paused is True
        assert (writer._buffer, writer._conn_lost) == (bytearray(), 0)
        assert (writer._low_water, writer._high_water) == (16 * 1024, 64 * 1024)
        size = fill(writer)
        assert type(writer._buffer) is bytearray
        assert len(writer._buffer) == writer.get_write_buffer_size() < size
        writer.abort()
        assert writer._buffer == bytearray()
        reader.close()
        await asyncio.sleep(0.001)
