"""Requests and frames that are cut anywhere: what is answered, and what the application is told, is the same.

    python tests/http/cuts.py [--seed N] [--count N]

From a seed it draws a connection: requests behind each other, with bodies in chunks or of a length, read and answered
in several ways, the last one broken now and then; or a WebSocket's messages, in fragments, with pings between. It is
sent whole, then several times in pieces, with turns of the loop between them. What differs is printed with its seed,
and ends the run with 1.
"""

import argparse
import asyncio
import contextlib
import random
import struct
import sys

import ferrio
from http_support import PATIENCE, body_of, client, request, respond, served, settle

BROKEN = [
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded: 1\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
]
WAYS = ["echo", "late", "early", "stream", "raises", "half", "twice"]
LAST = request("/echo", "GET", None, "Connection: close")


def drawn_requests(draw):
    """Bytes of several requests, of which the last one that counts ends the connection."""
    parts = []
    for _ in range(draw.randint(1, 5)):
        way = draw.choice(WAYS if draw.random() < 0.3 else WAYS[:4])
        method = draw.choice(["GET", "POST", "POST", "PUT", "HEAD"])
        fields = [f"X-{number}: {'v' * draw.randint(0, 40)}" for number in range(draw.randint(0, 5))]
        size = draw.choice([0, 1, 5, 300, 5000, 100_000]) if method in ("POST", "PUT") else 0
        body = draw.randbytes(1) * min(size, 2000 if way in ("early", "twice") else size)
        if draw.random() < 0.5 and body:
            head = request(f"/{way}", method, None, "Transfer-Encoding: chunked", *fields)
            parts.append(head + chunks(draw, body))
        else:
            parts.append(request(f"/{way}", method, body if method in ("POST", "PUT") else None, *fields))
    if draw.random() < 0.2:
        parts.append(draw.choice(BROKEN))
    return b"".join([*parts, LAST])


def chunks(draw, body):
    out = b""
    while body:
        size = draw.randint(1, len(body))
        extension = draw.choice([b"", b"", b";a=b", b';q="x y"'])
        out += b"%x" % size + extension + b"\r\n" + body[:size] + b"\r\n"
        body = body[size:]
    return out + b"0\r\n" + draw.choice([b"", b"X-Sum: 1\r\n"]) + b"\r\n"


def application(told):
    async def app(scope, receive, send):
        way = scope["path"][1:]
        told.append((scope["method"], way, sorted(scope["headers"])))
        if way == "late":
            for _ in range(3):
                await asyncio.sleep(0)
        if way == "raises":
            raise LookupError
        if way in ("early", "twice"):
            await respond(send, b"early")
            with contextlib.suppress(RuntimeError):
                await respond(send, b"again") if way == "twice" else None
            return
        body = await body_of(receive)
        told.append(body)
        if way == "echo" or way == "late":
            return await respond(send, body or b"nothing")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for place in range(0, len(body or b""), 7000):
            await send({"type": "http.response.body", "body": body[place : place + 7000], "more_body": True})
        if way != "half":
            await send({"type": "http.response.body"})

    return app


async def answered(data, cuts):
    """What the client got, and what the application was told, of `data` in pieces."""
    told = []
    async with served(application(told), websocket=None) as server, client(server.port) as peer:
        reading = asyncio.create_task(peer.to_the_end())
        with contextlib.suppress(ConnectionError):
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                await peer.send(data[start:end])
                await settle()
        ended = bool((await asyncio.wait([reading], timeout=PATIENCE))[0])
        reading.cancel()
        return peer.received, told, sorted(map(str, server.told)), "ended" if ended else "did not end"


def drawn_frames(draw):
    """Bytes of messages from a client, the messages, and what its pings hold."""
    out, messages, pings = b"", [], []
    for _ in range(draw.randint(1, 8)):
        text = draw.random() < 0.5
        size = draw.choice([0, 1, 125, 126, 3000, 65_536, 150_000])
        payload = ("ä" * (size // 2)).encode() if text else draw.randbytes(size)
        messages.append(payload.decode() if text else payload)
        opcode, first = 1 if text else 2, True
        while first or payload:
            size = draw.randint(0, len(payload)) if draw.random() < 0.5 else len(payload)
            part, payload = payload[:size], payload[size:]
            out += frame(draw, opcode if first else 0, part, not payload)
            first = False
            if draw.random() < 0.3:
                pings.append(draw.randbytes(draw.randint(0, 125)))
                out += frame(draw, 9, pings[-1], True)
    return out, messages, pings


def frame(draw, opcode, payload, last):
    size, key = len(payload), draw.randbytes(4)
    if size < 126:
        length = struct.pack("!B", 0x80 | size)
    else:
        length = struct.pack("!BH", 0xFE, size) if size < 1 << 16 else struct.pack("!BQ", 0xFF, size)
    mask = (key * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)
    return bytes([opcode | (0x80 if last else 0)]) + length + key + masked


async def talked(data, cuts, messages, pings):
    """Frames back, those of messages and pongs apart, and what the application was told."""
    told = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            told.append(message.get("text") if message.get("text") is not None else message["bytes"])
            kind = "text" if isinstance(told[-1], str) else "bytes"
            await send({"type": "websocket.send", kind: told[-1]})
        told.append(message)

    handshake = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    head = request("/", "GET", None, *handshake, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    async with served(app, websocket={"deflate": False}) as server, client(server.port) as peer:
        await peer.send(head)
        assert (await peer.answer()).status == 101
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            await peer.send(data[start:end])
            await settle()
        while (found := frames(peer.received)) and len(found[0]) + len(found[1]) < len(messages) + len(pings):
            await peer.more()
        await peer.send(frame(random.Random(1), 8, struct.pack("!H", 1000) + b"bye", True))
        await peer.to_the_end()
        return frames(peer.received), told, server.told


def frames(data):
    """Of a server's whole frames: those of messages, pongs, closes."""
    found = ([], [], [])
    while len(data) > 1:
        size, at = data[1], 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[2 : 2 + width]), 2 + width
        if len(data) < at + size:
            break
        kind = {8: 2, 10: 1}.get(data[0] & 15, 0)
        found[kind].append((data[0], data[at : at + size]))
        data = data[at + size :]
    return found


def places(draw, size):
    """Where to cut: a few places, many next to each other, or every byte of what is short."""
    if size < 300 and draw.random() < 0.3:
        return list(range(1, size))
    near = draw.randrange(size)
    some = [draw.randrange(1, size) for _ in range(draw.randint(1, 12))]
    return sorted({*some, *(near + offset for offset in range(draw.randint(0, 30)) if 0 < near + offset < size)})


async def differences(seed):
    """What differs between sending it whole and in pieces."""
    draw = random.Random(seed)
    if seed % 4:
        data = drawn_requests(draw)
        run = answered
    else:
        data, messages, pings = drawn_frames(draw)

        async def run(data, cuts):
            return await talked(data, cuts, messages, pings)

    whole = await run(data, [])
    for _ in range(3):
        cuts = places(draw, len(data))
        pieces = await run(data, cuts)
        if pieces != whole:
            return f"seed {seed}, cut at {cuts[:40]} of {len(data)}:\n{brief(whole)}\n{brief(pieces)}"
    return None


def brief(outcome):
    return "\n".join(repr(part)[:3000] for part in outcome)


async def check(seeds):
    found = []
    for seed in seeds:
        found += filter(None, [await differences(seed)])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    found = ferrio.run(check(range(options.seed, options.seed + options.count)))
    print(*found or [f"{options.count} connections, no difference"], sep="\n\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
