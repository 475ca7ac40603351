"""Streams: readers, writers and their protocol, on sockets and by hand. asyncio's own are the oracle.

How every kind of read behaves under random cuts, limits and cancellations is compared by fuzz/readers.py; here are the
things around it: connections, back-pressure, what subclasses may replace, what is warned about and what is freed.
"""

import asyncio
import gc
import inspect
import socket
import warnings
import weakref
from collections.abc import Coroutine

import pytest
from helpers import asyncio_log, collect_errors, on_loop, until


class Transport(asyncio.Transport):
    """Takes note of what it is told."""

    def __init__(self, **extra):
        super().__init__(extra)
        self.told = []

    def __getattribute__(self, name):
        if name in ("write", "close", "abort", "pause_reading", "resume_reading", "write_eof"):
            return lambda *args: self.told.append((name, *args))
        return super().__getattribute__(name)

    def is_closing(self):
        return ("close",) in self.told


async def served(aio, handle, **options):
    """A server and a connection to it."""
    server = await aio.start_server(handle, "127.0.0.1", 0, **options)
    reader, writer = await aio.open_connection(*server.sockets[0].getsockname())
    return server, reader, writer


async def finish(server, *writers):
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


@on_loop
async def test_echo_by_lines(loop, aio):
    async def handle(reader, writer):
        async for line in reader:
            writer.write(line.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server, reader, writer = await served(aio, handle)
    writer.write(b"one\n")
    assert await reader.readline() == b"ONE\n"
    writer.writelines([b"two", b"\nthree"])
    writer.write_eof()
    assert await reader.read() == b"TWO\nTHREE"
    assert reader.at_eof()
    await finish(server, writer)


@on_loop
async def test_unix_sockets(loop, aio, tmp_path):
    async def handle(reader, writer):
        writer.write(await reader.readexactly(3))
        writer.close()
        await writer.wait_closed()

    path = str(tmp_path / "socket")
    server = await aio.start_unix_server(handle, path)
    reader, writer = await aio.open_unix_connection(path)
    writer.write(b"abcd")
    assert await reader.read() == b"abc"
    await finish(server, writer)


@on_loop
async def test_a_fast_sender_is_paused_at_twice_the_limit_and_everything_arrives(loop, aio):
    size, told = 3_000_000, []

    async def handle(reader, writer):
        transport = writer.transport
        await until(lambda: reader._paused)
        assert not transport.is_reading()
        told.append(reader._paused)
        writer.write(b"%d" % len(await reader.readexactly(size)))
        told.append(reader._paused)
        writer.close()
        await writer.wait_closed()

    server, reader, writer = await served(aio, handle, limit=1000)
    writer.write(bytes(size))
    await writer.drain()
    assert await reader.read() == b"%d" % size
    assert told == [True, False]
    await finish(server, writer)


@on_loop
async def test_drain_waits_while_the_transport_is_full_and_may_be_cancelled(loop, aio):
    near, far = socket.socketpair()
    near.setblocking(False)
    _, writer = await aio.open_unix_connection(sock=far)
    writer.transport.set_write_buffer_limits(high=1000)
    writer.write(bytes(2_000_000))
    waiting = [asyncio.ensure_future(writer.drain()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    waiting[1].cancel()
    left = 2_000_000
    while left:
        left -= len(await loop.sock_recv(near, 100_000))
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in done] == [type(None), asyncio.CancelledError, type(None)]
    near.close()
    writer.close()
    await writer.wait_closed()


@on_loop
async def test_drain_tells_that_the_connection_is_lost(loop, aio):
    near, far = socket.socketpair()
    _, writer = await aio.open_unix_connection(sock=far)
    near.close()
    with pytest.raises(ConnectionError):
        while True:
            writer.write(b"x")
            await writer.drain()
    writer.close()
    with pytest.raises(ConnectionError):
        await writer.drain()


@on_loop
async def test_start_tls(loop, aio):
    utils = pytest.importorskip("test.test_asyncio.utils")  # CPython's own, which have a certificate
    trust, certificate = utils.simple_client_sslcontext(), utils.simple_server_sslcontext()

    async def handle(reader, writer):
        writer.write(await reader.readline())
        await writer.start_tls(certificate)
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server, reader, writer = await served(aio, handle)
    writer.write(b"plain\n")
    assert await reader.readline() == b"plain\n"
    await writer.start_tls(trust, server_hostname="localhost")
    assert writer.get_extra_info("sslcontext") is trust
    writer.write(b"secret\n")
    await writer.drain()
    assert await reader.read() == b"secret\n"
    await finish(server, writer)


@on_loop
async def test_a_failing_handler_is_reported_and_its_connection_closed(loop, aio):
    errors = collect_errors(loop)

    async def handle(reader, writer):
        raise ZeroDivisionError("in the handler")

    server, reader, writer = await served(aio, handle)
    assert await reader.read() == b""
    [error] = errors
    assert error["message"] == "Unhandled exception in client_connected_cb"
    assert isinstance(error["exception"], ZeroDivisionError)
    await finish(server, writer)


@on_loop
async def test_a_handler_may_be_a_plain_function(loop, aio):
    writers = []
    server, reader, writer = await served(aio, lambda reader, writer: writers.append(writer))
    await until(lambda: writers)
    assert isinstance(writers[0], aio.StreamWriter)
    assert isinstance(writers[0], asyncio.StreamWriter)
    writers[0].write(b"hello")
    writers[0].close()
    assert await reader.read() == b"hello"
    await finish(server, writer)


@on_loop
async def test_a_lost_reader_rejects_the_connection(loop, aio):
    errors = collect_errors(loop)
    reader = aio.StreamReader(loop=loop)
    protocol = aio.StreamReaderProtocol(reader, loop=loop)
    protocol._reject_connection = True
    transport = Transport()
    protocol.connection_made(transport)
    assert transport.told == [("abort",)]
    assert "garbage collected" in errors[0]["message"]


@on_loop
async def test_a_protocol_of_ones_own_is_called(loop, aio):
    seen = []

    class Noting(aio.StreamReaderProtocol):
        def data_received(self, data):
            seen.append(data)
            super().data_received(data.upper())

        def connection_lost(self, exc):
            seen.append(exc)
            super().connection_lost(exc)

    near, far = socket.socketpair()
    with near:
        reader = aio.StreamReader(loop=loop)
        transport, protocol = await loop.create_unix_connection(lambda: Noting(reader, loop=loop), sock=far)
        near.send(b"abc")
        assert await reader.readexactly(3) == b"ABC"
        transport.close()
        await protocol._get_close_waiter(None)
        assert seen == [b"abc", None]
        assert await reader.read() == b""


@on_loop
async def test_a_reader_of_ones_own_is_fed(loop, aio):
    class Counting(aio.StreamReader):
        count = 0

        def feed_data(self, data):
            self.count += len(data)
            super().feed_data(data)

    near, far = socket.socketpair()
    with near:
        reader = Counting(loop=loop)
        protocol = aio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_unix_connection(lambda: protocol, sock=far)
        near.send(b"one\ntwo\n")
        assert await reader.readline() == b"one\n"
        assert reader.count == 8
        assert reader._buffer == b"two\n"
        del reader._buffer[:2]
        assert await reader.readline() == b"o\n"
        transport.close()
        await protocol._get_close_waiter(None)


@on_loop
async def test_any_object_may_be_the_reader(loop, aio):
    class Reader:
        _source_traceback = None
        told = ()

        def __getattr__(self, name):
            def note(*args):
                self.told += ((name, *args),)

            return note

    reader = Reader()
    protocol = aio.StreamReaderProtocol(reader, loop=loop)
    transport = Transport()
    protocol.connection_made(transport)
    protocol.data_received(b"x")
    assert protocol.eof_received() is True
    protocol.connection_lost(None)
    assert reader.told == (("set_transport", transport), ("feed_data", b"x"), ("feed_eof",), ("feed_eof",))


@on_loop
async def test_the_writer_is_its_transports(loop, aio):
    transport = Transport(peername="somebody")
    protocol = aio.StreamReaderProtocol(None, loop=loop)
    writer = aio.StreamWriter(transport, protocol, None, loop)
    assert writer.transport is transport
    assert writer.get_extra_info("peername") == "somebody"
    assert writer.get_extra_info("nothing", 5) == 5
    writer.write(data=b"x")
    writer.write_eof()
    assert transport.told == [("write", b"x"), ("write_eof",)]
    assert writer.is_closing() is False
    writer.close()
    assert writer.is_closing() is True
    with pytest.raises(TypeError):
        writer.write()
    with pytest.raises(AssertionError):
        aio.StreamWriter(transport, protocol, "no reader", loop)


@on_loop
async def test_drain_raises_what_the_reader_was_told(loop, aio):
    reader = aio.StreamReader(loop=loop)
    writer = aio.StreamWriter(Transport(), aio.StreamReaderProtocol(reader, loop=loop), reader, loop)
    await writer.drain()
    reader.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await writer.drain()
    writer.close()


@on_loop
async def test_drain_asks_a_protocol_of_any_kind(loop, aio):
    class Slow(asyncio.streams.FlowControlMixin):
        async def _drain_helper(self):
            await asyncio.sleep(0)
            return await super()._drain_helper()

    protocol = Slow(loop)
    writer = aio.StreamWriter(Transport(), protocol, None, loop)
    await writer.drain()
    protocol.connection_lost(None)
    with pytest.raises(ConnectionResetError, match="Connection lost"):
        await writer.drain()
    writer.close()


@on_loop
async def test_two_cannot_wait_for_data(loop, aio):
    reader = aio.StreamReader(loop=loop)
    first = asyncio.ensure_future(reader.readexactly(2))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match=r"readuntil\(\) called while another coroutine is already waiting"):
        await reader.readline()
    reader.feed_data(b"ab")
    assert await first == b"ab"


@on_loop
async def test_coroutines_are_coroutines(loop, aio):
    reader = aio.StreamReader(loop=loop)
    writer = aio.StreamWriter(Transport(), aio.StreamReaderProtocol(reader, loop=loop), reader, loop)
    makers = (reader.read, reader.readline, lambda: reader.readexactly(2), reader.readuntil, writer.drain)
    for make in makers:
        coroutine = make()
        assert asyncio.iscoroutine(coroutine)
        assert isinstance(coroutine, Coroutine)
        assert inspect.isawaitable(coroutine)
        coroutine.close()
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            coroutine.send(None)
        with pytest.warns(RuntimeWarning, match=f"coroutine '.*{coroutine.__name__}' was never awaited"):
            make()
            gc.collect()
    reader.feed_data(b"ab")
    coroutine = reader.readexactly(2)
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value == b"ab"
    writer.close()


@on_loop
async def test_what_is_thrown_into_a_read(loop, aio):
    reader = aio.StreamReader(loop=loop)
    coroutine = reader.readline()
    future = coroutine.send(None)
    assert reader._waiter is future
    with pytest.raises(ZeroDivisionError):
        coroutine.throw(ZeroDivisionError())
    assert reader._waiter is None
    coroutine = reader.readline()
    coroutine.send(None)
    with pytest.raises(StopIteration) as stop:
        coroutine.throw(asyncio.IncompleteReadError(b"part", 7))
    assert stop.value.value == b"part"


@on_loop
async def test_wrong_calls(loop, aio):
    reader = aio.StreamReader(loop=loop)
    for call in (
        lambda: reader.read(1, 2),
        lambda: reader.readexactly(),
        lambda: reader.readline(1),
        lambda: reader.feed_data(),
        lambda: aio.StreamReader(1, 2, 3),
        lambda: aio.StreamReader(size=1),
        lambda: aio.StreamReaderProtocol(),
        lambda: aio.StreamReader(limit="x", loop=loop),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="Limit cannot be <= 0"):
        aio.StreamReader(0, loop)
    reader.set_transport(Transport())
    with pytest.raises(AssertionError, match="Transport already set"):
        reader.set_transport(Transport())


@on_loop
async def test_an_unclosed_writer_is_closed_with_a_warning(loop, aio):
    near, far = socket.socketpair()
    near.setblocking(False)
    _, writer = await aio.open_unix_connection(sock=far)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        del writer
        gc.collect()
    assert [str(warning.message)[:22] for warning in seen] == ["unclosed <StreamWriter"]
    assert await loop.sock_recv(near, 1) == b""
    near.close()


@on_loop
async def test_how_a_connection_failed_is_no_unretrieved_exception(loop, aio):
    errors = collect_errors(loop)
    protocol = aio.StreamReaderProtocol(None, loop=loop)
    protocol.connection_lost(ZeroDivisionError())
    del protocol
    gc.collect()
    assert errors == []


@on_loop
async def test_debug_mode_logs_flow_control(loop, aio):
    protocol = aio.StreamReaderProtocol(None, loop=loop)
    loop.set_debug(True)
    with asyncio_log(10) as records:
        protocol.pause_writing()
        protocol.resume_writing()
    assert [record.getMessage().split(">")[-1] for record in records][-2:] == [" pauses writing", " resumes writing"]
    loop.set_debug(False)
    with pytest.raises(AssertionError):
        protocol.resume_writing()


@on_loop
async def test_cycles_are_collected(loop, aio):
    reader = aio.StreamReader(loop=loop)
    protocol = aio.StreamReaderProtocol(reader, loop=loop)
    reader.protocol = protocol
    protocol.reader = reader
    waiting = reader.read(5)
    waiting.send(None)
    reader.waiting = waiting
    writer = aio.StreamWriter(Transport(), protocol, reader, loop)
    protocol.writer = writer
    writer.close()
    gone = [weakref.ref(one) for one in (reader, protocol, writer)]
    del reader, protocol, writer, waiting
    gc.collect()
    assert [one() for one in gone] == [None] * 3


def test_several_separators_are_known_on_every_release():
    import ferrio

    async def main():
        reader = ferrio.StreamReader()
        reader.feed_data(b"one;two\r\nthree")
        assert await reader.readuntil((b"\r\n", b";")) == b"one;"
        assert await reader.readuntil((b"\r\n", b";")) == b"two\r\n"
        reader.feed_eof()
        with pytest.raises(asyncio.IncompleteReadError):
            await reader.readuntil((b"\r\n", b";"))

    ferrio.run(main())


def test_asyncios_own_count_as_ours_and_work_with_them():
    import ferrio

    async def main():
        reader = asyncio.StreamReader()
        assert isinstance(reader, ferrio.StreamReader)
        assert issubclass(asyncio.StreamWriter, ferrio.StreamWriter)
        assert not isinstance(object(), ferrio.StreamReader)
        near, far = socket.socketpair()
        with near:
            loop = asyncio.get_running_loop()
            protocol = ferrio.StreamReaderProtocol(reader)
            transport, _ = await loop.create_unix_connection(lambda: protocol, sock=far)
            near.send(b"abc")
            assert await reader.readexactly(3) == b"abc"
            writer = ferrio.StreamWriter(transport, protocol, reader, loop)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    ferrio.run(main())
    asyncio.run(main())
