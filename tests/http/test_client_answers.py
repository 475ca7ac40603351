"""Answers that a program has in hand: read in pieces, given up early, dropped, cancelled while somebody waits."""

import asyncio
import gc
import weakref

import pytest
from client_support import Failed, head_of, on_both, saying, scripted
from ferrio import _ferrio, http

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@on_both
async def test_an_answer_that_is_released_early_closes_its_connection():
    async with scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", end=False)) as peer:
        answer = await peer.ask()
        assert answer._connection is not None
        assert await answer.release() is None
        assert (answer.closed, peer.pool.used, peer.pool.idle) == (True, 0, 0)
        for read in (answer.read, answer._read_any):
            with pytest.raises(Failed) as caught:
                await read()
            assert caught.value.kind == "closed"


@on_both
async def test_an_answer_that_nobody_has_any_more_closes_its_connection():
    async with scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", end=False)) as peer:
        answer = await peer.ask()
        connection = answer._connection
        assert connection is not None
        del answer
        gc.collect()
        assert (connection.usable, peer.pool.used, peer.pool.idle) == (False, 0, 0)


@on_both
async def test_what_failed_is_freed():
    async with scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as peer:

        class Answer(_ferrio.HttpAnswer):
            pass

        answer = Answer()
        (await peer.acquire()).send(answer, b"GET", b"/", [(b"host", b"a")])
        await answer._wait()
        try:
            await answer.read()
        except Failed as error:
            answer.error = error  # A cycle, by way of the traceback, too.
        seen = weakref.ref(answer)
        del answer
        gc.collect()
        assert seen() is None


@on_both
@pytest.mark.parametrize("awaited", ["head", "body", "piece"])
async def test_cancelling_a_wait(awaited):
    async def script(reader, writer, number):
        await head_of(reader)
        if number == 1:
            if awaited != "head":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
            await asyncio.sleep(0.05)
            writer.write(b"123456789" if awaited != "head" else OK)
            await reader.read()
        else:
            writer.write(OK)
            await reader.read()

    async with scripted(script) as peer:
        answer = _ferrio.HttpAnswer()
        (await peer.acquire()).send(answer, b"GET", b"/", [(b"host", b"a")])
        if awaited != "head":
            await answer._wait()
        wait = {"head": answer._wait, "body": answer.read, "piece": answer._read_any}[awaited]
        task = asyncio.ensure_future(run(wait))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if awaited == "piece":
            assert await answer.read() == b"123456789"
            assert peer.pool.idle == 1
        else:
            assert (peer.pool.used, peer.pool.idle) == (0, 0)
            assert await (await peer.ask()).read() == b"hi"
            assert peer.opened == 2


async def run(function):
    return await function()


@on_both
async def test_cancelling_thousands_anywhere_gives_nobody_anothers_answer():
    async def script(reader, writer, number):
        while True:
            target = (await head_of(reader)).split()[1]
            body = target * 20
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:30])
            await asyncio.sleep(0)
            writer.write(body[30:])

    async with scripted(script, limit=8) as peer:
        whole = 0

        async def one(number):
            nonlocal whole
            target = b"/%d" % number
            answer = await peer.ask(target)
            if number % 3:
                body = b""
                while piece := await answer._read_any(7):
                    body += piece
            else:
                body = await answer.read()
            assert body == target * 20
            whole += 1

        async def cancelled(number):
            task = asyncio.ensure_future(one(number))
            for _ in range(number % 37):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled():
                task.result()

        async def some(first):
            for number in range(first, first + 60):
                await cancelled(number)

        await asyncio.gather(*(some(100 * first) for first in range(20)))
        assert whole > 0
        assert (peer.pool.used, peer.pool.waiting) == (0, 0)
        assert await (await peer.ask(b"/x")).read() == b"/x" * 20


@on_both
async def test_reading_in_pieces():
    async with scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", end=False)) as peer:
        answer = await peer.ask()
        assert await answer._read_any(3) == b"012"
        answer._unread(b"12")
        assert (await answer._read_any(4), answer._buffered) == (b"1234", 5)
        assert (answer._read_now(1), await answer._read_any(), await answer._read_any()) == (b"5", b"6789", b"")
        assert answer._at_eof


@on_both
async def test_memory_stays_flat_where_a_reader_is_slow():
    size, piece = 200_000_000, bytes(1_000_000)

    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
        await reader.read()

    async with scripted(script) as peer:
        answer = await peer.ask()
        got = most = 0
        while data := await answer._read_any():
            got += len(data)
            if got < 20_000_000:
                await asyncio.sleep(0.001)
            most = max(most, answer._buffered + len(data))
        assert (got, peer.pool.idle) == (size, 1)
        assert most <= 2 << 20


@on_both
async def test_two_who_read_the_same():
    async with scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", end=False)) as peer:
        answer = await peer.ask()
        first = asyncio.ensure_future(run(answer.read))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already waiting"):
            await answer.read()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


@on_both
async def test_an_answer_without_a_connection():
    answer = _ferrio.HttpAnswer()
    answer._fill(200, "OK", [(b"a", b"b")], b"body")
    assert (answer.status, answer.reason, answer.raw_headers) == (200, "OK", ((b"a", b"b"),))
    assert (await answer.read(), answer.closed) == (b"body", True)


@on_both
@pytest.mark.parametrize("known", [True, False], ids=["length", "chunks"])
@pytest.mark.parametrize("size", [1, 5_000, 70_000, 3_000_000])
async def test_bodies_of_any_size_read_at_once_in_pieces_and_both(known, size):
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]

    async def script(reader, writer, number):
        while True:
            await head_of(reader)
            length = b"Content-Length: %d" % size if known else b"Transfer-Encoding: chunked"
            writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
            for start in range(0, size, 50_001):
                part = body[start : start + 50_001]
                for piece in (part[:3], part[3:500], part[500:]) if len(part) > 500 else (part,):
                    writer.write(piece if known else b"%x\r\n%s\r\n" % (len(piece), piece))
                if start % 7 == 0:
                    await writer.drain()
                    await asyncio.sleep(0)
            if not known:
                writer.write(b"0\r\n\r\n")

    async with scripted(script) as peer:
        assert await (await peer.ask()).read() == body
        for most in (7_001, 1 << 16, 1 << 20):
            answer, got = await peer.ask(), b""
            while piece := await answer._read_any(most):
                assert len(piece) <= most
                got += piece
            assert got == body
        answer = await peer.ask()
        begun = await answer._read_any(10)
        answer._unread(begun)
        assert await answer.read() == body
        assert peer.opened == 1


@on_both
async def test_reading_fails_where_content_was_told_so():
    """As `response.read()` does, and who waits already."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"
    async with scripted(saying(head, end=False)) as peer, http.ClientSession() as session:
        for method in ("read", "text", "wait"):
            async with session.get(f"http://127.0.0.1:{peer.port}/") as answer:
                if method == "wait":
                    assert await answer.content.readany() == b"x"
                    waiting = asyncio.create_task(answer.content.readany())
                    await asyncio.sleep(0)
                    answer.content.set_exception(LookupError("own"))
                    with pytest.raises(LookupError, match="own"):
                        await waiting
                answer.content.set_exception(LookupError("own"))
                for reading in (answer.read, answer.text, answer.content.read):
                    with pytest.raises(LookupError, match="own"):
                        await reading()
        assert (session.connector._pool.used, session.connector._pool.idle) == (0, 0)


@on_both
@pytest.mark.parametrize(
    "options", [{}, {"timeout": http.ClientTimeout(total=60, sock_read=60)}], ids=["native", "own"]
)
async def test_a_body_is_not_read_again_once_its_answer_was_released(options):
    async with scripted(saying(OK, OK, OK, end=False)) as peer, http.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"http://127.0.0.1:{peer.port}/", **options) as answer:
                assert await answer.read() == await answer.read() == b"hi"
            with pytest.raises(http.ClientConnectionError, match="Connection closed"):
                await answer.read()
            assert await answer.text() == "hi"
