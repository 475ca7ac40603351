"""What the fuzzers of transports, sockets and streams share: a loop that is turned by hand, raw peers, and logs.

A world has one loop, of asyncio's or ferrio's, and everything that a program makes on it. After each step the loop is
turned until nothing moves any more, so that what is written down does not depend on time. Each object has a log of its
own; bytes that follow each other in a log are one entry, so that the way a stream is cut does not matter. Nothing here
knows what is compared or where the programs come from.
"""

import asyncio
import contextlib
import os
import random
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

TURNS = 6  # enough for the longest chain of one step: made, reading, data, reaction, lost
ROUNDS = 1200  # of turns and of emptying what peers hold, until the world is taken for one that never rests
BLOCK = random.Random(14).randbytes(1 << 16)  # what is sent, so that bytes out of order are seen
Seen = list[tuple[str, list[Any]]]
RESET = struct.pack("ii", 1, 0)
# How asyncio falls over itself: it calls methods of what connection_lost() has set to None, looks into a buffer that
# its own call has emptied, ends a future twice, counts the items of a view that waits as bytes, and takes a new
# descriptor for a closed one of its number, which it watches still where an iterator that writelines() was given closed
# the connection.
TRIPS = (
    "'NoneType' object", "Data should not be empty", "InvalidStateError", "pop from an empty deque",
    "[Errno 2] No such file or directory",
)  # fmt: skip
VARIES = re.compile(
    r"0x[0-9a-f]+|fd=\d+|\bdescriptor \d+|\('127\.0\.0\.1', \d+\)|\b(idle|polling),? bufsize=\d+|[lr]addr=.*|"
    r"\b\w+Transport\b|"
    r"^(?!data argument).*(bytes-like object|buffer interface).*"
)


class OddError(BaseException):
    """Neither an Exception nor one of those that leave the loop."""


RAISED: dict[str, type[BaseException]] = {
    "ValueError": ValueError,
    "OSError": ConnectionAbortedError,
    "OddError": OddError,
    "Exit": SystemExit,
    "Interrupt": KeyboardInterrupt,
    "Cancelled": asyncio.CancelledError,
    "Iteration": StopIteration,
}


def block(start: int, size: int) -> bytes:
    """The bytes of the endless stream from `start` on."""
    start %= len(BLOCK)
    data = BLOCK[start : start + size]
    while len(data) < size:
        data += BLOCK[: size - len(data)]
    return data


def told(error: BaseException | None) -> Any:
    """An exception, in a form that compares; the words that only the place decides are left out."""
    if isinstance(error, BrokenPipeError):
        return type(error).__name__
    if isinstance(error, TypeError):
        return (type(error).__name__,) if "NoneType" not in str(error) else (type(error).__name__, str(error))
    return None if error is None else (type(error).__name__, VARIES.sub("*", str(error)))


class Drawn:
    """A program of things that change while it runs: it is drawn again, the same, for every run."""

    def __init__(self, draw: Callable[[random.Random], Any], dice: random.Random) -> None:
        self.draw, self.seed = draw, dice.getrandbits(64)

    def again(self) -> Any:
        return self.draw(random.Random(self.seed))

    def __str__(self) -> str:
        return str(self.again())


class World:
    """One loop, and what was seen on it."""

    def __init__(self, aio: Any) -> None:
        self.aio = aio
        self.loop: asyncio.AbstractEventLoop = aio.new_event_loop()
        self.loop.set_exception_handler(self.failed)
        self.seen: dict[str, list[Any]] = {}
        self.names: dict[int, str] = {}  # of transports, by identity; they are kept
        self.peers: list[Peer] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.kept: list[Any] = []  # until the world is gone
        self.closing = contextlib.ExitStack()
        self.restless = self.ending = False
        self.moves = 0

    def note(self, name: str, event: Any) -> None:
        self.moves += 1
        log = self.seen.setdefault(name, [])
        if log and isinstance(event, bytes) and isinstance(log[-1], bytearray):
            log[-1] += event
        else:
            log.append(bytearray(event) if isinstance(event, bytes) else event)

    def failed(self, loop: Any, context: dict[str, Any]) -> None:
        message = context["message"].split(" <")[0].split("callback")[0]
        name = self.names.get(id(context.get("transport")), "errors")
        keys = sorted(key for key in context if key != "source_traceback")
        self.note(name, ("handler", VARIES.sub("*", message), told(context.get("exception")), keys))

    def turn(self) -> None:
        """One pass, which asyncio promises after stop(); what leaves the loop is written down."""
        self.loop.stop()
        try:
            self.loop.run_forever()
        except BaseException as error:
            self.note("loop", told(error))

    def settle(self) -> None:
        """Turn the loop, and empty what peers hold, until nothing moves."""
        quiet = 0
        for _ in range(ROUNDS):
            before = self.moves
            for _ in range(TURNS):
                self.turn()
            moved = sum(peer.drain() for peer in self.peers) > 0 or before != self.moves
            quiet = 0 if moved else quiet + 1
            if quiet == 3 or (quiet and all(task.done() for task in self.tasks)):
                return
        self.restless = True

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str, shown: Callable[[Any], Any] = repr) -> None:
        """Run it as a task that writes down how it ends."""

        async def watched() -> None:
            try:
                result = await coroutine
            except BaseException as error:
                self.note(name, told(error))
                if not isinstance(error, (Exception, OddError)):
                    raise
            else:
                self.note(name, ("result", shown(result)))

        self.tasks.append(self.loop.create_task(watched()))

    def finish(self) -> Seen:
        """End everything; what was seen."""
        for task in self.tasks:
            task.cancel()
        self.settle()
        for peer in self.peers:
            peer.close()
        self.settle()
        self.closing.close()
        self.loop.close()
        self.tasks.clear()
        if self.restless:
            self.note("loop", "never rests")
        if errors := self.seen.get("errors"):
            errors.sort(key=repr)
        return sorted(self.seen.items())


class Peer:
    """The raw other end of a transport: a socket or a pipe that does as it is told."""

    def __init__(self, world: World, end: Any, name: str, packets: bool = False) -> None:
        self.world, self.end, self.name, self.packets = world, end, name, packets
        self.sent, self.deaf, self.open = 0, False, True
        os.set_blocking(end.fileno(), False)
        world.peers.append(self)

    def does(self, what: str, size: int) -> None:
        if self.open:
            with contextlib.suppress(OSError, ValueError):
                getattr(self, "do_" + what)(size)

    def do_send(self, size: int) -> None:
        data = block(self.sent, size)
        if isinstance(self.end, socket.socket):
            self.sent += self.end.send(data)
        else:
            self.sent += self.end.write(data) or 0

    def do_shut(self, size: int) -> None:
        if isinstance(self.end, socket.socket):
            self.end.shutdown(socket.SHUT_WR)
        else:
            self.close()

    def do_hang_up(self, size: int) -> None:
        """The end of everything, after what was sent is read."""
        self.drain()
        self.close()

    def do_drop(self, size: int) -> None:
        """The same, with unread data: that is a reset for most sockets."""
        self.close()

    def do_reset(self, size: int) -> None:
        if isinstance(self.end, socket.socket):
            self.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def do_deaf(self, size: int) -> None:
        """Reads nothing from now on, or again."""
        self.deaf = not self.deaf

    def drain(self) -> bool:
        """Take what has arrived; says whether that was anything."""
        if not self.open or self.deaf:
            return False
        if not isinstance(self.end, socket.socket) and not self.end.readable():
            return False
        try:
            if self.packets:
                data = self.end.recv(1 << 16)
                self.world.note(self.name, len(data))
                return True
            data = self.end.recv(1 << 20) if isinstance(self.end, socket.socket) else self.end.read(1 << 20)
        except BlockingIOError:
            return False
        except OSError as error:
            self.world.note(self.name, type(error).__name__)
            if not self.packets:
                self.close()
            return False
        if data is None:
            return False
        if not data:
            self.world.note(self.name, "end")
            self.close()
            return False
        self.world.note(self.name, data)
        return True

    def close(self) -> None:
        self.open = False
        self.end.close()


def socket_pair(kind: str) -> tuple[socket.socket, socket.socket]:
    """Two connected sockets."""
    if kind == "unix":
        return socket.socketpair()
    if kind in ("udp", "unix packets"):
        # A name for the one of AF_UNIX, too: asyncio sends otherwise to a socket that is connected to none.
        family, name = (socket.AF_INET, ("127.0.0.1", 0)) if kind == "udp" else (socket.AF_UNIX, "")
        near, far = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        for end in (near, far):
            end.bind(name)
        near.connect(far.getsockname())
        far.connect(near.getsockname())
        return near, far
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        return near, listener.accept()[0]


def pipe_pair(reading: bool) -> tuple[Any, Any]:
    """The two ends of a pipe, ours first."""
    read, write = os.pipe()
    ends = open(read, "rb", 0), open(write, "wb", 0)  # noqa: SIM115  # transports and peers close them
    return ends if reading else (ends[1], ends[0])


def shown(log: list[Any] | None, place: int) -> str:
    """A log around a place; bytes by their number."""
    if log is None:
        return "nothing"
    texts = [f"{len(e)} bytes ({bytes(e[:4]).hex()}...)" if isinstance(e, bytearray) else repr(e) for e in log]
    return ", ".join(["..."] * (place > 3) + texts[max(0, place - 3) : place + 4])


def compare(theirs: Seen, ours: Seen) -> str | None:
    """The first log in which two runs differ, in words."""
    if any(trip in repr(event) for _, log in theirs for event in log for trip in TRIPS):
        return None
    one, other = dict(theirs), dict(ours)
    for name in sorted({*one, *other}):
        first, second = one.get(name), other.get(name)
        if first != second:
            pairs = zip(first or (), second or (), strict=False)
            place = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first or ()), len(second or ())))
            return f"{name}:\n  asyncio: {shown(first, place)}\n  ferrio:  {shown(second, place)}"
    return None
