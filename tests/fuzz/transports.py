"""Every call of a transport from every callback of its protocol, on stock asyncio and on ferrio.

A program makes a few transports over socketpairs, TCP, pipes and datagram sockets. Its protocols answer to callbacks by
tables that are drawn with it: they write, close, pause, change protocols and limits, give buffers that are too small,
read-only or released, raise, stop the loop and collect garbage, at once or by call_soon(). Between its steps the loop
rests. What each transport and each peer has seen, in order, must be the same.
"""

import array
import asyncio
import contextlib
import gc
import itertools
import random
import sys
import tempfile
import zlib
from typing import Any

from .peers import RAISED, Peer, Seen, World, block, compare, pipe_pair, socket_pair, told
from .programs import known

__all__ = ["compare", "program", "run"]

EVENTS = ("made", "data", "buffer", "eof", "pause", "resume", "lost", "error")
CALLS = (
    "write", "write", "write", "big", "lines", "empty", "odd write", "odd lines", "nested lines", "eof", "close",
    "abort", "pause", "resume", "protocol", "protocol", "limits", "size", "state", "info", "raise", "stop", "collect",
    "soon", "soon", "peer", "watch", "sendfile", "send to", "send to", "odd send to",
)  # fmt: skip
if sys.version_info >= (3, 15):
    # asyncio's writelines() has buffered the pieces before one that it refuses, or before its iterator calls the
    # transport, and begins to write none of them: what is written later waits behind them for ever.
    CALLS = tuple(call for call in CALLS if call not in ("odd lines", "nested lines"))
STEPS = (*CALLS, *("peer send",) * 14, *("peer other",) * 4)
KINDS = ("unix", "unix", "tcp", "read pipe", "write pipe", "socket as pipe", "unix packets", "udp")
PROTOCOLS = ("plain", "plain", "buffered", "stream", "bare")
PEER = ("send", "send", "send", "shut", "hang_up", "drop", "reset", "deaf")
SIZES = (1, 2, 100, 5000)
BUFFERS = ("1", "7", "5000", "70000", "empty", "strided", "read-only", "released", "resized", "int", "none", "text",
    "items", "list", "view of items", "odd length", "same", "same")  # fmt: skip
LIMITS = ((None, None), (0, None), (0, 0), (100, 10), (10, 100), (-1, None), (None, 5), (1 << 20, 1), (-1, -2), (5, -1))
ODD = ("text", None, 3, [1, 2], ("a",), 2.5)
INFOS = ("socket", "peername", "sockname", "pipe", "nothing")
NO_BUFFERS = ("read pipe", "unix packets", "udp")
WRITES = ("write", "big", "lines", "empty", "odd write", "odd lines", "nested lines", "eof", "send to", "odd send to")
# What connection_lost() writes asyncio sends, if it had something left to write when it was closed.
# When resume_writing() leaves the loop, asyncio forgets that the connection was about to end.
NOT_FROM = {"lost": WRITES, "resume": ("raise",)}
# To a pipe that is closed while it is made asyncio says farewell, and then begins to watch its number; and
# it says that writing may go on when all was written, whatever the limits.
PIPE = {
    "made": ("eof", "close", "abort", "raise", "big", "odd write"),
    "resume": ("limits", "size", "abort", "close", "soon", "raise"),
}
# Up to 16 packets come at once.
PACKETS = {"data": ("peer", "soon"), "error": ("peer", "soon")}
NOT_FROM_OF = {"write pipe": PIPE, "socket as pipe": PIPE, "udp": PACKETS, "unix packets": PACKETS}
# asyncio's selector keeps the entry of a socket that was closed while it was watched. The next socket of that number
# gets it, file object and all: the kernel is told nothing, or refuses, and whoever watches the closed socket again
# displaces the reader of the other one. Alone, a closed socket is watched again on both (seed 894 has two transports).
KNOWN = known({"watch": "asyncio takes a socket for a closed one that had its number and was watched"})
BUDGET = 12  # calls from callbacks, or two that answer each other would never end


def program(dice: random.Random) -> list[tuple[Any, ...]]:
    """Transports with the tables of their protocols first, then steps."""

    def call(depth: int = 0) -> tuple[Any, ...]:
        name = dice.choice([name for name in CALLS if name not in KNOWN])
        if name == "soon":
            return (name, call(depth + 1) if depth < 2 else ("write", 1))
        return (name, dice.randrange(1 << 16))

    def reactions(kind: str) -> dict[str, list[tuple[Any, ...]]]:
        table = {event: [call() for _ in range(dice.randint(1, 3))] for event in EVENTS if dice.random() < 0.3}
        for event, without in {**NOT_FROM, **NOT_FROM_OF.get(kind, {})}.items():
            table[event] = [each for each in table.get(event, ()) if each[0] not in without]
        return table

    def protocol(kind: str) -> tuple[Any, ...]:
        return (
            dice.choice(("plain",) if kind in NO_BUFFERS else PROTOCOLS),
            reactions(kind),
            dice.choice((None, False, True)),
            dice.choice([name for name in BUFFERS if name not in KNOWN]),
        )

    steps: list[tuple[Any, ...]] = []
    for _ in range(dice.randint(1, 2)):
        kind = dice.choice(KINDS)
        steps.append(("make", kind, [protocol(kind) for _ in range(dice.randint(1, 3))]))
    for _ in range(dice.randint(1, 10)):
        name = dice.choice([name for name in STEPS if name not in KNOWN])
        if name.startswith("peer"):
            what = "send" if name == "peer send" else dice.choice(PEER)
            steps.append((dice.randrange(2), ("peer", PEER.index(what) + len(PEER) * dice.randrange(4))))
        else:
            steps.append((dice.randrange(2), *[call()]))
    return steps


def run(aio: Any, steps: list[tuple[Any, ...]]) -> Seen:
    """What was seen."""
    world = World(aio)
    lines: list[Line] = []
    for step in steps:
        if step[0] == "make":
            lines.append(Line(world, f"{len(lines)} {step[1]}", step[1], step[2]))
        else:
            try:
                lines[step[0] % len(lines)].calls(step[1], "step")
            except BaseException as error:  # of a callback that was called at once
                world.note("steps", told(error))
        world.settle()
    for line in lines:
        line.end()
    world.settle()
    seen = world.finish()
    for line in lines:
        line.transport = None
        line.protocols.clear()
    return seen


class Line:
    """A transport, the protocols that take turns on it, and its peer."""

    def __init__(self, world: World, name: str, kind: str, protocols: list[tuple[Any, ...]]) -> None:
        self.world, self.name, self.kind = world, name, kind
        self.transport: Any = None
        self.left, self.sent, self.lost = BUDGET, 0, False
        self.sending_files = self.lines = False
        self.readers: list[Any] = []
        self.reads = kind in ("unix", "tcp", "read pipe")
        self.packets = kind in ("unix packets", "udp")
        self.protocols = [self.protocol(number, *drawn) for number, drawn in enumerate(protocols)]
        near, far = pipe_pair(kind == "read pipe") if kind.endswith(" pipe") else socket_pair(self.sockets())
        self.peer = Peer(world, far, name + " peer", self.packets)
        world.closing.callback(near.close)
        world.spawn(self.connect(near), name + " connect", lambda result: result[1] is self.protocols[0])

    def sockets(self) -> str:
        return "unix" if self.kind == "socket as pipe" else self.kind

    def connect(self, near: Any) -> Any:
        loop: Any = self.world.loop

        def factory() -> Any:
            return self.protocols[0]

        if self.packets:
            near.setblocking(False)
            return loop.create_datagram_endpoint(factory, sock=near)
        if self.kind == "read pipe":
            return loop.connect_read_pipe(factory, near)
        if self.kind in ("write pipe", "socket as pipe"):
            return loop.connect_write_pipe(factory, near)
        near.setblocking(False)
        return loop.create_connection(factory, sock=near)

    def protocol(self, number: int, kind: str, reactions: Any, keep: Any, buffer: str) -> Any:
        aio, loop = self.world.aio, self.world.loop
        table = Table(self, f"{number}{kind[0]}", reactions, keep, buffer)
        if kind == "stream":
            reader = aio.StreamReader(limit=1000, loop=loop)
            self.readers.append(reader)
            return aio.StreamReaderProtocol(reader, loop=loop)
        bases = {"plain": (Plain, asyncio.Protocol), "buffered": (Buffered, asyncio.BufferedProtocol), "bare": (Plain,)}
        return type(kind, bases[kind], {})(table)

    def note(self, *event: Any) -> None:
        self.world.note(self.name, event[0] if isinstance(event[0], bytes) else event)

    def react(self, table: "Table", event: str) -> None:
        for call in table.reactions.get(event, ()):
            if self.left:
                self.left -= 1
                self.calls(call, table.label)

    def calls(self, call: tuple[Any, ...], who: str) -> None:
        """One call, from a callback or a step."""
        name, argument = call
        if name == "soon":
            self.world.loop.call_soon(self.calls, argument, who + " soon")
            return
        if name == "raise":
            kind = list(RAISED)[argument % len(RAISED)]
            if who == "step":
                return
            self.note(who, "raises", kind)
            raise RAISED[kind](self.name)
        if self.transport is None and name != "peer":
            return
        self.lines |= name.endswith("lines")
        try:
            result = getattr(self, "do_" + name.replace(" ", "_"))(argument)
        except Exception as error:
            result = told(error)
        self.note(who, name, result, self.state())

    def state(self) -> Any:
        """What can be asked; what ferrio holds is sent first where that could fail, for a write that fails closes."""
        transport = self.transport
        if transport is None:
            return None
        if not self.peer.open and hasattr(transport, "get_write_buffer_size"):
            with contextlib.suppress(TypeError):
                transport.get_write_buffer_size()
        return transport.is_closing(), transport.is_reading() if self.reads else None

    def next(self, size: int) -> bytes:
        data = block(self.sent, size)
        self.sent += size
        return data

    def do_write(self, n: int) -> Any:
        data = self.next(SIZES[n % 4])
        return self.transport.write((bytes, bytearray, memoryview)[n // 4 % 3](data))

    def do_big(self, n: int) -> Any:
        return self.transport.write(self.next(400_000 + n))

    def do_lines(self, n: int) -> Any:
        pieces = [self.next(SIZES[(n + i) % 4]) for i in range(n % 5)]
        return self.transport.writelines((list, tuple, iter if pieces else list)[n // 5 % 3](pieces))

    def do_empty(self, n: int) -> Any:
        return self.transport.write((b"", bytearray(), memoryview(b""))[n % 3])

    def do_odd_write(self, n: int) -> Any:
        if n % 2 and not self.kind.endswith("pipe"):  # which have an assertion against it
            return self.transport.write(ODD[n // 2 % len(ODD)])
        data = memoryview(bytearray(self.next(40)))
        if n // 2 % 3 == 0:
            data.release()
        odd = (data, data[::2] if n // 2 % 3 else data, memoryview(array.array("i", [1, 2])))
        if n // 2 % 3 == 1 and not self.kind.endswith("pipe") and self.transport.get_write_buffer_size() > 0:
            return None  # asyncio notices when there is room, or never; ferrio at once
        return self.transport.write(odd[n // 2 % 3])

    def do_odd_lines(self, n: int) -> Any:
        return self.transport.writelines(
            ([self.next(3), ODD[n % len(ODD)]], None, 3, "ab", [b"", self.next(2)])[n // 7 % 5]
        )

    def do_nested_lines(self, n: int) -> Any:
        """Pieces that come out of a generator which uses the transport meanwhile."""

        def pieces() -> Any:
            yield self.next(5)
            if self.left:
                self.left -= 1
                self.calls((("write", "close", "abort", "big", "eof", "raise", "collect")[n % 7], n // 7), "pieces")
            yield self.next(7)

        return self.transport.writelines(pieces())

    def do_eof(self, n: int) -> Any:
        return self.transport.can_write_eof(), self.transport.write_eof()

    def do_close(self, n: int) -> Any:
        return self.transport.close()

    def do_abort(self, n: int) -> Any:
        return self.transport.abort()

    def do_pause(self, n: int) -> Any:
        return self.transport.pause_reading()

    def do_resume(self, n: int) -> Any:
        return self.transport.resume_reading()

    def do_protocol(self, n: int) -> Any:
        return self.transport.set_protocol(self.protocols[n % len(self.protocols)])

    def do_limits(self, n: int) -> Any:
        if self.is_stuck():
            return None
        high, low = LIMITS[n % len(LIMITS)]
        self.transport.set_write_buffer_limits(high, low)
        return self.transport.get_write_buffer_limits()

    def do_size(self, n: int) -> Any:
        return self.transport.get_write_buffer_size() > 0 and not self.is_stuck()

    def is_stuck(self) -> bool:
        """Whether asyncio may have data that it neither sends nor drops.

        That is what writelines() was given when the connection was lost (before Python 3.14), or by an iterator that
        closed it. It counts for ever.
        """
        return self.lines and self.kind in ("unix", "tcp") and bool(self.transport.is_closing())

    def do_state(self, n: int) -> Any:
        return self.protocols.index(self.transport.get_protocol())

    def do_info(self, n: int) -> Any:
        info = self.transport.get_extra_info(INFOS[n % len(INFOS)], "default")
        return type(info).__name__

    def do_stop(self, n: int) -> Any:
        return self.world.loop.stop()

    def do_collect(self, n: int) -> Any:
        gc.collect()

    def do_peer(self, n: int) -> Any:
        self.peer.does(PEER[n % len(PEER)], SIZES[n // len(PEER) % 4])

    def do_watch(self, n: int) -> Any:
        """The loop refuses to watch what a transport does."""
        self.world.loop.add_reader(self.transport.get_extra_info("socket"), print)

    def do_sendfile(self, n: int) -> Any:
        if self.sending_files:
            return None  # asyncio has a KeyError for the second at a time
        self.sending_files = True
        file = self.world.closing.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115  # as it says
        file.write(self.next(SIZES[n % 4]))
        self.world.spawn(self.world.loop.sendfile(self.transport, file, fallback=False), self.name + " sendfile")

    def do_send_to(self, n: int) -> Any:
        return self.transport.sendto(self.next(SIZES[n % 4] - 1))

    def do_odd_send_to(self, n: int) -> Any:
        return self.transport.sendto(ODD[n % len(ODD)], ("127.0.0.1", 9) if n // 8 % 2 else None)

    def end(self) -> None:
        for reader in self.readers:
            told_ = bytes(reader._buffer), reader.at_eof(), told(reader.exception()), reader._paused
            self.world.note(self.name + " reader", told_)
        self.left = 0
        if self.transport is not None:
            with contextlib.suppress(BaseException):
                self.transport.abort()


class Table:
    """What a protocol does when it is called."""

    def __init__(self, line: Line, label: str, reactions: Any, keep: Any, buffer: str) -> None:
        self.line, self.label, self.reactions, self.keep, self.buffer = line, label, reactions, keep, buffer
        self.given: Any = bytearray(100)

    def seen(self, event: str, *facts: Any) -> None:
        self.line.note(self.label, event, *facts)
        self.line.react(self, event)


class Plain:
    """Given bytes, or packets; it has every callback there is, and the connection's notes."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def connection_made(self, transport: Any) -> None:
        line = self.table.line
        line.transport = transport
        line.world.names[id(transport)] = line.name
        self.table.seen("made")

    def data_received(self, data: Any) -> None:
        self.table.line.note(data)
        self.table.line.react(self.table, "data")

    def datagram_received(self, data: Any, address: Any) -> None:
        self.table.seen("data", len(data), zlib.crc32(data), type(address).__name__)

    def error_received(self, error: Exception) -> None:
        self.table.seen("error", told(error))

    def eof_received(self) -> Any:
        self.table.seen("eof")
        return self.table.keep

    def pause_writing(self) -> None:
        self.table.seen("pause")

    def resume_writing(self) -> None:
        self.table.seen("resume")

    def connection_lost(self, error: BaseException | None) -> None:
        self.table.line.lost = True
        self.table.seen("lost", told(error))


class Buffered(Plain):
    """Gives a buffer."""

    data_received = None  # type: ignore[assignment]

    def get_buffer(self, hint: int) -> Any:
        table = self.table
        table.line.react(table, "buffer")
        table.given = given(table.buffer, table.given)
        return table.given

    def buffer_updated(self, count: int) -> None:
        line, buffer = self.table.line, self.table.given
        if self.table.buffer == "resized":
            buffer.extend(b"more")
        line.note(bytes(memoryview(buffer).cast("B")[:count]) if not isinstance(buffer, int) else repr(count))
        line.react(self.table, "data")


class OddLength(bytearray):
    """Claims to have a length of its own."""

    lengths = itertools.cycle((5, 0))

    def __len__(self) -> int:
        return 5


def given(kind: str, last: Any) -> Any:
    """A buffer, right or wrong."""
    if kind.isdigit():
        return bytearray(int(kind))
    wrong = {"empty": b"", "read-only": bytes(50), "int": 7, "none": None, "text": "text", "list": [1, 2]}
    if kind in wrong:
        return wrong[kind]
    if kind == "strided":
        return memoryview(bytearray(100))[::2]
    if kind == "released":
        view = memoryview(bytearray(100))
        view.release()
        return view
    if kind == "items":
        return array.array("i", range(50))
    if kind == "view of items":
        return memoryview(array.array("h", range(50)))
    if kind == "odd length":
        return OddLength(100)
    return last if isinstance(last, bytearray) else bytearray(100)
