"""Transports at their edges: odd data, ends within ends, and what is asked when all is over."""

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import sys
import warnings
import weakref

import ferrio
import pytest
from helpers import Log, accepted, collect_errors, fill, on_loop, pipe, turn, until

STRIDED = memoryview(bytearray(40))[::2]


@pytest.mark.parametrize("kind", ["socket", "pipe"])
@on_loop
async def test_write_of_a_strided_view_ends_the_connection(loop, kind):
    errors = collect_errors(loop)
    near, far = socket.socketpair()
    with far, pipe() as (_, end):
        if kind == "socket":
            transport, protocol = await loop.create_connection(Log, sock=near)
        else:
            near.close()
            transport, protocol = await loop.connect_write_pipe(Log, end)
        assert transport.write(STRIDED) is None
        assert isinstance(await protocol.closed, BufferError)
        assert [each["message"] for each in errors] == [f"Fatal write error on {kind} transport"]


@on_loop
async def test_write_after_write_eof_does_not_look_at_its_argument(loop):
    near, far = socket.socketpair()
    released = memoryview(b"x")
    released.release()
    with far:
        transport, protocol = await loop.create_connection(Log, sock=near)
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.write(released)
        transport.abort()
        await protocol.closed


@pytest.mark.parametrize("kind", ["socket", "pipe"])
@on_loop
async def test_a_strided_view_that_cannot_be_copied_behind_what_waits_is_an_error_of_the_call(loop, kind):
    if kind == "socket" and sys.version_info >= (3, 12):
        pytest.skip("from Python 3.12 on it is not copied")
    near, far = socket.socketpair()
    with far, pipe() as (_, end):
        if kind == "socket":
            transport, protocol = await loop.create_connection(Log, sock=near)
        else:
            near.close()
            transport, protocol = await loop.connect_write_pipe(Log, end)
        fill(transport)
        text = (
            "can't set bytearray slice from memoryview" if kind == "socket" else "can't concat memoryview to bytearray"
        )
        with pytest.raises(TypeError, match=f"^{text}$"):
            transport.write(STRIDED)
        assert not transport.is_closing()
        transport.abort()
        await protocol.closed


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 joins the pieces first")
@on_loop
async def test_writelines_looks_at_the_transport_before_its_argument(loop):
    seen = []

    def pieces(end=None):
        seen.append("piece")
        yield b"a"
        if end is not None:
            end.write_eof()
        yield b"b"

    # From Python 3.15 on asyncio has the first piece in its buffer by then. ferrio takes all of them first.
    if sys.version_info < (3, 15) or isinstance(loop, ferrio.Loop):
        near, far = socket.socketpair()
        with far:
            transport, protocol = await loop.create_connection(Log, sock=near)
            transport.writelines(pieces(transport))
            assert isinstance(await protocol.closed, BrokenPipeError)
    seen.clear()
    near, far = socket.socketpair()
    with far:
        transport, protocol = await loop.create_connection(Log, sock=near)
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.writelines(pieces())
        assert seen == []
        transport.abort()
        await protocol.closed


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 joins the pieces and writes them behind what waits")
@on_loop
async def test_writelines_tries_again_what_waits(loop):
    near, far = socket.socketpair()
    with far:
        transport, protocol = await loop.create_connection(Log, sock=near)
        fill(transport)
        waits = transport.get_write_buffer_size()
        while far.recv(1 << 20, socket.MSG_DONTWAIT) and transport.get_write_buffer_size() >= waits:
            transport.writelines([b"more"])
        far.close()
        transport.writelines([b"more"])
        assert transport.is_closing() and transport.get_write_buffer_size() == 0
        assert isinstance(await protocol.closed, BrokenPipeError)


@on_loop
async def test_writelines_of_a_pipe_joins(loop):
    with pipe() as (far, near):
        transport, protocol = await loop.connect_write_pipe(Log, near)
        transport.writelines([b"a", b"b"])
        assert os.read(far.fileno(), 10) == b"ab"
        with pytest.raises(TypeError):
            transport.writelines(None)
        transport.abort()
        await protocol.closed


@pytest.mark.parametrize("buffer", [bytes(9), STRIDED.toreadonly()])
@on_loop
async def test_get_buffer_of_what_cannot_be_filled(loop, buffer):
    class Protocol(Log, asyncio.BufferedProtocol):
        def get_buffer(self, size):
            return buffer

    collect_errors(loop)
    near, far = socket.socketpair()
    with far:
        _, protocol = await loop.create_connection(Protocol, sock=near)
        far.send(b"x")
        error = await protocol.closed
        assert isinstance(error, TypeError)
        assert str(error).startswith("recv_into() argument 1 must be read-write bytes-like object, not ")


@on_loop
async def test_a_pipe_knows_no_buffers(loop):
    class Protocol(Log, asyncio.BufferedProtocol):
        def get_buffer(self, size):
            raise AssertionError

    with pipe() as (near, far):
        _, protocol = await loop.connect_read_pipe(Protocol, near)
        os.write(far.fileno(), b"x")
        await until(lambda: protocol.data == b"x")
        far.close()
        assert await protocol.closed is None


def test_both_exceptions_at_the_end_of_a_pipe_leave_the_loop(new_loop):
    class Protocol(asyncio.Protocol):
        def eof_received(self):
            raise KeyboardInterrupt

        def connection_lost(self, exc):
            raise SystemExit

    loop = new_loop()
    with pipe() as (near, far):
        loop.run_until_complete(loop.connect_read_pipe(Protocol, near))
        far.close()
        left = []
        for _ in range(9):
            try:
                turn(loop)
            except BaseException as error:
                left.append(type(error))
        assert left == [KeyboardInterrupt, SystemExit]


@on_loop
async def test_a_pipe_resumes_when_all_is_written(loop):
    sizes = []
    with pipe() as (far, near):
        transport, protocol = await loop.connect_write_pipe(Log, near)
        protocol.resume_writing = lambda: sizes.append(transport.get_write_buffer_size())
        transport.set_write_buffer_limits(high=100_000, low=90_000)
        transport.write(bytes(400_000))
        os.set_blocking(far.fileno(), False)
        left = 400_000
        while left:
            with contextlib.suppress(BlockingIOError):
                left -= len(os.read(far.fileno(), left))
            await asyncio.sleep(0)
        await until(lambda: sizes)
        assert sizes == [0]
        transport.close()
        await protocol.closed


@pytest.mark.parametrize("how", ["now", "soon"])
def test_a_protocol_that_closes_in_its_finalizer_is_told(new_loop, how):
    lost = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def connection_lost(self, exc):
            lost.append(exc)

        def __del__(self):
            if how == "soon":
                loop.call_soon(self.transport.close)
            else:
                self.transport.close()

    loop = new_loop()
    near, far = socket.socketpair()
    with far, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transport, _ = loop.run_until_complete(loop.create_connection(Protocol, sock=near))
        transport.pause_reading()
        del transport, _
        gc.collect()
        for _ in range(4):
            turn(loop)
        assert lost == [None]


@pytest.mark.parametrize("family", ["unix", "tcp"])
@on_loop
async def test_get_extra_info_first_asked_when_all_is_over(loop, family):
    if family == "unix":
        near, far = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as server:
            far = socket.create_connection(server.getsockname())
            near, _ = server.accept()
    kind, own = near.family, near.getsockname()
    with far:
        transport, protocol = await loop.create_connection(Log, sock=near)
        transport.abort()
        await protocol.closed
        shown = transport.get_extra_info("socket")
        assert (shown.fileno(), shown.family) == (-1, kind)
        assert transport.get_extra_info("sockname") == own
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            loop.add_reader(shown, print)


class Thing:
    """One that can be referred to weakly."""


async def made(loop, kind, near, end):
    """A transport, alone: its protocol does not keep it."""
    if kind.endswith("pipe"):
        connect = loop.connect_read_pipe if kind == "read pipe" else loop.connect_write_pipe
        return (await connect(asyncio.Protocol, end))[0]
    if kind == "datagrams":
        return (await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=near))[0]
    if kind == "tls":
        context = ssl.create_default_context()
        options = {"server_hostname": "nowhere", "ssl_handshake_timeout": 0.01}  # by which it is held until then
        return loop._make_ssl_transport(near, asyncio.Protocol(), context, **options)
    return (await loop.create_connection(asyncio.Protocol, sock=near))[0]


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("kind", ["socket", "datagrams", "read pipe", "write pipe", "tls"])
@on_loop
async def test_what_is_set_in_a_slot_of_asyncios_class_ends_with_the_transport(loop, kind, cyclic):
    """By the class's descriptor, as the attributes of ours have places of their own; those of TLS have not."""
    collect_errors(loop)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM if kind == "datagrams" else socket.SOCK_STREAM)
    near.setblocking(False)
    slot = asyncio.transports._FlowControlMixin._low_water
    if kind == "read pipe":
        slot = asyncio.BaseTransport._extra
    with far, pipe() as (reading, writing):
        transport = await made(loop, kind, near, reading if kind == "read pipe" else writing)
        thing = Thing()
        seen = weakref.ref(thing)
        slot.__set__(transport, thing)
        assert slot.__get__(transport) is thing
        if kind == "tls":
            transport._high_water = thing
            assert transport._high_water is thing
        if cyclic:
            thing.transport = transport
        await asyncio.sleep(0)  # the connection is made
        transport.close() if kind == "read pipe" else transport.abort()
        del transport, thing
        await until(lambda: gc.collect() >= 0 and seen() is None)
    near.close()


class Leaves(Log):
    """Leaves the loop when there is room again."""

    def resume_writing(self):
        super().resume_writing()
        raise SystemExit(id(self))


def emptied(far):
    """How many bytes have come by now."""
    far.settimeout(0)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while data := far.recv(1 << 20):
            count += len(data)
    return count


def test_a_second_word_that_leaves_the_loop_is_reported(monkeypatch):
    """Held data, with more behind it, finds room when the callback has ended. What the first protocol raises leaves the
    loop, the second one is told all the same, and what it raises is reported as what a finalizer raises.

    A callback that others interrupt is too slow to have its data held: then it is tried again."""
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_value))
    assert any(two_leave(unraisable) for _ in range(50))


def two_leave(unraisable):
    """Two protocols are told of room, and raise: whether one callback's end told both, in the order they wrote in."""
    loop, lines = ferrio.new_event_loop(), []
    unraisable.clear()

    async def connect():
        for _ in range(2):
            line = accepted(loop, Leaves)
            transport, protocol, far = await line.__aenter__()
            transport.write(b"two")
            transport.write(b"pieces")  # by which it learns to hold what the next callback writes
            await asyncio.sleep(0)
            far.setblocking(True)
            assert far.recv(len("twopieces"), socket.MSG_WAITALL) == b"twopieces"
            lines.append((transport, protocol, far, line))

    async def disconnect():
        for *_, line in lines:
            await line.__aexit__(None, None, None)

    def write():
        for transport, protocol, far, _ in lines:
            transport.write(b"piece")
            while "pause" not in protocol.events:
                transport.write(bytes(1 << 16))
            assert emptied(far) > 0

    loop.run_until_complete(connect())
    loop.call_soon(write)
    with pytest.raises(SystemExit) as caught:
        loop.run_forever()
    codes = [caught.value.code, *(error.code for error in unraisable)]
    told = [protocol.events.count("resume") for _, protocol, _, _ in lines]
    task = loop.create_task(disconnect())
    while not task.done():
        with contextlib.suppress(SystemExit):  # of a protocol that was not told yet
            loop.run_until_complete(task)
    loop.close()
    return codes == [id(protocol) for _, protocol, _, _ in lines] and told == [1, 1]
