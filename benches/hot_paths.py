"""The program that instructions.py counts: a dozen hot paths, each a fixed number of times between two marks.

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
from ferrio.testing import VirtualLoop

TIMES = 1000
WARM_UP = 200
"""Often enough for the interpreter to have specialised what it runs."""
LINE = b"x" * 255 + b"\n"
"""Short enough for blocks whose cost does not depend on what the heap looks like."""


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


PATHS: tuple[Callable[[int], Awaitable[None]], ...] = (
    call_soon,
    call_soon_chain,
    sleep_zero,
    future_ping_pong,
    create_task,
    gather,
    queue_pair,
    lock,
    event_ping_pong,
    timeout,
    wait_for,
    echo_protocol,
    echo_streams,
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
