"""Transports at their edges: odd data, ends within ends, and what is asked when all is over."""

import asyncio
import contextlib
import gc
import os
import socket
import sys
import warnings

import pytest
from helpers import Log, collect_errors, on_loop, pipe, turn, until

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

    near, far = socket.socketpair()
    with far:
        transport, protocol = await loop.create_connection(Log, sock=near)
        transport.writelines(pieces(transport))
        assert isinstance(await protocol.closed, BrokenPipeError)
    near, far = socket.socketpair()
    with far:
        transport, protocol = await loop.create_connection(Log, sock=near)
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.writelines(pieces())
        assert seen == ["piece"]
        transport.abort()
        await protocol.closed


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
