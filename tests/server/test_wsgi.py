"""WSGI applications over real connections, each also through wsgiref's validator: what PEP 3333 says of both sides."""

import asyncio
import logging
from array import array

import ferrio
import pytest
from ferrio._support.wsgi import QUEUE
from ferrio.server.wsgi import WSGIMiddleware
from server_support import ask, port_of, run, running, server_of, serving
from wsgi_support import PLAIN, WRAPPED, get, hello, saying, ways


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


@ways
@pytest.mark.parametrize("wrapped", [{}, WRAPPED], ids=["plain", "wrapped"])
def test_a_body_of_one_block_has_its_length(way, wrapped):
    for start, expected in (
        (("200 OK", PLAIN), (200, b"hello", "5")),
        (("200 OK", [*PLAIN, ("CONTENT-Length", "5")]), (200, b"hello", "5")),
        (("404", []), (404, b"hello", "5")),
    ):
        answer = get(saying(*start), validated=False, way={**way, **wrapped})
        assert (answer.status, answer.body, answer.headers["content-length"]) == expected
    head = get(hello, "/", "HEAD", validated=False, way={**way, **wrapped})
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "5")


@ways
@pytest.mark.parametrize("wrapped", [{}, WRAPPED], ids=["plain", "wrapped"])
def test_the_length_of_unusual_blocks(way, wrapped):
    numbers = array("i", [1, 2])
    for block, expected in ((memoryview(numbers), numbers.tobytes()), (bytearray(b"ab"), b"ab"), (b"", b"")):
        answer = get(saying("200 OK", PLAIN, blocks=[block]), validated=False, way={**way, **wrapped})
        assert (answer.status, answer.body) == (200, expected)
        assert answer.headers["content-length"] == str(len(expected))
    # How long the answer to GET would be the application has not said.
    head = get(saying("200 OK", PLAIN, blocks=[b""]), "/", "HEAD", validated=False, way={**way, **wrapped})
    assert (head.status, head.headers.get("content-length")) == (200, None)


def test_a_plain_request_needs_no_scope(monkeypatch):
    """That is what makes it quick. With something around the application, or a body, there is a scope."""

    async def scoped(self, scope, receive, send):
        raise AssertionError("not plain")

    monkeypatch.setattr(WSGIMiddleware, "__call__", scoped)
    assert get(hello).body == b"hello"
    assert get(hello, headers={"Content-Length": "0"}).body == b"hello"
    assert get(hello, way=WRAPPED).status == 500
    assert get(hello, way={"root_path": "/app"}).status == 500
    assert get(hello, headers={"X-Forwarded-For": "1.2.3.4"}).status == 500
    assert get(hello, "/", "POST", body=b"x").status == 500


@ways
def test_both_ways_make_the_same_environment(way):
    targets = ["/", "/a%20b/%C3%A9%ff?x=%20&y", "/?", "/a//b;c", "*"]
    fields = [
        {},
        {"Cookie": "a=b; c", "X-A": "\xe9", "Content-Type": "text/x", "Content-Length": "0"},
        {"X_Y": "1", "X-Y": "2", "Host": "other:80", "Accept": ""},
    ]
    for target in targets:
        for headers in fields:
            seen = []

            def app(environ, start_response, seen=seen):
                seen.append({key: str(value) for key, value in environ.items() if key not in CHANGING})
                seen[-1]["body"] = environ["wsgi.input"].read()
                return hello(environ, start_response)

            method = "OPTIONS" if target == "*" else "GET"
            for wrapped in ({}, WRAPPED):
                assert get(app, target, method, headers=headers, validated=False, way={**way, **wrapped}).status == 200
            assert seen[0] == seen[1]
            assert seen[0]["wsgi.multithread"] == str(not way)


CHANGING = {"HTTP_HOST", "SERVER_PORT", "REMOTE_PORT", "wsgi.input", "wsgi.errors"}


@ways
def test_requests_that_come_together_are_answered_in_order(way):
    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        number = environ["PATH_INFO"][1:].encode()
        return [number] if int(number) % 3 else iter([number, b"!"])

    async def main():
        async with serving(app, interface="wsgi", lifespan="off", **way) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number in range(100):
                last = b"Connection: close\r\n" if number == 99 else b""
                writer.write(b"GET /%d HTTP/1.1\r\nHost: a\r\n%s\r\n" % (number, last))
            answers = (await reader.read()).split(b"HTTP/1.1 200 OK")[1:]
            writer.close()
            return [answer.split(b"\r\n\r\n", 1)[1] for answer in answers]

    bodies = run(main())
    chunked = [b"%x\r\n%d\r\n1\r\n!\r\n0\r\n\r\n" % (len(str(number)), number) for number in range(100)]
    assert bodies == [b"%d" % number if number % 3 else chunked[number] for number in range(100)]


@ways
def test_a_list_of_the_applications_own_is_closed(way):
    closed = []

    class Blocks(list):
        def close(self):
            closed.append(list(self))

    for blocks in ([b"one"], [b"one", b"two"], []):
        app = saying("200 OK", PLAIN, blocks=Blocks(blocks))
        assert get(app, validated=False, way=way).body == b"".join(blocks)
        assert closed.pop() == blocks and not closed


@ways
@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_the_applications_own_that_iterates_otherwise(way, kind):
    class Blocks(kind):
        def __iter__(self):
            return map(bytes.upper, super().__iter__())

    for blocks in ([b"one"], [b"one", b"two"]):
        app = saying("200 OK", PLAIN, blocks=Blocks(blocks))
        assert get(app, validated=False, way=way).body == b"".join(blocks).upper()


@ways
def test_what_start_response_is_given(way, caplog):
    for given, reason in (
        ({"status": 200, "headers": []}, "a status is a text that begins with three digits, not 200"),
        ({"status": "OK", "headers": []}, "a status is a text that begins with three digits, not 'OK'"),
        ({"status": "\u0661\u0662\u0663", "headers": []}, "a status is a text that begins with three digits"),
        ({"status": "200 OK", "headers": [(b"a", "b")]}, "names and values of headers are str, not bytes: b'a'"),
        ({"status": "200 OK", "headers": [("a", None)]}, "names and values of headers are str, not NoneType: None"),
        ({"status": "200 OK", "headers": [("a", "\u20ac")]}, "can't encode character '\\u20ac'"),
        ({"status": "200 OK", "headers": [("a", "b\r\nc: d")]}, "header"),
        ({"status": "200 OK", "headers": [("a",)]}, "a header is a tuple of name and value, not ('a',)"),
        ({"status": "200 OK", "headers": [("a", "b", "c")]}, "a header is a tuple of name and value"),
        ({"status": "200 OK", "headers": [None]}, "not iterable"),
        ({"status": "200 OK"}, "missing"),
        ({"status": "200 OK", "headers": [("Content-Length", "2")]}, "Content-Length"),
    ):
        caplog.clear()
        assert get(saying(**given), validated=False, way=way).status == 500, given
        assert reason in caplog.text
    for pair in (("X-E", "\xe9"), ["X-E", "\xe9"]):  # as other servers, this one takes lists for tuples
        assert get(saying("200 OK", [pair]), validated=False, way=way).headers["x-e"] == "\xe9"


@ways
def test_each_is_valid(way):
    lines = b"one\ntwo\n" + b"x" * 300_000 + b"\nlast"
    expected = {
        hello: b"hello",
        streams: b"".join(b"part %d\n" % number for number in range(3 * QUEUE)),
        writes: b"one two three",
        changes_its_mind: b"sorry",
    }
    for app, body in expected.items():
        answer = get(app, way=way)
        assert (answer.status, answer.body) == (500 if app is changes_its_mind else 200, body)
    # The client reads nothing before it has sent all: an answer on the way has to fit into what the kernel keeps.
    for app, body in ((echoes, lines), (echoes_in_pieces, lines[:20_000])):
        assert get(app, "/", "POST", body=body, way=way).body == body
        assert get(app, "/", "POST", body=iter([body, body]), way=way).body == body * 2
        assert get(app, "/", "POST", way=way).body == b""
    assert get(echoes_lines, "/", "POST", body=lines, way=way).body == lines.replace(b"\n", b"\n|")
    assert get(empty, way=way).status == 204


@ways
def test_reading_lines_and_parts(way):
    def app(environ, start_response):
        body = environ["wsgi.input"]
        found = [body.readline(), body.readline(2), body.read(3), body.readlines(), body.read(-1), body.readline()]
        start_response("200 OK", PLAIN)
        return [repr(found).encode()]

    answer = get(app, "/", "POST", body=b"one\ntwo\nthree\nfour", way=way)
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
    environ = WSGIMiddleware(hello).environ(scope)
    assert (environ["HTTP_COOKIE"], environ["HTTP_X_Y"]) == ("a=1; b=2", "1,2")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["SERVER_PORT"]) == ("/app", "/x", "80")


@ways
def test_what_raises_is_logged_and_a_500(caplog, way):
    def app(environ, start_response):
        raise RuntimeError("no")

    assert get(app, validated=False, way=way).status == 500
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "Exception in ASGI application\n"
    ]
    assert str(caplog.records[-1].exc_info[1]) == "no" or any(
        each.exc_info and str(each.exc_info[1]) == "no" for each in caplog.records
    )


@ways
def test_a_head_that_is_refused_leaves_the_one_before(way):
    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        with pytest.raises(TypeError):
            start_response("500 Sorry", [("a", None)], (ValueError, ValueError(), None))
        return [b"x"]

    answer = get(app, validated=False, way=way)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")


@ways
def test_what_never_starts_or_starts_twice_is_a_500(caplog, way):
    def never(environ, start_response):
        return [b"x"]

    def twice(environ, start_response):
        start_response("200 OK", PLAIN)
        start_response("200 OK", PLAIN)
        return [b"x"]

    for app, reason in ((never, "did not call start_response()"), (twice, "twice without exc_info")):
        caplog.clear()
        assert get(app, validated=False, way=way).status == 500
        assert reason in caplog.text


@pytest.mark.parametrize("way", ["not made", "cancelled"])
def test_an_iterable_is_closed_whose_request_has_no_task_that_begins(way):
    closed, told = [], []

    class Blocks:
        def __iter__(self):
            raise AssertionError("nobody asks")

        def close(self):
            closed.append(self)

    def factory(loop, coroutine, **options):
        loop.set_task_factory(None)
        if way == "not made":
            raise LookupError
        task = ferrio.Task(coroutine, loop=loop, **options)
        task.cancel()
        return task

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/whole":
            return [b"whole"]
        asyncio.get_running_loop().set_task_factory(factory)
        return Blocks()

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        async with running(server_of(app, interface="wsgi", wsgi_on_loop=True, limit_concurrency=2)) as server:
            for number in range(3):
                _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                while len(closed) <= number or (way == "not made" and len(told) <= number):
                    await asyncio.sleep(0.001)
                writer.close()
                while server.server_state.connections:
                    await asyncio.sleep(0.001)
            # They are no longer busy, or this one would be one too many.
            return await ask(port_of(server), "/whole")

    assert run(main()).body == b"whole"
    assert len(closed) == 3
    assert [type(error) for error in told] == [LookupError] * (3 if way == "not made" else 0)
