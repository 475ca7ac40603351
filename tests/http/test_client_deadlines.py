"""A request's total time limit runs from its beginning, whatever becomes of the request on the way."""

import asyncio
import functools

import pytest
from client_support import head_of, on_both, scripted, until
from ferrio import http
from ferrio.http.resolver import AbstractResolver

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
FOUND = b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n"


class Clock:
    """The loop's, which can be set forward."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.real = self.loop.time
        self.ahead = 0

    def __enter__(self):
        self.loop.time = lambda: self.real() + self.ahead
        return self

    def __exit__(self, *error):
        del self.loop.time


async def redirected(session, url, clock, seconds):
    async with session.get(url + "redirect") as answer:
        return answer._connection.deadline


async def stale(session, url, clock, seconds):
    async with session.get(url + "stale") as answer:
        return answer._connection.deadline


async def in_line(session, url, clock, seconds):
    """The connection of who is before it ends, so it makes one of its own."""
    before = asyncio.create_task(awaited(session.get(url + "slow")))
    await until(lambda: session.connector._pool.used)
    task = asyncio.create_task(awaited(session.get(url + "end")))
    await until(lambda: session.connector._pool.waiting)
    clock.ahead += seconds
    before.cancel()
    async with await task as answer:
        return answer._connection.deadline


async def awaited(request):
    return await request


def script_of(clock, seconds):
    async def script(reader, writer, number):
        while True:
            target = (await head_of(reader)).split()[1]
            if target == b"/":
                writer.write(OK)
            elif target == b"/end" or number > 1:
                writer.write(HEAD)
            elif target != b"/slow":
                clock.ahead += seconds
                if target == b"/stale":
                    return
                writer.write(FOUND)

    return script


@functools.partial(on_both, patience=None)
@pytest.mark.parametrize("way", [redirected, stale, in_line])
@pytest.mark.parametrize("seconds", [100, 4000])
async def test_what_goes_on_in_python_keeps_the_deadline(way, seconds):
    with Clock() as clock:
        connector = http.TCPConnector(limit=1, keepalive_timeout=None)
        async with (
            scripted(script_of(clock, seconds)) as peer,
            http.ClientSession(connector=connector, timeout=http.ClientTimeout(total=1000)) as session,
        ):
            url = f"http://127.0.0.1:{peer.port}/"
            async with session.get(url) as answer:
                await answer.read()
            begun = asyncio.get_running_loop().time()
            if seconds > 1000:
                with pytest.raises(TimeoutError):
                    await way(session, url, clock, seconds)
            else:
                assert begun + 1000 <= await way(session, url, clock, seconds) < begun + 1000 + seconds


class Silent(AbstractResolver):
    """Never answers."""

    async def resolve(self, host, port=0, family=0):
        await asyncio.Event().wait()

    async def close(self):
        pass


@pytest.mark.parametrize(
    ("limits", "error"), [({"total": 0.02}, TimeoutError), ({"connect": 0.02}, http.ConnectionTimeoutError)]
)
@on_both
async def test_a_limit_of_a_connection_leaves_its_task_as_it_was(limits, error):
    task = asyncio.current_task()
    async with http.ClientSession(
        connector=http.TCPConnector(resolver=Silent()), timeout=http.ClientTimeout(**limits)
    ) as session:
        with pytest.raises(TimeoutError) as caught:
            await session.get("http://nobody.test/")
        assert type(caught.value) is error and not task.cancelling()
        # Who cancels is not taken for a limit.
        asking = asyncio.create_task(awaited(session.get("http://nobody.test/", timeout=60)))
        await until(lambda: session.connector._pool.used)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
