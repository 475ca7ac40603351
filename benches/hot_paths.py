"""The program that instructions.py counts: the hot paths, each a fixed number of times between two marks.

Runs by itself, without the suite. Everything that could differ from run to run is fixed: a virtual clock (the poller is
asked by turns, not by time), no garbage collection, socket pairs and one thread. A mark is a call of getpgid(2), which
nothing else here makes, and which the counter watches for. `--list` prints the paths' names.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from itertools import repeat
from typing import Any, cast

import ferrio as asyncio
from ferrio import _ferrio
from ferrio.server.wsgi import WSGIMiddleware
from ferrio.testing import VirtualLoop

TIMES = 1000
WARM_UP = 200
"""Often enough for the interpreter to have specialised what it runs."""
LINE = b"x" * 255 + b"\n"
"""Short enough for blocks whose cost does not depend on what the heap looks like."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"


def nothing() -> None:
    pass


async def idle() -> None:
    pass


async def call_soon(times: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in repeat(None, times):
        loop.call_soon(nothing)
    await asyncio.sleep(0)


async def call_soon_chain(times: int) -> None:
    loop = asyncio.get_running_loop()
    done, left = loop.create_future(), times

    def link() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(link)
        else:
            done.set_result(None)

    loop.call_soon(link)
    await done


async def sleep_zero(times: int) -> None:
    for _ in repeat(None, times):
        await asyncio.sleep(0)


async def future_ping_pong(times: int) -> None:
    loop = asyncio.get_running_loop()
    ball = [loop.create_future(), loop.create_future()]

    async def play(side: int) -> None:
        for _ in repeat(None, times):
            await ball[side]
            ball[side] = loop.create_future()
            ball[1 - side].set_result(None)

    players = [loop.create_task(play(0)), loop.create_task(play(1))]
    ball[0].set_result(None)
    for player in players:
        await player


async def create_task(times: int) -> None:
    for _ in repeat(None, times):
        await asyncio.create_task(idle())


async def gather(times: int) -> None:
    for _ in repeat(None, times // 10):
        await asyncio.gather(*(idle() for _ in range(10)))


async def shield(times: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in repeat(None, times):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await asyncio.shield(future)


async def queue_pair(times: int) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(1)

    async def take() -> None:
        for _ in repeat(None, times):
            await queue.get()

    taking = asyncio.create_task(take())
    for number in range(times):
        await queue.put(number)
    await taking


async def lock(times: int) -> None:
    one = asyncio.Lock()
    for _ in repeat(None, times):
        async with one:
            pass


async def event_ping_pong(times: int) -> None:
    there, back = asyncio.Event(), asyncio.Event()

    async def answer() -> None:
        for _ in repeat(None, times):
            await there.wait()
            there.clear()
            back.set()

    answering = asyncio.create_task(answer())
    for _ in repeat(None, times):
        there.set()
        await back.wait()
        back.clear()
    await answering


async def timeout(times: int) -> None:
    for _ in repeat(None, times):
        async with asyncio.timeout(10):
            await asyncio.sleep(0)


async def wait_for(times: int) -> None:
    for _ in repeat(None, times):
        await asyncio.wait_for(idle(), 10)


async def timer_cancel(times: int) -> None:
    """Beside a hundred that wait longer."""
    loop = asyncio.get_running_loop()
    others = [loop.call_later(1000 + number, nothing) for number in range(100)]
    for _ in repeat(None, times):
        loop.call_later(10, nothing).cancel()
    for other in others:
        other.cancel()


async def timer_fire(times: int) -> None:
    """A hundred at a time, each at a time of its own, in no order."""
    loop = asyncio.get_running_loop()
    for _ in repeat(None, times // 100):
        for number in range(100):
            loop.call_later(1 + number * 37 % 100, nothing)
        await asyncio.sleep(200)


class Back(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Counting(Back):
    def __init__(self, times: int, done: Any) -> None:
        self.left = times
        self.done = done

    def data_received(self, data: bytes) -> None:
        self.left -= 1
        if self.left:
            self.transport.write(data)
        else:
            self.done.set_result(None)


async def echo_protocol(times: int) -> None:
    """Both ends: each round trip is two writes and two reads."""
    loop, (left, right) = asyncio.get_running_loop(), socket.socketpair()
    done = loop.create_future()
    server, _ = await loop.create_connection(Back, sock=right)
    client, _ = await loop.create_connection(lambda: Counting(times, done), sock=left)
    client.write(LINE)
    await done
    client.close()
    server.close()
    await asyncio.sleep(0)


async def echo_sock(times: int) -> None:
    """Both ends: each round trip is two of sock_sendall and sock_recv, which waits."""
    loop, ends = asyncio.get_running_loop(), socket.socketpair()

    async def answer() -> None:
        while data := await loop.sock_recv(ends[1], 1024):
            await loop.sock_sendall(ends[1], data)

    for end in ends:
        end.setblocking(False)
    answering = loop.create_task(answer())
    for _ in repeat(None, times):
        await loop.sock_sendall(ends[0], LINE)
        await loop.sock_recv(ends[0], 1024)
    ends[0].close()
    await answering
    ends[1].close()


class Packets(asyncio.DatagramProtocol):
    """Sends back what comes, so often."""

    def __init__(self, times: int, done: Any) -> None:
        self.left = times
        self.done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.left -= 1
        if self.left:
            self.transport.sendto(data, address)
        elif not self.done.done():
            self.done.set_result(None)


async def echo_datagrams(times: int) -> None:
    """Both ends, on loopback: each round trip is two packets sent and received."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    ends = [(await loop.create_datagram_endpoint(lambda: Packets(times, done), ("127.0.0.1", 0)))[0] for _ in range(2)]
    ends[0].sendto(LINE, ends[1].get_extra_info("sockname"))
    await done
    for end in ends:
        end.close()
    await asyncio.sleep(0)


class Farewell(asyncio.Protocol):
    """Closes what was accepted, and says when it is closed."""

    closed: asyncio.Future[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


async def accept(times: int) -> None:
    """A connection accepted and closed. The client's end is the kernel's alone."""
    loop, farewell = asyncio.get_running_loop(), Farewell()
    server = await loop.create_server(lambda: farewell, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    for _ in repeat(None, times):
        farewell.closed = loop.create_future()
        client = socket.socket()
        client.connect(address)
        await farewell.closed
        client.close()
    server.close()


async def echo_streams(times: int) -> None:
    """Both ends: each round trip is two of read and write and drain."""
    left, right = socket.socketpair()

    async def answer() -> None:
        reader, writer = await asyncio.open_connection(sock=right)
        while data := await reader.readline():
            writer.write(data)
            await writer.drain()
        writer.close()

    answering = asyncio.create_task(answer())
    reader, writer = await asyncio.open_connection(sock=left)
    for _ in repeat(None, times):
        writer.write(LINE)
        await writer.drain()
        await reader.readline()
    writer.close()
    await answering


REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"Hello, World!"})


class Asking(asyncio.Protocol):
    """Sends a request for each answer, and completes `done` after so many."""

    def __init__(self, times: int, done: asyncio.Future[None]) -> None:
        self.left, self.done = times, done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.left -= 1
        if self.left:
            self.transport.write(REQUEST)
        else:
            self.done.set_result(None)


def wsgi_hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "13")])
    return [b"Hello, World!"]


async def asgi_request(times: int) -> None:
    """Both ends: a request with one header and its answer, without a date, which is another each second."""
    await serve(hello, times)


async def wsgi_request(times: int) -> None:
    """The same of a WSGI application, on the loop's own thread."""
    await serve(WSGIMiddleware(wsgi_hello, on_loop=True), times)


async def serve(app: Callable[..., Any], times: int) -> None:
    loop, (left, right) = asyncio.get_running_loop(), socket.socketpair()
    done = loop.create_future()
    serving = _ferrio.HttpServing(app, loop, {"headers": [(b"server", b"ferrio")]})
    server, _ = await loop.create_connection(serving.connect, sock=right)
    client, _ = await loop.create_connection(lambda: Asking(times, done), sock=left)
    await done
    client.close()
    server.close()
    await asyncio.sleep(0)


class Answers(Back):
    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)


class Session(_ferrio.HttpSession):
    """A client's session with one connection, on which every URL is."""

    def __init__(self, pool: _ferrio.HttpPool) -> None:
        self._pool, self._answer_class, self._plain, self._total = pool, _ferrio.HttpAnswer, True, 300.0

    def _route(self, method: str, url: str) -> tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]:
        return ("key", b"/", ((b"host", b"a"), (b"accept", b"*/*"), (b"user-agent", b"ferrio")))


async def http_get(times: int) -> None:
    """A client's plain request; the server's end is a write of bytes."""
    loop, (left, right) = asyncio.get_running_loop(), socket.socketpair()
    server, _ = await loop.create_connection(Answers, sock=right)
    make = _ferrio.HttpClientConnection
    _, connection = await loop.create_connection(lambda: make(loop, OSError), sock=left)
    pool = _ferrio.HttpPool(loop)
    assert await pool.acquire("key") is None
    pool.add("key", connection)
    answer = _ferrio.HttpAnswer()
    connection.send(answer, b"GET", b"/", ((b"host", b"a"),))
    await answer._wait()
    session = Session(pool)
    for _ in repeat(None, times):
        async with session.get("http://a/") as response:
            await response.read()
    pool.close()
    server.close()
    await asyncio.sleep(0)


PATHS: tuple[Callable[[int], Awaitable[None]], ...] = (
    call_soon,
    call_soon_chain,
    sleep_zero,
    future_ping_pong,
    create_task,
    gather,
    shield,
    queue_pair,
    lock,
    event_ping_pong,
    timeout,
    wait_for,
    timer_cancel,
    timer_fire,
    echo_protocol,
    echo_sock,
    echo_datagrams,
    accept,
    echo_streams,
    asgi_request,
    wsgi_request,
    http_get,
)


async def main(names: list[str]) -> None:
    """Each path of these names, or of all, warm, then between its marks."""
    gc.disable()
    for path in PATHS:
        if names and path.__name__ not in names:
            continue
        await path(WARM_UP)
        os.getpgid(0)
        await path(TIMES)
        os.getpgid(0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(path.__name__ for path in PATHS))
    else:
        asyncio.run(main(sys.argv[1:]), loop_factory=VirtualLoop)
