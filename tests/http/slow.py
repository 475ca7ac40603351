"""Thousands of connections at once, half of them slow: the server's memory stays flat, and no descriptor is left.

    python tests/http/slow.py [--connections N] [--seconds S]

The server is a process of its own. A third of the slow clients send heads, a third bodies, byte by byte; the others
read a megabyte in small pieces. The rest ask again and again. Printed are the server's memory once all are there and
at the end, how many requests were answered, and its descriptors before and after; exits with 1 where these tell of a
leak.
"""

import argparse
import asyncio
import contextlib
import os
import resource
import subprocess
import sys

import ferrio
from http_support import Client, body_of, request, respond, served

LARGE = bytes(1 << 20)
GROWTH = 1.1
"""So many times the memory at the beginning may be in use at the end."""


async def application(scope, receive, send):
    await body_of(receive)
    await respond(send, LARGE if scope["path"] == "/large" else b"quick")


async def serve():
    async with served(application, head_timeout=None, body_timeout=None) as server:
        print(server.port, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(len(server.serving.connections), server.serving.busy, server.told, flush=True)


async def quick(peer, counts):
    while True:
        await peer.send(request())
        assert (await peer.answer()).body == b"quick"
        counts.append(1)
        await asyncio.sleep(0.2)


async def sends_slowly(peer, data):
    while True:
        for byte in data:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.5)
        await peer.answer()


async def reads_slowly(peer, _):
    while True:
        await peer.send(request("/large"))
        left = len(LARGE)
        while left > 0:
            left -= len(await asyncio.get_running_loop().sock_recv(peer.socket, 10_000))
            await asyncio.sleep(0.2)


def behaviours():
    yield sends_slowly, request("/", "GET", None, "X-Long: " + "x" * 500)
    yield sends_slowly, request("/", "POST", b"x" * 500)
    yield reads_slowly, None


async def attack(process, port, options):
    """Memory in KiB once all are there and at the end, and how many quick requests were answered."""
    counts, tasks, peers, slow = [], [], [], list(behaviours())
    for number in range(options.connections):
        peer = Client(port)
        peers.append(peer)
        behave, data = (quick, counts) if number % 2 else slow[number // 2 % 3]
        tasks.append(asyncio.create_task(behave(peer, data)))
        if number % 50 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(options.seconds / 4)
    begin = memory(process)
    await asyncio.sleep(options.seconds * 3 / 4)
    end = memory(process)
    failed = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for peer in peers:
        peer.close()
    assert not failed, f"{len(failed)} clients failed, the first by {failed[0].exception()!r}"
    return begin, end, len(counts)


def memory(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


async def main(options):
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            before = descriptors(process)
            begin, end, count = await attack(process, port, options)
            left = "?"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    while left != "0 0 []":
                        process.stdin.write("\n")
                        process.stdin.flush()
                        left = (await asyncio.to_thread(process.stdout.readline)).strip()
            after = descriptors(process)
        finally:
            process.kill()
    print(f"{options.connections} connections, {count} quick requests")
    print(f"memory: {begin} KiB, then {end} KiB; descriptors: {before}, then {after}; left: {left}")
    return end < begin * GROWTH and before == after and left == "0 0 []"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if resource.RLIM_INFINITY != hard < options.connections + 100:
        parser.error(f"{options.connections} connections need more descriptors than {hard}: raise `ulimit -Hn`")
    if options.serve:
        with contextlib.suppress(KeyboardInterrupt):
            ferrio.run(serve())
    else:
        sys.exit(not ferrio.run(main(options)))
