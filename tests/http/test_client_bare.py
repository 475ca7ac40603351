"""Sessions that add nothing share what their requests look like: nobody sees a difference, whatever came before."""

import asyncio
import contextlib

import ferrio
import ferrio.http
import pytest
from aiohttp import web
from ferrio.http import hdrs, routes
from yarl import URL


@contextlib.asynccontextmanager
async def echoing():
    """The place of a server that says what it was sent."""

    async def say(request):
        answer = web.json_response([request.method, request.raw_path, sorted(map(list, request.headers.items()))])
        if request.path == "/sets":
            answer.set_cookie("known", "1", path="/")
        return answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", say)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


async def asked(url, method="GET", *, prepare=None, session=ferrio.http.ClientSession, data=None, **options):
    """What the server of a session's request says it was sent, and what the answer says of the request."""
    async with session(**options) as client:
        if prepare is not None:
            prepare(client)
        async with client.request(method, url, data=data) as answer:
            info = answer.request_info
            return await answer.json(), info.method, info.url, info.real_url, sorted(info.headers.items())


def test_a_route_is_made_once_for_all_sessions(monkeypatch):
    counted = []
    monkeypatch.setattr(routes, "made", lambda *args, make=routes.made: counted.append(args[1:]) or make(*args))

    async def main():
        async with echoing() as place:
            url = f"{place}/a?b=c#d"
            first = await asked(url)
            assert [await asked(url) for _ in range(5)] == [first] * 5
            posted = [await asked(url, "POST", data=b"1") for _ in range(3)]
            assert posted[1:] == posted[:1] * 2 and posted[0][0][0] == "POST"
            assert (first[2], first[3]) == (URL(f"{place}/a?b=c"), URL(url))
            return counted

    assert [method for method, *_ in ferrio.run(main())] == ["GET", "POST"]


def sets_a_field(client):
    client.headers["X-Own"] = "1"


def sets_a_cookie(client):
    client.cookie_jar.update_cookies({"own": "1"})


OTHERS = {
    "a field": {"headers": {"X-Own": "1"}},
    "a cookie": {"cookies": {"own": "1"}},
    "skipped": {"skip_auto_headers": ["user-agent"]},
    "a field set later": {"prepare": sets_a_field},
    "a cookie set later": {"prepare": sets_a_cookie},
    "no cookies": {"cookie_jar": ferrio.http.DummyCookieJar},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_session_that_adds_something_is_not_taken_for_one_that_does_not(kind):
    async def main():
        options = {name: value() if isinstance(value, type) else value for name, value in OTHERS[kind].items()}
        async with echoing() as place:
            known = await asked(place)
            fresh = f"{place}/fresh"
            # The same, but of a URL that nobody has asked for.
            expected = (await asked(fresh, **options))[0][2]
            before = (await asked(place, **options))[0][2]
            return known, before, expected, await asked(place)

    known, before, expected, after = ferrio.run(main())
    assert before == expected and after == known
    assert (before == known[0][2]) == (kind == "no cookies")


def test_cookies_of_an_answer_go_with_the_next_request():
    async def main():
        async with echoing() as place:
            plain = await asked(f"{place}/sets")
            # The jar keeps an address's cookies, too.
            async with ferrio.http.ClientSession(cookie_jar=ferrio.http.CookieJar(unsafe=True)) as session:
                seen = []
                for _ in range(3):
                    async with session.get(f"{place}/sets") as answer:
                        seen.append(dict((await answer.json())[2]).get("Cookie"))
            assert await asked(f"{place}/sets") == plain
            return seen

    assert ferrio.run(main()) == [None, "known=1", "known=1"]


def test_what_a_program_changes_of_requests_is_heeded(monkeypatch):
    async def main():
        async with echoing() as place:
            plain = await asked(place)
            with monkeypatch.context() as patch:
                patch.setitem(ferrio.http.ClientRequest.DEFAULT_HEADERS, hdrs.ACCEPT, "text/plain")
                accepting = dict((await asked(place))[0][2])["Accept"]
            with monkeypatch.context() as patch:
                update = ferrio.http.ClientRequest.update_headers
                added = lambda self, headers: update(self, {"X-Patched": "1"})  # noqa: E731
                patch.setattr(ferrio.http.ClientRequest, "update_headers", added)
                patched = dict((await asked(place))[0][2])["X-Patched"]
            assert await asked(place) == plain
            return accepting, patched

    assert ferrio.run(main()) == ("text/plain", "1")


def test_loops_do_not_share_more_than_what_is_sent():
    place = ""

    async def main():
        nonlocal place
        async with ferrio.http.ClientSession() as session, session.get(f"{place}/a") as answer:
            assert answer._route.request.loop is asyncio.get_running_loop()
            return id(answer._route.request), id(answer._route.request.headers)

    async def around():
        nonlocal place
        async with echoing() as place:
            kept = [await main()]
            for _ in range(3):
                kept.append(await asyncio.to_thread(ferrio.run, main()))
            return kept

    assert len(ferrio.run(around())) == 4


def test_so_many_routes_are_kept_and_no_more():
    async def main():
        async with echoing() as place, ferrio.http.ClientSession() as session:
            for number in range(2 * routes.MOST + 10):
                async with session.get(f"{place}/{number}?x") as answer:
                    assert (await answer.json())[1] == f"/{number}?x"
                assert len(routes.BARE) <= routes.MOST

    ferrio.run(main())
