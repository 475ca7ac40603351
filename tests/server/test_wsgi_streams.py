"""WSGI applications and their clients: streams, slow clients, cancelled requests, and the loop's own thread."""

import asyncio
import gc
import http.client
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from ferrio._support.wsgi import QUEUE, Gone, Stream
from ferrio.server.wsgi import WSGIMiddleware
from ferrio.server.wsgi_input import LARGE, Input, received
from server_support import ask, ask_now, port_of, run, running, server_of, serving
from wsgi_support import PLAIN, WRAPPED, get, ways

SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "http_version": "1.1", "headers": []}


def test_a_client_that_goes_away_ends_the_iterable():
    closed = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)

        def blocks():
            try:
                while True:
                    yield b"x" * 65536
            finally:
                closed.set()

        return blocks()

    async def main():
        sent = 0

        async def send(message):
            nonlocal sent
            sent += 1
            if sent > 2 * QUEUE:
                raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            await WSGIMiddleware(app)(SCOPE, None, send)

    run(main())
    assert closed.wait(10)


@pytest.mark.parametrize("begun", [False, True], ids=["before its first block", "between two"])
def test_a_request_that_is_cancelled_ends_the_iterable_and_sends_no_more(begun):
    closed, cancelled, sent = threading.Event(), threading.Event(), []

    def app(environ, start_response):
        start_response("200 OK", PLAIN)

        def blocks():
            try:
                yield b"1" if begun else b""
                assert cancelled.wait(60)
                for _ in range(100):
                    yield b"x"
            finally:
                closed.set()

        return blocks()

    async def main():
        streams = asyncio.Event()

        async def send(message):
            sent.append(message)
            if len(sent) == 2:
                streams.set()

        request = asyncio.create_task(WSGIMiddleware(app)(SCOPE, None, send))
        await (streams.wait() if begun else asyncio.sleep(0))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        cancelled.set()
        assert await asyncio.to_thread(closed.wait, 60)
        await asyncio.sleep(0)

    run(main())
    assert len(sent) == (2 if begun else 0)


@pytest.mark.parametrize("begun", ["not", "head", "block"])
def test_writing_for_a_cancelled_request_says_that_the_client_is_gone(begun):
    at, cancelled, seen = threading.Event(), threading.Event(), asyncio.Queue()

    def app(environ, start_response):
        write = start_response("200 OK", PLAIN) if begun != "not" else None
        if begun == "block":
            write(b"x")
        at.set()
        assert cancelled.wait(60)
        write = write or start_response("200 OK", PLAIN)
        try:
            for _ in range(2 * QUEUE):
                write(b"x")
        except BaseException as error:
            loop.call_soon_threadsafe(seen.put_nowait, error)
        return []

    async def main():
        nonlocal loop
        loop = asyncio.get_running_loop()

        async def send(message):
            pass

        request = asyncio.create_task(WSGIMiddleware(app)(SCOPE, None, send))
        assert await asyncio.to_thread(at.wait, 60)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        cancelled.set()
        return await asyncio.wait_for(seen.get(), 60)

    loop = None
    assert isinstance(run(main()), Gone)


def test_another_thread_that_writes_as_soon_as_it_can_writes_behind_the_head(monkeypatch):
    sent, others, start = [], [], Stream.start

    def app(environ, start_response):
        others.append(start_response("200 OK", PLAIN))
        return (b"1", b"2")

    def looked_up(stream):
        """Between what makes the stream known and what sends it."""
        while others:
            others.pop()(b"0")
        return partial(start, stream)

    monkeypatch.setattr(Stream, "start", property(looked_up))

    async def main():
        async def send(message):
            sent.append(message.get("body", message["type"]))

        await WSGIMiddleware(app)(SCOPE, None, send)

    run(main())
    assert sent == ["http.response.start", b"0", b"1", b"2", b""]


def test_context_variables_reach_the_thread():
    import contextvars

    name = contextvars.ContextVar("name", default="none")

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        return [name.get().encode()]

    async def main():
        sent = []

        async def send(message):
            sent.append(message)

        name.set("set")
        await WSGIMiddleware(app)(SCOPE, None, send)
        return sent[1]["body"]

    assert run(main()) == b"set"


def test_a_long_body_is_copied_once():
    copied = 0

    class Part(bytes):
        def __getitem__(self, key):
            nonlocal copied
            found = super().__getitem__(key)
            copied += len(found)
            return found

        def __radd__(self, before):
            nonlocal copied
            copied += len(before) + len(self)
            return before + bytes(self)

    async def main(read):
        left = [
            {"type": "http.request", "body": Part(b"x" * 1000), "more_body": more} for more in (False, *[True] * 99)
        ]

        async def receive():
            return left.pop()

        return await asyncio.to_thread(read, Input(receive, asyncio.get_running_loop()))

    for read in (lambda body: body.read(100_000), lambda body: body.read(), lambda body: body.readline()):
        copied = 0
        assert run(main(read)) == b"x" * 100_000
        assert copied <= 100_000


@pytest.mark.parametrize("slow", ["sends", "reads"])
def test_slow_clients_keep_nobody_else_waiting(slow):
    """There are more of them than the loop has threads."""
    begun = threading.Semaphore(0)

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/quick":
            return [b"quick"]
        begun.release()
        if slow == "sends":
            return [environ["wsgi.input"].read()]
        return iter(lambda: b"x" * 65536, b"")

    request = b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx"
    if slow == "reads":
        request = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"

    async def main():
        async with serving(app, interface="wsgi", lifespan="off") as port:
            peers = []
            for _ in range(40):
                _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
                peers.append(writer)
                writer.write(request)
            executor = ThreadPoolExecutor(1)  # the loop's own threads are what this is about
            for _ in peers:
                assert await asyncio.get_running_loop().run_in_executor(executor, begun.acquire, True, 60)
            answer = await asyncio.get_running_loop().run_in_executor(executor, ask_now, port, "/quick")
            for writer in peers:
                writer.transport.abort()
            return answer.body

    assert run(main()) == b"quick"


def test_on_the_loop_there_is_one_thread_and_one_request_at_a_time():
    seen, under_way = set(), 0

    def app(environ, start_response):
        nonlocal under_way
        under_way += 1
        seen.add((threading.get_ident(), under_way))
        start_response("200 OK", PLAIN)
        under_way -= 1
        return [b"x"]

    async def main():
        async with serving(app, interface="wsgi", lifespan="off", wsgi_on_loop=True) as port:
            await asyncio.gather(*(ask(port, "/", method, body=b"x") for method in ("GET", "POST") for _ in range(20)))

    run(main())
    assert seen == {(threading.get_ident(), 1)}


def test_on_the_loop_a_client_that_is_slow_keeps_nobody_else_waiting():
    """Neither one that sends its body slowly, nor one that reads nothing of a long answer, whose iterable is closed."""
    closed = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/long":
            return Blocks()
        return [b"quick"]

    class Blocks:
        def __iter__(self):
            return iter(lambda: b"x" * 65536, b"")

        def close(self):
            closed.set()

    async def main():
        async with serving(app, interface="wsgi", lifespan="off", wsgi_on_loop=True) as port:
            _, sends = await asyncio.open_connection("127.0.0.1", port)
            sends.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
            _, reads = await asyncio.open_connection("127.0.0.1", port, limit=1)
            reads.write(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await ask(port)).body == b"quick"
            for writer in (sends, reads):
                writer.transport.abort()
            assert (await ask(port)).body == b"quick"
            assert await asyncio.to_thread(closed.wait, 60)

    run(main())


@pytest.mark.parametrize("block", [b"x", b""], ids=["sends", "sends nothing"])
def test_on_the_loop_an_iterable_without_an_end_keeps_nobody_else_waiting(block):
    """Neither others nor the server's end, though it never waits for its client."""
    begun, ended = threading.Event(), threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        return blocks() if environ["PATH_INFO"] == "/endless" else [b"quick"]

    def blocks():
        try:
            while True:
                begun.set()
                yield block
        finally:
            ended.set()

    async def main():
        options = {"interface": "wsgi", "lifespan": "off", "wsgi_on_loop": True, "timeout_graceful_shutdown": 0.1}
        async with serving(app, **options) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await asyncio.to_thread(begun.wait, 60)
            assert (await ask(port)).body == b"quick"
            assert not ended.is_set()
        writer.close()

    run(main())
    assert ended.is_set()


@ways
def test_a_server_that_ends_names_the_requests_it_waits_for(way, caplog):
    caplog.set_level(logging.INFO)
    go_on = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        return iter(lambda: None if go_on.wait(0.001) else b"", None)

    async def main():
        async with running(server_of(app, interface="wsgi", **way)) as server:
            writers = []
            for begin in (b"GET /caf%C3%A9 HTTP/1.1\r\n", b"POST /body HTTP/1.1\r\nContent-Length: 0\r\n"):
                _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
                writers.append(writer)
                writer.write(begin + b"Host: a\r\n\r\n")
            while len(server.server_state.tasks) < len(writers):
                await asyncio.sleep(0)
            server.should_exit = True
            while "Still running" not in caplog.text:
                await asyncio.sleep(0.01)
            go_on.set()
        for writer in writers:
            writer.close()

    run(main())
    assert "GET /caf\xe9 for 127.0.0.1:" in caplog.text and "POST /body for 127.0.0.1:" in caplog.text


def test_a_large_body_on_the_loop_is_a_file_that_is_closed():
    files = []

    def app(environ, start_response):
        files.append(environ["wsgi.input"])
        start_response("200 OK", PLAIN)
        return [environ["wsgi.input"].read()]

    body = b"x" * (LARGE + 1)
    assert get(app, "/", "POST", body=body, validated=False, way={"wsgi_on_loop": True}).body == body
    assert files[0].closed


@ways
def test_what_an_iterable_writes_comes_before_its_next_block(way):
    def app(environ, start_response):
        write = start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/":
            write(b"0")

        def blocks():
            write(b"1")
            yield b"2"
            write(b"3")
            yield b""
            write(b"4")

        return blocks()

    assert get(app, "/", validated=False, way=way).body == b"01234"
    assert get(app, "/later", validated=False, way=way).body == b"1234"


def test_on_the_loop_another_answer_replaces_what_was_written():
    """Nothing was sent of it. A thread has sent it: start_response() raises there, and the connection ends."""

    def app(environ, start_response):
        start_response("200 OK", PLAIN)(b"partial")
        error = ValueError("no")
        start_response("500 Sorry", [("Content-Length", "5")], (ValueError, error, None))
        return [b"sorry"]

    answer = get(app, validated=False, way={"wsgi_on_loop": True})
    assert (answer.status, answer.body) == (500, b"sorry")
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(app, validated=False)
    assert caught.value.partial == b"partial"


@ways
@pytest.mark.parametrize("wrapped", [{}, WRAPPED], ids=["plain", "wrapped"])
def test_nothing_can_be_written_when_the_application_has_returned(caplog, way, wrapped):
    kept = []

    class Blocks(list):
        def close(self):
            self.write(b"late")

    def app(environ, start_response):
        blocks = Blocks([b"x"])
        blocks.write = start_response("200 OK", PLAIN)
        kept.append(blocks.write)
        return [b"x"] if environ["PATH_INFO"] == "/kept" else blocks

    assert get(app, validated=False, way={**way, **wrapped}).status == 500
    assert "after the application had returned" in caplog.text and "never retrieved" not in caplog.text
    assert get(app, "/kept", validated=False, way={**way, **wrapped}).body == b"x"
    with pytest.raises(RuntimeError, match="after the application had returned"):
        kept[-1](b"late")


def test_a_body_on_the_loop_that_does_not_come_leaves_no_file(recwarn):
    async def main():
        async def receive():
            return messages.pop()

        messages = [
            {"type": "http.disconnect"},
            {"type": "http.request", "body": b"x" * (LARGE + 1), "more_body": True},
        ]
        with pytest.raises(ConnectionResetError):
            await received(receive)

    run(main())
    gc.collect()
    assert not [each for each in recwarn if each.category is ResourceWarning]


@ways
def test_what_was_given_to_an_application_may_be_kept(way):
    """`start_response` and `write` may be kept, and called when the request is over."""
    kept = []

    def app(environ, start_response):
        kept.append((start_response, start_response("200 OK", PLAIN)))
        return [b"x"]

    assert get(app, validated=False, way=way).body == b"x"
    start_response, write = kept[0]
    start_response("200 OK", PLAIN, (ValueError, ValueError(), None))
    with pytest.raises((AssertionError, RuntimeError)):
        start_response("200 OK", PLAIN)
    assert "start_response" in repr(start_response) and "write" in repr(write)
