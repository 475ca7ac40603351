"""A server that says what it is told to, byte by byte, and connections of a client's to it.

`scripted` makes the server of a coroutine that gets each connection's reader and writer and its number. `Peer` is what
a connector is: it opens connections.
"""

import asyncio
import contextlib
import functools

import ferrio
from ferrio import _ferrio

PATIENCE = 60
HOST = (b"Host", b"a")


class Failed(Exception):
    """What the native parts report, as it is: kind and detail."""

    def __init__(self, kind, detail, answer):
        super().__init__(kind, detail)
        self.kind, self.detail, self.answer = kind, detail, answer


class Peer:
    """A pool for one server, and requests over it."""

    def __init__(self, port, **limits):
        self.port = port
        self.loop = asyncio.get_running_loop()
        self.pool = _ferrio.HttpPool(self.loop, **limits)
        self.opened = 0

    async def open(self, key="a", **settings):
        """A new connection that the pool has, in use."""
        make = functools.partial(_ferrio.HttpClientConnection, self.loop, Failed, **settings)
        try:
            _, connection = await self.loop.create_connection(make, "127.0.0.1", self.port)
        except BaseException:
            self.pool.give_up(key)
            raise
        self.opened += 1
        self.pool.add(key, connection)
        return connection

    async def acquire(self, key="a", **settings):
        return await self.pool.acquire(key) or await self.open(key, **settings)

    async def ask(self, target=b"/", method=b"GET", *, headers=(), body=None, length=None, key="a", **settings):
        """The answer, once its head is there."""
        connection = await self.acquire(key, **settings)
        answer = _ferrio.HttpAnswer()
        connection.send(answer, method, target, [HOST, *headers], body, length)
        return await answer._wait()


@contextlib.asynccontextmanager
async def scripted(script, **limits):
    """A Peer of a server that runs `script(reader, writer, number)` for each connection."""
    count, tasks = 0, set()

    async def serve(reader, writer):
        nonlocal count
        count += 1
        tasks.add(asyncio.current_task())
        try:
            # Before Python 3.12 asyncio's streams report a handler that was cancelled.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(reader, writer, count)
        finally:
            tasks.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    peer = Peer(server.sockets[0].getsockname()[1], **limits)
    try:
        yield peer
    finally:
        peer.pool.close()
        server.close()
        for task in list(tasks):
            task.cancel()
        await until(lambda: not tasks)
        await server.wait_closed()
        # connection_lost() comes a turn after close().
        await asyncio.sleep(0.01)


def saying(*answers, end=True):
    """A script that reads a request for each answer, and says that; `end`: and closes then."""

    async def script(reader, writer, number):
        for answer in answers:
            await head_of(reader)
            writer.write(answer)
            await writer.drain()
        if not end:
            await reader.read()

    return script


async def head_of(reader):
    return await reader.readuntil(b"\r\n\r\n")


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def on_both(test, patience=PATIENCE):
    """Runs a coroutine function on ferrio's loop and on asyncio's own. `patience`: None where a test sets the clock."""

    @functools.wraps(test)
    def run(*arguments, **names):
        async def patient():
            await asyncio.wait_for(test(*arguments, **names), patience)

        for make in (ferrio.new_event_loop, asyncio.new_event_loop):
            with asyncio.Runner(loop_factory=make) as runner:
                runner.run(patient())

    return run
