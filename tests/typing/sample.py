# pyright: strict
"""A typed program that uses the whole public interface: mypy --strict and pyright's strict mode accept it, and it runs.

Type checkers read this file as a user's (`make check`); tests/typing/test_sample.py runs it. `assert_type` holds what
a name's type is, not only that it fits.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any, assert_type, cast

import ferrio

MESSAGE = b"typed"


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Ask(asyncio.Protocol):
    """Sends a message and gives the answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).writelines([MESSAGE[:2], memoryview(MESSAGE)[2:]])

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)


class Packet(asyncio.DatagramProtocol):
    """Gives the first packet that comes."""

    def __init__(self) -> None:
        self.packet: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.packet.set_result(data)


class Traced(ferrio.Loop):
    """A loop of one's own."""

    calls = 0

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.calls += 1
        super().call_exception_handler(context)


async def callbacks() -> str:
    """What call_soon() and its like take and return."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ferrio.Loop)
    done: asyncio.Future[str] = loop.create_future()

    def finish(word: str, times: int) -> None:
        done.set_result(word * times)

    soon = loop.call_soon(finish, "ab", 2, context=contextvars.copy_context())
    later = loop.call_later(60, finish, "never", 1)
    at = loop.call_at(loop.time() + 60, print, "never")
    posted = loop.call_soon_threadsafe(str, 1)
    assert_type(soon, ferrio.Handle)
    assert_type(later, ferrio.TimerHandle)
    assert_type(at, ferrio.TimerHandle)
    assert_type(posted, ferrio.Handle)
    assert_type(later.when(), float)
    later.cancel()
    at.cancel()
    assert_type(later.cancelled(), bool)
    return await done


async def transports() -> bytes:
    """A server, a client and a protocol's transport."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    async with server:
        host, port = cast(tuple[str, int], server.sockets[0].getsockname())
        transport, protocol = await loop.create_connection(Ask, host, port)
        assert_type(transport, asyncio.Transport)
        assert_type(protocol, Ask)
        answer = await protocol.answer
        low, high = transport.get_write_buffer_limits()
        assert low <= high
        transport.close()
    return answer


async def datagrams() -> bytes:
    loop = asyncio.get_running_loop()
    receiver, protocol = await loop.create_datagram_endpoint(Packet, local_addr=("127.0.0.1", 0))
    sender, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=cast(tuple[str, int], receiver.get_extra_info("sockname"))
    )
    sender.sendto(MESSAGE)
    packet = await protocol.packet
    sender.close()
    receiver.close()
    return packet


async def sockets() -> bytes:
    """The native socket operations."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ferrio.Loop)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        await loop.sock_sendall(ours, MESSAGE)
        data = await loop.sock_recv(theirs, 2)
        assert_type(data, bytes)
        buffer = bytearray(8)
        count = await loop.sock_recv_into(theirs, buffer)
        assert_type(count, int)
        return data + bytes(buffer[:count])


async def answer() -> int:
    return 42


async def tasks() -> int:
    """Futures, tasks and a rate limiter of ferrio's own."""
    loop = asyncio.get_running_loop()
    future: ferrio.Future[int] = ferrio.Future(loop=loop)
    loop.call_soon(future.set_result, 1)
    task = ferrio.Task(answer(), loop=loop, name="typed")
    assert_type(task.get_name(), str)
    ferrio.dump_tasks(io.StringIO())
    limiter = ferrio.RateLimiter(100, burst=2)
    async with limiter:
        assert_type(limiter.try_acquire(), bool)
    made: list[ferrio.Task[int]] = [loop.create_task(answer()), ferrio.create_task(answer(), name="made")]
    async with ferrio.TaskGroup() as group:
        grouped: ferrio.Task[int] = group.create_task(answer())
        made.append(grouped)
    assert_type(grouped.result(), int)
    assert_type(loop.create_future(), ferrio.Future[Any])
    assert_type(ferrio.ensure_future(made[0]), ferrio.Task[int])
    assert_type(ferrio.ensure_future(future), ferrio.Future[int])
    assert_type(ferrio.gather(*made), ferrio.Future[list[int]])
    assert_type(ferrio.gather(answer(), return_exceptions=True), ferrio.Future[tuple[int | BaseException]])
    assert_type(ferrio.shield(future), ferrio.Future[int])
    assert_type(ferrio.current_task(), ferrio.Task[Any] | None)
    assert_type(ferrio.all_tasks(loop), set[ferrio.Task[Any]])
    assert isinstance(loop, ferrio.Loop)
    native = loop.create_task(answer())
    assert_type(native, ferrio.Task[int])
    assert_type(loop.create_future(), ferrio.Future[Any])
    await ferrio.wait([*made, native])
    result = await future + await task
    assert_type(result, int)
    return result


async def combined() -> int:
    """What runs several things, and what they use between them."""
    first, second = await ferrio.gather(answer(), ferrio.create_task(answer()))
    assert_type((first, second), tuple[int, int])
    done, pending = await ferrio.wait([ferrio.ensure_future(answer())], timeout=1)
    assert_type(pending, set[ferrio.Task[int]])
    async with ferrio.timeout(5) as limit, ferrio.timeout_at(asyncio.get_running_loop().time() + 5):
        assert isinstance(limit, ferrio.Timeout)
        assert_type(await ferrio.wait_for(ferrio.shield(answer()), 1), int)
    async with ferrio.TaskGroup() as group:
        waiting = group.create_task(ferrio.sleep(0, "slept"))
    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(ferrio.eager_task_factory)
    assert_type(waiting.result(), str)
    for answered in ferrio.as_completed([answer()], timeout=1):
        assert_type(await answered, int)
    if sys.version_info >= (3, 12):
        eager = ferrio.eager_task_factory(asyncio.get_running_loop(), answer())
        assert_type(await eager, int)
    return first + second + len(done)


async def synchronised() -> int:
    """Locks and queues."""
    queues = [ferrio.Queue[int](), ferrio.LifoQueue[int](), ferrio.PriorityQueue[int](1)]
    for queue in queues:
        queue.put_nowait(1)
    closed: ferrio.Queue[str] = ferrio.Queue(maxsize=1)
    closed.shutdown(immediate=True)  # on every Python
    async with ferrio.Lock(), ferrio.Semaphore(2), ferrio.BoundedSemaphore(), ferrio.Condition() as nothing:
        assert_type(nothing, None)
        total = sum([await queue.get() for queue in queues])
    assert issubclass(ferrio.QueueShutDown, Exception)
    event = ferrio.Event()
    event.set()
    assert await event.wait()
    return total + await ferrio.Barrier(1).wait()


async def streams(path: str) -> bytes:
    """Servers and clients with streams, over TCP and a Unix socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    answers: list[bytes] = []
    server = await ferrio.start_server(serve, "127.0.0.1", 0)
    unix = await ferrio.start_unix_server(serve, path)
    async with server, unix:
        host, port = cast(tuple[str, int], server.sockets[0].getsockname())
        assert_type(server, ferrio.Server)
        for opening in (ferrio.open_connection(host, port), ferrio.open_unix_connection(path)):
            reader, writer = await opening
            assert isinstance(reader, ferrio.StreamReader) and isinstance(writer, ferrio.StreamWriter)
            assert issubclass(ferrio.StreamReaderProtocol, asyncio.Protocol)
            writer.write(b"line\n")
            answers.append(await reader.read())
            writer.close()
            await writer.wait_closed()
    return b"".join(answers)


async def main() -> list[object]:
    return [await callbacks(), await transports(), await datagrams(), await sockets()]


def factories() -> None:
    """Each way to have asyncio make ferrio's loops."""
    with ferrio.Runner(debug=True) as own:
        assert_type(own.run(tasks()), int)
        assert own.run(combined()) == 85
        assert own.run(synchronised()) == 3
        with tempfile.TemporaryDirectory() as folder:
            assert own.run(streams(f"{folder}/socket")) == b"line\nline\n"
    own_loop = ferrio.EventLoop()
    own_loop.close()
    factory: Callable[[], asyncio.AbstractEventLoop] = ferrio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        assert isinstance(runner.get_loop(), ferrio.Loop)
    with asyncio.Runner(loop_factory=Traced) as runner:
        assert runner.run(callbacks()) == "abab"
    ferrio.install()
    loop = asyncio.new_event_loop()
    assert isinstance(loop, ferrio.Loop)
    assert_type(loop.is_running(), bool)
    loop.close()
    assert_type(loop.is_closed(), bool)
    ferrio.uninstall()
    policy = ferrio.EventLoopPolicy()
    made = policy.new_event_loop()
    made.close()


if __name__ == "__main__":
    result = ferrio.run(main(), debug=False)
    assert_type(result, list[object])
    factories()
    assert_type(ferrio.__version__, str)
    print(*result)
