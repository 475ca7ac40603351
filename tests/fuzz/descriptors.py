"""The sock_*() operations and watched descriptors, while sockets are closed, detached, copied and their numbers reused.

A program has a few pairs of sockets and does things to the near ends: operations as tasks, several at a time, callbacks
of add_reader() and add_writer(), transports, cancelling, close(), detach(), dup(), dup2(). What is done in one step is
done before the loop turns, so that an operation may find its socket gone when it begins. A number whose socket was
closed while the loop watched it is left alone from then on: asyncio's selector has an entry of it that fits nothing.
"""

import asyncio
import contextlib
import os
import random
import socket
import zlib
from collections.abc import Callable
from typing import Any

from . import peers
from .peers import Peer, Seen, World, block, socket_pair, told
from .programs import known

__all__ = ["compare", "program", "run"]

KINDS = ("unix", "unix", "tcp", "udp", "unix packets")
OPERATIONS = ("recv", "recv", "recv_into", "sendall", "sendall big", "recvfrom", "recvfrom_into", "sendto", "accept",
    "connect", "sendfile")  # fmt: skip
NEAR = ("close", "close", "detach", "dup", "dup2", "reader", "reader", "writer", "remove reader", "remove writer",
    "transport", "end transport", "shutdown", "new")  # fmt: skip
WATCHING = (*OPERATIONS, "reader", "writer", "transport")
FAR = ("send", "send", "send", "shut", "hang_up", "drop", "deaf")
SIZES = (1, 10, 3000)
FILES: tuple[Callable[[Any], Any], ...] = (lambda sock: sock, lambda sock: sock, lambda sock: sock.fileno(), str)
KNOWN = known(
    {
        "dup": "asyncio's epoll goes on with a closed number whose file a copy keeps open; poll(2) cannot",
        "dup2": "the same",
        "closed": "poll(2) says of a closed number that it is bad, of which epoll says nothing more",
    }
    if os.environ.get("FERRIO_POLLER") == "poll"
    else {}
)
# An operation that ends when its number is closed and watched the other way, too: asyncio has a callback of its own for
# it, in which taking the number from the selector fails. ferrio has nothing that could be named in such a report.
OF_ASYNCIO = (
    "handler",
    "Exception in ",
    ("OSError", "[Errno 9] Bad file descriptor"),
    ["exception", "handle", "message"],
)
Call = tuple[str, int, int]


def program(dice: random.Random) -> tuple[list[str], list[list[Call]]]:
    """Kinds of pairs, and steps of one to three calls each."""

    def call() -> Call:
        roll = dice.random()
        kinds = (
            OPERATIONS
            if roll < 0.4
            else FAR
            if roll < 0.65
            else ("cancel",)
            if roll < 0.72 and "cancel" not in KNOWN
            else NEAR
        )
        name = dice.choice([kind for kind in kinds if kind not in KNOWN])
        return ("far " * (kinds is FAR) + name, dice.randrange(1 << 12), dice.randrange(1 << 12))

    steps = [[call() for _ in range(dice.choice((1, 1, 1, 2, 3)))] for _ in range(dice.randint(3, 12))]
    return [dice.choice(KINDS) for _ in range(dice.randint(1, 3))], steps


def run(aio: Any, drawn: tuple[list[str], list[list[Call]]]) -> Seen:
    """What each operation and each watched descriptor came to."""
    kinds, steps = drawn
    table = Table(World(aio), kinds)
    for number, step in enumerate(steps):
        for place, (name, which, argument) in enumerate(step):
            result: Any
            try:
                # A log of its own: which of two descriptors is called first is the poller's affair.
                result = table.call(name, which, argument, f"{number}.{place} {name}")
            except Exception as error:
                result = told(error)
            table.world.note("steps", (number, name, result))
        table.world.settle()
    table.end()
    return table.world.finish()


def compare(theirs: Seen, ours: Seen) -> str | None:
    """As of all peers, without reports that only asyncio can make."""
    return peers.compare(without_reports(theirs), without_reports(ours))


def without_reports(seen: Seen) -> Seen:
    kept = [(name, [event for event in log if event != OF_ASYNCIO]) for name, log in seen]
    return [(name, log) for name, log in kept if log]


class Near:
    """A socket under test, and what the loop has to do with it."""

    def __init__(self, sock: socket.socket, peer: Peer | None, listens: bool = False) -> None:
        self.sock, self.peer, self.listens = sock, peer, listens
        self.tasks: list[asyncio.Task[Any]] = []
        self.watched: set[str] = set()
        self.transport: Any = None
        self.left_alone = self.claimed = self.copied = False
        self.copies = [self]  # by dup() and dup2(), shared by all of them

    def is_watched(self) -> bool:
        return bool(self.watched or self.transport or any(not task.done() for task in self.tasks))


class Table:
    """All the sockets of a program."""

    def __init__(self, world: World, kinds: list[str]) -> None:
        self.world, self.sent = world, 0
        self.near: list[Near] = []
        self.left_alone: set[int] = set()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.address = listener.getsockname()
        self.near.append(Near(listener, None, listens=True))
        self.kept: list[socket.socket] = [listener]
        self.numbers: list[int] = []
        for kind in kinds:
            self.pair(kind)

    def pair(self, kind: str) -> None:
        near, far = socket_pair(kind)
        near.setblocking(False)
        self.kept.append(near)
        packets = kind in ("udp", "unix packets")
        self.near.append(Near(near, Peer(self.world, far, f"peer {len(self.near)}", packets)))

    def call(self, name: str, which: int, argument: int, label: str) -> Any:
        if name == "cancel" and "cancel" not in KNOWN:
            return bool(self.world.tasks) and self.world.tasks[which % len(self.world.tasks)].cancel()
        if name == "new":
            return self.pair(KINDS[argument % len(KINDS)])
        near = self.near[which % len(self.near)]
        if name.startswith("far "):
            if near.peer is not None:
                near.peer.does(name[4:], SIZES[argument % 3])
            return None
        if near.claimed and near.transport is None:
            return "claimed"
        if near.left_alone or near.sock.fileno() in self.left_alone:
            return "left alone"
        if any(other.is_watched() for other in near.copies if other is not near) and name in WATCHING:
            return "a copy is watched"  # and which of the two is called first is the poller's affair
        mixed = near.is_watched() if name in ("reader", "writer", *OPERATIONS) else False
        if mixed and "mixed" in KNOWN:
            return "known"
        if near.is_watched() and name in ("close", "detach") and "closed" in KNOWN:
            return "known"
        if name in OPERATIONS:
            return self.operation(near, name, argument, label)
        return getattr(self, "do_" + name.replace(" ", "_"))(near, argument, label)

    def operation(self, near: Near, name: str, argument: int, label: str) -> Any:
        loop, sock, size = self.world.loop, near.sock, SIZES[argument % 3]
        buffer = bytearray(size)
        if name == "sendfile":
            file = self.world.closing.enter_context(open(os.devnull, "rb", 0))  # noqa: SIM115  # as it says
            coroutine = loop.sock_sendfile(sock, file, fallback=False)
        elif name == "recv":
            coroutine = loop.sock_recv(sock, size)
        elif name == "recv_into":
            coroutine = loop.sock_recv_into(sock, buffer if argument % 8 or "read-only" in KNOWN else bytes(5))
        elif name == "recvfrom":
            coroutine = loop.sock_recvfrom(sock, size)
        elif name == "recvfrom_into":
            coroutine = loop.sock_recvfrom_into(sock, buffer, size // 2)
        elif name == "accept":
            coroutine = loop.sock_accept(sock)
        elif name == "connect":
            sock = socket.socket()
            if sock.fileno() in self.left_alone:
                return sock.close()
            sock.setblocking(False)
            near = Near(sock, None)
            self.kept.append(sock)
            self.near.append(near)
            coroutine = loop.sock_connect(sock, self.address)
        else:
            coroutine = self.sending(near, name, size, argument)
        self.world.spawn(coroutine, label, lambda result: self.shown(result, buffer))
        near.tasks.append(self.world.tasks[-1])
        return None

    def sending(self, near: Near, name: str, size: int, argument: int) -> Any:
        data = block(self.sent, 700_000 if name == "sendall big" else size)
        self.sent += len(data)
        if name == "sendto":
            return self.world.loop.sock_sendto(near.sock, data, self.address)
        return self.world.loop.sock_sendall(near.sock, (bytes, bytearray, memoryview)[argument // 3 % 3](data))

    def shown(self, result: Any, buffer: bytearray) -> Any:
        if isinstance(result, tuple):
            self.kept.extend(each for each in result if isinstance(each, socket.socket))
            return self.shown(result[0], buffer), type(result[1]).__name__
        if isinstance(result, socket.socket):
            return "socket"
        if isinstance(result, bytes):
            return len(result), zlib.crc32(result)
        return result, zlib.crc32(buffer)

    def gone(self, near: Near) -> None:
        """Its number means something else from now on."""
        if near.is_watched():
            near.left_alone = True
            self.left_alone.add(near.sock.fileno())

    def do_close(self, near: Near, argument: int, label: str) -> None:
        if near.transport is None or argument % 4 == 0:
            self.gone(near)
            near.sock.close()

    def do_detach(self, near: Near, argument: int, label: str) -> None:
        self.gone(near)
        if (number := near.sock.detach()) >= 0:
            self.numbers.append(number)

    def do_dup(self, near: Near, argument: int, label: str) -> None:
        copy = near.sock.dup()
        copy.setblocking(False)
        self.kept.append(copy)
        self.near.append(Near(copy, near.peer))
        near.copies.append(self.near[-1])
        self.near[-1].copies = near.copies

    def do_dup2(self, near: Near, argument: int, label: str) -> Any:
        other = self.near[argument % len(self.near)]
        if near.is_watched() or other.is_watched():
            return "watched"
        near.copied = True
        near.copies = other.copies
        near.copies.append(near)
        return os.dup2(other.sock.fileno(), near.sock.fileno()) >= 0

    def do_reader(self, near: Near, argument: int, label: str) -> None:
        self.watch(near, argument, label, "reader")

    def do_writer(self, near: Near, argument: int, label: str) -> None:
        self.watch(near, argument, label, "writer")

    def watch(self, near: Near, argument: int, label: str, side: str) -> None:
        remove = getattr(self.world.loop, f"remove_{side}")
        left = [argument % 3]

        def ready() -> None:
            self.world.note(label, "ready")
            left[0] -= 1
            if left[0] <= 0:
                self.world.note(label, remove(near.sock))
                near.watched.discard(side)
            if argument % 16 == 7:
                raise ValueError(label)

        getattr(self.world.loop, f"add_{side}")(FILES[argument // 3 % len(FILES)](near.sock), ready)
        near.watched.add(side)

    def do_remove_reader(self, near: Near, argument: int, label: str) -> Any:
        removed = self.world.loop.remove_reader(FILES[argument % len(FILES)](near.sock))
        near.watched.discard("reader")
        return removed

    def do_remove_writer(self, near: Near, argument: int, label: str) -> Any:
        removed = self.world.loop.remove_writer(FILES[argument % len(FILES)](near.sock))
        near.watched.discard("writer")
        return removed

    def do_transport(self, near: Near, argument: int, label: str) -> None:
        def made() -> Notes:
            return Notes(self.world, label, near)

        stream = near.sock.type == socket.SOCK_STREAM and not near.listens and not near.copied
        if stream and near.sock.fileno() >= 0 and not near.is_watched():
            near.claimed = True
            self.world.spawn(self.world.loop.create_connection(made, sock=near.sock), label, lambda result: "made")
            near.tasks.append(self.world.tasks[-1])

    def do_end_transport(self, near: Near, argument: int, label: str) -> Any:
        if near.transport is not None:
            near.transport.write(b"last")
            return (near.transport.close, near.transport.abort)[argument % 2]()
        return None

    def do_shutdown(self, near: Near, argument: int, label: str) -> None:
        near.sock.shutdown(argument % 3)

    def end(self) -> None:
        """Everything that is watched is so no longer, while its number is still its own."""
        for near in self.near:
            if near.transport is not None:
                near.transport.abort()
        for task in self.world.tasks:
            task.cancel()
        self.world.settle()
        for near in self.near:
            if near.sock.fileno() >= 0:
                with contextlib.suppress(RuntimeError):
                    self.world.loop.remove_reader(near.sock)
                    self.world.loop.remove_writer(near.sock)
        for sock in self.kept:
            sock.close()
        for number in self.numbers:
            with contextlib.suppress(OSError):
                os.close(number)


class Notes(asyncio.Protocol):
    """What a transport's protocol is told."""

    def __init__(self, world: World, label: str, near: Near) -> None:
        self.world, self.label, self.near = world, label, near

    def connection_made(self, transport: Any) -> None:
        self.near.transport = transport
        self.world.note(self.label, "made")

    def data_received(self, data: bytes) -> None:
        self.world.note(self.label, data)

    def eof_received(self) -> None:
        self.world.note(self.label, "eof")

    def connection_lost(self, error: BaseException | None) -> None:
        self.near.transport, self.near.claimed = None, False
        self.world.note(self.label, told(error))
