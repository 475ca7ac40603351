"""A client's connections, against a server that says what it is told to: whole answers, cut ones, lies, and more."""

import asyncio

import pytest
from client_support import Failed, head_of, on_both, saying, scripted, until
from ferrio import _ferrio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@on_both
async def test_an_answer_and_its_parts():
    said = b"HTTP/1.1 404 Not Found\r\nX-One:  1 \r\nx-one: 2\r\nContent-Length: 2\r\n\r\nhi"
    async with scripted(saying(said, end=False)) as peer:
        answer = await peer.ask()
        assert (answer.status, answer.reason, answer._minor_version) == (404, "Not Found", 1)
        assert answer.raw_headers == ((b"X-One", b"1"), (b"x-one", b"2"), (b"Content-Length", b"2"))
        assert (answer._header(b"x-one"), answer._header(b"x-two")) == (b"1", None)
        assert (await answer.read(), await answer.read(), answer._body) == (b"hi", b"hi", b"hi")
        assert answer.closed and answer._whole and answer._connection is None


@on_both
async def test_a_connection_is_used_again():
    async with scripted(saying(OK, OK, OK, end=False)) as peer:
        for count in range(3):
            answer = await peer.ask()
            assert answer._connection is None  # The body came with the head.
            assert await answer.read() == b"hi"
            assert (peer.opened, peer.pool.idle, peer.pool.used) == (1, 1, 0), count


@on_both
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        OK + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["close", "1.0", "until the end", "more than was asked for"],
)
async def test_a_connection_is_not_used_again(said):
    async with scripted(saying(said)) as peer:
        answer = await peer.ask()
        assert await answer.read() == b"hi"
        await until(lambda: peer.pool.used == 0)
        assert peer.pool.idle == 0
        assert await (await peer.ask()).read() == b"hi"
        assert peer.opened == 2


@on_both
async def test_bytes_that_come_before_they_are_asked_for_close_the_connection():
    async def script(reader, writer, number):
        if number == 1:
            await head_of(reader)
            writer.write(OK)
            await asked.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")
            await reader.read()
        else:
            await saying(OK)(reader, writer, number)

    asked = asyncio.Event()
    async with scripted(script) as peer:
        assert await (await peer.ask()).read() == b"hi"
        assert peer.pool.idle == 1
        asked.set()
        await until(lambda: peer.pool.idle == 0)
        assert await (await peer.ask()).read() == b"hi"
        assert peer.opened == 2


@on_both
async def test_a_connection_that_the_server_closes_while_idle_is_dropped_at_once():
    async with scripted(saying(OK)) as peer:
        await (await peer.ask()).read()
        await until(lambda: peer.pool.idle == 0)
        assert peer.pool.take("a") is None


@on_both
@pytest.mark.parametrize(
    ("said", "kind", "detail"),
    [
        (b"", "disconnected", "the connection ended before the answer"),
        (b"HTTP/1.1 200 O", "disconnected", "the connection ended before the answer"),
        (b"SSH-2.0-OpenSSH\r\n", "broken", "the answer does not begin with a status line"),
        (b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", "broken", "a space in a header's name, or before its colon"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "broken", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "broken", None),
        (b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", "broken", "a control byte in a head"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "broken", "101 to a request that did not ask to switch"),
    ],
)
async def test_what_is_no_answer(said, kind, detail):
    async with scripted(saying(said)) as peer:
        with pytest.raises(Failed) as caught:
            await peer.ask()
        assert caught.value.kind == kind
        assert isinstance(caught.value.answer, _ferrio.HttpAnswer)
        if detail is not None:
            assert caught.value.detail == detail
        assert (peer.pool.used, peer.pool.idle) == (0, 0)


@on_both
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ],
    ids=["short", "no last chunk", "chunk too long", "no length"],
)
async def test_a_body_that_is_cut(said):
    async with scripted(saying(said)) as peer:
        answer = await peer.ask()
        with pytest.raises(Failed) as caught:
            await answer.read()
        assert caught.value.kind == "cut"
        with pytest.raises(Failed):
            await answer._read_any()
        assert (peer.pool.used, peer.pool.idle) == (0, 0)


@on_both
async def test_chunks_and_trailers_however_they_come():
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"

    async def script(reader, writer, number):
        await head_of(reader)
        for byte in said:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await saying(said, end=False)(reader, writer, number)

    async with scripted(script) as peer:
        for _ in range(2):
            answer = await peer.ask()
            assert await answer.read() == b"abcde"
            assert answer._trailers == ((b"X-Sum", b"5"),)
        assert peer.opened == 1


@on_both
@pytest.mark.parametrize(
    ("method", "said"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
        (b"GET", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_answers_without_a_body(method, said):
    async with scripted(saying(said, OK, end=False)) as peer:
        answer = await peer.ask(method=method)
        assert (await answer.read(), answer._at_eof) == (b"", True)
        assert await (await peer.ask()).read() == b"hi"
        assert peer.opened == 1


@on_both
async def test_informational_answers():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(early + b"HTTP/1.1 100 Continue\r\n\r\n" + early * 100)
        assert await reader.readexactly(4) == b"body"
        writer.write(OK)
        await reader.read()

    async with scripted(script) as peer:
        connection = await peer.acquire()
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"PUT", b"/", [(b"host", b"a"), (b"expect", b"100-continue")], None, 4)
        assert await connection.wait_continue() is True
        connection.write(b"body")
        connection.end()
        await answer._wait()
        assert await answer.read() == b"hi"
        assert answer._early[0] == (103, ((b"Link", b"</a>"),))
        assert len(answer._early) == 16
        assert peer.pool.idle == 1


@on_both
async def test_a_final_answer_instead_of_continue():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with scripted(script) as peer:
        connection = await peer.acquire()
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"PUT", b"/", [(b"host", b"a"), (b"expect", b"100-continue")], None, 4)
        assert await connection.wait_continue() is False
        assert (await answer._wait()).status == 417
        answer.release()
        await until(lambda: peer.pool.used == 0)
        assert peer.pool.idle == 0  # Of the request half was sent.


@on_both
async def test_an_answer_before_the_request_is_whole():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(OK)
        assert await reader.readexactly(2_000_000) == b"a" * 2_000_000
        await saying(OK, end=False)(reader, writer, number)

    async with scripted(script) as peer:
        connection = await peer.acquire()
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"PUT", b"/", [(b"host", b"a")], None, 2_000_000)
        assert await (await answer._wait()).read() == b"hi"
        assert (answer.closed, peer.pool.used) == (False, 1)
        for _ in range(20):
            connection.write(b"a" * 100_000)
            await connection.drain()
        connection.end()
        assert (answer.closed, peer.pool.used, peer.pool.idle) == (True, 0, 1)
        assert await (await peer.ask()).read() == b"hi"
        assert peer.opened == 1


@on_both
@pytest.mark.parametrize("length", [5, -1])
async def test_bodies_go_out(length):
    async def script(reader, writer, number):
        head = await head_of(reader)
        if length == 5:
            assert b"content-length: 5\r\n" in head and await reader.readexactly(5) == b"abcde"
        else:
            assert b"transfer-encoding: chunked\r\n" in head
            sent = b"3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n"
            assert await reader.readexactly(len(sent)) == sent
        writer.write(OK)
        await reader.read()

    async with scripted(script) as peer:
        connection = await peer.acquire()
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"POST", b"/", [(b"host", b"a")], None, length)
        connection.write(b"abc")
        connection.write(memoryview(b"de"))
        connection.end([(b"x-sum", b"5")])
        assert await (await answer._wait()).read() == b"hi"
        assert peer.pool.idle == 1


@on_both
async def test_large_bodies_go_out_as_they_are():
    body = bytes(range(256)) * 1000

    async def script(reader, writer, number):
        assert b"content-length: 256000\r\n" in await head_of(reader)
        assert await reader.readexactly(len(body)) == body
        writer.write(OK)
        assert b"transfer-encoding: chunked\r\n" in await head_of(reader)
        assert await reader.readuntil(b"\r\n") == b"3e800\r\n"
        assert await reader.readexactly(len(body) + 7) == body + b"\r\n0\r\n\r\n"
        writer.write(OK)
        await reader.read()

    async with scripted(script) as peer:
        assert await (await peer.ask(method=b"POST", body=body)).read() == b"hi"
        connection = await peer.acquire()
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"POST", b"/", [(b"host", b"a")], None, -1)
        connection.write(body)
        connection.end()
        assert await (await answer._wait()).read() == b"hi"


@on_both
async def test_a_body_that_is_sent_when_the_connection_is_lost_leaves_no_descriptor_watched():
    """asyncio's own `writelines` does, and the next socket with that number could not be read from."""

    async def silent(reader, writer, number):
        await reader.read()

    async with scripted(silent) as peer:
        connection = await peer.acquire()
        number = connection.transport.get_extra_info("socket").fileno()
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"POST", b"/", [(b"host", b"a")], None, -1)
        connection.transport.abort()
        connection.write(bytes(100_000))
        await until(lambda: connection.transport is None)
        # asyncio forgets a descriptor that it watched, and says whether it did.
        assert not asyncio.get_running_loop().remove_writer(number)


@on_both
async def test_requests_that_http_does_not_have():
    async with scripted(saying(OK, end=False)) as peer:
        connection = await peer.acquire()
        for method, target, headers in [
            (b"G T", b"/", [(b"host", b"a")]),
            (b"GET", b"/ ", [(b"host", b"a")]),
            (b"GET", b"/\r\nX: y", [(b"host", b"a")]),
            (b"GET", b"/", []),
            (b"GET", b"/", [(b"host", b"a"), (b"host", b"b")]),
            (b"GET", b"/", [(b"host", b"a"), (b"x", b"a\r\nb: c")]),
            (b"GET", b"/", [(b"host", b"a"), (b"x y", b"a")]),
            (b"GET", b"/", [(b"host", b"a"), (b"Content-Length", b"1")]),
        ]:
            with pytest.raises(ValueError):
                connection.send(_ferrio.HttpAnswer(), method, target, headers)
        assert connection.usable
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"POST", b"/", [(b"host", b"a")], None, 3)
        with pytest.raises(ValueError):
            connection.write(b"abcd")
        with pytest.raises(RuntimeError):
            connection.send(_ferrio.HttpAnswer(), b"GET", b"/", [(b"host", b"a")])


@on_both
async def test_heads_without_end():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Header: some value that goes on\r\n" * 100)
            await writer.drain()

    async with scripted(script) as peer:
        with pytest.raises(Failed) as caught:
            await peer.ask(max_headers=1_000_000)
        assert (caught.value.kind, caught.value.detail) == ("broken", "the headers are too long")
        with pytest.raises(Failed) as caught:
            await peer.ask(max_headers=10)
        assert (caught.value.kind, caught.value.detail) == ("broken", "too many headers")


@on_both
async def test_folded_headers_where_they_are_wanted():
    said = b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"
    async with scripted(saying(said)) as peer:
        assert (await peer.ask(folds=True))._header(b"x") == b"a   b"
        with pytest.raises(Failed):
            await peer.ask()


@on_both
async def test_another_protocol_follows():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfirst")
        assert await reader.readexactly(4) == b"pong"
        writer.write(b"second")
        await reader.read()

    class Other(asyncio.Protocol):
        got = b""

        def data_received(self, data):
            self.got += data

    async with scripted(script) as peer:
        answer = await peer.ask(headers=[(b"Upgrade", b"x"), (b"Connection", b"upgrade")])
        assert (answer.status, answer._upgraded) == (101, True)
        connection = answer._connection
        transport, rest = connection.upgrade()
        assert rest == b"first"[: len(rest)]
        other = Other()
        other.got = rest
        transport.set_protocol(other)
        transport.resume_reading()
        transport.write(b"pong")
        await until(lambda: other.got == b"firstsecond")
        assert (peer.pool.used, peer.pool.idle, connection.usable) == (0, 0, False)
        transport.close()


@on_both
async def test_the_time_of_an_exchange_is_over():
    async with scripted(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", end=False)) as peer:
        answer = await peer.ask()
        answer._connection.deadline = peer.loop.time() - 1
        with pytest.raises(Failed) as caught:
            await answer.read()
        assert caught.value.kind == "timeout"
        assert (peer.pool.used, peer.pool.idle) == (0, 0)


@on_both
async def test_nothing_is_connected():
    connection = _ferrio.HttpClientConnection(asyncio.get_running_loop(), Failed)
    assert not connection.usable
    with pytest.raises(RuntimeError):
        connection.send(_ferrio.HttpAnswer(), b"GET", b"/", [(b"host", b"a")])
    with pytest.raises(RuntimeError):
        await _ferrio.HttpAnswer().read()


@on_both
async def test_a_connection_that_is_reset():
    async def script(reader, writer, number):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()

    async with scripted(script) as peer:
        connection = await peer.acquire()
        answer = _ferrio.HttpAnswer()
        connection.send(answer, b"GET", b"/", [(b"host", b"a")])
        await answer._wait()
        connection.connection_lost(ConnectionResetError(104, "reset"))
        with pytest.raises(Failed) as caught:
            await answer.read()
        assert caught.value.kind == "lost" and isinstance(caught.value.detail, ConnectionResetError)


def test_a_pool_needs_its_loop():
    pool = _ferrio.HttpPool.__new__(_ferrio.HttpPool)
    with pytest.raises(RuntimeError):
        pool.take("a")
