"""Native HTTP servers for tests, on the loop that the test runs on, and clients that speak bytes.

`served` makes a server of an application, `client` a connection to one. What the server reports gathers in
`Served.told`. Sockets are on loopback, where what was sent is there to be read at once: `settle` gives the loop the
turns it takes to do so.
"""

import asyncio
import contextlib
import re
import socket
from typing import NamedTuple

import ferrio
from ferrio import _ferrio

PATIENCE = 60
"""Seconds that anything may take on a machine that others keep busy."""


class Answer(NamedTuple):
    status: int
    headers: list
    body: bytes


class Served:
    """A server: its port, what it counts, and what it reported."""

    def __init__(self, serving, server, told):
        self.serving, self.server, self.told = serving, server, told
        self.port = server.sockets[0].getsockname()[1]

    @property
    def connection(self):
        (connection,) = self.serving.connections
        return connection

    def kinds(self):
        return [kind for kind, _ in self.told]


@contextlib.asynccontextmanager
async def served(app, **settings):
    """A server of `app`; all of its connections are gone at the end."""
    loop, told = asyncio.get_running_loop(), []
    settings = {"failed": lambda *what: told.append(what), "websocket": {}, **settings}
    serving = _ferrio.HttpServing(app, loop, settings)
    server = await loop.create_server(serving.connect, "127.0.0.1", 0, backlog=4096)
    try:
        yield Served(serving, server, told)
    finally:
        server.close()
        for connection in list(serving.connections):
            connection.transport.abort()
        for task in serving.tasks():
            task.cancel()
        await until(lambda: not serving.connections and not serving.tasks())
        await server.wait_closed()


class Client:
    """A connection: bytes out, answers in."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.received = b""

    async def send(self, data):
        # Not by wait_for(), which before Python 3.12 may lose a cancellation that comes with the result.
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def more(self):
        """What came; nothing at the end."""
        async with asyncio.timeout(PATIENCE):
            data = await asyncio.get_running_loop().sock_recv(self.socket, 1 << 18)
        self.received += data
        return data

    async def answers(self, count, heads=()):
        """The next answers, `heads` of which, by their places, are to HEAD."""
        found = []
        while len(found) < count:
            answer, rest = parsed(self.received, len(found) in heads, False)
            if answer is None:
                assert await self.more(), f"the end after {found} and {self.received!r}"
            else:
                found.append(answer)
                self.received = rest
        return found

    async def answer(self):
        return (await self.answers(1))[0]

    async def to_the_end(self):
        """All that came until the server closed."""
        with contextlib.suppress(ConnectionError):
            while await self.more():
                pass
        return self.received

    async def all_answers(self):
        """Those up to the end, as far as they are whole."""
        rest, found = await self.to_the_end(), []
        while rest:
            answer, rest = parsed(rest, False, True)
            if answer is None:
                break
            found.append(answer)
        return found

    def take(self):
        """What is there to be read now."""
        with contextlib.suppress(BlockingIOError):
            while data := self.socket.recv(1 << 18):
                self.received += data
        return self.received

    def close(self):
        self.socket.close()


@contextlib.asynccontextmanager
async def client(port):
    one = Client(port)
    try:
        yield one
    finally:
        one.close()


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


async def settle():
    """What was sent is read, and what that leads to is done."""
    for _ in range(10):
        await asyncio.sleep(0)


def on_ferrio(function):
    """Make a test of a coroutine function without fixtures."""

    def test():
        ferrio.run(function())

    test.__name__, test.__doc__ = function.__name__, function.__doc__
    return test


def parsed(data, to_head, ended):
    """An answer and what is behind it; None where it is not whole. Interim answers are answers, too."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None, data
    line, *fields = head.split(b"\r\n")
    status = int(re.match(rb"HTTP/1\.1 (\d{3}) ", line)[1])
    headers = [tuple(field.split(b": ", 1)) for field in fields]
    values = {name.lower(): value for name, value in headers}
    if to_head or status < 200 or status in (204, 304):
        return Answer(status, headers, b""), rest
    if values.get(b"transfer-encoding") == b"chunked":
        return chunked(status, headers, rest, data)
    if b"content-length" not in values:
        return (Answer(status, headers, rest), b"") if ended else (None, data)
    length = int(values[b"content-length"])
    if len(rest) < length:
        return None, data
    return Answer(status, headers, rest[:length]), rest[length:]


def chunked(status, headers, rest, data):
    body = b""
    while True:
        line, found, rest = rest.partition(b"\r\n")
        if not found or len(rest) < (size := int(line, 16)) + 2:
            return None, data
        body, end, rest = body + rest[:size], rest[size : size + 2], rest[size + 2 :]
        assert end == b"\r\n", end
        if not size:
            return Answer(status, headers, body), rest


async def body_of(receive):
    """The whole of a request's body; None if its client is gone."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def respond(send, body=b"", status=200, headers=(), length=True):
    own = [(b"content-length", str(len(body)).encode())] if length else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *own]})
    await send({"type": "http.response.body", "body": body})


def request(path="/", method="GET", body=None, *fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: a", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")
