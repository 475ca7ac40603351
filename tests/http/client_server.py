"""A server for HTTP clients that does as it is told: echoes, redirects, cookies, answers in raw bytes, broken ones too.

Raw asyncio, so that nothing mends what is to be wrong. `Server` runs on the loop of whoever starts it; a request's
path says what becomes of it. What was asked is kept in `asked`.
"""

import asyncio
import base64
import contextlib
import gzip
import hashlib
import json
import zlib
from urllib.parse import parse_qsl, unquote, urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT = b"The quick brown fox. " * 40
UNSHOWN = ("user-agent", "accept-encoding")


def answer(body=b"", *headers, status="200 OK", length=True):
    head = [f"HTTP/1.1 {status}".encode(), *(header.encode("latin-1") for header in headers)]
    if length:
        head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunked(*pieces, status="200 OK", headers=(), trailer=b""):
    head = answer(b"", "Transfer-Encoding: chunked", *headers, status=status, length=False)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n"


def raw_deflate(data):
    codec = zlib.compressobj(wbits=-15)
    return codec.compress(data) + codec.flush()


GZIPPED = gzip.compress(TEXT, mtime=0)
# What `/raw/NAME` answers; the connection is closed behind those in CLOSING, and reset behind those in CUT.
RAW = {
    "plain": answer(b"plain", "Content-Type: text/plain"),
    "empty": answer(b""),
    "latin": answer("grün".encode("latin-1"), "Content-Type: text/plain; charset=latin-1"),
    "utf8": answer("grün".encode(), "Content-Type: text/plain; charset=UTF-8"),
    "no-charset": answer("grün".encode(), "Content-Type: text/plain"),
    "bad-charset": answer("grün".encode(), "Content-Type: text/plain; charset=nonsense"),
    "quoted-charset": answer("grün".encode("latin-1"), 'Content-Type: text/plain; charset="latin-1"'),
    "not-utf8": answer(b"\xff\xfe\xfd", "Content-Type: text/plain"),
    "no-type": answer(b'{"a": 1}'),
    "json": answer(b'{"a": 1}', "Content-Type: application/json"),
    "json-api": answer(b'{"a": 1}', "Content-Type: application/vnd.api+json; charset=utf-8"),
    "json-text": answer(b'{"a": 1}', "Content-Type: text/html"),
    "json-bad": answer(b"{", "Content-Type: application/json"),
    "json-empty": answer(b"   ", "Content-Type: application/json"),
    "json-latin": answer('{"a": "ü"}'.encode("latin-1"), "Content-Type: application/json; charset=latin-1"),
    "lines": answer(b"one\ntwo\r\nthree\n\nfive", "Content-Type: text/plain"),
    "chunks": chunked(b"one", b"two", b"three"),
    "trailers": chunked(b"one", trailer=b"X-Sum: 3\r\n"),
    "gzip": answer(GZIPPED, "Content-Encoding: gzip"),
    "gzip-upper": answer(GZIPPED, "Content-Encoding: GZIP"),
    "gzip-members": answer(GZIPPED + GZIPPED, "Content-Encoding: gzip"),
    "gzip-rubbish": answer(GZIPPED + b"rubbish", "Content-Encoding: gzip"),
    "gzip-cut": answer(GZIPPED[:-9], "Content-Encoding: gzip"),
    "gzip-bad": answer(b"this is no gzip", "Content-Encoding: gzip"),
    "gzip-empty": answer(b"", "Content-Encoding: gzip"),
    "gzip-chunks": chunked(GZIPPED[:10], GZIPPED[10:30], GZIPPED[30:], headers=["Content-Encoding: gzip"]),
    "deflate": answer(zlib.compress(TEXT), "Content-Encoding: deflate"),
    "deflate-raw": answer(raw_deflate(TEXT), "Content-Encoding: deflate"),
    "deflate-bad": answer(b"\x78\x9cnonsense", "Content-Encoding: deflate"),
    "deflate-cut": answer(zlib.compress(TEXT)[:-5], "Content-Encoding: deflate"),
    "identity": answer(TEXT, "Content-Encoding: identity"),
    "unknown-encoding": answer(TEXT, "Content-Encoding: shuffle"),
    "two-encodings": answer(GZIPPED, "Content-Encoding: gzip, gzip"),
    "links": answer(
        b"",
        'Link: <http://example.com/next>; rel="next"; title=Next, </last>; rel=last, <bare>',
        "Link: <other>; rel=other; a='b'",
    ),
    "link-odd": answer(b"", "Link: nonsense, <x>; rel", "X: y"),
    "disposition": answer(b"", 'Content-Disposition: attachment; filename="a b.txt"; size=3'),
    "disposition-utf8": answer(b"", "Content-Disposition: attachment; filename*=utf-8''%c3%bc.txt"),
    "disposition-bad": answer(b"", "Content-Disposition: attachment; filename="),
    "no-reason": answer(b"x", status="200"),
    "odd-reason": answer(b"x", status="299 Some thing"),
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not-modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
    "early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"late"),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer(b"late"),
    "repeated": answer(b"x", "X-A: 1", "X-A: 2", "x-a: 3"),
    "spaces": answer(b"x", "X-A:   padded   "),
    "latin-header": answer(b"x", "X-A: gr\xfcn"),
    "not-found": answer(b"nothing", "Content-Type: text/plain", status="404 Not Found"),
    "broken-server": answer(b"oops", status="500 Internal Server Error"),
    "http10": b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "until-end": answer(b"until the end", length=False),
    "close": answer(b"bye", "Connection: close"),
    "cut": answer(b"half of it")[:-4],
    "cut-empty": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "cut-chunk": chunked(b"one", b"two")[:-9],
    "cut-last": chunked(b"one", b"two")[:-2],
    "cut-head": b"HTTP/1.1 200 OK\r\nContent-",
    "nothing": b"",
    "garbage": b"\x00\x01\x02 nonsense\r\n\r\n",
    "not-http": b"220 smtp ready\r\n\r\n",
    "bad-status": b"HTTP/1.1 two OK\r\n\r\n",
    "bad-version": b"HTTP/7.1 200 OK\r\n\r\n",
    "bad-header": b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n",
    "long-header": answer(b"x", "X-A: " + "a" * 20_000),
    "many-headers": answer(b"x", *(f"X-{number}: 1" for number in range(300))),
    "too-much": answer(b"four") + b"and more",
    "reset": answer(b"half of it")[:-4],
    "reset-head": b"HTTP/1.1 200",
}
CLOSING = {
    "http10", "until-end", "close", "cut", "cut-empty", "cut-chunk", "cut-last", "cut-head", "nothing", "garbage",
    "not-http", "bad-status", "bad-version", "bad-header", "bad-length", "negative-length", "two-lengths", "bad-chunk",
}  # fmt: skip
CUT = {"reset", "reset-head"}


class Asked:
    """A request that came."""

    def __init__(self, line, headers, body):
        self.method, self.target, self.version = line.split(" ", 2)
        self.headers = headers
        self.body = body

    def header(self, name, default=""):
        return next((value for key, value in self.headers if key.lower() == name), default)

    def shown(self, place):
        fields = sorted((name.lower(), value.replace(place, "PLACE")) for name, value in self.headers)
        return {
            "method": self.method,
            "target": self.target.replace(place, "PLACE"),
            "version": self.version,
            "headers": [[name, value] for name, value in fields if name not in UNSHOWN and not is_nothing(name, value)],
            "body": self.body.decode("latin-1"),
        }


def is_nothing(name, value):
    """A length of a body that is none: whether a client says so depends on the method and on the client."""
    return (name, value) == ("content-length", "0")


async def pipe(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


class Server:
    """`async with Server() as server:`, at `server.port`."""

    def __init__(self, tls=None, path=None):
        self.asked = []
        self.connections = 0
        self._tls = tls
        self._path = path
        self._writers = set()
        self.peer = None
        self.tunnels = False  # whether it connects, as a proxy does
        self.held = asyncio.Event()  # `/held/` is answered once it is set

    async def __aenter__(self):
        if self._path is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]
        else:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    @property
    def place(self):
        return f"127.0.0.1:{self.port}" if self._path is None else "localhost"

    async def _serve(self, reader, writer):
        self.connections += 1
        self._writers.add(writer)
        try:
            while (asked := await self._read(reader, writer)) is not None:
                self.asked.append(asked)
                if not await self._answer(asked, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, reader, writer):
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":  # of TLS, which has no lines to wait for
                return None
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return None
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in head[1:] if line]
        asked = Asked(head[0], headers, b"")
        if asked.header("expect") == "100-continue" and "refuse" not in asked.target:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "unread" in asked.target or "refuse" in asked.target:
            return asked
        if asked.header("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                asked.body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            asked.body = await reader.readexactly(int(asked.header("content-length", "0")))
        return asked

    async def _answer(self, asked, reader, writer):
        if asked.method == "CONNECT" and self.tunnels:
            return await self._connect(asked, reader, writer)
        url = urlsplit(asked.target)
        kind, _, rest = url.path.lstrip("/").partition("/")
        handler = getattr(self, f"_on_{kind}", None)
        if handler is None:
            writer.write(answer(b"no such thing", status="404 Not Found"))
            return True
        written = await handler(asked, unquote(rest), dict(parse_qsl(url.query)), writer)
        if isinstance(written, bytes):
            writer.write(b"" if asked.method == "HEAD" else written)
            if asked.method == "HEAD":
                writer.write(written.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
            await writer.drain()
            return asked.header("connection").lower() != "close"
        return bool(written)

    async def _connect(self, asked, reader, writer):
        host, port = asked.target.rsplit(":", 1)
        there, back = await asyncio.open_connection(host, int(port))
        self._writers.add(back)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pipe(reader, back), pipe(there, writer))
        finally:
            self._writers.discard(back)
            back.close()
        return False

    async def _on_echo(self, asked, rest, query, writer):
        shown = json.dumps(asked.shown(self.place), sort_keys=True).encode()
        return answer(shown, "Content-Type: application/json")

    async def _on_raw(self, asked, rest, query, writer):
        writer.write(RAW[rest] if asked.method != "HEAD" else RAW[rest].partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        if rest in CUT:
            await writer.drain()
            await asyncio.sleep(0.02)
            import socket
            import struct

            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        return rest not in CLOSING

    async def _on_to(self, asked, rest, query, writer):
        """`/to/STATUS?location=...`"""
        header = "URI" if "uri" in query else "Location"
        location = query.get("location", query.get("uri", "/echo")).replace("PEER", self.peer or "")
        fields = [] if "nowhere" in query else [f"{header}: {location}"]
        body = b"" if rest == "304" else b"moved"
        return answer(body, *fields, *self._cookies(query), status=f"{rest} Moved")

    async def _on_loop(self, asked, rest, query, writer):
        return answer(b"", f"Location: /loop/{int(rest) + 1}", status="302 Found")

    async def _on_cookies(self, asked, rest, query, writer):
        return answer(b"set", *self._cookies(query))

    def _cookies(self, query):
        return [f"Set-Cookie: {value}" for name, value in query.items() if name.startswith("cookie")]

    async def _on_status(self, asked, rest, query, writer):
        return answer(rest.encode(), "Content-Type: text/plain", status=f"{rest} Status")

    async def _on_basic(self, asked, rest, query, writer):
        if asked.header("authorization") == "Basic " + base64.b64encode(b"user:pass").decode():
            return answer(b"welcome")
        return answer(b"who?", 'WWW-Authenticate: Basic realm="x"', status="401 Unauthorized")

    async def _on_digest(self, asked, rest, query, writer):
        challenge = query.get("challenge", 'realm="r", nonce="n", qop="auth"')
        given = asked.header("authorization")
        if given.startswith("Digest ") and self._fits(given, asked, rest or "md5"):
            return answer(b"welcome")
        return answer(b"who?", f"WWW-Authenticate: Digest {challenge}", status="401 Unauthorized")

    def _fits(self, given, asked, algorithm):
        fields = dict(part.strip().split("=", 1) for part in given[7:].split(", "))
        fields = {name: value.strip('"') for name, value in fields.items()}
        hashed = lambda *parts: getattr(hashlib, algorithm)(":".join(parts).encode()).hexdigest()  # noqa: E731
        who = hashed("user", fields["realm"], "pass")
        if fields.get("algorithm", "").lower().endswith("-sess"):
            who = hashed(who, fields["nonce"], fields["cnonce"])
        what = [asked.method, fields["uri"]]
        if fields.get("qop") == "auth-int":
            what.append(getattr(hashlib, algorithm)(asked.body).hexdigest())
        between = [fields["nc"], fields["cnonce"], fields["qop"]] if "qop" in fields else []
        return fields["response"] == hashed(who, fields["nonce"], *between, hashed(*what))

    async def _on_slow(self, asked, rest, query, writer):
        """`/slow/head`, `/slow/body`: never ends."""
        if rest == "body":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await asyncio.sleep(30)
        return False

    async def _on_drip(self, asked, rest, query, writer):
        """A body in pieces, with a pause between them."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        for piece in (b"one", b"two", b"six"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        return True

    async def _on_held(self, asked, rest, query, writer):
        await self.held.wait()
        return answer(b"held")

    async def _on_once(self, asked, rest, query, writer):
        """Answers, and closes the connection without a word."""
        writer.write(answer(b"once"))
        return False

    async def _on_flaky(self, asked, rest, query, writer):
        """Closes the connection before it answers, the first time."""
        if sum(one.target == asked.target for one in self.asked) == 1:
            return False
        return answer(b"at last")

    async def _on_refuse(self, asked, rest, query, writer):
        return answer(b"too large", "Connection: close", status="417 Expectation Failed")

    async def _on_unread(self, asked, rest, query, writer):
        """Answers before the body was read."""
        writer.write(answer(b"enough", "Connection: close"))
        await writer.drain()
        await asyncio.sleep(0.05)
        return False

    async def _on_large(self, asked, rest, query, writer):
        size = int(rest)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while size:
            piece = min(size, 2**16)
            writer.write(b"x" * piece)
            await writer.drain()
            size -= piece
        return True

    async def _on_ws(self, asked, rest, query, writer):
        """A handshake, which is spoilt as `rest` says."""
        key = asked.header("sec-websocket-key").encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        fields = {
            "Upgrade": "nothing" if rest == "upgrade" else "websocket",
            "Connection": "close" if rest == "connection" else "Upgrade",
            "Sec-WebSocket-Accept": "nonsense" if rest == "accept" else accept,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode())
        frames = {
            "text": b"\x81\x02hi\x88\x02\x03\xe8",
            "pieces": b"\x01\x02he\x80\x03llo\x88\x02\x03\xe8",
            "masked": b"\x81\x82\0\0\0\0hi",
            "reserved": b"\xf1\x00",
            "opcode": b"\x83\x00",
            "not-utf8": b"\x81\x02\xff\xfe",
            "cut": b"\x81\x05he",
            "ping": b"\x89\x02hi\x81\x02ok\x88\x02\x03\xe8",
            "no-code": b"\x88\x00",
            "reason": b"\x88\x05\x03\xe9bye",
            "bad-code": b"\x88\x02\x00\x01",
            "large": b"\x82\x7e\x10\x00" + b"x" * 4096 + b"\x88\x02\x03\xe8",
        }
        writer.write(frames.get(rest, b""))
        await writer.drain()
        await asyncio.sleep(0.1)
        return False
