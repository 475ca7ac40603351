# pyright: strict
"""A program typed for asyncio, with ferrio in asyncio's place: type checkers accept it as they accept it with asyncio.

Its annotations say `asyncio.`, and what it annotates comes from everywhere: from ferrio's functions, from a loop that
is an AbstractEventLoop, from asyncio's own modules, from a library that knows asyncio alone. test_sample.py runs it.
"""

from __future__ import annotations

import contextlib
import sys
from asyncio import events, subprocess, tasks  # what a library would give: asyncio's types
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal, TypeVar, assert_type

import ferrio as asyncio

_T = TypeVar("_T")


async def answer(number: int = 42) -> int:
    return number


async def text() -> str:
    return "text"


class Connection(asyncio.Protocol):
    """Keeps what a protocol keeps: futures, timers, the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[None] = loop.create_future()
        self.timer: asyncio.TimerHandle | None = loop.call_later(60, self.expire)
        self.tasks: set[asyncio.Task[Any]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        task: asyncio.Task[int] = self.loop.create_task(answer(), name="answer")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.lost.set_result(None)

    def expire(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Counting(asyncio.Queue[_T]):
    """A queue of one's own."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.counted = 0

    def _put(self, item: _T) -> None:
        self.counted += 1
        super()._put(item)


def library_task(loop: events.AbstractEventLoop) -> tasks.Task[int]:
    """What a library does that was typed for asyncio."""
    return loop.create_task(answer())


def library_wait(awaited: tasks.Task[int], *, lock: events.AbstractEventLoop) -> Awaitable[int]:
    return tasks.wait_for(awaited, 5)


async def worker(jobs: asyncio.Queue[int], done: asyncio.Event, limit: asyncio.Semaphore) -> int:
    total = 0
    while not jobs.empty():
        async with limit:
            total += await jobs.get()
            jobs.task_done()
    done.set()
    return total


async def futures(loop: asyncio.AbstractEventLoop) -> None:
    """Futures and tasks, whoever made them."""
    future: asyncio.Future[int] = loop.create_future()
    own: asyncio.Future[str] = asyncio.Future(loop=loop)
    soon: asyncio.Handle = loop.call_soon(future.set_result, 1)
    assert_type(soon.cancelled(), bool)
    own.set_result("own")
    made: list[asyncio.Task[int]] = [
        asyncio.create_task(answer()),
        loop.create_task(answer()),
        asyncio.Task(answer(), loop=loop),
        library_task(loop),
        asyncio.ensure_future(answer()),
    ]
    assert await library_wait(made[0], lock=loop) == 42
    done, pending = await asyncio.wait(made)
    assert_type(done, set[asyncio.Task[int]])
    assert_type(pending, set[asyncio.Task[int]])
    assert_type(asyncio.ensure_future(future), asyncio.Future[int])
    assert_type(asyncio.shield(own), asyncio.Future[str])
    assert_type(asyncio.current_task(), asyncio.Task[Any] | None)
    assert_type(asyncio.all_tasks(), set[asyncio.Task[Any]])
    if isinstance(future, asyncio.Task):
        raise AssertionError(future)
    callback: Callable[[asyncio.Future[int]], None] = print_nothing
    future.add_done_callback(callback)
    assert await future + sum(task.result() for task in done) == 1 + 5 * 42


def print_nothing(future: asyncio.Future[int]) -> None:
    assert_type(future.result(), int)


async def combined() -> None:
    """The overloads: what is given decides what comes out."""
    both = await asyncio.gather(answer(), text())
    assert_type(both, tuple[int, str])
    many = await asyncio.gather(*[answer(each) for each in range(3)])
    assert_type(many, list[int])
    errors = await asyncio.gather(answer(), text(), return_exceptions=True)
    assert_type(errors, tuple[int | BaseException, str | BaseException])
    assert_type(await asyncio.sleep(0), None)
    assert_type(await asyncio.sleep(0, "result"), str)
    assert_type(await asyncio.wait_for(text(), None), str)
    assert_type(await asyncio.to_thread(int, "42"), int)
    async with asyncio.timeout(5) as limit, asyncio.TaskGroup() as group:
        assert_type(limit, asyncio.Timeout)
        assert_type(group, asyncio.TaskGroup)
        task: asyncio.Task[int] = group.create_task(answer(), name="in a group")
    assert_type(task.result(), int)
    for first in asyncio.as_completed([answer()]):
        assert_type(await first, int)
    if sys.version_info >= (3, 13):
        async for each in asyncio.as_completed([answer()]):
            assert_type(each, asyncio.Future[int])


async def synchronised() -> None:
    jobs: asyncio.Queue[int] = Counting(5)
    done, limit, lock = asyncio.Event(), asyncio.Semaphore(2), asyncio.Lock()
    changed = asyncio.Condition(lock)
    for number in range(3):
        await jobs.put(number)
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(worker(jobs, done, limit)) for _ in range(2)]
    assert sum(each.result() for each in workers) == 3
    assert_type(await done.wait(), Literal[True])
    async with changed:
        assert_type(await changed.wait_for(lambda: "true"), str)
    ordered: asyncio.PriorityQueue[tuple[int, str]] = asyncio.PriorityQueue()
    ordered.put_nowait((2, "b"))
    assert_type(ordered.get_nowait(), tuple[int, str])
    with contextlib.suppress(asyncio.QueueEmpty):
        asyncio.LifoQueue[int]().get_nowait()


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    async for line in reader:
        yield line.decode()


async def streams() -> None:
    """The same function reads from a connection and from a child process, whose streams are asyncio's to its stubs."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    server: asyncio.Server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        assert_type((reader, writer), tuple[asyncio.StreamReader, asyncio.StreamWriter])
        writer.write(b"line\n")
        assert [line async for line in lines(reader)] == ["line\n"]
        writer.close()
        await writer.wait_closed()
    child: asyncio.subprocess.Process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE
    )
    assert_type(child, subprocess.Process)
    assert child.stdout is not None
    assert [line async for line in lines(child.stdout)] == ["child\n"]
    assert_type(await child.wait(), int)


async def protocols(loop: asyncio.AbstractEventLoop) -> None:
    def factory() -> Connection:
        return Connection(loop)

    server: asyncio.AbstractServer = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    assert isinstance(server, asyncio.Server)
    address: tuple[str, int] = server.sockets[0].getsockname()
    transport, protocol = await loop.create_connection(factory, *address)
    assert_type(protocol, Connection)
    transport.close()
    await protocol.lost
    server.close()


def loops() -> None:
    """A runner, a task factory and an exception handler."""

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told.append(str(context["message"]))

    told: list[str] = []
    with asyncio.Runner(debug=False) as runner:
        loop: asyncio.AbstractEventLoop = runner.get_loop()
        loop.set_exception_handler(tell)
        loop.call_exception_handler({"message": "told"})
        if sys.version_info >= (3, 12):
            loop.set_task_factory(asyncio.eager_task_factory)
        assert_type(runner.run(answer()), int)
    assert told == ["told"]


async def main() -> str:
    loop = asyncio.get_running_loop()
    await futures(loop)
    await combined()
    await synchronised()
    await streams()
    await protocols(loop)
    return "in place"


if __name__ == "__main__":
    loops()
    result = asyncio.run(main())
    assert_type(result, str)
    print(result)
