"""Requests of a session that ask for nothing special, which run natively; what is handed to its Python code."""

import asyncio
import gc
import json

import pytest
from client_support import Failed, head_of, on_both, saying, scripted
from ferrio import _ferrio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Answer(_ferrio.HttpAnswer):
    """As ClientResponse: a class of Python's."""


class Session(_ferrio.HttpSession):
    """What the native base asks of its subclass, and what it was asked."""

    def __init__(self, peer, headers=((b"x-own", b"1"),)):
        self.peer, self.headers, self.asked = peer, headers, []
        self._pool, self._answer_class, self._plain = peer.pool, Answer, True

    def _route(self, method, url, content_type=None):
        if url != "http://a/":  # asked for with any other, since its route might be theirs
            self.asked.append(("route", method, url, *([content_type] if content_type else [])))
        if "special" in url:
            return None
        target = url.removeprefix("http://a").encode() or b"/"
        return ("a", target, ((b"host", b"a"), *self.headers), "more")

    def _json_body(self, value):
        return json.dumps(value).encode()

    async def _request(self, method, url, **options):
        self.asked.append(("request", method, url, options))
        answer = await self.peer.ask(str(url).removeprefix("http://a").encode(), method.encode())
        answer.method = method
        return answer

    async def _settle(self, answer, deadline, **options):
        self.asked.append(("settle", answer.status))
        await asyncio.sleep(0)
        return answer

    def told(self, routes=False):
        """What it was asked since, without routes unless these count."""
        told, self.asked = self.asked, []
        return [each for each in told if routes or each[0] != "route"]


async def echoing(reader, writer, number):
    """Answers with the request's head, and its body if it has a length."""
    while True:
        head = await head_of(reader)
        body = b""
        if b"content-length: " in head:
            body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        said = head + body
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)


@on_both
async def test_the_first_is_pythons_and_the_next_are_native():
    async with scripted(echoing) as peer:
        session = Session(peer)
        async with session.get("http://a/x") as answer:
            assert b"GET /x" in await answer.read()
        assert session.told(routes=True) == [("request", "GET", "http://a/x", {})]
        for count in range(3):
            async with session.get("http://a/x") as answer:
                assert isinstance(answer, Answer)
                assert (answer.method, answer.status, answer._session) == ("GET", 200, session)
                assert answer._route == ("a", b"/x", ((b"host", b"a"), (b"x-own", b"1")), "more")
                assert await answer.read() == b"GET /x HTTP/1.1\r\nhost: a\r\nx-own: 1\r\n\r\n"
            assert session.told(routes=True) == ([] if count else [("route", "GET", "http://a/x")])
        assert peer.opened == 1
        session._forget_routes()
        assert (await session.get("http://a/x")).status == 200
        assert session.told(routes=True) == [("route", "GET", "http://a/x")]


@on_both
async def test_methods_and_bodies():
    async with scripted(echoing) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        session.told(routes=True)
        for method in ("get", "options", "delete"):
            async with getattr(session, method)("http://a/m") as answer:
                assert (await answer.read()).startswith(method.upper().encode() + b" /m HTTP/1.1\r\n")
            assert session.told(routes=True) == [("route", method.upper(), "http://a/m")]
        for method in ("post", "put", "patch"):
            for body in (b"some body", b"x" * 100_000, b""):
                async with getattr(session, method)("http://a/m", data=body) as answer:
                    assert (await answer.read()).partition(b"\r\n\r\n")[2] == body
            assert session.told(routes=True) == [("route", method.upper(), "http://a/m")]


@on_both
async def test_json():
    async with scripted(echoing) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        session.told()
        for method in ("post", "put", "patch"):
            for value in ({"a": [1, "\u00e9"]}, [], 0, "x" * 100_000):
                async with getattr(session, method)("http://a/m", json=value) as answer:
                    assert json.loads((await answer.read()).partition(b"\r\n\r\n")[2]) == value
            assert session.told(routes=True) == [("route", method.upper(), "http://a/m", "application/json")]
        with pytest.raises(TypeError, match="not JSON serializable"):
            await session.post("http://a/m", json=object())
        assert (peer.pool.used, peer.pool.idle) == (0, 1)
        await (await session.post("http://a/m", json=None)).read()
        assert session.told() == []
        await (await session.get("http://a/m", json={})).read()
        await (await session.post("http://a/m", json={}, data=b"")).read()
        assert [kind for kind, *_ in session.told()] == ["request", "request"]


@on_both
async def test_what_is_special_is_pythons():
    async with scripted(echoing) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        session.told()
        await (await session.get("http://a/", params="a=b")).read()
        await (await session.get("http://a/", headers={"x": "y"})).read()  # its route says nothing of that
        await (await session.get(url="http://a/")).read()
        await (await session.get("http://a/special")).read()
        await (await session.request("LOCK", "http://a/")).read()
        await (await session.request("get", "http://a/", timeout=3, cookies=None)).read()
        await (await session.get("http://a/", cookies={})).read()
        assert session.told() == [
            ("request", "GET", "http://a/", {"params": "a=b"}),
            ("request", "GET", "http://a/", {"headers": {"x": "y"}}),
            ("request", "GET", "http://a/special", {}),
            ("request", "LOCK", "http://a/", {}),
            ("request", "GET", "http://a/", {"cookies": {}}),
        ]
        session._plain = False
        await (await session.get("http://a/")).read()
        assert session.told() == [("request", "GET", "http://a/", {})]


@on_both
@pytest.mark.parametrize(
    ("said", "settles"),
    [
        (OK, False),
        (b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", False),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
async def test_answers_that_ask_for_more(said, settles):
    async with scripted(saying(OK, said, end=False)) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        session.told()
        async with session.get("http://a/") as answer:
            assert str(answer.status).encode() in said
        assert session.told() == ([("settle", answer.status)] if settles else [])


@on_both
async def test_errors_where_they_are_wanted():
    said = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    async with scripted(saying(OK, said, said, end=False)) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        session._raises = True
        session.told()
        await session.get("http://a/")
        assert session.told() == [("settle", 404)]


@on_both
async def test_a_stale_connection_is_tried_again_where_that_is_safe():
    async def script(reader, writer, number):
        await saying(OK)(reader, writer, number)
        await head_of(reader)

    async with scripted(script) as peer:
        session = Session(peer)
        for method in ("get", "post"):
            first = await session.get("http://a/")
            await first.read()
            idle = peer.pool.idle_of("a")
            assert len(idle) == 1
            session.told()
            if method == "get":
                # The server's end is not here yet.
                async with session.get("http://a/") as answer:
                    assert await answer.read() == b"hi"
                assert ("request", "GET", "http://a/", {}) in session.told()
                peer.pool.idle_of("a") and peer.pool.take("a").close()
            else:
                with pytest.raises(Failed):
                    await session.post("http://a/", data=b"x")


@on_both
async def test_leaving_the_block_early_closes_the_connection():
    async with scripted(saying(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", end=False)) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        with pytest.raises(LookupError):
            async with session.get("http://a/"):
                raise LookupError
        assert (peer.pool.used, peer.pool.idle) == (0, 0)


@on_both
@pytest.mark.filterwarnings("error::RuntimeWarning")
async def test_a_request_that_is_cancelled_or_dropped():
    async with scripted(saying(OK, b"", end=False)) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        task = asyncio.ensure_future(awaited(session.get("http://a/")))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (peer.pool.used, peer.pool.idle) == (0, 0)


async def awaited(one):
    return await one


@on_both
async def test_a_request_that_nobody_awaits():
    async with scripted(echoing) as peer:
        session = Session(peer)
        with pytest.warns(RuntimeWarning, match="coroutine 'ClientSession._request' was never awaited"):
            session.get("http://a/")
            gc.collect()
        assert peer.opened == 0


@on_both
async def test_headers_that_cannot_be_sent():
    async with scripted(echoing) as peer:
        session = Session(peer, headers=((b"x", b"a\r\nb: c"),))
        await (await session.get("http://a/")).read()
        with pytest.raises(ValueError):
            await session.get("http://a/")
        assert (peer.pool.used, peer.pool.idle) == (0, 1)


@on_both
async def test_many_at_once_get_their_own():
    async with scripted(echoing, limit=10) as peer:
        session = Session(peer)

        async def ask(number):
            for _ in range(20):
                async with session.get(f"http://a/{number}") as answer:
                    assert (await answer.read()).startswith(b"GET /%d " % number)

        await asyncio.gather(*(ask(number) for number in range(50)))
        assert (peer.pool.used, peer.opened) == (0, 10)


def test_a_class_of_answers():
    session = _ferrio.HttpSession()
    with pytest.raises(TypeError):
        session._answer_class = int
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'url'"):
        session.get()
    with pytest.raises(TypeError):
        session.get("a", "b")


@on_both
async def test_requests_in_line_run_natively():
    async with scripted(echoing, limit=2) as peer:
        session = Session(peer)

        async def ask(number):
            async with session.get(f"http://a/{number}") as answer:
                return (await answer.read()).split()[1]

        await asyncio.gather(ask(0), ask(1))
        session.told()
        answers = await asyncio.gather(*(ask(number) for number in range(100)))
        assert answers == [b"/%d" % number for number in range(100)]
        assert session.told() == []
        assert (peer.opened, peer.pool.used, peer.pool.waiting) == (2, 0, 0)


@on_both
@pytest.mark.parametrize("plain", [True, False], ids=["TimeoutError", "what _late() gives"])
async def test_a_request_in_line_that_is_cancelled_or_late(plain):
    async with scripted(saying(OK, b"", end=False), limit=1) as peer:
        session = Session(peer)
        if not plain:
            session._late = LookupError
        await (await session.get("http://a/")).read()
        first = asyncio.ensure_future(awaited(session.get("http://a/")))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(awaited(session.get("http://a/")))
        await asyncio.sleep(0)
        assert (peer.pool.used, peer.pool.waiting) == (1, 1)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert peer.pool.waiting == 0
        session._total = 3600
        third = asyncio.ensure_future(awaited(session.get("http://a/")))
        await asyncio.sleep(0)
        now = peer.loop.time()
        peer.loop.time = lambda: now + 4000
        try:
            peer.pool._sweep()
        finally:
            del peer.loop.time
        with pytest.raises(TimeoutError if plain else LookupError):
            await third
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (peer.pool.used, peer.pool.waiting) == (0, 0)


@on_both
async def test_the_connection_of_who_is_first_in_line_ends():
    async def script(reader, writer, number):
        await (saying(OK, b"") if number == 1 else echoing)(reader, writer, number)

    async with scripted(script, limit=1) as peer:
        session = Session(peer)
        await (await session.get("http://a/")).read()
        tasks = [asyncio.ensure_future(awaited(session.get(f"http://a/{number}"))) for number in range(5)]
        for number, answer in enumerate(await asyncio.gather(*tasks)):
            assert (await answer.read()).startswith(b"GET /%d " % number)
