"""What the tests of several files share: ways to run a loop, protocols that take notes, pairs of connected ends.

A helper that one file uses stays in that file, and so does one whose place in the file is what a test looks at.
Fixtures and the guards of every test are in conftest.py. Nothing here knows whether the loop is asyncio's or
ferrio's.
"""

import asyncio
import contextlib
import functools
import inspect
import logging
import os
import socket
import subprocess
import sys

# glibc keeps blocks of up to 32 MiB for later once it has seen one of that size freed, so that at some point or other
# memory grows by a megabyte that is nobody's leak. With a limit that is set, larger ones go back to the kernel at once.
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": str(1 << 16)}

HIDES_ARGUMENTS = sys.version_info >= (3, 13)  # outside debug mode, since they may be secret


def noop(*args):
    pass


def turn(loop):
    """One pass: asyncio promises that stop() before run_forever() runs exactly one, without waiting."""
    loop.stop()
    loop.run_forever()


async def until(condition):
    while not condition():
        await asyncio.sleep(0.0005)


def runs_clean(program, *arguments, flags=(), **environment):
    """A program beside the tests, such as a soak or a fuzzer, run short, finds nothing wrong; what it prints."""
    done = run_program(program, arguments, flags, environment)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}\nstatus {done.returncode}"
    return done.stdout


def catches(stand_in, folder, program, *arguments, flags=()):
    """The same program, where a module with a defect stands in for ferrio, fails; what it complains of."""
    (folder / "ferrio.py").write_text(stand_in)
    done = run_program(program, arguments, flags, {"PYTHONPATH": str(folder)})
    assert done.returncode == 1
    return done.stderr


def run_program(program, arguments, flags, environment):
    return subprocess.run(
        [sys.executable, *flags, program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ | GIVES_BACK | environment,
    )


def on_loop(function):
    """Make a test of `async def function(loop, ...)`: it runs as the main task of a new loop."""

    @functools.wraps(function)
    def test(new_loop, **others):
        loop = new_loop()
        loop.run_until_complete(function(loop, **others))

    del test.__wrapped__
    signature = inspect.signature(function)
    names = [p.replace(name="new_loop") if p.name == "loop" else p for p in signature.parameters.values()]
    test.__signature__ = signature.replace(parameters=names)
    return test


def collect_errors(loop):
    contexts = []
    loop.set_exception_handler(lambda loop, context: contexts.append(context))
    return contexts


@contextlib.contextmanager
def asyncio_log(level=logging.WARNING):
    """Collect what the asyncio logger is told, and keep it from everybody else."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("asyncio")
    saved = logger.handlers, logger.propagate, logger.level
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)
    try:
        yield records
    finally:
        logger.handlers, logger.propagate = saved[:2]
        logger.setLevel(saved[2])


@contextlib.contextmanager
def tcp_pair():
    """Two connected TCP sockets with a timeout; closing a socket that a transport has closed is harmless."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        far.settimeout(5)
        yield near, far


@contextlib.contextmanager
def pipe():
    """The two ends of a pipe as files; closing one that a transport has closed is harmless."""
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as near, open(writing, "wb", 0) as far:
        yield near, far


class Notes(asyncio.BaseProtocol):
    """Writes down what happens to it, and raises in the callback that `raising` names."""

    def __init__(self, raising=None):
        self.events, self.raising = [], raising
        self.closed = asyncio.get_running_loop().create_future()

    def saw(self, name):
        self.events.append(name)
        if name == self.raising:
            raise LookupError(name)

    def connection_made(self, transport):
        self.transport = transport
        self.saw("made")

    def pause_writing(self):
        self.saw("pause")

    def resume_writing(self):
        self.saw("resume")

    def connection_lost(self, exc):
        self.closed.set_result(exc)
        self.saw("lost")


class Log(Notes, asyncio.Protocol):
    """A stream's notes, and the data."""

    def __init__(self, raising=None, keep_open=None):
        super().__init__(raising)
        self.data, self.keep_open = bytearray(), keep_open

    def data_received(self, data):
        self.data += data
        self.saw("data")

    def eof_received(self):
        self.saw("eof")
        return self.keep_open


@contextlib.asynccontextmanager
async def connected(loop, factory=Log):
    """A transport on a TCP socket, its protocol and the far socket; all is closed at the end."""
    with tcp_pair() as (near, far):
        transport, protocol = await loop.create_connection(factory, sock=near)
        try:
            yield transport, protocol, far
        finally:
            if not protocol.closed.done():
                transport.abort()
            await protocol.closed


@contextlib.asynccontextmanager
async def accepted(loop, factory=Log):
    """As `connected`, of a connection that a server accepted: nobody but the transport has its socket."""
    made = loop.create_future()

    def make():
        protocol = factory()
        made.set_result(protocol)
        return protocol

    server = await loop.create_server(make, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname(), timeout=5) as far:
        protocol = await made
        await until(lambda: "made" in protocol.events)
        try:
            yield protocol.transport, protocol, far
        finally:
            if not protocol.closed.done():
                protocol.transport.abort()
            await protocol.closed
            server.close()
            await server.wait_closed()


def fill(transport, size=1 << 23):
    """Write more than the kernel takes from nobody who reads."""
    transport.write(b"x" * size)
    return size


async def drained(loop, far, size):
    """Read exactly `size` bytes from `far` while the loop goes on."""
    far.setblocking(False)
    received = bytearray()
    while len(received) < size:
        chunk = await loop.sock_recv(far, 1 << 16)
        assert chunk, "end of stream"
        received += chunk
    return bytes(received)


# Servers


class Echo(asyncio.Protocol):
    """Answers with what it gets; `made` lists all instances of one server's factory."""

    def __init__(self, made=None):
        self.made = made

    def connection_made(self, transport):
        self.transport = transport
        if self.made is not None:
            self.made.append(self)

    def data_received(self, data):
        self.transport.write(data)


async def answers(connecting):
    """Whether the server at the other end of this connection echoes; the connection is closed."""
    transport, client = await connecting
    transport.write(b"ping")
    await until(lambda: client.data == b"ping")
    transport.close()
    await client.closed
    return True


async def shut(server):
    server.close()
    await server.wait_closed()
