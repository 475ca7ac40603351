"""Large bodies by `response.content`: every way to read one, in parts, in turns and at its end, on both loops.

Bodies are larger than what is read at a time, and than what is read of a body that nobody asks for.
"""

import asyncio
import gzip
import random
import subprocess
import sys

import pytest
from client_support import head_of, on_both, saying, scripted, until
from ferrio import http
from ferrio.http.errors import LineTooLong

SIZE = 3_000_001
BODY = random.Random(7).randbytes(SIZE)
LINES = b"".join(b"%d %s\n" % (number, b"x" * (number % 300)) for number in range(20_000)) + b"the last"
CODINGS = {
    "known": lambda body: (b"Content-Length: %d\r\n\r\n" % len(body), body),
    "chunked": lambda body: (b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)),
    "packed": lambda body: (
        b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed := gzip.compress(body, 1)),
        packed,
    ),
}


def sending(coding, body, left=0):
    """A script that answers with that body, but for `left` bytes of what it is sent as."""
    fields, sent = CODINGS[coding](body)

    async def script(reader, writer, number):
        while True:
            await head_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n" + fields + sent[: len(sent) - left])
            await writer.drain()
            if left:
                return

    return script


async def gathered(iterator):
    return [piece async for piece in iterator]


async def by_read(content, size):
    pieces = []
    while piece := await content.read(size):
        pieces.append(piece)
    return pieces


async def mixed(content):
    """Each way in turn, and some of it put back."""
    pieces = [await content.readexactly(700_000), await content.read(100), await content.readany()]
    with pytest.warns(DeprecationWarning):
        content.unread_data(pieces.pop())
    pieces += [
        await content.readuntil(b"\x00\x01", max_size=SIZE),
        content.read_nowait(10),
        await content.readexactly(3),
    ]
    async for piece in content.iter_chunked(70_000):
        pieces.append(piece)
        if len(pieces) > 10:
            break
    return [*pieces, await content.readline(), await content.read()]


WAYS = {
    "at once": lambda content: gathered_once(content.read()),
    "any": lambda content: gathered(content.iter_any()),
    "large": lambda content: gathered(content.iter_chunked(1 << 16)),
    "larger": lambda content: gathered(content.iter_chunked(1 << 20)),
    "odd": lambda content: gathered(content.iter_chunked(9999)),
    "read": lambda content: by_read(content, 1 << 17),
    "exactly": lambda content: gathered_once(content.readexactly(SIZE)),
    "mixed": mixed,
}


async def gathered_once(reading):
    return [await reading]


@on_both
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("limits", [{}, {"sock_read": 30.0}], ids=["plain", "limited"])
async def test_a_large_body_comes_whole_in_every_way(coding, way, limits):
    async with (
        scripted(sending(coding, BODY)) as peer,
        http.ClientSession(timeout=http.ClientTimeout(**limits)) as session,
    ):
        for _ in range(2):
            async with session.get(f"http://127.0.0.1:{peer.port}/") as answer:
                pieces = await WAYS[way](answer.content)
                assert b"".join(pieces) == BODY
                assert answer.content.at_eof() and answer.content.total_bytes == SIZE
                assert await answer.content.read() == await answer.content.readany() == b""


@on_both
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("limits", [{}, {"sock_read": 30.0}], ids=["plain", "limited"])
async def test_lines_of_a_large_body(coding, limits):
    async with (
        scripted(sending(coding, LINES)) as peer,
        http.ClientSession(timeout=http.ClientTimeout(**limits)) as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        assert await answer.content.readline() == b"0 \n"
        assert [line async for line in answer.content] == LINES.splitlines(keepends=True)[1:]


@on_both
async def test_a_line_that_is_too_long_is_passed_over():
    body = b"x" * 300_000 + b"\n" + b"next\n"
    async with (
        scripted(sending("known", body)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        await until(lambda: answer._whole)
        with pytest.raises(LineTooLong):
            await answer.content.readline()
        assert await answer.content.readline() == b"next\n"


@on_both
@pytest.mark.parametrize("way", [way for way in WAYS if way != "mixed"])
@pytest.mark.parametrize("coding", ["known", "chunked"])
async def test_a_body_that_is_cut(coding, way):
    async with (
        scripted(sending(coding, BODY, left=20)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        with pytest.raises(http.ClientPayloadError):
            await WAYS[way](answer.content)
        assert isinstance(answer.content.exception(), http.ClientPayloadError)
        with pytest.raises(http.ClientPayloadError):
            await answer.content.read(1)


@on_both
async def test_who_reads_slowly_has_the_server_wait_and_gets_all():
    sent = 0

    async def script(reader, writer, number):
        nonlocal sent
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (20 * SIZE))
        for _ in range(20):
            writer.write(BODY)
            await writer.drain()
            sent += 1

    async with (
        scripted(script) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        pieces = aiter(answer.content.iter_chunked(1 << 16))
        got = len(await anext(pieces))
        before = -1
        while before != (before := answer._received):
            await asyncio.sleep(0.2)
        assert answer._buffered < 1 << 20 and sent < 20
        # More than is kept of what nobody asks for.
        got += len(await answer.content.readexactly(2_000_000))
        async for piece in pieces:
            got += len(piece)
        assert got == 20 * SIZE


@on_both
@pytest.mark.parametrize("way", ["read", "readany", "exactly", "line", "iterated"])
async def test_an_exception_that_is_set_reaches_who_waits_and_who_comes(way):
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await reader.read()

    reads = {
        "read": lambda content: content.read(),
        "readany": lambda content: content.readany(),
        "exactly": lambda content: content.readexactly(5),
        "line": lambda content: content.readline(),
        "iterated": lambda content: anext(content.iter_chunked(10)),
    }
    async with (
        scripted(script) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        assert await answer.content.readexactly(3) == b"abc"
        waiting = asyncio.ensure_future(_awaited(reads[way](answer.content)))
        await until(lambda: answer._is_awaited)
        with pytest.raises(RuntimeError, match="already waiting"):
            await answer.content.readany()
        with pytest.raises(RuntimeError, match="while some coroutine is waiting"):
            answer.content.read_nowait()
        answer.content.set_exception(KeyError("own"))
        for _ in range(2):
            with pytest.raises(KeyError, match="own"):
                await waiting
            with pytest.raises(KeyError, match="own"):
                await reads[way](answer.content)
        assert isinstance(answer.content.exception(), KeyError)


async def _awaited(reading):
    return await reading


@on_both
async def test_who_is_told_of_the_end_while_somebody_iterates():
    async with (
        scripted(sending("known", BODY)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        told, pieces = [], aiter(answer.content.iter_chunked(1 << 16))
        size = len(await anext(pieces))
        answer.content.on_eof(lambda: told.append(answer.content.at_eof()))
        async for piece in pieces:
            assert not told or size + len(piece) == SIZE
            size += len(piece)
        assert size == SIZE and told == [True]


@on_both
async def test_all_that_is_left_is_waited_for_and_given_up():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + BODY[:1_500_000])
        await head_of(reader)
        writer.write(BODY[1_500_000:])

    async with (
        scripted(script) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        assert await answer.content.readexactly(100) == BODY[:100]
        reading = asyncio.ensure_future(_awaited(answer.content.read()))
        await until(lambda: answer._received == 1_500_000)
        reading.cancel()
        await asyncio.wait([reading])
        assert await answer.content.readexactly(100) == BODY[100:200]
        answer.connection.transport.write(b"go on\r\n\r\n")
        assert await answer.content.read() == BODY[200:]


@on_both
async def test_waits_that_were_given_up_do_not_put_pieces_out_of_order():
    """Nothing had come when all of it was wanted; then large pieces were, by who was gone when they came."""

    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        await head_of(reader)
        writer.write(BODY)
        await writer.drain()

    async with (
        scripted(script) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        for wait in (answer.content.read(), answer.content.read(100_000)):
            reading = asyncio.ensure_future(_awaited(wait))
            await until(lambda: answer._is_awaited)
            reading.cancel()
            await asyncio.wait([reading])
        answer.connection.transport.write(b"go on\r\n\r\n")
        await until(lambda: answer._received >= 300_000)
        assert b"".join(await by_read(answer.content, 100_000)) == BODY


@on_both
@pytest.mark.parametrize("way", ["read", "readany", "readline", "readchunk", "readexactly"])
@pytest.mark.parametrize("ended_by", ["close", "drop"])
async def test_a_wait_that_ends_without_being_cancelled_leaves_the_stream_to_others(way, ended_by):
    async with (
        scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", end=False)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        for _ in range(2):
            wait = getattr(answer.content, way)(*([10] if way == "readexactly" else []))
            assert not wait.send(None).done() and answer._is_awaited
            if ended_by == "close":
                wait.close()
            del wait
            assert not answer._is_awaited


@on_both
@pytest.mark.parametrize("way", ["read", "readexactly", "readuntil", "wait_eof"])
@pytest.mark.parametrize("limits", [{}, {"sock_read": 30.0}])
@pytest.mark.parametrize("ended_by", ["close", "drop"])
async def test_a_wait_that_ends_without_being_cancelled_keeps_what_it_has_read(way, limits, ended_by):
    async with (
        scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", end=False)) as peer,
        http.ClientSession(timeout=http.ClientTimeout(**limits)) as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        await until(lambda: answer._received == 3)
        wait = getattr(answer.content, way)(*([10] if way == "readexactly" else []))
        wait.send(None)
        if ended_by == "close":
            wait.close()
        del wait
        assert answer.content.read_nowait() == b"abc"


def test_answers_that_nobody_reads_any_more_end_with_their_loop():
    """They are collected with whoever waited for them: nobody is told of anything, and nothing is printed."""
    program = """
import asyncio, gc, logging
import ferrio
from ferrio import http

async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nabc")
    await asyncio.Event().wait()

async def main(way, given):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    session = http.ClientSession()
    answer = await session.get("http://127.0.0.1:%d/" % server.sockets[0].getsockname()[1])

    async def read():
        return await getattr(answer.content, way)(*given)

    reading = asyncio.ensure_future(read())
    while not answer._is_awaited:
        await asyncio.sleep(0)
    return session, answer, reading

logging.disable(logging.CRITICAL)
for way, given in (("read", ()), ("readline", ()), ("readexactly", (10,))):
    loop = ferrio.new_event_loop()
    left = loop.run_until_complete(main(way, given))
    loop.close()
    del left
    gc.collect()
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), ran


@on_both
async def test_sizes_and_separators_of_any_kind():
    """As aiohttp takes them; each for both ways to read, the plain one and the one in Python."""
    async with scripted(sending("known", b"one\ntwo\n")) as peer:
        for limits in ({}, {"sock_read": 30.0}):
            async with http.ClientSession(timeout=http.ClientTimeout(**limits)) as session:

                async def ask(read, session=session):
                    async with session.get(f"http://127.0.0.1:{peer.port}/") as answer:
                        return await read(answer.content)

                for separator in (b"\n", bytearray(b"\n"), memoryview(b"\n")):
                    for most in (None, 4, 2**70):
                        assert await ask(lambda content: content.readuntil(separator, max_size=most)) == b"one\n"  # noqa: B023
                    with pytest.raises(LineTooLong):
                        await ask(lambda content: content.readuntil(separator, max_size=-1))  # noqa: B023
                for separator in ("\n", 10):
                    with pytest.raises(TypeError):
                        await ask(lambda content: content.readuntil(separator))  # noqa: B023
                assert await ask(lambda content: content.read(2**70)) == b"one\ntwo\n"
                assert await ask(lambda content: content.read(None)) == b""
                assert await ask(lambda content: gathered(content.iter_chunked(2**70))) == [b"one\ntwo\n"]
                with pytest.raises(asyncio.IncompleteReadError):
                    await ask(lambda content: content.readexactly(2**70))


@on_both
async def test_other_tasks_go_on_while_a_body_comes_fast():
    """Pieces that are there come without a wait, but only so many: other tasks have their turns."""
    async with (
        scripted(sending("known", BODY * 10)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        turns = 0

        async def other():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task, most, size = asyncio.ensure_future(other()), 0, 0
        before = since = 0
        async for piece in answer.content.iter_chunked(1 << 16):
            since = since + len(piece) if turns == before else len(piece)
            before, most, size = turns, max(most, since), size + len(piece)
        task.cancel()
        assert size == 10 * SIZE and most <= 1 << 20


@on_both
@pytest.mark.parametrize("separator", [b"\n", b"--end--"])
async def test_a_separator_that_comes_byte_by_byte(separator):
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * (400 + len(separator)) + 3))
        for byte in (b"-" * 400 + separator) * 2 + b"---":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with (
        scripted(script) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        for _ in range(2):
            assert await answer.content.readuntil(separator) == b"-" * 400 + separator
        assert await answer.content.readuntil(separator) == b"---"
