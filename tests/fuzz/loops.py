"""A loop with everything on it at once: transports, watched descriptors, sock_*() tasks, handles and timers.

A script is a list of steps (make a transport, write, close, let the peer send, schedule, cancel, ...). Callbacks react
by tables drawn with it: a protocol may close, pause, raise or write from whatever it is called for. After each step
the loop turns until nothing more can happen, with a clock that stands still; then, for each object, both
implementations must have seen the same events in the same order. Not compared: the order between objects, how a stream
is cut, and when within a step a buffer ran full. transports.py goes deeper into transports, this one mixes more.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from typing import Any

from .peers import Seen
from .peers import compare as compare_logs

STEPS = 40
TURNS = 8  # enough for the longest chain of one step: made, reading, data, reaction, lost
EVENTS = ("made", "data", "eof", "resume", "lost")
REACTIONS = ("write", "close", "abort", "pause", "resume", "eof", "raise", "soon", "protocol", "lines", "empty")
STREAM = (
    "write", "write", "big", "lines", "eof", "close", "abort", "pause", "resume", "limits", "protocol", "empty",
)  # fmt: skip
PEER = ("send", "send", "send", "shut", "hang_up", "drain")


def program(dice: random.Random) -> list[tuple[Any, ...]]:
    """A script."""

    def reactions() -> dict[str, list[str]]:
        some = {}
        for event in EVENTS:
            if dice.random() < 0.4:
                some[event] = dice.choices(REACTIONS, k=dice.randint(1, 2))
        some["keep"] = dice.choice(([], ["keep"]))
        return some

    def which() -> int:
        return dice.randrange(1 << 16)

    kinds: dict[str, Callable[[], tuple[Any, ...]]] = {
        "stream": lambda: (dice.choice(("plain", "plain", "buffered")), reactions()),
        "reader": lambda: (which(), dice.choice(("stay", "remove", "replace", "other", "raise"))),
        "writer": lambda: (which(), dice.choice(("remove", "replace", "other", "raise"))),
        "datagram": lambda: (reactions(),),
        "packet": lambda: (which(), dice.randrange(4), dice.choice(("out", "in", "close", "abort", "gone"))),
        "on": lambda: (which(), dice.choice(STREAM), dice.randint(1, 5000)),
        "peer": lambda: (which(), dice.choice(PEER), dice.randint(1, 5000)),
        "recv": lambda: (which(), dice.randint(1, 3000)),
        "sendall": lambda: (which(), dice.choice((1, 1000, 400_000))),
        "feed": lambda: (which(), dice.randint(1, 3000)),
        "cancel_task": lambda: (which(),),
        "soon": lambda: (dice.randint(0, 3),),
        "later": lambda: (dice.randint(-1, 5),),
        "cancel": lambda: (which(),),
        "rerun": lambda: (which(),),
        "tick": lambda: (dice.randint(0, 3),),
    }
    weights = {"on": 8, "peer": 8, "stream": 4}
    names = dice.choices(list(kinds), [weights.get(kind, 2) for kind in kinds], k=STEPS)
    return [(name, *kinds[name]()) for name in names]


class Run:
    """One implementation and what it has been seen to do."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clock = 1000.0
        loop.time = lambda: self.clock  # type: ignore[method-assign]
        loop.set_exception_handler(self.failed)
        self.seen: dict[str, list[Any]] = {"errors": []}
        self.streams: list[Stream] = []
        self.packets: list[Packets] = []
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.handles: list[asyncio.Handle] = []
        self.sockets: list[socket.socket] = []

    def failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message = context["message"].split(" <")[0].split("callback")[0]
        self.seen["errors"].append((message, type(context.get("exception")).__name__))

    def note(self, name: str, event: Any) -> None:
        log = self.seen.setdefault(name, [])
        if log and isinstance(event, bytes) and isinstance(log[-1], bytes):
            log[-1] += event
        else:
            log.append(event)

    def pair(self, packets: bool = False) -> tuple[socket.socket, socket.socket]:
        ends = connected() if packets else socket.socketpair()
        for end in ends:
            end.setblocking(False)
            self.sockets.append(end)
        return ends

    def step(self, name: str, *args: Any) -> None:
        try:
            getattr(self, "do_" + name)(*args)
        except Exception as error:
            self.note("steps", (name, type(error).__name__))
        self.settle()

    def settle(self) -> None:
        """Turn the loop, and empty what peers hold, until nothing can happen any more."""
        for _ in range(3):
            for _ in range(TURNS):
                self.loop.call_soon(self.loop.stop)
                self.loop.run_forever()
            moved = [stream.drain() for stream in self.streams]
            if not any(moved):
                break
        for errors in [self.seen["errors"]]:
            errors.sort()

    def pick(self, things: list[Any], which: int) -> Any:
        if not things:
            raise LookupError
        return things[which % len(things)]

    def do_stream(self, kind: str, reactions: dict[str, list[str]]) -> None:
        mine, peer = self.pair()
        stream = {"plain": Plain, "buffered": Buffered}[kind](self, reactions, peer, f"stream {len(self.streams)}")
        self.streams.append(stream)
        self.spawn(self.loop.create_connection(lambda: stream, sock=mine), f"connect {stream.name}", quiet=True)

    def do_on(self, which: int, what: str, size: int) -> None:
        self.pick(self.streams, which).act(what, size)

    def do_peer(self, which: int, what: str, size: int) -> None:
        self.pick(self.streams, which).peer_does(what, size)

    def do_datagram(self, reactions: dict[str, list[str]]) -> None:
        mine, peer = self.pair(packets=True)
        packets = Packets(self, reactions, peer, f"packets {len(self.packets)}")
        self.packets.append(packets)
        made = self.loop.create_datagram_endpoint(lambda: packets, sock=mine)
        self.spawn(made, f"connect {packets.name}", quiet=True)

    def do_packet(self, which: int, size: int, what: str) -> None:
        self.pick(self.packets, which).act(what, size)

    def do_reader(self, which: int, reaction: str) -> None:
        self.watch("reader", which, reaction)

    def do_writer(self, which: int, reaction: str) -> None:
        self.watch("writer", which, reaction)

    def watch(self, side: str, which: int, reaction: str) -> None:
        if not self.pairs or which % 4 == 0:
            self.pairs.append(self.pair())
        index = which % len(self.pairs)
        end, name, times = self.pairs[index][0], f"{side} {index}", [0]
        add, remove = getattr(self.loop, f"add_{side}"), getattr(self.loop, f"remove_{side}")

        def ready(label: int) -> None:
            times[0] += 1
            self.note(name, label)
            with contextlib.suppress(BlockingIOError):
                self.note(name, end.recv(100_000))
            if reaction == "replace" and times[0] == 1:
                add(end, ready, label + 1)
            elif reaction == "other":
                self.loop.remove_reader(end)
                self.loop.remove_writer(end)
            elif reaction != "stay" or side == "writer":
                self.note(name, remove(end))
            if reaction == "raise":
                raise ValueError(name)

        add(end, ready, 0)

    def do_feed(self, which: int, size: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self.pick(self.pairs, which)[1].send(b"f" * size)

    def do_recv(self, which: int, size: int) -> None:
        ends = self.pick(self.pairs, which)
        self.loop.remove_reader(ends[0])
        self.spawn(self.loop.sock_recv(ends[0], size), f"recv {which % len(self.pairs)}")

    def do_sendall(self, which: int, size: int) -> None:
        ends = self.pick(self.pairs, which)
        self.loop.remove_writer(ends[0])
        self.spawn(self.loop.sock_sendall(ends[0], b"s" * size), f"sendall {which % len(self.pairs)}")
        with contextlib.suppress(BlockingIOError):
            ends[1].recv(1 << 20)

    def spawn(self, coroutine: Any, name: str, quiet: bool = False) -> None:
        async def watched() -> None:
            try:
                result = await coroutine
                self.note(name, "done" if quiet else result)
            except BaseException as error:
                self.note(name, type(error).__name__)
                if not isinstance(error, Exception):
                    raise

        self.tasks.append(self.loop.create_task(watched()))

    def do_cancel_task(self, which: int) -> None:
        self.note("steps", self.pick(self.tasks, which).cancel())

    def do_soon(self, depth: int) -> None:
        number = len(self.handles)

        def call(left: int) -> None:
            self.note("soon", (number, left))
            if left:
                self.handles.append(self.loop.call_soon(call, left - 1))
            if left == 2:
                self.handles[number].cancel()

        self.handles.append(self.loop.call_soon(call, depth))

    def do_later(self, delay: int) -> None:
        number = len(self.handles)
        # No two deadlines are equal: their order is asyncio's secret.
        when = self.clock + delay + number * 1e-4
        self.handles.append(self.loop.call_at(when, self.note, "timers", number))

    def do_cancel(self, which: int) -> None:
        handle = self.pick(self.handles, which)
        handle.cancel()
        handle.cancel()
        self.note("steps", handle.cancelled())

    def do_rerun(self, which: int) -> None:
        handle = self.pick(self.handles, which)
        if not handle.cancelled():
            handle._run()

    def do_tick(self, seconds: int) -> None:
        self.clock += seconds

    def finish(self) -> None:
        for stream in self.streams:
            if stream.transport is not None and not stream.lost:
                with contextlib.suppress(RuntimeError):
                    stream.transport.abort()
        for packets in self.packets:
            if packets.transport is not None:
                packets.transport.abort()
        for task in self.tasks:
            task.cancel()
        self.settle()
        self.loop.close()
        for end in self.sockets:
            end.close()


def connected() -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets that send to each other."""
    ends = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    for end in ends:
        end.bind(("127.0.0.1", 0))
    ends[0].connect(ends[1].getsockname())
    ends[1].connect(ends[0].getsockname())
    return ends


class Reacting:
    """What all protocols have: a name, and what to do when something happens."""

    transport: Any = None
    lost = False

    def __init__(self, run: Run, reactions: dict[str, list[str]], peer: socket.socket, name: str) -> None:
        self.run, self.reactions, self.peer, self.name = run, reactions, peer, name
        self.left = 6  # reactions, or two that answer each other would never end

    def react(self, event: str) -> None:
        for what in self.reactions.get(event, ()):
            if self.left:
                self.left -= 1
                self.act(what, 100)

    def act(self, what: str, size: int) -> None:
        raise NotImplementedError

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.run.note(self.name, "made")
        self.react("made")

    def connection_lost(self, error: BaseException | None) -> None:
        self.run.note(self.name, ("lost", type(error).__name__))
        self.lost = True
        self.react("lost")


class Stream(Reacting):
    """A stream protocol and the raw socket at the other end of it."""

    def eof_received(self) -> bool:
        self.run.note(self.name, "eof")
        self.react("eof")
        return bool(self.reactions["keep"])

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.react("resume")

    def act(self, what: str, size: int) -> None:
        if what == "raise":
            raise ValueError(self.name)
        if what == "soon":
            self.run.loop.call_soon(self.run.note, self.name + " soon", "called")
            return
        if self.transport is None or self.lost:
            return  # asyncio itself fails in odd ways there
        if self.is_closing() and what in ("lines", "big", "abort", "close", "protocol"):
            return
        try:
            getattr(self, "do_" + what)(size)
        except Exception as error:
            self.run.note(self.name, (what, type(error).__name__, str(error)))
            return
        self.run.note(self.name + " state", (what, self.is_closing(), self.transport.is_reading()))

    def is_closing(self) -> bool:
        """Whether it is, once what ferrio holds is sent: a write that fails closes it."""
        sent = self.peer.fileno() >= 0 or self.transport.get_write_buffer_size() >= 0
        return sent and bool(self.transport.is_closing())

    def do_write(self, size: int) -> None:
        self.transport.write(b"w" * size)

    def do_big(self, size: int) -> None:
        self.transport.write(bytearray(b"b" * (size + 300_000)))

    def do_lines(self, size: int) -> None:
        self.transport.writelines([b"l" * size, bytearray(b"m"), memoryview(b"n" * size)])

    def do_empty(self, size: int) -> None:
        self.transport.write(b"")

    def do_eof(self, size: int) -> None:
        self.transport.write_eof()

    def do_close(self, size: int) -> None:
        self.transport.close()

    def do_abort(self, size: int) -> None:
        self.transport.abort()

    def do_pause(self, size: int) -> None:
        self.transport.pause_reading()

    def do_resume(self, size: int) -> None:
        self.transport.resume_reading()

    def do_limits(self, size: int) -> None:
        self.transport.set_write_buffer_limits(high=size, low=size // 2)

    def do_protocol(self, size: int) -> None:
        self.transport.set_protocol(self)

    def peer_does(self, what: str, size: int) -> None:
        with contextlib.suppress(OSError):
            if what == "send":
                self.peer.send(b"p" * size)
            elif what == "shut":
                self.peer.shutdown(socket.SHUT_WR)
            elif what == "hang_up":
                self.drain()
                self.peer.close()

    def drain(self) -> bool:
        """Take what has arrived at the peer; says whether that was anything."""
        try:
            data = self.peer.recv(1 << 20)
        except BlockingIOError:
            return False
        except OSError as error:
            if self.peer.fileno() >= 0:
                self.run.note(self.name + " peer", type(error).__name__)
                self.peer.close()
            return False
        if not data:
            self.run.note(self.name + " peer", "end")
            self.peer.close()
            return False
        self.run.note(self.name + " peer", data)
        return True


class Plain(Stream, asyncio.Protocol):
    """Given bytes."""

    def data_received(self, data: bytes) -> None:
        self.run.note(self.name, data)
        self.react("data")


class Buffered(Stream, asyncio.BufferedProtocol):
    """Gives a buffer."""

    def get_buffer(self, hint: int) -> memoryview:
        self.buffer = memoryview(bytearray(10_000))
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.run.note(self.name, bytes(self.buffer[:count]))
        self.react("data")


class Packets(Reacting, asyncio.DatagramProtocol):
    """A datagram protocol on one end of a pair."""

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.run.note(self.name, (len(data), address[0]))
        self.react("data")

    def error_received(self, error: Exception) -> None:
        self.run.note(self.name, type(error).__name__)
        self.react("eof")

    def act(self, what: str, size: int) -> None:
        if self.transport is None or self.lost:
            return
        if what == "raise":
            raise ValueError(self.name)
        if what in ("out", "write"):
            self.transport.sendto(b"o" * (size + 1))
        elif what == "in":
            self.peer.send(b"i" * size)
        elif what == "gone":
            self.peer.close()
        elif what in ("close", "abort") and not self.transport.is_closing():
            getattr(self.transport, what)()


def run(aio: Any, script: list[tuple[Any, ...]]) -> Seen:
    """What each object has seen."""
    one = Run(aio.new_event_loop())
    try:
        for step in script:
            one.step(*step)
        return sorted((name, list(log)) for name, log in one.seen.items())
    finally:
        one.finish()


def compare(theirs: Seen, ours: Seen) -> str | None:
    """The first difference, in words."""
    if any(kind == "AttributeError" for _, kind in dict(theirs)["errors"]):
        return None  # asyncio's transports trip over themselves when closed from resume_writing()
    return compare_logs(theirs, ours)
