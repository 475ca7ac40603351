"""Streams on connections: start_server() and open_connection(), handlers of every kind, reads and writes of every kind.

A program has a server and its clients, which are raw sockets, and connections of its own to raw sockets. On each a
script reads lines, parts and exact numbers, several at a time, writes, drains, closes, raises or is cancelled, while
the peer sends in pieces, ends, resets or reads nothing; servers are closed and served again in the middle. Results,
errors, what the exception handler and the peers are told must be the same.
"""

import asyncio
import contextlib
import random
import socket
import sys
from typing import Any

from .peers import Peer, Seen, World, block, socket_pair, told
from .peers import compare as compare_logs
from .programs import known

__all__ = ["compare", "program", "run"]

HANDLERS = ("coroutine", "coroutine", "coroutine", "plain", "raises", "task", "odd")
DOES = (
    "line", "until", "exactly", "read", "read", "read all", "next", "write", "write", "lines", "big", "drain", "drain",
    "close", "wait closed", "eof", "turn", "raise", "two", "odd", "limits", "info", "at eof", "exception",
    "read and cancel",
)  # fmt: skip
PEER = ("send", "send", "send", "line", "line", "shut", "hang_up", "drop", "reset", "deaf")
SERVER = ("close", "serve", "wait closed", "sockets", "close clients", "abort clients")
LIMITS = (2, 20, 1000, 65536)
SEPARATORS = (b"\n", b"\r\n", b"ab", b"", "text", memoryview(b"\n"))
KNOWN = known({})


def program(dice: random.Random) -> dict[str, Any]:
    """A server's handler and limit, a script for each connection, and steps."""

    def script() -> list[tuple[str, int]]:
        names = [name for name in DOES if name not in KNOWN]
        return [(dice.choice(names), dice.randrange(1 << 12)) for _ in range(dice.randint(1, 7))]

    steps: list[tuple[Any, ...]] = []
    for _ in range(dice.randint(4, 14)):
        roll = dice.random()
        if not steps or roll < 0.15:
            steps.append(("connect", dice.random() < 0.7, script()))
        elif roll < 0.25:
            steps.append(("cancel", dice.randrange(1 << 12)))
        elif roll < 0.33:
            steps.append(("server", dice.choice(SERVER)))
        else:
            steps.append(("peer", dice.randrange(1 << 12), dice.choice(PEER), dice.choice((1, 2, 19, 3000))))
    return {"handler": dice.choice(HANDLERS), "limit": dice.choice(LIMITS), "steps": steps}


def run(aio: Any, drawn: dict[str, Any]) -> Seen:
    """What each connection, each peer and the server came to."""
    world = World(aio)
    side = Side(world, drawn["handler"], drawn["limit"])
    for name, *arguments in drawn["steps"]:
        try:
            getattr(side, "do_" + name)(*arguments)
        except Exception as error:
            world.note("steps", (name, told(error)))
        side.rest()
    side.end()
    return world.finish()


def compare(theirs: Seen, ours: Seen) -> str | None:
    """The first difference, in words."""
    if sys.version_info < (3, 13) and "CancelledError" in repr(dict(theirs).get("errors")):
        return (
            None  # asyncio then asked the task of a cancelled handler for its exception, and left the connection open
        )
    return compare_logs(theirs, ours)


class Side:
    """The server and all connections."""

    def __init__(self, world: World, handler: str, limit: int) -> None:
        self.world, self.limit = world, limit
        self.scripts: list[list[tuple[str, int]]] = []
        self.accepted = 0
        self.talks: list[Talk] = []
        self.peers: list[Peer] = []
        start = world.aio.start_server(getattr(self, handler), "127.0.0.1", 0, limit=limit)
        self.server = world.loop.run_until_complete(start)
        self.address = self.server.sockets[0].getsockname()

    def rest(self) -> None:
        """Until nobody can go on; each call of a script begins when nothing else moves."""
        self.world.settle()
        while waiting := [talk.gate for talk in self.talks if talk.gate is not None and not talk.gate.done()]:
            waiting[0].set_result(None)
            self.world.settle()

    def talk(self, reader: Any, writer: Any) -> "Talk":
        talk = Talk(
            self.world, f"server {self.accepted}", reader, writer, self.scripts[self.accepted % len(self.scripts)]
        )
        self.accepted += 1
        self.talks.append(talk)
        return talk

    async def coroutine(self, reader: Any, writer: Any) -> None:
        await self.talk(reader, writer).play()

    def plain(self, reader: Any, writer: Any) -> None:
        talk = self.talk(reader, writer)
        self.world.spawn(talk.play(), talk.name)

    def raises(self, reader: Any, writer: Any) -> None:
        self.talk(reader, writer)
        raise ValueError("of the handler")

    def task(self, reader: Any, writer: Any) -> Any:
        return self.world.loop.create_task(self.talk(reader, writer).play())

    def odd(self, reader: Any, writer: Any) -> Any:
        self.talk(reader, writer)
        return 7

    def do_connect(self, to_server: bool, script: list[tuple[str, int]]) -> None:
        if to_server:
            self.scripts.append(script)
            far = socket.socket()
            self.world.closing.callback(far.close)
            far.connect(self.address)
        else:
            near, far = socket_pair("unix")
            near.setblocking(False)
            self.world.spawn(self.opened(near, script), f"client {len(self.peers)}")
        self.peers.append(Peer(self.world, far, f"peer {len(self.peers)}"))

    async def opened(self, near: socket.socket, script: list[tuple[str, int]]) -> None:
        reader, writer = await self.world.aio.open_connection(sock=near, limit=self.limit)
        talk = Talk(self.world, f"client {len(self.peers)}", reader, writer, script)
        self.talks.append(talk)
        await talk.play()

    def do_peer(self, which: int, what: str, size: int) -> None:
        if self.peers:
            peer = self.peers[which % len(self.peers)]
            if what == "line" and peer.open:
                peer.end.send(b"\n")
            elif what != "line":
                peer.does(what, size)

    def do_cancel(self, which: int) -> None:
        tasks = [talk.task for talk in self.talks if talk.task is not None]
        if tasks:
            self.world.note("steps", tasks[which % len(tasks)].cancel())

    def do_server(self, what: str) -> None:
        server = self.server
        if what == "close":
            server.close()
        elif what == "serve":
            self.world.spawn(server.start_serving(), "serve")
        elif what == "wait closed":
            self.world.spawn(server.wait_closed(), "wait closed")
        elif what == "sockets":
            self.world.note("steps", (len(server.sockets), server.is_serving()))
        elif hasattr(server, "close_clients"):  # from Python 3.13 on
            server.close_clients() if what == "close clients" else server.abort_clients()

    def end(self) -> None:
        self.server.close()
        for talk in self.talks:
            with contextlib.suppress(AttributeError):  # asyncio's, after its end
                talk.writer.transport.abort()
            talk.script.clear()
            if talk.task is not None:
                talk.task.cancel()
        self.world.settle()
        self.talks.clear()


class Talk:
    """One connection, and its script."""

    def __init__(self, world: World, name: str, reader: Any, writer: Any, script: list[tuple[str, int]]) -> None:
        self.world, self.name, self.reader, self.writer, self.script = world, name, reader, writer, list(script)
        self.sent = 0
        self.task: Any = None
        self.gate: Any = None
        world.names[id(writer.transport)] = name

    async def play(self) -> None:
        self.task = asyncio.current_task(self.world.loop)
        for name, argument in self.script:
            if name == "raise":
                raise (ValueError, ConnectionResetError, asyncio.CancelledError)[argument % 3](self.name)
            try:
                self.gate = self.world.loop.create_future()
                await self.gate
                result = await getattr(self, "do_" + name.replace(" ", "_"))(argument)
            except Exception as error:
                result = told(error)
            except asyncio.CancelledError:
                self.world.note(self.name, (name, "cancelled"))
                if argument % 2:
                    raise
                result = "goes on"
            self.world.note(self.name, (name, result))

    def next(self, size: int) -> bytes:
        data = block(self.sent, size)
        self.sent += size
        return data

    async def do_line(self, n: int) -> Any:
        return await self.reader.readline()

    async def do_until(self, n: int) -> Any:
        return await self.reader.readuntil(SEPARATORS[n % len(SEPARATORS)])

    async def do_exactly(self, n: int) -> Any:
        return await self.reader.readexactly((0, 1, 3, 20, 4000, -1)[n % 6])

    async def do_read(self, n: int) -> Any:
        return await self.reader.read((0, 1, 3, 20, 4000)[n % 5])

    async def do_read_all(self, n: int) -> Any:
        return await self.reader.read()

    async def do_next(self, n: int) -> Any:
        return await anext(aiter(self.reader), "end")

    async def do_read_and_cancel(self, n: int) -> Any:
        """A read that is given up while it waits, or just as it comes."""
        task = self.world.loop.create_task(self.do_line(n) if n % 2 else self.do_exactly(n))
        for _ in range(n % 4):
            await asyncio.sleep(0)
        cancelled = task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        return cancelled, told(result) if isinstance(result, BaseException) else result

    async def do_two(self, n: int) -> Any:
        """Only one may wait at a time."""
        tasks = [self.do_line(n), self.do_read(n), self.do_exactly(n), self.do_drain(n)][n % 3 : n % 3 + 2]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [told(each) if isinstance(each, BaseException) else each for each in results]

    async def do_write(self, n: int) -> Any:
        return self.writer.write(self.next(n % 100))

    async def do_lines(self, n: int) -> Any:
        return self.writer.writelines([self.next(n % 50 + 1), self.next(n % 7 + 1)])

    async def do_big(self, n: int) -> Any:
        # The task, and with it the script, waits until the peer has read most of it.
        return self.writer.write(self.next(5_000_000 if n % 8 == 0 else 400_000))

    async def do_drain(self, n: int) -> Any:
        return await self.writer.drain()

    async def do_close(self, n: int) -> Any:
        return self.writer.close(), self.writer.is_closing()

    async def do_wait_closed(self, n: int) -> Any:
        return await self.writer.wait_closed()

    async def do_eof(self, n: int) -> Any:
        return self.writer.can_write_eof(), self.writer.write_eof()

    async def do_turn(self, n: int) -> Any:
        await asyncio.sleep(0)

    async def do_odd(self, n: int) -> Any:
        return self.writer.write(("text", None, 3, [1])[n % 4])

    async def do_limits(self, n: int) -> Any:
        return self.writer.transport.set_write_buffer_limits(high=n % 3 * 1000)

    async def do_info(self, n: int) -> Any:
        return type(self.writer.get_extra_info(("peername", "sockname", "nothing")[n % 3])).__name__

    async def do_at_eof(self, n: int) -> Any:
        return self.reader.at_eof(), len(self.reader._buffer), self.reader._paused

    async def do_exception(self, n: int) -> Any:
        if n % 2:
            self.reader.set_exception(ValueError("set"))
        return told(self.reader.exception())
