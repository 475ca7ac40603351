"""Cases for the comparison of clients: functions and objects of a program's that a call asks, and what they may do.

Each runs where a connection is there already, so that the native base would take the call.
"""

import asyncio
import enum
import json

from client_oracle import case, failed


class Shown(str):
    def __str__(self):
        return "shown"


class Color(str, enum.Enum):  # noqa: UP042 - a StrEnum says what it is
    RED = "red"


def dumps_stop(value):
    raise StopIteration(3)


def dumps_error(value):
    raise KeyError("mine")


def sent(asked):
    """All of it, in its order; where the length stands is no part of what a request says."""
    unshown = ("user-agent", "accept-encoding", "content-length")
    fields = [(name, value) for name, value in asked.headers if name.lower() not in unshown]
    return asked.method, asked.target, fields, asked.body


async def ask(asking, at, method, path, **options):
    """What was sent, or why it was not; of the answer where it came from."""
    at.asked.clear()
    url = f"http://{at.server.place}{path}" if path is not None else None
    try:
        async with asyncio.timeout(5), asking.request(method, url, **options) as response:
            await response.read()
            told = str(response.url), str(response.real_url), response.status
    except (Exception, asyncio.CancelledError) as error:
        told = failed(error)
    return told, [sent(asked) for asked in at.asked]


@case
async def json_functions(http, session, at):
    told = []
    for name, function in {
        "json_serialize": dumps_error,
        "json_serialize ": dumps_stop,
        "json_serialize  ": lambda value: "\ud800",
        "json_serialize_bytes": dumps_error,
        "json_serialize_bytes ": lambda value: bytearray(b"[1]"),
        "json_serialize_bytes  ": lambda value: memoryview(b"[1]"),
        "json_serialize_bytes   ": lambda value: "text",
        "json_serialize_bytes    ": lambda value: None,
    }.items():
        async with http.ClientSession(connector=http.TCPConnector(limit=1), **{name.strip(): function}) as asking:
            told.append(await ask(asking, at, "GET", "/echo"))
            told += [await ask(asking, at, "POST", "/echo", json=1) for _ in range(2)]
            # The connection, the only one, is not lost.
            told.append(await ask(asking, at, "GET", "/echo"))
    return told


@case
async def json_function_is_asked_once(http, session, at):
    paths = ("/echo", "/cookies/?cookie=a", "/raw/gzip", "/status/404", "/to/302", "/to/308?location=PEER/echo")
    calls, told = [], []

    def dumps(value):
        calls.append(value)
        return json.dumps([len(calls), *value])

    async with http.ClientSession(json_serialize=dumps) as asking:
        await ask(asking, at, "GET", "/echo")
        for path in paths:
            told.append((await ask(asking, at, "PUT", path, json=iter("ab")), len(calls)))
        told.append(((await ask(asking, at, "POST", "/raw/plain", json=["x" * 2**20]))[0], len(calls)))
    return told


@case
async def connector_closed_first(http, session, at):
    told = []
    for method, options in {"GET": {"params": {"a": 1}}, "POST": {"json": object()}, "PUT": {"timeout": "x"}}.items():
        connector = http.TCPConnector()
        asking = http.ClientSession(connector=connector)
        await ask(asking, at, "GET", "/echo")
        await connector.close()
        told.append(await ask(asking, at, method, "/echo", **options))
        await asking.close()
    return told


@case
async def hooks_that_come_later(http, session, at):
    told, middlewares = [], []

    async def middleware(request, handler):
        told.append("middleware")
        return await handler(request)

    async def begin(session, context, params):
        told.append((params.method, str(params.url), dict(params.headers)))

    async with http.ClientSession(middlewares=middlewares) as asking:
        told.append(await ask(asking, at, "GET", "/echo"))
        middlewares.append(middleware)
        told.append(await ask(asking, at, "GET", "/echo", params={"a": 1}))
    config = http.TraceConfig()
    config.on_request_start.append(begin)
    config.freeze()
    async with http.ClientSession(middlewares=None) as asking:
        told.append(await ask(asking, at, "GET", "/echo"))
        asking.trace_configs.append(config)
        told.append(await ask(asking, at, "POST", "/echo", params={"a": 1}, headers={"X-A": "1"}, json=1))
    return told


@case
async def request_of_a_subclass(http, session, at):
    told = []

    class Session(http.ClientSession):
        async def _request(self, method, str_or_url, **options):
            told.append((method, sorted(options.items(), key=repr)))
            return await super()._request(method, str_or_url, **options)

    async with Session() as asking:
        url = at.url("/echo")
        for name in ("get", "options", "head", "post", "put", "patch", "delete"):
            for options in ({}, {"headers": {"X-A": "1"}}):
                async with getattr(asking, name)(url, **options):
                    pass
        async with asking.get(url, allow_redirects=False), asking.post(url, data=b"a"), asking.request("GET", url):
            pass
    return told


@case
async def what_a_subclass_makes_of_urls_and_fields(http, session, at):
    """Private, and overridden by programs all the same: asked for each request."""

    class Session(http.ClientSession):
        count = 0

        def _build_url(self, url):
            Session.count += 1
            return super()._build_url(url).update_query(n=Session.count)

        def _prepare_headers(self, headers):
            made = super()._prepare_headers(headers)
            made["X-Count"] = str(self.count)
            return made

    async with Session() as asking:
        options = {}, {"skip_auto_headers": ["Accept", 5]}, {"headers": {"X-A": "1"}}
        return [await ask(asking, at, "GET", "/echo", **given) for given in options]


@case
async def answers_of_a_subclass(http, session, at):
    told = []

    class Response(http.ClientResponse):
        def raise_for_status(self):
            told.append(self.status)
            super().raise_for_status()

    async with http.ClientSession(response_class=Response, raise_for_status=True) as asking:
        for path in ("/echo", "/echo", "/status/404"):
            told.append(await ask(asking, at, "GET", path))
    return told


@case
async def connector_of_a_subclass(http, session, at):
    told = []

    class Connector(http.TCPConnector):
        async def connect(self, req, traces, timeout):
            told.append((str(req.url), req.headers.get("X-A"), timeout.total))
            return await super().connect(req, traces, timeout)

    async with http.ClientSession(connector=Connector()) as asking:
        for options in ({}, {"params": {"a": 1}}, {"headers": {"X-A": "1"}, "timeout": 5}):
            told.append(await ask(asking, at, "GET", "/echo", **options))
    return told


@case
async def texts_of_a_subclass(http, session, at):
    await ask(session, at, "GET", "/echo")
    given = [
        {"headers": {"X-A": Shown("a"), "X-B": Color.RED}},
        {"headers": {Shown("X-A"): "a"}},
        {"params": {Shown("a"): "b", Color.RED: 1}},
        {"params": {"a": Shown("b"), "c": [Color.RED]}},
        {"data": {Shown("a"): "b"}},
        {"data": {"a": Shown("b")}},
        {"data": Shown("a")},
    ]
    told = [await ask(session, at, "POST", "/echo", **options) for options in given]
    async with http.ClientSession(headers={"X-A": Shown("a"), "X-B": Color.RED}) as asking:
        return [*told, (await ask(asking, at, "GET", "/echo"))[1], (await ask(asking, at, "GET", "/echo"))[1]]


@case
async def fields_that_differ_in_case(http, session, at):
    told = []
    for own in ({"x-a": "1", "X-A": "2", "X-B": "3"}, [("X-A", "1"), ("X-B", "2"), ("X-A", "3")]):
        async with http.ClientSession(headers=own) as asking:
            for fields in ({"Accept": "a/b"}, {"X-a": "4"}, {"x-B": "4", "X-C": "5"}):
                told.append([(await ask(asking, at, "GET", "/echo", headers=fields))[1] for _ in range(2)])
    return told


@case
async def cookies_in_two_fields(http, session, at):
    async with http.ClientSession(headers=[("Cookie", "a=1"), ("X-A", "1"), ("Cookie", "b=2")]) as asking:
        return [await ask(asking, at, "GET", "/echo", **options) for options in ({}, {"cookies": {"c": "3"}}, {})]


@case
async def nothing_given(http, session, at):
    """An empty path stays one, where no parameters are put behind it."""
    given = ({}, {"params": {}}, {"params": []}, {"params": {"a": []}}, {"params": {"a": 1}}, {"proxy": ""})
    return [await ask(session, at, "GET", path, **options) for path in ("", "#b", "?", "/echo?a") for options in given]


@case
async def limits_that_are_none(http, session, at):
    await ask(session, at, "GET", "/echo")
    limits = ("5", [], 10**400, -1, 0, 0.0, float("nan"), True)
    given = [*limits, *(http.ClientTimeout(total=limit) for limit in limits)]
    given += [http.ClientTimeout(connect=limit) for limit in (-1, 0)]
    told = [await ask(session, at, "GET", "/echo", timeout=limit) for limit in given]
    for limit in ("5", -1, 0, 0.0, True):
        async with http.ClientSession(timeout=http.ClientTimeout(total=limit)) as asking:
            told += [await ask(asking, at, "GET", "/echo") for _ in range(2)]
    return told


@case
async def wrong_calls(http, session, at):
    url = at.url("/echo")
    told = []
    for call in (
        session.get,
        lambda: session.get(url, 1),
        lambda: session.get(url, url=url),
        lambda: session.head(),
        lambda: session.request("GET"),
        lambda: session.request("GET", url, 1),
        lambda: session.post(url, strange=1),
    ):
        try:
            async with call():
                pass
        except TypeError as error:
            told.append(str(error))
    return told


@case
async def options_that_change_in_line(http, session, at):
    """What is sent is what was given, however long the request waits for a connection."""
    fields, parameters, form, value = {"X-A": "1"}, {"p": "1"}, {"d": "1"}, {"j": "1"}
    async with http.ClientSession(connector=http.TCPConnector(limit=1)) as asking:
        await ask(asking, at, "GET", "/echo")
        holding = await asking.get(at.url("/slow/body"))
        given = ({"headers": fields}, {"params": parameters}, {"data": form}, {"json": value})
        # Each answer costs its connection: for the next there is room to make one.
        waiting = [asyncio.ensure_future(asking.post(at.url("/raw/close"), **each)) for each in given]
        for _ in range(20):
            await asyncio.sleep(0)
        for each in (fields, parameters, form, value):
            each.update(dict.fromkeys(each, "2"))
        at.asked.clear()
        holding.close()
        for each in waiting:
            async with await each as response:
                await response.read()
    return [sent(asked) for asked in at.asked]


@case
async def objects_without_a_hash(http, session, at):
    """A class that says what it equals has none, unless it says that, too. None of these is asked."""

    class Connector(http.TCPConnector):
        def __eq__(self, other):
            raise AssertionError("compared")

    class Session(http.ClientSession):
        __eq__ = Connector.__eq__

    jar = http.CookieJar(unsafe=True)
    results = []
    async with Session(connector=Connector(), cookie_jar=jar) as one, Session(cookie_jar=jar) as other:
        for each in (one, other, one):
            async with each.get(at.url("/status/200")) as response:
                results.append(response.status)
            jar.update_cookies({"a": "b"})
    return results
