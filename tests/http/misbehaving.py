"""A server that misbehaves in every way, and a client that has to live with it.

    python tests/http/misbehaving.py --seconds 600 --seed 1 [--loop asyncio] [--concurrency 32]

Each request carries a number; what is honest in an answer carries it, too, so that a byte of another's answer is seen.
Who answers twice can have a client of HTTP/1.1 take the second answer for the next request's on that connection: from
then on the server says so (`X-Poison`), and what it says there is not checked. The server draws from a seed what
becomes of a connection: answers whole, cut, packed, in chunks, one byte at a time, before they are asked for, with
lengths that lie, endless, broken, reset, or never. The client cancels, drops, reads in part and goes on. In the end
there are as many descriptors and tasks as before, no place of the pool is in use, and memory is flat.
"""

import argparse
import asyncio
import collections
import contextlib
import gc
import gzip
import importlib
import os
import random
import sys
import time
import tracemalloc
import zlib

from ferrio import http, new_event_loop

LIMIT = 16  # connections
PATIENCE = 2.0  # seconds that a request may take before it is ended
HANG = 30.0  # seconds after which something hangs
EXPECTED = (http.ClientError, TimeoutError, asyncio.IncompleteReadError, ValueError)


class Wrong(Exception):
    """What must not happen."""


# The server


def body_of(number, size):
    """What an honest answer to a number has."""
    return b"%d;" % number * size


def head(status="200 OK", *headers):
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def whole(dice, number, body):
    return head("200 OK", f"X-Number: {number}", f"Content-Length: {len(body)}") + body


def chunks(dice, number, body):
    pieces, at = [], 0
    while at < len(body):
        size = dice.randrange(1, 2000)
        piece = body[at : at + size]
        extension = dice.choice([b"", b";a=b", b' ; x="y;z"'])
        pieces.append(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece))
        at += size
    trailer = dice.choice([b"", b"X-Sum: 1\r\n", b"X-A: b\r\nX-C: d\r\n"])
    start = head("200 OK", f"X-Number: {number}", "Transfer-Encoding: chunked")
    return start + b"".join(pieces) + b"0\r\n" + trailer + b"\r\n"


def packed(dice, number, body):
    body = gzip.compress(body, 1) + dice.choice([b"", b"\0" * 9])
    return head("200 OK", f"X-Number: {number}", "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body


def interim(dice, number, body):
    return head(dice.choice(["100 Continue", "103 Early Hints"])) * dice.randrange(1, 40) + whole(dice, number, body)


def empty(dice, number, body):
    return head(dice.choice(["204 No Content", "304 Not Modified"]), f"X-Number: {number}")


def failing(dice, number, body):
    return head("500 Oops", f"X-Number: {number}", f"Content-Length: {len(body)}") + body


def cookie(dice, number, body):
    return head("200 OK", f"X-Number: {number}", "Set-Cookie: a=1; Domain=com", f"Content-Length: {len(body)}") + body


HONEST = (whole, whole, whole, chunks, packed, interim, empty, failing, cookie)

BROKEN = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nx",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n folded: yes\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA\0B: c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 999999 OK\r\n\r\n",
    b"HTTP/1.1 000 OK\r\n\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: nonsense\r\nConnection: upgrade\r\n\r\n\x81\x02hi",
    b"\r\n\r\n\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"\xff\xfe\0\x01\x02" * 40,
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip",
    b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
)

ENDLESS = (
    (b"HTTP/1.1 200 OK\r\n", b"X-Header: and so on\r\n"),
    (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1000),
    (b"HTTP/1.1 200 ", b"reason " * 100),
    (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 20),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"extension" * 100),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: and so on\r\n" * 20),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500),
    (b"HTTP/1.1 200 OK\r\n\r\n", b"until the end, which is not near " * 100),
    (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"%x\r\n%b\r\n" % (len(gzip.compress(bytes(1 << 20))), gzip.compress(bytes(1 << 20))),
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"text"),
        b"behind the end" * 1000,
    ),
)


class Server:
    """Connections, each with a fate that the seed decides."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.tasks = set()
        self.poisoned = set()
        self.heads = set()
        self.fates = collections.Counter()

    async def connected(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        dice = random.Random(self.dice.random())
        try:
            if dice.random() < 0.02:  # before it is asked
                self.poisoned.add(writer)
                writer.write(whole(dice, 0, b"nobody asked"))
            with contextlib.suppress(
                ConnectionError,
                asyncio.IncompleteReadError,
                asyncio.LimitOverrunError,
                asyncio.CancelledError,  # of the end; before Python 3.12 asyncio's streams report it
            ):
                while await self.asked(dice, reader, writer):
                    pass
        finally:
            self.tasks.discard(task)
            self.poisoned.discard(writer)
            self.heads.discard(writer)
            writer.close()

    async def asked(self, dice, reader, writer):
        """Answers once, in some way; whether the connection goes on."""
        request = await reader.readuntil(b"\r\n\r\n")
        number = int(request.split(b"/n/")[1].split(b" ")[0]) if b"/n/" in request else 0
        await self.take_body(dice, request.lower(), reader, writer)
        (self.heads.add if request.startswith(b"HEAD") else self.heads.discard)(writer)
        fate = dice.choices(
            ["honest", "slow", "drip", "cut", "reset", "behind", "broken", "endless", "silent", "closed"],
            [100, 10, 3, 6, 4, 4, 12, 4, 1, 4],
        )[0]
        self.fates[fate] += 1
        return await getattr(self, fate)(dice, writer, number)

    async def take_body(self, dice, request, reader, writer):
        length = int(request.split(b"content-length: ")[1].split(b"\r\n")[0]) if b"content-length: " in request else 0
        is_chunked = b"transfer-encoding: " in request
        if (length or is_chunked) and dice.random() < 0.1:
            self.poisoned.add(writer)  # it takes the body for requests
        elif is_chunked:
            await reader.readuntil(b"0\r\n\r\n")
        else:
            await reader.readexactly(length)

    def answer(self, dice, writer, number):
        make = dice.choice(HONEST)
        answer = make(dice, number, body_of(number, dice.choice([0, 1, 10, 1000, 30_000])))
        if writer in self.heads:
            if dice.random() < 0.9 and make is not interim:
                answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            else:
                self.poisoned.add(writer)
        return answer.replace(b"X-Number", b"X-Poison: 1\r\nX-Number") if writer in self.poisoned else answer

    async def honest(self, dice, writer, number):
        writer.write(self.answer(dice, writer, number))
        await writer.drain()
        return True

    async def slow(self, dice, writer, number):
        answer, at = self.answer(dice, writer, number), 0
        while at < len(answer):
            size = dice.randrange(1, 1 + len(answer))
            writer.write(answer[at : at + size])
            await writer.drain()
            await asyncio.sleep(dice.random() * 0.01)
            at += size
        return True

    async def drip(self, dice, writer, number):
        for byte in self.answer(dice, writer, number)[:400]:
            if writer.is_closing():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        return False

    async def cut(self, dice, writer, number):
        answer = self.answer(dice, writer, number)
        writer.write(answer[: dice.randrange(len(answer))])
        return False

    async def reset(self, dice, writer, number):
        await self.cut(dice, writer, number)
        await asyncio.sleep(dice.choice([0, 0.001]))
        writer.transport.abort()
        return False

    async def behind(self, dice, writer, number):
        """Something behind the answer, at once or later."""
        self.poisoned.add(writer)
        writer.write(self.answer(dice, writer, number))
        if dice.random() < 0.5:
            await asyncio.sleep(0.002)
        writer.write(dice.choice([whole(dice, 0, b"not yours"), b"\0", b"HTTP/1.1 "]))
        return dice.random() < 0.5

    async def broken(self, dice, writer, number):
        self.poisoned.add(writer)
        writer.write(dice.choice(BROKEN))
        return dice.random() < 0.5

    async def endless(self, dice, writer, number):
        first, then = dice.choice(ENDLESS)
        writer.write(first)
        for _ in range(dice.choice([10, 100, 3000])):
            if writer.is_closing():
                break
            writer.write(then)
            await writer.drain()
        return False

    async def silent(self, dice, writer, number):
        await asyncio.sleep(PATIENCE * 2)
        return False

    async def closed(self, dice, writer, number):
        return False


# The client


class Client:
    """Asks again and again, each time in another way, and checks what comes."""

    def __init__(self, session, base, seed):
        self.session = session
        self.base = base
        self.dice = random.Random(seed)
        self.number = 0
        self.outcomes = collections.Counter()

    async def run(self, until):
        """One of the many that ask."""
        while time.monotonic() < until:
            self.number += 1
            number, dice = self.number, random.Random(self.dice.random())
            task = asyncio.create_task(self.ask(dice, number))
            if dice.random() < 0.15:
                # At any await there is: after some turns of the loop, or some time.
                for _ in range(dice.randrange(12)):
                    await asyncio.sleep(0)
                if dice.random() < 0.3:
                    await asyncio.sleep(dice.random() * 0.02)
                task.cancel()
            done, _ = await asyncio.wait([task], timeout=HANG)
            if not done:
                task.print_stack()
                raise Wrong(f"request {number} hangs")
            self.outcomes[self.outcome(task)] += 1

    def outcome(self, task):
        if task.cancelled():
            return "cancelled"
        error = task.exception()
        if error is None:
            return str(task.result())
        if not isinstance(error, EXPECTED):
            raise error
        return type(error).__name__

    async def ask(self, dice, number):
        url, options = f"{self.base}/n/{number}", {}
        kind = dice.random()
        ask = self.session.get
        if kind < 0.1:
            ask, options = self.session.post, {"data": b"x" * dice.choice([0, 10, 100_000])}
        elif kind < 0.15:
            ask, options = self.session.post, {"data": self.pieces(dice)}
        elif kind < 0.3:
            options = {"headers": {"X-Own": "1"}, "allow_redirects": dice.random() < 0.5}
        elif kind < 0.35:
            ask = self.session.head
        async with asyncio.timeout(PATIENCE):
            if dice.random() < 0.05:
                response = await ask(url, **options)  # dropped
                return response.status
            async with ask(url, **options) as response:
                await self.read(dice, number, response, ask == self.session.head)
                return response.status

    async def pieces(self, dice):
        for _ in range(dice.randrange(20)):
            yield b"y" * dice.choice([1, 1000, 50_000])
            if dice.random() < 0.3:
                await asyncio.sleep(0)

    async def read(self, dice, number, response, is_head):
        named = response.headers.get("X-Number")
        way = dice.randrange(5)
        if way == 0:
            return
        got = bytearray()
        if way == 1:
            got += await response.content.read(dice.choice([1, 100, 100_000]))
        elif way == 2:
            async for piece in response.content.iter_chunked(dice.choice([10_000, 100_000])):
                got += piece
                if len(got) > 1 << 20:
                    break
        elif named is None:
            got += await response.content.read(1000)
        else:
            got += await response.read()
        if named in (None, "0") or "X-Poison" in response.headers:
            return  # what is not honest
        if int(named) != number:
            raise Wrong(f"{number} got the answer of {named}")
        unit = b"%d;" % number
        expected = unit * (1 + len(got) // len(unit))
        if expected[: len(got)] != got or (way > 1 and not is_head and len(got) % len(unit)):
            raise Wrong(f"{number} got {bytes(got[:50])!r}")


def descriptors():
    return len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))


async def attack(seconds, seed, concurrency):
    """Runs it; what there was to see."""
    server = Server(seed)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, limit=1 << 20)
    base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    connector = http.TCPConnector(limit=LIMIT)
    before, memory = descriptors(), []
    async with http.ClientSession(connector=connector) as session:
        client = Client(session, base, seed + 1)
        end = time.monotonic() + seconds
        workers = [asyncio.create_task(client.run(end)) for _ in range(concurrency)]
        watching = asyncio.create_task(watch(memory, max(1.0, seconds / 20)))
        try:
            async with asyncio.timeout(seconds + 2 * HANG):
                await asyncio.gather(*workers)
        finally:
            for task in (*workers, watching):
                task.cancel()
        gc.collect()
        await settled(lambda: connector._pool.used == 0, "places of the pool that are in use")
        assert connector._pool.waiting == 0
    for task in list(server.tasks):
        task.cancel()
    await settled(lambda: not server.tasks, "connections of the server's")
    await settled(lambda: descriptors() <= before, "descriptors")
    await settled(lambda: len(asyncio.all_tasks()) == 1, "tasks")
    listening.close()
    return client, server, memory


async def watch(memory, interval):
    while True:
        await asyncio.sleep(interval)
        gc.collect()
        memory.append(tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else resident())


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def settled(condition, what):
    end = time.monotonic() + HANG
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"left over: {what}")
        gc.collect()
        await asyncio.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--loop", choices=["ferrio", "asyncio", "uvloop"], default="ferrio")
    given = parser.parse_args()
    factory = {"ferrio": new_event_loop, "asyncio": asyncio.new_event_loop}.get(given.loop)
    if factory is None:
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        client, server, memory = runner.run(attack(given.seconds, given.seed, given.concurrency))
    print("requests", client.number)
    print("outcomes", dict(client.outcomes.most_common()))
    print("fates", dict(server.fates.most_common()))
    print("MiB", [round(size / (1 << 20), 1) for size in memory])


if __name__ == "__main__":
    main()
