"""WSGI applications over real connections, each also through wsgiref's validator: what PEP 3333 says of both sides."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from wsgiref.validate import validator

import pytest
from ferrio.server.wsgi import QUEUE, WSGIMiddleware, environ_of
from ferrio.server.wsgi_input import Input
from server_support import ask, ask_now, run, serving

PLAIN = [("Content-Type", "text/plain")]
SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "http_version": "1.1", "headers": []}


def hello(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"hello"]


def streams(environ, start_response):
    start_response("200 OK", PLAIN)
    return (b"part %d\n" % number for number in range(3 * QUEUE))


def echoes(environ, start_response):
    body = environ["wsgi.input"].read(-1)
    start_response("200 OK", PLAIN)
    return [body]


def echoes_in_pieces(environ, start_response):
    start_response("200 OK", PLAIN)
    return iter(lambda: environ["wsgi.input"].read(1000), b"")


def echoes_lines(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"|".join(environ["wsgi.input"])]


def writes(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"one ")
    write(b"two ")
    return [b"three"]


def changes_its_mind(environ, start_response):
    start_response("200 OK", PLAIN)
    try:
        raise ValueError("too late?")
    except ValueError as error:
        start_response("500 Sorry", PLAIN, (ValueError, error, error.__traceback__))
    return [b"sorry"]


def empty(environ, start_response):
    start_response("204 No Content", [])
    return []


def valid(app):
    """Through the validator, which takes anything for a call and would pass for a factory."""
    checked = validator(app)
    return lambda environ, start_response: checked(environ, start_response)


def get(app, *arguments, validated=True, **options):
    async def main():
        async with serving(valid(app) if validated else app, interface="wsgi", lifespan="off") as port:
            return await ask(port, *arguments, **options)

    return run(main())


def test_a_body_of_one_block_has_its_length():
    answer = get(hello, validated=False)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"hello", "5")


def test_each_is_valid():
    lines = b"one\ntwo\n" + b"x" * 300_000 + b"\nlast"
    expected = {
        hello: b"hello",
        streams: b"".join(b"part %d\n" % number for number in range(3 * QUEUE)),
        writes: b"one two three",
        changes_its_mind: b"sorry",
    }
    for app, body in expected.items():
        answer = get(app)
        assert (answer.status, answer.body) == (500 if app is changes_its_mind else 200, body)
    # The client reads nothing before it has sent all: an answer on the way has to fit into what the kernel keeps.
    for app, body in ((echoes, lines), (echoes_in_pieces, lines[:20_000])):
        assert get(app, "/", "POST", body=body).body == body
        assert get(app, "/", "POST", body=iter([body, body])).body == body * 2
        assert get(app, "/", "POST").body == b""
    assert get(echoes_lines, "/", "POST", body=lines).body == lines.replace(b"\n", b"\n|")
    assert get(empty).status == 204


def test_reading_lines_and_parts():
    def app(environ, start_response):
        body = environ["wsgi.input"]
        found = [body.readline(), body.readline(2), body.read(3), body.readlines(), body.read(-1), body.readline()]
        start_response("200 OK", PLAIN)
        return [repr(found).encode()]

    answer = get(app, "/", "POST", body=b"one\ntwo\nthree\nfour")
    assert eval(answer.body) == [b"one\n", b"tw", b"o\nt", [b"hree\n", b"four"], b"", b""]


def test_the_environment():
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        return hello(environ, start_response)

    headers = {"X-One": "1", "Content-Type": "text/x", "X_Forwarded_For": "spoofed", "Cookie": "a=b"}
    get(app, "/caf%C3%A9/%ff?q=%20a", "GET", headers=headers)
    assert seen["PATH_INFO"] == "/cafÃ©/ÿ"
    assert (seen["QUERY_STRING"], seen["SCRIPT_NAME"], seen["REQUEST_METHOD"]) == ("q=%20a", "", "GET")
    assert (seen["HTTP_X_ONE"], seen["CONTENT_TYPE"], seen["HTTP_COOKIE"]) == ("1", "text/x", "a=b")
    assert "HTTP_X_FORWARDED_FOR" not in seen and "HTTP_CONTENT_TYPE" not in seen
    assert (seen["SERVER_NAME"], seen["REMOTE_ADDR"]) == ("127.0.0.1", "127.0.0.1")
    assert seen["SERVER_PORT"].isdigit() and seen["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_headers_that_come_again_and_mounted_applications():
    headers = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-y", b"1"), (b"x-y", b"2")]
    scope = {"type": "http", "method": "GET", "path": "/app/x", "root_path": "/app", "query_string": b"",
             "http_version": "1.0", "headers": headers, "server": ("/run/app.sock", None)}  # fmt: skip
    environ = environ_of(scope)
    assert (environ["HTTP_COOKIE"], environ["HTTP_X_Y"]) == ("a=1; b=2", "1,2")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["SERVER_PORT"]) == ("/app", "/x", "80")


def test_what_raises_is_logged_and_a_500(caplog):
    def app(environ, start_response):
        raise RuntimeError("no")

    assert get(app, validated=False).status == 500
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "Exception in ASGI application\n"
    ]
    assert str(caplog.records[-1].exc_info[1]) == "no" or any(
        each.exc_info and str(each.exc_info[1]) == "no" for each in caplog.records
    )


def test_what_never_starts_or_starts_twice_is_a_500(caplog):
    def never(environ, start_response):
        return [b"x"]

    def twice(environ, start_response):
        start_response("200 OK", PLAIN)
        start_response("200 OK", PLAIN)
        return [b"x"]

    for app, reason in ((never, "did not call start_response()"), (twice, "twice without exc_info")):
        caplog.clear()
        assert get(app, validated=False).status == 500
        assert reason in caplog.text


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
