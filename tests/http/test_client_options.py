"""Options of requests that run natively: what is sent is what Python code sends, byte by byte, and URLs are yarl's."""

import random
import string

import ferrio
import ferrio.http
import multidict
import pytest
import yarl
from client_server import Server

Timeout = ferrio.http.ClientTimeout
OWN = {"headers": {"X-A": "1", "Accept": "text/html", "X-B": "2"}}
SECRET = {"headers": {"Authorization": "mine"}}
# Settings of a session, a method, a path, options.
CALLS = {
    "params": ({}, "get", "", {"params": {"a": "b c", "d": 1, "e": [1, "2", 2.5], "f": ()}}),
    "params of pairs": ({}, "get", "?x", {"params": [("a", "b"), ("a", "c")]}),
    "params of multidict": ({}, "get", "", {"params": multidict.MultiDict([("a", "b"), ("a", "c")])}),
    "headers": ({}, "get", "", {"headers": {"X-New": "n", "accept": "a/b"}}),
    "headers over own": (OWN, "get", "", {"headers": {"x-b": "3", "x-c": "4", "ACCEPT": "c/d"}}),
    "headers of pairs": (OWN, "get", "", {"headers": [("x-c", "4"), ("x-a", "5")]}),
    "headers of multidict": (OWN, "get", "", {"headers": multidict.CIMultiDict({"x-c": "4", "x-a": "5"})}),
    "authorization": ({}, "get", "", {"headers": {"Authorization": "mine"}}),
    "own authorization": (SECRET, "get", "", {"headers": {"Authorization": "others"}}),
    "cookie": ({}, "get", "", {"headers": {"Cookie": "a=1"}}),
    "json": (OWN, "post", "", {"json": {"a": [1]}, "params": {"b": "c"}, "headers": {"x-c": "4"}}),
    "type": ({}, "put", "", {"json": {"a": [1]}, "headers": {"content-type": "a/b"}}),
    "bytes": ({}, "patch", "", {"data": b"abc", "headers": {"x": "y"}}),
    "text": ({}, "post", "", {"data": "gr\u00fcn"}),
    "form": ({}, "post", "", {"data": {"a b": "c/d~*\u00fc", "": "&="}}),
    "no body": ({}, "post", "", {}),
    "limit": ({}, "get", "", {"timeout": 2}),
    "limits": ({"timeout": Timeout(total=1.5, connect=9)}, "get", "", {"timeout": Timeout(total=2, sock_connect=1)}),
    "session's limit": ({"timeout": Timeout(total=60, connect=9, sock_connect=9)}, "get", "", {}),
    "nothing": ({}, "get", "", dict.fromkeys(("params", "headers", "data", "json", "cookies", "proxy", "ssl"))),
    "flags": ({}, "get", "", {"allow_redirects": False, "raise_for_status": False, "max_redirects": 3, "ssl": True}),
}


def run(main):
    return ferrio.run(main)


def refuse(*args, **options):
    raise AssertionError("Python code was asked")


async def sent(session, server, method, url, options):
    """All that was sent, and all that the answer tells of that."""
    async with getattr(session, method)(url, **options) as response:
        await response.read()
    asked = server.asked[-1]
    told = response.request_info
    is_shown = [field for field in told.headers.items() if field[0].lower() != "content-length"]
    # Where the length stands is no part of what a request says.
    headers = [field for field in asked.headers if field[0].lower() != "content-length"]
    return asked.method, asked.target, headers, asked.body, str(response.url), str(told.real_url), is_shown


@pytest.mark.parametrize("name", CALLS)
def test_they_are_sent_as_python_code_sends_them(name, monkeypatch):
    settings, method, query, options = CALLS[name]

    async def main():
        async with Server() as server, ferrio.http.ClientSession(**settings) as session:
            url = f"http://{server.place}/echo{query}"
            first = await sent(session, server, method, url, options)
            monkeypatch.setattr(ferrio.http.client, "Call", refuse)
            assert await sent(session, server, method, url, options) == first
            assert await sent(session, server, "request", method, {"url": url, **options}) == first
            assert await sent(session, server, method, yarl.URL(url), options) == first

    run(main())


def test_each_url_of_an_origin_runs_natively(monkeypatch):
    paths = ["/echo/1", "/echo/a.b/c", "/echo/a,b;c=d?e=f+g&h=/?", "/echo//"]

    async def main():
        async with Server() as server, ferrio.http.ClientSession() as session:
            origin = f"http://{server.place}"
            await sent(session, server, "get", f"{origin}/echo", {})
            monkeypatch.setattr(ferrio.http.client, "Call", refuse)
            for path in paths:
                target, url = (await sent(session, server, "get", origin + path, {}))[1:5:3]
                assert (target, url) == (yarl.URL(origin + path).raw_path_qs, str(yarl.URL(origin + path)))
                assert target == path

    run(main())


def test_each_url_of_a_base_runs_natively(monkeypatch):
    async def main():
        async with Server() as server:
            base = yarl.URL(f"http://{server.place}/echo/v1/")
            async with ferrio.http.ClientSession(base) as session:
                await sent(session, server, "get", "", {})
                monkeypatch.setattr(ferrio.http.client, "Call", refuse)
                for path in ("items/7?a=b", "/echo", "x"):
                    url = str(base.join(yarl.URL(path)))
                    assert (await sent(session, server, "get", path, {}))[4] == url

    run(main())


def test_cookies_of_a_path_go_to_that_path():
    async def main():
        jar = ferrio.http.CookieJar(unsafe=True)
        async with Server() as server, ferrio.http.ClientSession(cookie_jar=jar) as session:
            origin = f"http://{server.place}"
            seen = []
            for path in ("/echo", "/echo", "/echo/a/1", "/echo/b/1", "/echo/a/2"):
                await sent(session, server, "get", origin + path, {})
                seen.append(server.asked[-1].header("cookie"))
                jar.update_cookies({"a": "1"}, yarl.URL(f"{origin}/echo/a/"))
            return seen

    assert run(main()) == ["", "", "a=1", "", "a=1"]


def texts(seed):
    source = random.Random(seed)
    some = string.printable + "\0\x7f\u00e9\u20ac\U0001f600"
    return ["".join(source.choices(some, k=source.randrange(6))) for _ in range(40)]


@pytest.mark.parametrize("seed", range(3))
def test_parameters_are_quoted_as_yarl_does(seed, monkeypatch):
    values = [*texts(seed), *map(chr, range(128)), 7, -(2**63), 0.1, 1e22]

    async def main():
        async with Server() as server, ferrio.http.ClientSession() as session:
            url = f"http://{server.place}/echo"
            await sent(session, server, "get", url, {})
            monkeypatch.setattr(ferrio.http.client, "Call", refuse)
            for start in range(0, len(values), 20):
                params = {f"{value}&": value for value in values[start : start + 20]}
                expected = yarl.URL(url).extend_query(params)
                target, told = (await sent(session, server, "get", url, {"params": params}))[1:5:3]
                assert (target, told) == (expected.raw_path_qs, str(expected))

    run(main())


@pytest.mark.parametrize("seed", range(3))
def test_urls_are_read_as_yarl_does(seed):
    async def main():
        async with Server() as server, ferrio.http.ClientSession() as session:
            origin = f"http://{server.place}"
            await sent(session, server, "get", f"{origin}/echo", {})
            for text in [*texts(seed), *map(chr, range(33, 127)), "%41", "%zz", "/./a", "a/../b", ".", "..", "?"]:
                for url in (f"{origin}/echo/{text}", f"{origin}/echo?a{text}"):
                    expected = yarl.URL(url)
                    told = (await sent(session, server, "get", url, {}))[4:6]
                    assert told == (str(expected.with_fragment(None)), str(expected))
                    assert server.asked[-1].target == expected.raw_path_qs

    run(main())


def test_header_fields_of_a_session_may_change(monkeypatch):
    async def main():
        async with Server() as server, ferrio.http.ClientSession() as session:
            url = f"http://{server.place}/echo"
            await sent(session, server, "get", url, {})
            monkeypatch.setattr(ferrio.http.client, "Call", refuse)
            fields = session.headers
            seen = []
            for value in "123":
                fields["X-A"] = value
                await sent(session, server, "get", url, {})
                seen.append(server.asked[-1].header("x-a"))
            del fields["X-A"]
            await sent(session, server, "get", url, {})
            return [*seen, server.asked[-1].header("x-a")]

    assert run(main()) == ["1", "2", "3", ""]


def test_a_session_asks_natively_as_its_user(monkeypatch):
    with pytest.warns(DeprecationWarning, match="BasicAuth"):
        user = ferrio.http.BasicAuth("me", "secret")

    async def main():
        with pytest.warns(DeprecationWarning, match="auth"):
            session = ferrio.http.ClientSession(auth=user)
        async with Server() as server, session:
            url = f"http://{server.place}/echo"
            await sent(session, server, "get", url, {})
            monkeypatch.setattr(ferrio.http.client, "Call", refuse)
            await sent(session, server, "get", url, {})
            return [asked.header("authorization") for asked in server.asked]

    assert run(main()) == [user.encode()] * 2


@pytest.mark.parametrize("limit", (0.05, Timeout(total=0.05)))
@pytest.mark.parametrize("is_sessions", (False, True))
def test_short_limits_are_kept(limit, is_sessions, monkeypatch):
    """To less than the second that is between two sweeps, of which the next one is that far away each time."""
    settings = {"timeout": limit} if is_sessions and isinstance(limit, Timeout) else {}
    options = {} if settings else {"timeout": limit}

    async def main():
        loop = ferrio.get_running_loop()
        best = 2.0
        async with Server() as server, ferrio.http.ClientSession(**settings) as session:
            for _ in range(10):
                await sent(session, server, "get", f"http://{server.place}/echo", {"timeout": 60})
                begun = loop.time()
                with monkeypatch.context() as patch:
                    patch.setattr(ferrio.http.client, "Call", refuse)
                    with pytest.raises(TimeoutError):
                        await session.get(f"http://{server.place}/slow/head", **options)
                if (best := min(best, loop.time() - begun)) < 0.5:
                    break
        return best

    assert 0.05 <= run(main()) < 0.5


def test_time_in_line_counts_where_a_connection_is_made_then(monkeypatch):
    limit, left = 60, []
    opened = ferrio.http.client.opened

    async def opening(session, route, target, when, timeout):
        left.append(when - ferrio.get_running_loop().time())
        return await opened(session, route, target, when, timeout)

    async def main():
        connector = ferrio.http.TCPConnector(limit=1)
        async with Server() as server, ferrio.http.ClientSession(connector=connector) as session:
            origin = f"http://{server.place}"
            await sent(session, server, "get", f"{origin}/echo", {})
            monkeypatch.setattr(ferrio.http.client, "opened", opening)
            holding = await session.get(f"{origin}/slow/body")
            waiting = ferrio.create_task(sent(session, server, "get", f"{origin}/echo", {"timeout": limit}))
            while not connector._pool.waiting:
                await ferrio.sleep(0)
            holding.close()
            await waiting

    run(main())
    assert len(left) == 1 and 0 < left[0] <= limit
