"""Hostile servers and hostile programs against `ferrio.http`: nothing leaks, hangs, or goes to others.

Each test is a defect that there was, made as small as it goes. What only harms by chance is in misbehaving.py.

Over 500 lines because each defect has its own small server.
"""

import asyncio
import base64
import contextlib
import gc
import gzip
import hashlib
import os
import socket
import stat
import threading
import warnings
import zlib

import ferrio
import misbehaving
import pytest
from client_support import head_of, on_both, scripted, until
from ferrio import http
from ferrio.http import encodings

pytestmark = [
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning"),
]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """What a program of a test raises."""


async def answering(reader, writer, number):
    """Answers "hi" to whatever is asked."""
    while True:
        await head_of(reader)
        writer.write(OK)


def slowly(released):
    """As `answering`, once `released` is set."""

    async def script(reader, writer, number):
        while True:
            await head_of(reader)
            await released.wait()
            writer.write(OK)

    return script


async def silent(reader, writer, number):
    """Takes everything and says nothing."""
    while await reader.read(1 << 16):
        pass


def url(peer):
    return f"http://127.0.0.1:{peer.port}/"


async def body_of(session, place):
    async with session.get(place) as response:
        return await response.read()


# Who may stand in the place of what


@on_both
async def test_a_request_of_a_subclass_or_a_mock_is_asked_each_time():
    asked = []

    class Session(http.ClientSession):
        async def _request(self, *arguments, **options):
            asked.append("subclass")
            return await super()._request(*arguments, **options)

    async with scripted(answering) as peer:
        async with Session() as session:
            for _ in range(3):
                assert await body_of(session, url(peer)) == b"hi"
        assert asked == ["subclass"] * 3

        original = http.ClientSession._request

        async def of_class(session, *arguments, **options):
            asked.append("class")
            return await original(session, *arguments, **options)

        async def of_instance(*arguments, **options):
            asked.append("instance")
            return await original(session, *arguments, **options)

        async with http.ClientSession() as session:
            assert await body_of(session, url(peer)) == b"hi"
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(http.ClientSession, "_request", of_class)
                assert await body_of(session, url(peer)) == b"hi"
                patch.setattr(session, "_request", of_instance, raising=False)
                assert await body_of(session, url(peer)) == b"hi"
            assert await body_of(session, url(peer)) == b"hi"
        assert asked[3:] == ["class", "instance"]


@on_both
async def test_a_release_that_a_subclass_has_is_called():
    released = []

    class Response(http.ClientResponse):
        def release(self):
            released.append(self.status)
            return super().release()

    async with scripted(answering) as peer, http.ClientSession(response_class=Response) as session:
        for count in (1, 2):
            assert await body_of(session, url(peer)) == b"hi"
            assert released == [200] * count


@on_both
async def test_a_response_class_that_raises_keeps_no_place():
    class Response(http.ClientResponse):
        def __init__(self):
            raise Refused

    connector = http.TCPConnector(limit=1)
    async with scripted(answering) as peer, http.ClientSession(response_class=Response, connector=connector) as session:
        for _ in range(3):
            with pytest.raises(Refused):
                await session.get(url(peer))
        assert connector._pool.used == 0


# Waits in line


@on_both
async def test_a_session_that_closes_tells_who_waits_in_line():
    async with scripted(slowly(released := asyncio.Event())) as peer:
        session = http.ClientSession(connector=http.TCPConnector(limit=1))
        released.set()
        await body_of(session, url(peer))
        released.clear()
        first = asyncio.create_task(body_of(session, url(peer)))
        await until(lambda: session.connector._pool.used)
        second = asyncio.create_task(body_of(session, url(peer)))
        await until(lambda: session.connector._pool.waiting)
        await session.close()
        for task in (first, second):
            with pytest.raises(http.ClientConnectionError):
                await task


@on_both
async def test_a_request_whose_time_is_over_is_not_sent_again():
    """Its connection was used before, and nothing came: as where a server has closed it."""
    asked = 0

    async def script(reader, writer, number):
        nonlocal asked
        await head_of(reader)
        writer.write(OK)
        while True:
            await head_of(reader)
            asked += 1

    async with scripted(script) as peer, http.ClientSession() as session:
        await body_of(session, url(peer))
        session._total = 0.01
        with pytest.raises(TimeoutError):
            await body_of(session, url(peer))
    assert asked == 1


@on_both
async def test_who_waits_in_line_of_a_connector_that_was_left_to_others():
    """The place in line is the pool's, whether the session still has that or not."""
    async with scripted(slowly(released := asyncio.Event())) as peer:
        connector = http.TCPConnector(limit=1)
        session = http.ClientSession(connector=connector)
        released.set()
        await body_of(session, url(peer))
        released.clear()
        tasks = [asyncio.create_task(body_of(session, url(peer))) for _ in range(3)]
        await until(lambda: connector._pool.waiting == 2)
        session.detach()
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        assert tasks[1].cancelled()
        released.set()
        assert await tasks[0] == await tasks[2] == b"hi"
        assert (connector._pool.used, connector._pool.waiting) == (0, 0)
        await connector.close()


@on_both
async def test_a_request_that_is_cancelled_closes_no_connection_of_another():
    """Its answer is whole, and its connection serves the next in line, in the turn in which it is cancelled."""
    async with scripted(slowly(released := asyncio.Event())) as peer:
        connector = http.TCPConnector(limit=1)
        async with http.ClientSession(connector=connector) as session:
            for options in ({}, {"headers": {"x": "y"}}):
                first = asyncio.ensure_future(session.get(url(peer), **options))
                await until(lambda: connector._pool.used)
                second = asyncio.create_task(body_of(session, url(peer)))
                await until(lambda: connector._pool.waiting)
                released.set()
                await until(lambda: not connector._pool.waiting)
                first.cancel()
                assert await second == b"hi"
                await asyncio.wait([first])
                released.clear()
            assert connector._pool.used == 0


@on_both
async def test_a_connection_that_is_over_is_not_closed_by_who_had_it():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(OK[:-1])
        await asyncio.sleep(0.01)
        writer.write(OK[-1:])
        await reader.read()

    async with scripted(script) as peer, http.ClientSession() as session:
        async with session.get(url(peer)) as response:
            connection, native = response.connection, response._connection
            await response.read()
        assert connection.closed
        assert connection.transport is None
        connection.close()
        assert native.usable


# Other threads


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@on_both
async def test_what_another_thread_drops_is_closed_by_the_loops():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await reader.read()
        ended.set()

    asyncio.get_running_loop().set_debug(True)
    ended = asyncio.Event()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        async with scripted(script) as peer, http.ClientSession() as session:
            held = [await http.ClientSession._request(session, "GET", url(peer))]
            held[0]._source_traceback = None
            in_thread(held.clear)
            await ended.wait()
            assert session.connector._pool.used == 0
    asyncio.get_running_loop().set_debug(False)


@on_both
async def test_another_loop_cannot_use_a_session():
    async with scripted(answering) as peer, http.ClientSession() as session:
        await body_of(session, url(peer))
        refused = []

        def elsewhere():
            with pytest.raises(RuntimeError) as raised:
                asyncio.run(body_of(session, url(peer)))
            refused.append(str(raised.value))

        in_thread(elsewhere)
        assert "another event loop" in refused[0]
        assert await body_of(session, url(peer)) == b"hi"


# Failures on the way to an answer


@pytest.mark.parametrize(
    "name",
    [
        "on_request_start",
        "on_connection_queued_start",
        "on_connection_queued_end",
        "on_connection_create_start",
        "on_connection_create_end",
        "on_connection_reuseconn",
        "on_request_headers_sent",
        "on_request_end",
    ],
)
def test_a_trace_that_raises_keeps_nothing(name):
    check_trace(name)


@on_both
async def check_trace(name):
    raises = False

    async def told(*arguments):
        if raises:
            raise Refused

    traces = http.TraceConfig()
    getattr(traces, name).append(told)
    connector = http.TCPConnector(limit=1)
    async with (
        scripted(slowly(released := asyncio.Event())) as peer,
        http.ClientSession(trace_configs=[traces], connector=connector) as session,
    ):
        released.set()
        if "create" not in name:
            await body_of(session, url(peer))
        released.clear()
        first = None
        if "queued" in name:
            first = asyncio.create_task(body_of(session, url(peer)))
            await until(lambda: connector._pool.used)
        raises = True
        second = asyncio.create_task(body_of(session, url(peer)))
        await asyncio.sleep(0.01)
        released.set()
        with pytest.raises(Refused):
            await second
        if first is not None:
            assert await first == b"hi"
        assert (connector._pool.used, connector._pool.waiting) == (0, 0)


@on_both
async def test_a_body_is_not_asked_for_any_further_when_its_request_has_failed():
    async def resetting(reader, writer, number):
        await head_of(reader)
        writer.transport.abort()

    asked = 0

    async def pieces():
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 1000
            await asyncio.sleep(0)

    for script in (resetting, silent):
        async with scripted(script) as peer, http.ClientSession() as session:
            task = asyncio.ensure_future(session.post(url(peer), data=pieces()))
            if script is silent:
                await asyncio.sleep(0.02)
                task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or isinstance(task.exception(), http.ClientConnectionError)
            await asyncio.sleep(0.01)
            before = asked
            await asyncio.sleep(0.02)
            assert asked == before > 0


@on_both
async def test_a_body_that_never_waits_ends_with_its_connection():
    async def resetting(reader, writer, number):
        await head_of(reader)
        writer.transport.abort()

    ended = False

    async def pieces():
        nonlocal ended
        for _ in range(10_000):
            yield b"x" * 10_000
        ended = True

    async with scripted(resetting) as peer, http.ClientSession() as session:
        with pytest.raises(http.ClientConnectionError):
            await session.post(url(peer), data=pieces())
        assert not ended


@on_both
async def test_a_large_request_that_nobody_takes_keeps_no_connection():
    """What a server does not take is not waited for, whichever loop's transport has it."""

    async def deaf(reader, writer, number):
        reader._transport.pause_reading()
        await never.wait()

    never = asyncio.Event()
    for size in (1 << 15, 1 << 22):
        async with scripted(deaf) as peer, http.ClientSession() as session:
            asking = asyncio.ensure_future(session.post(url(peer), data=bytes(size)))
            await until(lambda peer=peer: connections_to(peer) == 1)
            await asyncio.sleep(0.05)
            asking.cancel()
            await asyncio.wait([asking])
            await until(lambda peer=peer: not connections_to(peer))


def connections_to(peer):
    """How many descriptors are clients' connections to that server, whoever holds them."""
    return sum(peername(number) == ("127.0.0.1", peer.port) for number in range(3, 256))


def peername(number):
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            with socket.socket(fileno=os.dup(number)) as sock:
                return sock.getpeername()


@pytest.mark.parametrize("make", [ferrio.new_event_loop, asyncio.new_event_loop])
def test_a_server_that_misbehaves_in_every_way(make):
    with asyncio.Runner(loop_factory=make) as runner:
        client, server, _ = runner.run(misbehaving.attack(3, 1, 16))
    assert client.outcomes["200"] > 10
    assert server.fates["honest"] > 10


# Secrets


@on_both
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_credentials_of_a_session_do_not_follow_to_another_origin():
    asked = []

    async def there(reader, writer, number):
        while True:
            asked.append(await head_of(reader))
            writer.write(OK)

    auth = http.BasicAuth("user", "S3CRET")
    async with scripted(there) as other:

        async def here(reader, writer, number):
            while True:
                asked.append(await head_of(reader))
                writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % url(other).encode())

        async with scripted(here) as peer, http.ClientSession(auth=auth) as session:
            assert await body_of(session, url(peer)) == b"hi"
    assert [b"authorization: " in head.lower() for head in asked] == [True, False]


@on_both
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_nothing_that_is_shown_has_a_secret():
    async def refusing(reader, writer, number):
        while True:
            await head_of(reader)
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    secret = "S3CRET"
    auth = http.BasicAuth("user", secret)
    assert secret not in repr(auth)
    options = (
        {"headers": {"Authorization": secret, "Cookie": secret}},
        {"auth": auth},
        {"cookies": {"name": secret}},
        {"proxy": "http://user:S3CRET@127.0.0.1:1"},
        {"proxy": "http://127.0.0.1:1", "proxy_auth": auth},
    )
    async with scripted(refusing) as peer, http.ClientSession(raise_for_status=True) as session:
        places = ("http://user:S3CRET@/", "ftp://user:S3CRET@host/", url(peer).replace("//", "//user:S3CRET@"))
        for place, given in [(url(peer), each) for each in options] + [(place, {}) for place in places]:
            with pytest.raises(http.ClientError) as raised:
                await session.get(place, **given)
            assert secret not in f"{raised.value} {raised.value!r}"


# Bodies


@on_both
async def test_a_read_that_is_cancelled_loses_nothing():
    async def script(reader, writer, number):
        while True:
            await head_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabc")
            await head_of(reader)
            writer.write(b"def\ng")

    async with scripted(script) as peer, http.ClientSession() as session:
        for read, expected in (
            (lambda content: content.readline(), b"abcdef\n"),
            (lambda content: content.read(), b"abcdef\ng"),
            (lambda content: content.readexactly(8), b"abcdef\ng"),
            (lambda content: content.readuntil(b"g"), b"abcdef\ng"),
        ):
            async with session.get(url(peer)) as response:
                reading = asyncio.ensure_future(read(response.content))
                await until(lambda: response._received == 3 and response._is_awaited)
                reading.cancel()
                await asyncio.wait([reading])
                response.connection.transport.write(b"go on\r\n\r\n")
                assert await read(response.content) == expected
                await response.content.read()


@on_both
async def test_two_who_read_one_answer_do_not_share_its_bytes():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await head_of(reader)
        writer.write(b"def")

    async with scripted(script) as peer, http.ClientSession() as session, session.get(url(peer)) as response:
        reading = asyncio.ensure_future(response.read())
        await asyncio.sleep(0)
        await until(lambda: response._received == 3)
        for read in (response.read, response.content.read, response.content.readany):
            with pytest.raises(RuntimeError, match="another"):
                await read()
        with pytest.raises(RuntimeError):
            response.content.read_nowait()
        response.connection.transport.write(b"go on\r\n\r\n")
        assert await reading == b"abcdef"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_comes_behind_a_packed_body_is_dropped(encoding):
    """zlib gathers what is behind the end, and copies all of it each time."""
    decoder = encodings.decoder(encoding)
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    assert decoder.decode(pack(b"text")) == b"text"
    for _ in range(100):
        assert decoder.decode(bytes(1 << 16)) == b""
        assert not decoder.has_more
    decoder.finish()


# WebSockets


async def shaken(reader, writer):
    head = await head_of(reader)
    key = head.lower().split(b"sec-websocket-key: ")[1]
    key = head[-len(key) :].split(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def shaking(then):
    async def script(reader, writer, number):
        await shaken(reader, writer)
        await then(reader, writer)

    return script


@on_both
async def test_a_session_closes_its_websockets():
    ended = asyncio.Event()

    async def then(reader, writer):
        await reader.read()
        ended.set()

    async with scripted(shaking(then)) as peer:
        session = http.ClientSession()
        socket = await session.ws_connect(url(peer))
        await session.close()
        await ended.wait()
        assert (await socket.receive()).type is http.WSMsgType.CLOSED


@on_both
async def test_a_websocket_that_is_dropped_is_closed():
    ended = asyncio.Event()

    async def then(reader, writer):
        await reader.read()
        ended.set()

    async with scripted(shaking(then)) as peer, http.ClientSession() as session:
        with pytest.warns(ResourceWarning, match="Unclosed WebSocket"):
            await session.ws_connect(url(peer))
            gc.collect()
        await ended.wait()


@on_both
async def test_a_websocket_that_was_not_made_is_closed():
    ended = asyncio.Event()

    async def then(reader, writer):
        await reader.read()
        ended.set()

    class Socket(http.ClientWebSocketResponse):
        def __init__(self, *arguments, **settings):
            raise Refused

    async with scripted(shaking(then)) as peer, http.ClientSession(ws_response_class=Socket) as session:
        with pytest.raises(Refused):
            await session.ws_connect(url(peer))
        await ended.wait()


def flooding(frames):
    """Sends as many as the client takes, and reads nothing."""

    async def then(reader, writer):
        for _ in range(200):
            writer.write(frames)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writer.drain(), 0.05)

    return shaking(then)


@on_both
async def test_a_server_that_floods_a_websocket_has_to_wait():
    """Pings whose answers it does not take, and messages that have nothing but weigh more here than on the way."""
    for frame in (b"\x89\x7d" + b"p" * 125, b"\x82\x00"):
        frames = frame * ((1 << 16) // len(frame))
        async with scripted(flooding(frames)) as peer, http.ClientSession() as session:
            socket = await session.ws_connect(url(peer))
            await until(lambda line=socket._frames: line._is_paused)
            await asyncio.sleep(0.3)
            assert socket._transport.get_write_buffer_size() < 1 << 20
            assert len(socket._frames._messages) < 300_000
            socket._transport.abort()
