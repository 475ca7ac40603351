"""Puts a liar between a TLS connection of ferrio's and its peer, and watches what becomes of it.

A script is a conversation with an SSLObject, whose records the liar cuts, merges, swaps, repeats, drops or changes,
while the protocol of ferrio's end writes, pauses, closes and aborts as it likes. What arrives must be the beginning of
what was sent, and all of it where nobody lied; every connection must be lost in time; and nothing may stay behind:
no object, no descriptor, no memory. There is no comparing: where the liar waits for a turn is where the loops differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import random
import resource
import socket
import ssl
from typing import Any

import trustme
from ferrio import sslproto

PATIENCE = 20.0
"""Seconds after which a connection that was not lost hangs."""
IMPATIENCE = 50
"""Turns that a liar waits for room: a protocol that reads nothing is left alone then."""
SETTLED = 150
"""Scripts after which memory is looked at: allocators are warm then."""
GROWTH = 24 * 1024
"""KiB that the process may have grown by since, whatever the number of scripts."""

LIES = ("cut", "change", "drop", "repeat", "swap", "insert")


class Subject(asyncio.Protocol):
    """ferrio's end. It keeps what it hears, and does what the dice say."""

    def __init__(self, dice: random.Random, loop: asyncio.AbstractEventLoop) -> None:
        self.dice, self.heard, self.said = dice, bytearray(), bytearray()
        self.lost = loop.create_future()
        self.transport: Any = None
        self.quiet = self.left = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.act()

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.act()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.transport = None
        if not self.lost.done():
            self.lost.set_result(None)

    def act(self) -> None:
        """One thing that a protocol may do at any time."""
        if self.transport is None or self.quiet:
            return
        match self.dice.randrange(14):
            case 0:
                self.transport.pause_reading()
            case 1 | 2:
                self.transport.resume_reading()
            case 3:
                data = self.dice.randbytes(self.dice.choice((1, 100, 20_000, 300_000)))
                self.said += data
                self.transport.writelines([data[:7], b"", data[7:]])
            case 4 | 5 | 6:
                data = self.dice.randbytes(self.dice.choice((1, 1000, 16_384, 16_385, 70_000)))
                self.said += data
                self.transport.write(data)
            case 7 if self.dice.random() < 0.2:
                self.left = True
                self.transport.close()
            case 8 if self.dice.random() < 0.1:
                self.left = True
                self.transport.abort()
            case _:
                pass


class Buffered(Subject, asyncio.BufferedProtocol):
    """The same, with a buffer of its own that is too small or too large."""

    def get_buffer(self, sizehint: int) -> bytearray:
        self.space = bytearray(self.dice.choice((1, 50, 16_384, 400_000)))
        return self.space

    def buffer_updated(self, nbytes: int) -> None:
        self.heard += self.space[:nbytes]
        self.act()


class Liar:
    """The other end of the socket: an SSLObject, and what is done to its records on their way."""

    def __init__(self, dice: random.Random, subject: Subject, sock: socket.socket, tls: Any) -> None:
        self.dice, self.subject, self.sock = dice, subject, sock
        self.incoming, self.outgoing, self.object = tls
        self.said, self.heard = bytearray(), bytearray()
        self.lied = False
        self.honest = dice.random() < 0.3
        self.up = self.settled = False

    async def talk(self) -> None:
        """The conversation, until the script or the connection ends; then the peer is gone."""
        with self.sock, contextlib.suppress(ssl.SSLError, OSError, EOFError):
            for _ in range(self.dice.randint(4, 60)):
                self.step()
                await self.send()
                await self.receive()
            if self.honest and not self.subject.left:
                await asyncio.wait_for(self.settle(), PATIENCE)

    def step(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            if not self.up:
                self.object.do_handshake()
                self.up = True
            data = self.dice.randbytes(self.dice.choice((1, 10, 1000, 16_384, 40_000)))
            self.object.write(data)
            self.said += data

    async def send(self) -> None:
        pieces = [self.outgoing.read()] if self.outgoing.pending else []
        if pieces and not self.honest and self.dice.random() < 0.3:
            pieces = self.lie(pieces[0])
        elif pieces:
            pieces = self.sliced(pieces[0])
        for piece in pieces:
            await self.push(piece)
            if self.dice.random() < 0.3:
                await asyncio.sleep(0)

    async def push(self, piece: bytes) -> None:
        turns = 0
        while piece:
            try:
                piece = piece[self.sock.send(piece) :]
            except BlockingIOError:
                turns += 1
                if self.honest and self.subject.transport is not None:
                    self.subject.transport.resume_reading()
                elif turns > IMPATIENCE:
                    raise EOFError from None
                await asyncio.sleep(0)

    async def receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError
                self.incoming.write(data)
        self.read()
        await asyncio.sleep(0)

    def read(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            while self.up:
                data = self.object.read(65536)
                if not data:
                    raise EOFError
                self.heard += data

    async def settle(self) -> None:
        """Hears everything that is on its way, sees that all was heard, and says good-bye."""
        self.subject.quiet = True
        while not self.up or (self.heard, self.subject.heard) != (self.subject.said, self.said):
            if self.subject.transport is not None:
                self.subject.transport.resume_reading()
            if not self.up:
                self.step()
            await self.send()
            await self.receive()
        with contextlib.suppress(ssl.SSLWantReadError):
            self.object.unwrap()
        await self.send()
        self.settled = True

    def sliced(self, data: bytes) -> list[bytes]:
        places = sorted(self.dice.randrange(len(data) + 1) for _ in range(self.dice.randrange(4)))
        return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]

    def lie(self, data: bytes) -> list[bytes]:
        self.lied = True
        records = list(split(data))
        at = self.dice.randrange(len(records))
        match self.dice.choice(LIES):
            case "cut":
                records[at] = records[at][: self.dice.randrange(len(records[at]))]
            case "change":
                changed = bytearray(records[at])
                for _ in range(self.dice.randint(1, 3)):
                    changed[self.dice.randrange(len(changed))] ^= self.dice.randint(1, 255)
                records[at] = bytes(changed)
            case "drop":
                del records[at]
            case "repeat":
                records.insert(at, records[at])
            case "swap":
                self.dice.shuffle(records)
            case _:
                records.insert(at, self.dice.randbytes(self.dice.randint(1, 600)))
        return records


def split(data: bytes) -> list[bytes]:
    """The records of a stream; what is not whole is one, too."""
    records = []
    while data:
        size = 5 + int.from_bytes(data[3:5]) if len(data) >= 5 else len(data)
        records.append(data[:size])
        data = data[size:]
    return records


class Contexts:
    """A server's and a client's, for either version."""

    def __init__(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        self.pairs = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            client = ssl.create_default_context()
            certificate.configure_cert(server)
            authority.configure_trust(client)
            server.maximum_version = client.maximum_version = version
            self.pairs.append((server, client))


async def script(seed: int, contexts: Contexts) -> None:
    """One conversation. What is wrong raises."""
    dice = random.Random(seed)
    loop = asyncio.get_running_loop()
    server, client = dice.choice(contexts.pairs)
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    serves = dice.random() < 0.5
    subject = dice.choice((Subject, Buffered))(dice, loop)
    bios = ssl.MemoryBIO(), ssl.MemoryBIO()
    name = "localhost" if serves else None
    tls = (*bios, (client if serves else server).wrap_bio(*bios, server_side=not serves, server_hostname=name))
    liar = Liar(dice, subject, far, tls)
    conversation = asyncio.create_task(liar.talk())
    limits = {"ssl_handshake_timeout": 1.0, "ssl_shutdown_timeout": 1.0}
    opened = False
    with contextlib.suppress(OSError):
        if serves:
            await loop.connect_accepted_socket(lambda: subject, near, ssl=server, **limits)
        else:
            await loop.create_connection(lambda: subject, sock=near, ssl=client, server_hostname="localhost", **limits)
        opened = True
    await conversation
    subject.quiet = True
    if subject.transport is not None:
        subject.transport.resume_reading()
    if opened:
        await asyncio.wait_for(subject.lost, PATIENCE)
    near.close()
    said, heard = (bytes(liar.said), bytes(subject.heard))
    assert said.startswith(heard), f"heard {len(heard)} bytes that are not the first of {len(said)} that were said"
    assert liar.settled or not liar.honest or subject.left, "nobody lied, and yet not all was heard"
    assert bytes(subject.said).startswith(bytes(liar.heard)), "the peer heard what was never said"


def left_behind() -> str:
    """What stays when nothing should."""
    gc.collect()
    transports = sum(isinstance(each, sslproto.SSLTransport) for each in gc.get_objects())
    sockets = len(os.listdir("/proc/self/fd"))
    return f"{transports} transports, {sockets} descriptors"


class Talks:
    """All conversations of this process: what one of them leaves behind is found after many."""

    def __init__(self) -> None:
        self.contexts = Contexts()
        self.count, self.before, self.memory = 0, "", 0

    def one(self, aio: Any, seed: int) -> list[str]:
        """A conversation; what was wrong."""
        failures: list[str] = []
        loop = aio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: failures.append(str(context)))
        try:
            loop.run_until_complete(script(seed, self.contexts))
        except (Exception, asyncio.CancelledError) as error:
            failures.append(repr(error))
        finally:
            loop.close()
        # Refused records are errors of the system, which nobody is told of; anything else is a defect.
        return failures

    def settled(self) -> list[str]:
        """What stays when nothing should, now and then."""
        self.count += 1
        if self.count % SETTLED:
            return []
        behind, memory = left_behind(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if self.count == SETTLED:
            self.before, self.memory = behind, memory
        wrong = [] if behind == self.before else [f"after {SETTLED} scripts {self.before}, now {behind}"]
        if memory - self.memory > GROWTH and "asan" not in os.environ.get("LD_PRELOAD", ""):
            wrong.append(f"{memory - self.memory} KiB more after {self.count} scripts than after {SETTLED}")
        return wrong


@functools.cache
def talks() -> Talks:
    return Talks()


def program(dice: random.Random) -> int:
    """The seed of a conversation."""
    return dice.getrandbits(64)


def run(aio: Any, seed: int) -> list[str]:
    """What was wrong on ferrio."""
    return [] if aio is asyncio else talks().one(aio, seed) + talks().settled()
