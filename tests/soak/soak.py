"""A program: loops that open, fail and close everything there is, over and over; nothing may be left.

    python tests/soak/soak.py --loop ferrio --cycles 500
    PYTHONDEVMODE=1 python -W error tests/soak/soak.py --loop ferrio --cycles 100

A cycle is a new loop, one round of every kind in KINDS at once, and close(). The program exits with 1, and
says why, when at the end the process has another number of file descriptors than before the first cycle, when
its resident memory grew by more than GROWTH since the warm-up ended, when anything warned, was logged as an
error by asyncio or was raised where nobody could catch it, or when it took more than --seconds. Linux only:
it reads /proc/self.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import functools
import gc
import importlib
import logging
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import warnings

# Bytes. A leak of 5 KiB a cycle exceeds it in 500 cycles, where stock asyncio stays below a quarter of it.
GROWTH = 2 << 20
WARM_UP = 0.2  # of the cycles: arenas, caches and code paths are filled
HOST = "127.0.0.1"

complaints = []


class Echo(asyncio.Protocol):
    """A server's end: answers, or raises in the callback named by the data it gets."""

    def __init__(self, raising=None):
        self.raising = raising

    def fail(self, name):
        if self.raising == name:
            raise LookupError(name)

    def connection_made(self, transport):
        self.transport = transport
        self.fail("made")

    def data_received(self, data):
        self.fail("data")
        self.transport.write(data)

    def eof_received(self):
        self.fail("eof")

    def connection_lost(self, exc):
        self.fail("lost")


class Client(asyncio.Protocol):
    """The other end; `got` is done with the first data or the end of the connection, `closed` with that."""

    def __init__(self):
        loop = asyncio.get_running_loop()
        self.got, self.closed = loop.create_future(), loop.create_future()

    def connection_made(self, transport):
        self.transport = transport

    def finish(self, *args):
        if not self.got.done():
            self.got.set_result(args)

    data_received = datagram_received = finish

    def eof_received(self):
        pass

    def error_received(self, exc):
        self.finish(exc)

    def connection_lost(self, exc):
        self.finish(exc)
        self.closed.set_result(exc)


async def ended(transport, client, how="close"):
    getattr(transport, how)()
    await client.closed


# Kinds


async def stream(loop, connect):
    """Close, abort, abort with a full buffer, reset by the peer."""
    transport, client = await connect()
    transport.write(b"ping")
    await client.got
    await ended(transport, client)
    transport, client = await connect()
    await ended(transport, client, "abort")
    transport, client = await connect()
    transport.pause_reading()
    transport.write(bytes(1 << 22))
    await ended(transport, client, "abort")
    transport, client = await connect()
    with contextlib.suppress(OSError):  # Unix sockets know no lingering
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.write(b"ping")
    await ended(transport, client, "abort")


async def shut(server):
    server.close()
    await asyncio.wait_for(server.wait_closed(), 10)


async def tcp(loop):
    server = await loop.create_server(Echo, HOST, 0)
    address = server.sockets[0].getsockname()
    await stream(loop, lambda: loop.create_connection(Client, *address))
    await shut(server)


async def unix(loop):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        server = await loop.create_unix_server(Echo, path)
        await stream(loop, lambda: loop.create_unix_connection(Client, path))
        await shut(server)


async def udp(loop):
    server, at_server = await loop.create_datagram_endpoint(Client, local_addr=(HOST, 0))
    address = server.get_extra_info("sockname")
    transport, client = await loop.create_datagram_endpoint(Client, remote_addr=address)
    transport.sendto(b"ping")
    _, sender = await at_server.got
    server.sendto(b"pong", sender)
    await client.got
    await ended(server, at_server)
    transport.sendto(b"refused")
    await ended(transport, client, "abort")


async def pipes(loop):
    for broken in (False, True):
        reading, writing = os.pipe()
        reader, at_reader = await loop.connect_read_pipe(Client, os.fdopen(reading, "rb", 0))
        writer, at_writer = await loop.connect_write_pipe(Client, os.fdopen(writing, "wb", 0))
        writer.write(b"ping")
        await at_reader.got
        if broken:
            reader.pause_reading()
            writer.write(bytes(1 << 20))
            await ended(reader, at_reader)
            await at_writer.closed
        else:
            await ended(writer, at_writer)
            await at_reader.closed
    with tempfile.TemporaryFile() as file:
        await fails(ValueError, loop.connect_read_pipe(Client, file))


async def children(loop):
    process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1, stderr=-1)
    assert await process.communicate(b"ping") == (b"ping", b"")
    await fails(FileNotFoundError, asyncio.create_subprocess_exec("/missing/program", stdin=-1, stdout=-1))
    process = await asyncio.create_subprocess_exec("cat", stdin=-1)
    process.kill()
    assert await process.wait() == -signal.SIGKILL


async def signals(loop):
    arrived = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, arrived.set_result, None)
    os.kill(os.getpid(), signal.SIGUSR1)
    await arrived
    await fails(RuntimeError, asyncio.sleep(0, loop), lambda: loop.add_signal_handler(signal.SIGKILL, print))


async def threads(loop):
    await asyncio.gather(*(loop.run_in_executor(None, time.sleep, 0) for _ in range(5)))
    await fails(ZeroDivisionError, loop.run_in_executor(None, divmod, 1, 0))
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(int,))
    thread.start()
    await loop.run_in_executor(None, thread.join)


async def refused(loop):
    with socket.create_server((HOST, 0)) as taken, socket.socket() as silent:
        await fails(OSError, loop.create_server(Echo, *taken.getsockname()))
        silent.bind((HOST, 0))  # bound, so that nobody else gets the port, but not listening
        await fails(ConnectionRefusedError, loop.create_connection(Client, *silent.getsockname()))
    await fails(FileNotFoundError, loop.create_unix_connection(Client, "/missing/socket"))
    await fails(socket.gaierror, loop.create_connection(Client, HOST, "no-such-service"))


async def raising(loop):
    """Protocols that raise in each callback, and factories that do; the loop's handler hears of them."""
    told = []
    loop.set_exception_handler(lambda loop, context: told.append(context["message"]))
    for name in ("made", "data", "eof", "lost"):
        server = await loop.create_server(functools.partial(Echo, name), HOST, 0)
        transport, client = await loop.create_connection(Client, *server.sockets[0].getsockname())
        transport.write(b"ping")
        await client.got if name != "eof" else await asyncio.sleep(0)
        transport.write_eof()
        await client.closed
        await shut(server)
    near, far = socket.socketpair()
    with near, far:
        await fails(ZeroDivisionError, loop.create_connection(lambda: 1 / 0, sock=near))
    assert len(told) == 4, told
    loop.set_exception_handler(None)


async def sockets(loop):
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        sending = loop.create_task(loop.sock_sendall(near, bytes(1 << 20)))
        received = 0
        while received < 1 << 20:
            received += len(await loop.sock_recv(far, 1 << 16))
        await sending
        receiving = loop.create_task(loop.sock_recv(far, 1))
        await asyncio.sleep(0)
        receiving.cancel()
        await fails(asyncio.CancelledError, receiving)
        loop.add_reader(near, print)
        loop.add_writer(far, int)
        await asyncio.sleep(0)
        loop.remove_reader(near)
        loop.remove_writer(far)


async def timers(loop):
    handles = [loop.call_later(3600 + n, print) for n in range(300)]
    for handle in handles[1:]:
        handle.cancel()
    await asyncio.sleep(0)
    await fails(TimeoutError, asyncio.wait_for(loop.create_future(), 0.0001))


async def generators(loop):
    async def numbers():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    await anext(numbers())
    loop.kept = numbers()
    await anext(loop.kept)


KINDS = [tcp, unix, udp, pipes, children, signals, threads, refused, sockets, timers, generators]


async def fails(kind, awaitable, call=None):
    try:
        await awaitable
        if call is not None:
            call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} did not come")


# Measuring


async def main(loop):
    await raising(loop)  # alone, because it counts what the loop's exception handler hears
    await asyncio.gather(*(kind(loop) for kind in KINDS))


def cycle(new_event_loop):
    loop = new_event_loop()
    try:
        loop.slow_callback_duration = 60  # a busy machine is nobody's fault
        loop.run_until_complete(main(loop))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


def descriptors():
    return {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if exists(fd)}


def exists(fd):
    return os.path.lexists(f"/proc/self/fd/{fd}")  # not the one that listdir itself had open


def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watch():
    """Have everything that nobody would see end up in `complaints`."""

    class Collect(logging.Handler):
        def emit(self, record):
            complaints.append("logged: " + self.format(record))

    logging.getLogger("asyncio").addHandler(Collect(logging.ERROR))
    sys.unraisablehook = lambda args: complaints.append(f"unraisable: {args.exc_value!r} in {args.object!r}")
    threading.excepthook = lambda args: complaints.append(f"in a thread: {args.exc_value!r}")
    show = warnings.showwarning

    def showwarning(message, *args, **kwargs):
        complaints.append(f"warned: {message}")
        show(message, *args, **kwargs)

    warnings.showwarning = showwarning


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop", choices=["asyncio", "ferrio"], default="ferrio")
    parser.add_argument("--cycles", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args()
    new_event_loop = importlib.import_module(options.loop).new_event_loop
    watch()
    faulthandler.dump_traceback_later(options.seconds + 30, exit=True)
    begun, before = time.monotonic(), descriptors()
    warm, done = None, 0
    for done in range(1, options.cycles + 1):
        cycle(new_event_loop)
        if done == max(1, int(options.cycles * WARM_UP)):
            warm = resident()
        if complaints or time.monotonic() - begun > options.seconds:
            break
    took, grown = time.monotonic() - begun, resident() - (warm or resident())
    after = descriptors()
    if done < options.cycles and not complaints:
        complaints.append(f"took more than {options.seconds:g} s")
    if len(after) != len(before):
        complaints.append(f"file descriptors: {len(before)} before, {len(after)} after: {set(after) - set(before)}")
        complaints.extend(f"  {fd}: {target}" for fd, target in after.items() if fd not in before)
    if grown > GROWTH:
        complaints.append(f"memory grew by {grown >> 10} KiB, {GROWTH >> 10} are allowed")
    print(
        f"{options.loop}: {done} of {options.cycles} cycles in {took:.1f} s, "
        f"{len(before)} file descriptors before and {len(after)} after, memory {grown / 1024:+.0f} KiB"
    )
    print(*complaints, sep="\n", file=sys.stderr, end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(run())
