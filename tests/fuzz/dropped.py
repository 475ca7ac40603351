"""Transports that are dropped: alone or in cycles, while they read, wait to write or close, at any moment.

A program makes transports and streams, lets go of some, and collects; half of the programs have the collector run at
thresholds of 3, 2 and 2, so that it runs in the middle of everything. Protocols with `__del__` and callbacks of weak
references call the transport, the loop and the collector. When all is over, what was finalized, told, warned of and
sent must be the same; only when exactly that happened is left open.
"""

import asyncio
import gc
import random
import sys
import warnings
import weakref
from typing import Any

from .peers import VARIES, Peer, Seen, World, block, compare, pipe_pair, socket_pair, told
from .programs import known

__all__ = ["compare", "program", "run"]

KINDS = ("unix", "unix", "tcp", "read pipe", "write pipe", "socket as pipe", "udp", "stream", "stream")
CALLS = ("write", "big", "close", "abort", "pause", "resume", "protocol", "info", "limits", "collect",
    "soon close", "eof", "new", "size")  # fmt: skip
STEPS = ("call", "call", "call", "pause and drop", "drop", "drop", "collect", "peer", "peer", "later", "make")
PEER = ("send", "shut", "hang_up", "deaf")
LAST = ("close", "abort", "pause", "info", "collect", "size", "soon close", "write")
KNOWN = known({})
# Where the collector runs all the time, its order is made by each time that it ran: with other thresholds than 3, 2, 2
# asyncio itself finalizes the transport of seed 605 before the protocol, whose last words then cannot be written.
NOT_WHERE_OFTEN = known({"write": "the collector's history decides whether transport or protocol is finalized first"})


def program(dice: random.Random) -> tuple[bool, list[tuple[Any, ...]]]:
    """Whether the collector is to run all the time, and steps."""

    often = dice.random() < 0.5

    def make() -> tuple[Any, ...]:
        words = [name for name in LAST if name not in KNOWN and not (often and name in NOT_WHERE_OFTEN)]
        last = [dice.choice(words) for _ in range(dice.randint(0, 2))]
        held = dice.choice(("cycle", "late", "late", "plain", "weak"))
        return ("make", dice.choice([kind for kind in KINDS if kind not in KNOWN]), held, last)

    steps = [make() for _ in range(dice.randint(1, 3))]
    for _ in range(dice.randint(2, 10)):
        name = dice.choice(STEPS)
        if name == "make":
            steps.append(make())
        else:
            call = dice.choice([name for name in CALLS if name not in KNOWN])
            steps.append((name, dice.randrange(1 << 12), call, dice.randrange(1 << 12)))
    return often, steps


def run(aio: Any, drawn: tuple[bool, list[tuple[Any, ...]]]) -> Seen:
    """What became of each transport."""
    often, steps = drawn
    world = World(aio)
    thresholds, hook = gc.get_threshold(), sys.unraisablehook
    sys.unraisablehook = lambda unraisable: world.note("errors", ("unraisable", told(unraisable.exc_value)))
    texts: list[str] = []

    def show(message: Any, *details: Any) -> None:
        """Keeps the words, and not the transport that they are about."""
        text = VARIES.sub("*", str(message)).split(" <")[0]
        # Sockets may be found before their transports, and writers after them: "loop is closed" is said of a writer
        # whose transport does not close, and one of ferrio's that was found does.
        if text not in ("unclosed", "unclosed file", "loop is closed"):
            texts.append(text)

    with warnings.catch_warnings():
        warnings.simplefilter("always", ResourceWarning)
        warnings.showwarning = show
        try:
            gc.set_threshold(*((3, 2, 2) if often else (0, 0, 0)))
            play(world, steps)
        finally:
            gc.set_threshold(*thresholds)
            gc.collect()
            sys.unraisablehook = hook
    world.note("warnings", sorted(texts))
    return sorted(world.seen.items())


def play(world: World, steps: list[tuple[Any, ...]]) -> None:
    lines: list[Line] = []
    for name, *arguments in steps:
        if name == "make":
            lines.append(Line(world, len(lines), *arguments))
        elif name == "collect":
            gc.collect()
        else:
            lines[arguments[0] % len(lines)].step(name, *arguments[1:])
        world.settle()
    for line in lines:
        line.drop()
    for _ in range(5):  # what lets go of a transport may be garbage that is found first
        gc.collect()
        world.settle()
    lines.clear()
    world.ending = True  # and who is finalized when is left open from now on
    world.finish()


class Line:
    """A transport of which one may let go, and its peer. Nothing but `held` keeps it here."""

    def __init__(self, world: World, number: int, kind: str, how: str, last: list[str]) -> None:
        self.world, self.kind, self.last, self.name = world, kind, last, f"{number} {kind}"
        self.held: list[Any] = []
        self.dropped = False
        self.how = how
        near, far = pipe_pair(kind == "read pipe") if kind.endswith(" pipe") else socket_pair(self.sockets())
        self.peer = Peer(world, far, self.name + " peer", kind == "udp")
        world.loop.run_until_complete(self.connect(near))

    def sockets(self) -> str:
        return {"socket as pipe": "unix", "stream": "unix"}.get(self.kind, self.kind)

    async def connect(self, near: Any) -> None:
        loop: Any = self.world.loop
        if not self.kind.endswith(" pipe"):
            near.setblocking(False)
        if self.kind == "stream":
            reader, writer = await self.world.aio.open_connection(sock=near)
            self.held += [reader, writer, writer.transport]
            if self.how == "cycle" and "stream cycle" not in KNOWN:
                writer.transport.get_protocol().cycle = [reader, writer, writer.transport]
            return
        kinds = {"udp": loop.create_datagram_endpoint, "read pipe": loop.connect_read_pipe}
        if self.kind in kinds or self.kind.endswith("pipe"):
            connect = kinds.get(self.kind, loop.connect_write_pipe)
            transport, protocol = await (
                connect(self.make, sock=near) if self.kind == "udp" else connect(self.make, near)
            )
        else:
            transport, protocol = await loop.create_connection(self.make, sock=near)
        self.held += [transport, protocol]
        if self.how == "late":
            self.held[1] = self.do_protocol(transport, 0)
        # Kept outside: the callback of a reference that is garbage itself is not called.
        self.world.kept.append(weakref.ref(transport, self.gone))

    def make(self) -> "Last":
        return Last(self)

    def gone(self, reference: Any) -> None:
        self.world.note(self.name + " gone", "gone")
        if self.how == "weak":
            gc.collect()

    def step(self, name: str, call: str, argument: int) -> None:
        if name == "peer":
            if not self.dropped:  # afterwards it depends on the moment of the collection whether anybody is there
                self.peer.does(PEER[argument % len(PEER)], argument % 50 + 1)
        elif self.dropped:
            return
        elif name == "call":
            self.called(self.held[-1] if self.kind == "stream" else self.held[0], call, argument, "step")
        elif name == "later":
            self.world.loop.call_soon(len, tuple(self.held))
        else:
            if name == "pause and drop":
                self.called(self.held[-1] if self.kind == "stream" else self.held[0], "pause", 0, "step")
            self.drop()

    def called(self, transport: Any, call: str, argument: int, who: str) -> None:
        """One call of the transport, from a step or from its protocol's last moment."""
        try:
            result = getattr(self, "do_" + call.replace(" ", "_"))(transport, argument)
        except Exception as error:
            result = told(error)
        self.world.note(self.name + " " + who, (call, result))

    def drop(self) -> None:
        self.dropped = True
        self.held.clear()

    def do_write(self, transport: Any, n: int) -> Any:
        return getattr(transport, "write", getattr(transport, "sendto", len))(block(0, n % 100 + 1))

    def do_big(self, transport: Any, n: int) -> Any:
        return transport.write(block(0, 400_000))

    def do_close(self, transport: Any, n: int) -> Any:
        return transport.close()

    def do_abort(self, transport: Any, n: int) -> Any:
        return transport.abort()

    def do_eof(self, transport: Any, n: int) -> Any:
        return transport.write_eof()

    def do_pause(self, transport: Any, n: int) -> Any:
        return transport.pause_reading()

    def do_resume(self, transport: Any, n: int) -> Any:
        return transport.resume_reading()

    def do_protocol(self, transport: Any, n: int) -> Any:
        """One that is younger than its transport, so that the collector clears the transport first."""
        protocol = Last(self)
        if self.how in ("cycle", "late"):
            protocol.transport = transport
        return transport.set_protocol(protocol)

    def do_info(self, transport: Any, n: int) -> Any:
        return type(transport.get_extra_info(("sockname", "pipe")[n % 2])).__name__

    def do_limits(self, transport: Any, n: int) -> Any:
        return transport.set_write_buffer_limits(0)

    def do_size(self, transport: Any, n: int) -> Any:
        return transport.get_write_buffer_size() > 0

    def do_collect(self, transport: Any, n: int) -> Any:
        gc.collect()

    def do_soon_close(self, transport: Any, n: int) -> Any:
        self.world.loop.call_soon(transport.close)

    def do_new(self, transport: Any, n: int) -> Any:
        """Somebody else with the number that may just have become free."""
        near, far = socket_pair("unix")
        self.world.closing.callback(near.close)
        Peer(self.world, far, self.name + " other", False)
        self.world.loop.add_reader(near, print)
        self.world.loop.remove_reader(near)


class Last(asyncio.Protocol):
    """A protocol with last words."""

    transport: Any = None

    def __init__(self, line: Line) -> None:
        self.line, self.world, self.name = line, line.world, line.name

    def connection_made(self, transport: Any) -> None:
        self.world.note(self.name, "made")
        if self.line.how == "cycle":
            self.transport, self.itself = transport, self

    def data_received(self, data: bytes) -> None:
        self.world.note(self.name, data)

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.world.note(self.name, len(data))

    def error_received(self, error: Exception) -> None:
        self.world.note(self.name, told(error))

    def pause_writing(self) -> None:
        self.world.note(self.name, "pause")

    def eof_received(self) -> None:
        self.world.note(self.name, "eof")

    def connection_lost(self, error: BaseException | None) -> None:
        self.world.note(self.name, ("lost", told(error)))

    def __del__(self) -> None:
        self.world.note(self.name + " end", "del")
        if self.transport is not None and not self.world.ending:
            for call in self.line.last:
                self.line.called(self.transport, call, 0, "end")
