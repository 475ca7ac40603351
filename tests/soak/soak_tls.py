"""A program: TLS connections that fail at every stage of the handshake, over and over; nothing may be left.

    python tests/soak/soak_tls.py --loop ferrio --connections 10000
    FERRIO_TLS=bio python tests/soak/soak_tls.py --loop ferrio

Each failure of FAILURES is one connection, with the loop at one end and a socket, or an SSLObject over memory, at the
other. The program exits with 1, and says why, when after the connections there are more file descriptors, more objects
known to the garbage collector, or more resident memory than after the warm-up, beyond what LIMITS allow, or when
anything warned, was logged as an error, or was raised where nobody could catch it. Linux only: it reads /proc/self.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import importlib
import itertools
import socket
import ssl
import sys
import tempfile
import time
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("", "tls")]

from helpers import Log, until
from soak import complaints, descriptors, resident, watch
from tls_support import NAME, Certificates, Peer, client_of, ended, open_sockets, reset, serving

# An object for each connection would be thousands; of 10,000 connections a kibibyte for each is above the other.
OBJECTS, GROWTH = 50, 7 << 20
WARM_UP, LAP = 0.2, 180  # of the connections, and at least so many: each stage once. Caches and arenas are filled then.


class Stage:
    """Where a handshake is given up, and how: after `flights` of the peer's, with so many bytes of the next."""

    def __init__(self, side, flights, size, how):
        self.side, self.flights, self.size, self.how = side, flights, size, how


def stages():
    """Every side, stage and way to leave."""
    for side, flights, size in itertools.product(("server", "client"), (0, 1), (0, 3, 5, 40, 200)):
        for how in ("end", "reset", "garbage", "flip"):
            yield Stage(side, flights, size, how)


async def leave(loop, sock, peer, stage):
    """The peer's part: some flights, a piece of the next, and the end."""
    server_side = stage.side == "client"  # the peer is the other side
    if server_side:
        await peer.fill()
    for flight in range(stage.flights + 1):
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLError):
            peer.tls.do_handshake()
        data = peer.outgoing.read()
        if flight == stage.flights:
            break
        await loop.sock_sendall(sock, data)
        await peer.fill()
    await spoil(loop, sock, data, stage)


async def spoil(loop, sock, data, stage):
    if stage.how == "garbage":
        data = data[: stage.size] + b"\xff" * 100
    elif stage.how == "flip" and data:
        place = min(stage.size, len(data) - 1)
        data = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
    else:
        data = data[: stage.size]
    await loop.sock_sendall(sock, data)
    if stage.how == "reset":
        reset(sock)
    else:
        sock.shutdown(socket.SHUT_WR)
        await ended(loop, sock)


async def fail_as_server(loop, address, context, stage):
    async with client_of(loop, address) as sock:
        with contextlib.suppress(OSError):
            await leave(loop, sock, Peer(loop, sock, context), stage)


async def fail_as_client(loop, listener, contexts, stage):
    async def play():
        sock, _ = await loop.sock_accept(listener)
        with sock, contextlib.suppress(OSError):  # not connected any more
            await leave(loop, sock, Peer(loop, sock, contexts[0], server_side=True), stage)

    playing = loop.create_task(play())
    with contextlib.suppress(OSError):
        transport, _ = await loop.create_connection(
            Log, *listener.getsockname(), ssl=contexts[1], server_hostname=NAME, ssl_handshake_timeout=30
        )
        transport.abort()  # TLS 1.3: a client may be through before the server's flight is
    await playing


async def refused(loop, address, contexts):
    """Two complete ends that do not agree: a certificate that is not trusted."""
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        transport, _ = await loop.create_connection(Log, *address, ssl=contexts, server_hostname=NAME)
        transport.abort()


async def cancelled(loop, address, context):
    """Given up by the caller while the handshake is under way."""
    connecting = loop.create_task(loop.create_connection(Log, *address, ssl=context, server_hostname=NAME))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        transport, _ = await connecting
        transport.abort()


async def silent(loop, context):
    """A server that says nothing, and a time-out."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.suppress(ConnectionAbortedError):
        await loop.create_connection(
            Log, *listener.getsockname(), ssl=context, server_hostname=NAME, ssl_handshake_timeout=0.001
        )


async def succeed(loop, address, context):
    """Among the failures some that work, so that what one kind leaves is not cleaned up by nobody."""
    transport, log = await loop.create_connection(Log, *address, ssl=context, server_hostname=NAME)
    transport.write(b"hello")
    transport.close()
    await log.closed


async def rounds(loop, certificates, connections, measure):
    """That many connections, through all stages and both versions; `measure` is called when warm, and at the end."""
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    contexts = {version: certificates.both_sides(version) for version in versions}
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    done, warm = 0, max(LAP, int(connections * WARM_UP))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with contextlib.AsyncExitStack() as stack:
            servers = {
                version: await stack.enter_async_context(serving(loop, Log, ssl=contexts[version][0]))
                for version in versions
            }
            quiet = open_sockets()
            for stage, version in itertools.cycle(itertools.product(stages(), versions)):
                if done == connections:
                    break
                address, made = servers[version]
                if done % 10 == 9:
                    extra = (
                        refused(loop, address, stranger),
                        cancelled(loop, address, contexts[version][1]),
                        silent(loop, stranger),
                        succeed(loop, address, contexts[version][1]),
                    )
                    chosen = done // 10 % len(extra)
                    for number, coroutine in enumerate(extra):
                        await coroutine if number == chosen else coroutine.close()
                elif stage.side == "server":
                    await fail_as_server(loop, address, contexts[version][1], stage)
                else:
                    await fail_as_client(loop, listener, contexts[version], stage)
                done += 1
                await until(lambda: open_sockets() == quiet)
                made.clear()
                if done in (warm, connections):
                    measure()


def figures():
    """Descriptors, objects and bytes, with all garbage gone."""
    for _ in range(3):
        gc.collect()
    return len(descriptors()), len(gc.get_objects()), resident()


def complain(before, after):
    names = ("file descriptors", "objects", "bytes of memory")
    for name, limit, was, now in zip(names, (0, OBJECTS, GROWTH), before, after, strict=True):
        if now > was + limit:
            complaints.append(f"{name}: {was} after the warm-up, {now} at the end")


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop", choices=["asyncio", "ferrio"], default="ferrio")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=900, help="give up after so many")
    options = parser.parse_args()
    loop = importlib.import_module(options.loop).new_event_loop()
    loop.set_debug(False)  # where asyncio reports each failure
    watch()
    faulthandler.dump_traceback_later(options.seconds, exit=True)
    begun, measured = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates(Path(folder))
        loop.run_until_complete(rounds(loop, certificates, options.connections, lambda: measured.append(figures())))
    loop.close()
    before, after = measured
    complain(before, after)
    print(
        f"{options.loop}: {options.connections} connections in {time.monotonic() - begun:.1f} s, since the warm-up "
        f"file descriptors {after[0] - before[0]:+d}, objects {after[1] - before[1]:+d}, "
        f"memory {(after[2] - before[2]) / 1024:+.0f} KiB"
    )
    print(*complaints, sep="\n", file=sys.stderr, end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(run())
