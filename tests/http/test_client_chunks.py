"""Chunks of HTTP's, and HTTP/1.0, which has none: what a program sees of them, whatever pieces they came in."""

import asyncio
import gzip

import pytest
from client_support import head_of, on_both, scripted, until
from ferrio import http

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
PARTS = [b"a", b"bb" * 3000, b"c" * 100_000, b"\r\n", b"0"]


def chunked(parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def joined(answer):
    """The chunks, each put together from its pieces."""
    found, begun = [], []
    async for piece, is_end in answer.content.iter_chunks():
        begun.append(piece)
        if is_end:
            found.append(b"".join(begun))
            begun.clear()
    assert not b"".join(begun)
    return found


def in_pieces(data, size):
    async def script(reader, writer, number):
        while True:
            await head_of(reader)
            for at in range(0, len(data), size):
                writer.write(data[at : at + size])
                await writer.drain()
                if size < 100_000:
                    await asyncio.sleep(0)

    return script


@on_both
@pytest.mark.parametrize("size", [1, 7, 5000, 1 << 20], ids=str)
@pytest.mark.parametrize("encoding", ["", "Content-Encoding: gzip\r\n"], ids=["plain", "packed"])
async def test_each_chunk_ends_where_it_ends(size, encoding):
    parts = [part[: size * 2000] for part in PARTS]
    sent = parts
    if encoding:
        packed = gzip.compress(b"".join(parts))
        sent = [packed[:30], packed[30:31], packed[31:]]
    data = HEAD + encoding.encode() + b"\r\n" + chunked(sent)
    async with scripted(in_pieces(data, size)) as peer, http.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"http://127.0.0.1:{peer.port}/") as answer:
                found = await joined(answer)
            if encoding:
                # What unpacks to nothing is no chunk.
                assert b"".join(found) == b"".join(parts)
            else:
                assert found == parts
        assert session.connector._pool.used == 0


@on_both
async def test_a_body_without_chunks_has_no_ends():
    async with (
        scripted(in_pieces(OK, 1000)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        assert [piece async for piece in answer.content.iter_chunks()] == [(b"hi", False)]


@on_both
async def test_chunks_beside_other_reads():
    data = HEAD + b"\r\n" + chunked([b"one", b"two", b"three"])
    async with (
        scripted(in_pieces(data, 1 << 20)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        content = answer.content
        assert await content.read(2) == b"on"
        assert await content.readchunk() == (b"e", True)
        assert await content.readexactly(3) == b"two"
        # That ended a chunk, which nobody was told.
        assert await content.readchunk() == (b"", True)
        assert await content.readchunk() == (b"three", True)
        assert await content.readchunk() == (b"", False)
        assert content.at_eof()


@on_both
async def test_a_read_of_a_chunk_that_is_cancelled_loses_nothing():
    released = asyncio.Event()

    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(HEAD + b"\r\n")
        await released.wait()
        writer.write(chunked([b"one", b"two"]))
        await reader.read()

    async with (
        scripted(script) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer.content.readchunk(), 0.01)
        released.set()
        assert await joined(answer) == [b"one", b"two"]


@on_both
async def test_chunks_of_one_byte_are_not_kept_without_end():
    """Each costs more than its byte: a server that sends nothing but these has to wait sooner."""
    sent = 0

    async def script(reader, writer, number):
        nonlocal sent
        await head_of(reader)
        writer.write(HEAD + b"\r\n")
        while sent < 10_000_000:
            writer.write(b"1\r\nx\r\n" * 1000)
            sent += 1000
            await writer.drain()

    async with (
        scripted(script) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        await until(lambda: answer._buffered > 50_000)
        await asyncio.sleep(0.05)
        assert answer._buffered < 250_000
        assert await answer.content.readchunk() == (b"x", True)


@on_both
async def test_http_1_0_is_sent_as_such():
    heads = []

    async def script(reader, writer, number):
        while True:
            heads.append((number, (await head_of(reader)).split(b"\r\n")))
            writer.write(OK.replace(b"1.1", b"1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"))

    async with scripted(script) as peer:
        url = f"http://127.0.0.1:{peer.port}/x?y"
        async with http.ClientSession(version=http.HttpVersion10) as session:
            for data in (None, b"hi"):
                async with session.post(url, data=data) as answer:
                    assert (await answer.read(), answer.version) == (b"hi", http.HttpVersion10)
            with pytest.raises(ValueError, match="has no chunks"):
                await session.post(url, data=pieces())
            async with session.get(url, headers={"Connection": "close"}) as answer:
                assert await answer.read() == b"hi"
            assert session.connector._pool.used == 0
        assert [lines[0] for _, lines in heads] == [b"POST /x?y HTTP/1.0"] * 2 + [b"GET /x?y HTTP/1.0"]
        assert [number for number, _ in heads[:2]] == [1, 1]
        assert b"Connection: keep-alive" in heads[0][1] and b"Connection: keep-alive" not in heads[2][1]


async def pieces():
    yield b"one"


@on_both
async def test_what_ends_with_its_connection_by_http_1_0():
    async def script(reader, writer, number):
        head = await head_of(reader)
        assert head.startswith(b"GET / HTTP/1.0\r\n") and b"Connection" not in head
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        await writer.drain()

    async with scripted(script) as peer:
        closing = http.TCPConnector(force_close=True)
        async with http.ClientSession(version=http.HttpVersion10, connector=closing) as session:
            for _ in range(2):
                async with session.get(f"http://127.0.0.1:{peer.port}/") as answer:
                    assert await answer.read() == b"until the end"
