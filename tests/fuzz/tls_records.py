"""Has a peer's TLS records cut, merged, doubled, swapped, dropped and corrupted at random, on asyncio and on ferrio.

A connection is drawn from its seed: version, who is the client, what the peer says, which of its records are spoiled,
from the first of the handshake on, and what the protocol does meanwhile. Keys differ from run to run, so not every byte
is compared. What must hold on either loop: the connection ends, its callbacks come in order, the data is a prefix of
what was said, and all of it if nothing was spoiled; nothing is reported, warned of or left. And both loops must agree
on whether the connection was made and what kind of error it ended with.
"""

import _ssl
import asyncio
import contextlib
import ctypes
import functools
import logging
import random
import socket
import ssl
import sys
import tempfile
import warnings
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("", "soak", "tls")]

import ferrio
from helpers import until
from soak import complaints, watch
from tls_support import NAME, Certificates, Peer, ended, open_sockets, reset

PATIENCE, SILENCE = 30, 0.3
AGAIN = 16
SIZES = (0, 1, 5, 100, 3000, 16_384, 16_385, 70_000)
SPOILS = ("flip", "twice", "drop", "swap", "shorten", "insert", "header")
OF_ASYNCIO = ("cannot switch state from",)  # a fault of its own: closed or aborted in the wrong moment
CLOSES = (None, None, None, None, "close", "abort")


class Plan:
    """What one connection is, drawn from a seed."""

    def __init__(self, seed):
        dice = self.dice = random.Random(seed)
        self.version = dice.choice((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
        self.server_side = dice.random() < 0.6  # of the loop's end
        self.said = [dice.randbytes(dice.choice(SIZES)) for _ in range(dice.randint(0, 6))]
        self.spoil = dice.choice(SPOILS) if dice.random() < 0.6 else None
        self.place = dice.choice((0, 1, 2, 3, dice.randint(4, 20)))  # the record that is spoiled, from the first on
        self.cuts = dice.choice((None, None, 1, 7, 100, 5000))
        self.end = dice.choice(("notify", "notify", "end", "reset"))
        self.buffered = dice.choice((0, 0, 1, 300, 70_000))
        self.closes = dice.choice(CLOSES)
        self.writes = dice.random() < 0.7
        self.pauses = dice.random() < 0.4
        self.upgrades = dice.random() < 0.3  # a connection without TLS, by start_tls()
        self.updates = self.version is ssl.TLSVersion.TLSv1_3 and dice.random() < 0.3  # the peer changes its keys

    def __str__(self):
        told = {**vars(self), "said": [len(data) for data in self.said]}
        return ", ".join(f"{name} {value}" for name, value in told.items() if name != "dice")

    def is_comparable(self):
        """Whether nothing that is left to chance decides how it ends.

        A protocol whose buffer is smaller than a record takes a turn for each piece: whether it has come to the spoiled
        record when the stream ends depends on how fast turns are.
        """
        small = self.buffered in (1, 300)
        return self.end != "reset" and self.closes is None and not (small and self.spoil)

    def is_plain(self, stock):
        """Whether all has to arrive: what was decrypted and found no room is dropped when the stream ends, by both."""
        roomy = (0,) if stock or self.pauses else (0, 70_000)  # while it pauses more comes than any buffer holds
        return self.is_comparable() and not self.writes and self.buffered in roomy


class Wild(asyncio.Protocol):
    """The loop's end: notes what it is told, and pauses, writes and closes as the plan has it."""

    def __init__(self, plan, dice):
        self.plan, self.dice = plan, dice
        self.transport = None
        self.events, self.data, self.lost = [], bytearray(), asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.events.append("made")

    def data_received(self, data):
        self.events.append("data")
        self.data += data
        if self.transport is None:
            return  # what start_tls() makes it has not returned yet
        if self.plan.pauses and self.dice.random() < 0.5:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self.resume)
        if self.plan.writes and len(self.events) < 20:
            self.transport.write(bytes(self.dice.choice((0, 1, 1000, 40_000))))
        if self.plan.closes and self.dice.random() < 0.3:
            getattr(self.transport, self.plan.closes)()

    def resume(self):
        with contextlib.suppress(AttributeError):  # of asyncio's transport, after a second close()
            self.transport.resume_reading()

    def eof_received(self):
        self.events.append("eof")

    def pause_writing(self):
        self.events.append("pause")

    def resume_writing(self):
        self.events.append("resume")

    def connection_lost(self, exc):
        self.events.append("lost")
        self.lost.set_result(exc)


class WildBuffered(Wild, asyncio.BufferedProtocol):
    def get_buffer(self, hint):
        self.buffer = bytearray(self.plan.buffered)
        return memoryview(self.buffer)  # asyncio takes slices of it, which of a bytearray would be copies

    def buffer_updated(self, count):
        self.data_received(bytes(self.buffer[:count]))


class Spoiler(Peer):
    """A peer whose records arrive spoiled, and in pieces."""

    def __init__(self, loop, sock, context, plan, dice):
        super().__init__(loop, sock, context, not plan.server_side)
        self.plan, self.dice, self.number, self.spoiled = plan, dice, 0, False

    async def fill(self):
        """After something was spoiled the other end may wait as well: then this one gives up."""
        if not self.spoiled:
            return await super().fill()
        return await asyncio.wait_for(super().fill(), SILENCE)

    async def flush(self):
        stream = b"".join(self.mangled(list(records(self.outgoing.read()))))
        size = self.plan.cuts or len(stream) or 1
        if len(stream) > 200 * size:
            size = len(stream) // 200
        for place in range(0, len(stream), size):
            await self.loop.sock_sendall(self.sock, stream[place : place + size])
            if self.plan.cuts:
                await asyncio.sleep(0)

    def mangled(self, flight):
        place = self.plan.place - self.number
        self.number += len(flight)
        if self.plan.spoil and 0 <= place < len(flight):
            self.spoiled = True
            return spoil(flight, place, self.plan.spoil, self.dice)
        return flight


def records(stream):
    while stream:
        size = 5 + int.from_bytes(stream[3:5])
        yield stream[:size]
        stream = stream[size:]


def spoil(flight, place, how, dice):
    record = bytearray(flight[place])
    if how == "flip":
        record[dice.randrange(5, len(record)) if len(record) > 5 else 0] ^= 1 << dice.randrange(8)
    elif how == "header":
        record[dice.randrange(5)] ^= 1 << dice.randrange(8)
    elif how == "shorten":
        del record[dice.randrange(1, len(record)) :]
    elif how == "insert":
        record[:0] = dice.randbytes(dice.randint(1, 50))
    before, after = flight[:place], flight[place + 1 :]
    if how == "drop":
        return before + after
    if how == "swap" and after:
        return [*before, after[0], bytes(record), *after[1:]]
    return [*before, bytes(record), *([bytes(record)] if how == "twice" else []), *after]


async def upgrade(loop, factory, near, plan, contexts):
    """A connection as any other, and then TLS on it."""
    near.setblocking(False)
    plain, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    protocol, side = factory(), plan.server_side
    protocol.events.append("made")
    transport = await loop.start_tls(
        plain, protocol, contexts[not side], server_side=side, server_hostname=None if side else NAME
    )
    protocol.transport = transport


def change_keys(peer):
    """Has the peer's object send a KeyUpdate, and ask for one: ssl has no name for it, but `_ssl` has the library."""
    session = ctypes.c_void_p.from_address(id(peer.tls._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p))
    call = ctypes.CDLL(_ssl.__file__).SSL_key_update
    call.argtypes = (ctypes.c_void_p, ctypes.c_int)
    call(session, 1)


async def talk(peer, plan):
    """The peer's part of the conversation. Whatever it meets, it ends."""
    with contextlib.suppress(OSError):
        await peer.handshake()
        for data in plan.said:
            await peer.write(data)
            if plan.updates and hasattr(_ssl, "__file__"):
                change_keys(peer)
        if plan.end == "notify":
            await peer.notify()
    with contextlib.suppress(OSError):
        if plan.end == "reset":
            reset(peer.sock)
        else:
            peer.sock.shutdown(socket.SHUT_WR)
            await ended(peer.loop, peer.sock)


async def play(loop, plan, certificates, seed):
    """One connection; what came of it."""
    reports, made = [], []
    loop.set_exception_handler(lambda loop, context: reports.append(str(context)))

    def factory():
        made.append((WildBuffered if plan.buffered else Wild)(plan, random.Random(seed)))
        return made[-1]

    contexts = certificates.both_sides(plan.version)
    before = open_sockets()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
        far.setblocking(False)
        peer = Spoiler(loop, far, contexts[plan.server_side], plan, random.Random(seed))
        playing = loop.create_task(talk(peer, plan))
        error = None
        try:
            if plan.upgrades:
                await upgrade(loop, factory, near, plan, contexts)
            elif plan.server_side:
                await loop.connect_accepted_socket(factory, near, ssl=contexts[0])
            else:
                await loop.create_connection(factory, sock=near, ssl=contexts[1], server_hostname=NAME)
        except OSError as failure:
            error = failure
        else:
            error = await made[0].lost
        await playing
        far.close()
    await until(lambda: open_sockets() == before)
    reports = [report for report in reports if not any(known in report for known in OF_ASYNCIO)]
    return made[0], error, reports, peer.spoiled


def broken(plan, outcome, stock):
    """What must not be of one loop's outcome, or None."""
    log, error, reports, spoiled = outcome
    said = b"".join(plan.said)
    events = [name for name in log.events if name not in ("pause", "resume")]
    turns = [name for name in log.events if name in ("pause", "resume")]
    if reports:
        return f"reported: {reports}"
    refused = plan.upgrades and error is not None and "lost" not in events  # of start_tls(), which failed
    if (
        events
        and not refused
        and (events[0] != "made" or events[-1] != "lost" or events.count("made") + events.count("lost") != 2)
    ):
        return f"callbacks: {events}"
    if any(name != ("pause", "resume")[place % 2] for place, name in enumerate(turns)):
        return f"pauses: {turns}"
    if not said.startswith(log.data):
        return f"{len(log.data)} bytes that are no part of what was said"
    if error is not None and not isinstance(error, (ssl.SSLError, ConnectionError)):
        return f"an error of another kind: {error!r}"
    if plan.is_plain(stock) and not spoiled and (log.data != said or error is not None):
        return f"nothing was spoiled, and {len(log.data)} of {len(said)} bytes came, {error!r}"
    return None


def kind(outcome):
    """What both loops have to agree on."""
    log, error, _, _ = outcome
    return bool(log.events), error is None or type(error).__name__


def compare_both(seed, certificates):
    """What is wrong with the connection of that seed, or None.

    Where the loops differ both have it again: signatures of ECDSA are of 70 to 72 bytes, as chance will have it, and a
    record that was shortened is wrong at once, or waited for until the peer gives up.
    """
    kinds = set(), set()
    for _ in range(AGAIN):
        for module, seen in zip((asyncio, ferrio), kinds, strict=True):
            plan = Plan(seed)
            loop = module.new_event_loop()
            try:
                outcome = loop.run_until_complete(asyncio.wait_for(play(loop, plan, certificates, seed), PATIENCE))
            except TimeoutError:
                return f"seed {seed}: {module.__name__}: no end after {PATIENCE} s; {plan}"
            finally:
                loop.close()
            if wrong := broken(plan, outcome, module is asyncio):
                return f"seed {seed}: {module.__name__}: {wrong}; {plan}"
            if complaints:
                return f"seed {seed}: {module.__name__}: {complaints}; {plan}"
            seen.add(kind(outcome))
        if not plan.is_comparable() or kinds[0] & kinds[1]:
            return None
    return f"seed {seed}: asyncio {kinds[0]}, ferrio {kinds[1]}; {plan}"


@functools.cache
def certificates_of_this_process():
    logging.disable(logging.NOTSET)
    warnings.simplefilter("default")
    watch()
    folder = tempfile.TemporaryDirectory()
    certificates = Certificates(Path(folder.name))
    certificates.folder = folder  # which goes with them
    return certificates


def program(dice):
    """The seed of a connection's plan."""
    return dice.getrandbits(64)


def run(aio, seed):
    """What is wrong with a connection, on both loops at once, since they may have to try again."""
    complaints.clear()
    wrong = aio is not asyncio and compare_both(seed, certificates_of_this_process())
    return [wrong] if wrong else []
