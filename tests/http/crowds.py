"""Crowds of clients, on a thread of their own, and one server: each gets what it asks for, in order, and no more.

    python tests/http/crowds.py [--seed N] [--count N]

From a seed it draws up to 40 clients. Each sends bursts of requests, cut anywhere, and reads quickly, slowly, or resets
the connection. A request says in its query what the application does: pieces of a body, sent with waits of several
kinds between them, by a task or not, the request's body read or not, and an exception at the end now and then. What
differs from that, or does not come, is printed with its seed, and ends the run with 1.
"""

import argparse
import asyncio
import contextlib
import json
import random
import socket
import sys
import threading
import time
from urllib.parse import quote, unquote

import ferrio
from http_support import PATIENCE, body_of, parsed, request, served

KINDS = ["quick"] * 7 + ["slow"] * 3 + ["resets"]
WAITS = ["yield", "yield", "sleep", "block", "thread", "post"]
RESETS = b"\1\0\0\0\0\0\0\0"


def drawn(draw, key):
    """What a request asks for, and its bytes."""
    pieces = []
    for place in range(draw.choice([1, 1, 2, 3, 5])):
        size = draw.choice([0, 1, 10, 100, 1000, 5000, 20_000, 20_000, 150_000])
        pieces.append([(f"{key}.{place}|" * size)[:size], draw.choice(WAITS) if draw.random() < 0.5 else None])
    ends = draw.choice(["well"] * 12 + ["before", "behind"])
    asked = {"pieces": [], "ends": ends, "reads": draw.random() < 0.5, "task": draw.random() < 0.3, "key": key}
    asked["pieces"] = [[len(text), wait] for text, wait in pieces]
    body = bytes(draw.choice([10, 3000, 100_000])) if draw.random() < 0.4 else None
    text = {"well": "".join(text for text, _ in pieces), "before": "Internal Server Error"}
    wanted = text.get(ends, "".join(text for text, _ in pieces[:-1])).encode()
    return asked, wanted, request(f"/?{quote(json.dumps(asked))}", "POST" if body else "GET", body)


async def waits(kind):
    loop = asyncio.get_running_loop()
    if kind == "thread":
        await loop.run_in_executor(None, time.sleep, 0)
    elif kind == "post":
        posted = loop.create_future()
        threading.Thread(target=loop.call_soon_threadsafe, args=(posted.set_result, None)).start()
        await posted
    elif kind == "block":
        time.sleep(0.001)
    elif kind is not None:
        await asyncio.sleep(0.0005 if kind == "sleep" else 0)


async def app(scope, receive, send):
    asked = json.loads(unquote(scope["query_string"].decode()))
    if asked["reads"] and await body_of(receive) is None:
        return
    if asked["ends"] == "before":
        raise LookupError

    async def answers():
        await send({"type": "http.response.start", "status": 200, "headers": []})
        last = len(asked["pieces"]) - 1
        for place, (size, wait) in enumerate(asked["pieces"]):
            if place == last and asked["ends"] == "behind":
                await send({"type": "http.response.body", "more_body": True})
                raise LookupError
            body = (f"{asked['key']}.{place}|" * size)[:size].encode()
            await send({"type": "http.response.body", "body": body, "more_body": place < last})
            await waits(wait)

    await (asyncio.create_task(answers()) if asked["task"] else answers())


async def burst(draw, key, kind, reader, writer):
    """Whether the connection goes on after some requests that are sent together; what is wrong raises."""
    requests = [drawn(draw, f"{key}-{place}") for place in range(draw.choice([1, 1, 1, 2, 3, 8]))]
    data = b"".join(sent for _, _, sent in requests)
    cuts = sorted(draw.randrange(len(data)) for _ in range(draw.choice([0, 0, 1, 3])))

    async def write():
        with contextlib.suppress(ConnectionError):
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                writer.write(data[start:end])
                await writer.drain()
                await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    received = b""
    try:
        for asked, wanted, _ in requests:
            answer, received = parsed(received, False, False)
            ended = False
            while answer is None and not ended:
                if kind == "slow":
                    await asyncio.sleep(0.0005)
                more = await asyncio.wait_for(reader.read(10_000 if kind == "slow" else 1 << 16), PATIENCE)
                ended = not more
                answer, received = parsed(received + more, False, ended)
            if asked["ends"] == "behind":
                assert ended and (answer is None or answer.body == wanted), (asked, answer)
                return False
            assert answer is not None, f"the end before {asked}, after {received[:300]!r}"
            assert (answer.status, answer.body) == (500 if asked["ends"] == "before" else 200, wanted), (asked, answer)
            if (b"connection", b"close") in answer.headers:
                assert await asyncio.wait_for(reader.read(), PATIENCE) == b"" and not received
                return False
        assert not received
        await asyncio.wait_for(writing, PATIENCE)
        return True
    finally:
        writing.cancel()


async def visit(port, key):
    draw = random.Random(key)
    kind = draw.choice(KINDS)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2048)
    try:
        if kind == "resets":
            for place in range(3):
                writer.write(drawn(draw, f"{key}-{place}")[2])
            await asyncio.sleep(draw.choice([0, 0.001]))
            if not writer.transport.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
            return writer.transport.abort()
        for number in range(draw.randint(1, 4)):
            if not await burst(draw, f"{key}-{number}", kind, reader, writer):
                break
    except (AssertionError, TimeoutError, OSError, ValueError) as error:
        return f"client {key}, {kind}: {error!r}"[:3000]
    finally:
        writer.close()


async def crowds(port, seeds):
    found = []
    for seed in seeds:
        count = random.Random(seed).choice([1, 2, 5, 20, 40])
        found += filter(None, await asyncio.gather(*(visit(port, f"{seed}-{each}") for each in range(count))))
    return found


async def check(seeds):
    """What goes wrong with these seeds; the clients' loop is asyncio's own."""

    def visits(port):
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(crowds(port, seeds))

    async with served(app) as server:
        found = await asyncio.to_thread(visits, server.port)
        return found + [repr(told) for told in server.told if not isinstance(told[1], LookupError)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    found = ferrio.run(check(range(options.seed, options.seed + options.count)))
    print(*found or [f"{options.count} crowds, nothing wrong"], sep="\n\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
