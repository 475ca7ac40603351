"""What a profile-guided build of ferrio learns from (scripts/dist.sh): a program that uses a bit of everything.

    python scripts/train.py

It resembles what people run: services that talk to clients over streams, protocols and TLS, workers that share locks
and queues, time-outs that mostly do not strike, tasks that fail or are cancelled now and then. How often each thing
happens here is what the compiler takes for usual. It measures nothing, is no benchmark and shares no more with those
than how a certificate is made; it ends by itself after some seconds, and fails if something does not work.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import ferrio

sys.path.append(str(Path(__file__).parents[1]))
from benches.certificate import make

ROUNDS = 40


async def nap(turns: int) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    return turns


async def fails() -> None:
    await asyncio.sleep(0)
    raise LookupError("as it is meant to")


async def tasks() -> None:
    """Tasks that are awaited, gathered, grouped, shielded, limited in time, cancelled; some fail."""
    assert sum(await asyncio.gather(*(nap(3) for _ in range(300)))) == 900
    async with asyncio.TaskGroup() as group:
        grouped = [group.create_task(nap(2)) for _ in range(100)]
    assert all(task.result() == 2 for task in grouped)
    for _ in range(100):
        assert await asyncio.create_task(nap(1)) == 1
        assert await asyncio.shield(nap(1)) == 1
        assert await asyncio.wait_for(nap(1), 5) == 1
        async with asyncio.timeout(5):
            await asyncio.sleep(0.00001)
    done, pending = await asyncio.wait([asyncio.ensure_future(nap(2)) for _ in range(50)], timeout=5)
    assert len(done) == 50 and not pending
    for task in asyncio.as_completed([nap(1) for _ in range(20)]):
        await task
    failed = await asyncio.gather(*(fails() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(error, LookupError) for error in failed)
    sleepers = [asyncio.create_task(asyncio.sleep(60)) for _ in range(50)]
    await asyncio.sleep(0)
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.sleep(60)


async def futures_and_timers() -> None:
    """Callbacks, timers, futures that they complete, calls from another thread."""
    loop = asyncio.get_running_loop()
    ran: list[int] = []
    for number in range(1000):
        loop.call_soon(ran.append, number)
    timers = [loop.call_later(60, ran.append, -1) for _ in range(500)]
    for timer in timers[::2]:
        timer.cancel()
    for _ in range(200):
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        assert await future == 1
    for _ in range(20):
        future = loop.create_future()
        loop.call_later(0.0001, future.set_result, 2)
        future.add_done_callback(lambda done: ran.append(done.result()))
        assert await future == 2
    for timer in timers[1::2]:
        timer.cancel()
    here = asyncio.Event()
    threading.Thread(target=loop.call_soon_threadsafe, args=(here.set,)).start()
    await here.wait()
    assert ran[:1000] == list(range(1000)) and ran[-1] == 2


async def workers() -> None:
    """Producers and workers on a queue; a lock, a semaphore, an event and a condition between them."""
    queue: asyncio.Queue[int] = asyncio.Queue(8)
    lock, places, ready, turn = asyncio.Lock(), asyncio.Semaphore(3), asyncio.Event(), asyncio.Condition()
    total = 0

    async def work() -> None:
        nonlocal total
        await ready.wait()
        while (item := await queue.get()) >= 0:
            async with places, lock:
                total += item
                if item % 7 == 0:
                    await asyncio.sleep(0)
            queue.task_done()
        async with turn:
            turn.notify_all()

    workers = [asyncio.create_task(work()) for _ in range(8)]
    ready.set()
    for item in range(1000):
        await queue.put(item)
    await queue.join()
    async with turn:
        for _ in workers:
            await queue.put(-1)
        await turn.wait()
    await asyncio.gather(*workers)
    assert total == 499500
    line: asyncio.PriorityQueue[int] = asyncio.PriorityQueue()
    for item in range(100):
        line.put_nowait(-item)
    assert [await line.get() for _ in range(100)] == list(range(-99, 1))
    uncontended = asyncio.Lock()
    for _ in range(500):
        async with uncontended:
            pass


async def threads() -> None:
    for number in range(50):
        assert await asyncio.to_thread(abs, -number) == number
    calls = [asyncio.get_running_loop().run_in_executor(None, pow, number, 2) for number in range(50)]
    assert sum(await asyncio.gather(*calls)) == 40425


async def answer_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service: a line says how many bytes follow, and both are sent back."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while line := await reader.readline():
            body = await reader.readexactly(int(line))
            writer.writelines([line, body])
            await writer.drain()
    writer.close()
    await writer.wait_closed()


async def talk(open_connection: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]) -> None:
    reader, writer = await open_connection()
    for size in (1, 100, 1000, 10_000) * 10 + (200_000,):
        writer.write(b"%d\n" % size + bytes(size))
        await writer.drain()
        assert int(await reader.readuntil(b"\n")) == size
        assert len(await reader.readexactly(size)) == size
    if writer.can_write_eof():
        writer.write_eof()
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def streams() -> None:
    """The service over TCP and over a Unix socket, with a dozen clients each."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "socket")
        async with await asyncio.start_server(answer_lines, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await asyncio.gather(*(talk(lambda: asyncio.open_connection("127.0.0.1", port)) for _ in range(12)))
        async with await asyncio.start_unix_server(answer_lines, path):
            await asyncio.gather(*(talk(lambda: asyncio.open_unix_connection(path)) for _ in range(12)))


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.buffer = bytearray(65536)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))


async def protocols() -> None:
    """Echo by protocol, spoken to by the loop's own operations on sockets."""
    loop = asyncio.get_running_loop()
    for factory in (Echo, BufferedEcho):
        async with await loop.create_server(factory, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            for size in (10, 1000, 50_000) * 3:
                with socket.socket() as client:
                    client.setblocking(False)
                    await loop.sock_connect(client, address)
                    for _ in range(10):
                        await loop.sock_sendall(client, bytes(size))
                        left = size
                        while left:
                            left -= len(await loop.sock_recv(client, 65536))


class Speaker(asyncio.Protocol):
    """Sends messages to an echo, each when the one before has come back whole."""

    def __init__(self) -> None:
        self.sizes, self.left = [100_000, *[1000, 10, 5000, 1000] * 25], 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.speak()

    def speak(self) -> None:
        if not self.sizes:
            self.transport.close()
            return
        self.left = self.sizes.pop()
        self.transport.write(bytes(self.left))

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if not self.left:
            self.speak()

    def connection_lost(self, error: Exception | None) -> None:
        self.done.set_result(error)


async def encrypted() -> None:
    """Echo by protocol and the service of lines, over TLS."""
    loop = asyncio.get_running_loop()
    here, there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "server.pem")
        make(made)
        here.load_cert_chain(made)
    there.check_hostname, there.verify_mode = False, ssl.CERT_NONE
    for factory in (Echo, BufferedEcho):
        async with await loop.create_server(factory, "127.0.0.1", 0, ssl=here) as server:
            port = server.sockets[0].getsockname()[1]
            for _ in range(4):
                _, speaker = await loop.create_connection(Speaker, "127.0.0.1", port, ssl=there)
                assert await speaker.done is None
    async with await asyncio.start_server(answer_lines, "127.0.0.1", 0, ssl=here) as server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(*(talk(lambda: asyncio.open_connection("127.0.0.1", port, ssl=there)) for _ in range(4)))


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.put_nowait(data)


async def datagrams() -> None:
    loop = asyncio.get_running_loop()
    receiving, there = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    sending, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=receiving.get_extra_info("sockname")
    )
    for _ in range(200):
        sending.sendto(b"packet")
        assert await there.received.get() == b"packet"
    sending.close()
    receiving.close()


def parts() -> Iterator[Callable[[], Awaitable[None]]]:
    for _ in range(ROUNDS):
        yield from (tasks, futures_and_timers, workers, threads, protocols, streams, encrypted, datagrams)


async def main() -> None:
    for part in parts():
        await part()


if __name__ == "__main__":
    ferrio.install(keep_tasks=True)
    asyncio.run(main())
