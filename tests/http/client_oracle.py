"""What a client does, written down so that two can be compared: `run(library, name, run_loop)` gives a case's text.

A case is a coroutine function of the library (`aiohttp`, or `ferrio.http` in its place), a session and the server.
What it returns or raises, with the warnings on the way, is its text; ports, addresses and names of the libraries are
left out. The cases are in client_cases.py and the files beside it.
"""

import asyncio
import re
import warnings

from client_server import Server

CASES = {}
LIMIT = 20


def case(function):
    """One more."""
    name = function.__name__.removeprefix("_")
    assert name not in CASES, name
    CASES[name] = function
    return function


def asks(name, method, path, *, read=True, session=None, **options):
    """A case: a request twice, and all there is to tell of the answers. Options that are `lambda http:` are called."""

    async def ask(http, own, server):
        made = {key: value(http) if is_made(value) else value for key, value in (session or {}).items()}
        async with http.ClientSession(**made) if made else own as asking:
            first = await once(http, asking, server)
            second = await once(http, asking, server)  # over the same connection, natively where that can be
            return first if first == second else (first, second)

    async def once(http, asking, server):
        given = {key: value(http) if is_made(value) else value for key, value in options.items()}
        shortcut = (
            getattr(asking, method.lower(), None) if method.isupper() and "allow_redirects" not in given else None
        )
        asked = (
            asking.request(method, server.url(path), **given)
            if shortcut is None or method in ("TRACE", "HEAD", "DELETE")
            else shortcut(server.url(path), **given)
        )
        async with asked as response:
            return await told(response, read)

    ask.__name__ = name
    case(ask)


def is_made(value):
    return (
        callable(value) and getattr(value, "__name__", "") == "<lambda>" and value.__code__.co_varnames[:1] == ("http",)
    )


async def told(response, read=True):
    """All that an answer says."""
    body = await response.read() if read else None
    return {
        "status": (response.status, response.reason, response.ok, tuple(response.version)),
        "url": (str(response.url), str(response.real_url), response.method, response.host),
        "headers": sorted(response.headers.items()),
        "type": (response.content_type, response.charset, response.content_length),
        "history": [(each.status, str(each.url)) for each in response.history],
        "cookies": {name: (cookie.value, cookie.output()) for name, cookie in response.cookies.items()},
        "asked": (str(response.request_info.url), response.request_info.method, shown(response.request_info.headers)),
        "body": body,
    }


def shown(headers):
    """What was asked, without what says which client it is, and without the length, which is added on the way."""
    unshown = ("User-Agent", "Accept-Encoding", "Content-Length")
    return sorted((name, value) for name, value in headers.items() if name not in unshown)


class At:
    """The servers of a run."""

    def __init__(self, server, other):
        self.server = server
        self.other = other
        server.peer = f"http://{other.place}"

    def url(self, path):
        return f"http://{self.server.place}{path}" if path.startswith("/") else path

    @property
    def asked(self):
        return self.server.asked


async def run_one(http, function):
    async with Server() as server, Server() as other:
        at = At(server, other)
        async with http.ClientSession(cookie_jar=http.CookieJar(unsafe=True)) as session:
            try:
                async with asyncio.timeout(LIMIT):
                    result = await function(http, session, at)
            except (Exception, asyncio.CancelledError) as error:
                result = failed(error)
        await asyncio.sleep(0)
        ports = {server.port: "PORT", other.port: "OTHER"}
    return clean(repr(result), ports)


def failed(error):
    """An exception: its classes, text and what was behind it."""
    names = [each.__name__ for each in type(error).__mro__ if each.__name__ not in ("object",)]
    return ("raised", names, str(error))


def clean(text, ports):
    for port, name in ports.items():
        text = re.sub(rf"\b{port}\b", name, text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0xID", text)
    text = re.sub(r"ferrio\.http(\.\w+)*|aiohttp(\.\w+)*", "LIB", text)
    # ferrio shows no password.
    text = re.sub(r"(BasicAuth\(login='[^']*', password=)'[^']*'", r"\1'***'", text)
    text = re.sub(r"boundary=[0-9a-f]{32}", "boundary=HEX", text)
    return re.sub(r"--[0-9a-f]{32}", "--HEX", text)


def run(http, name, run_loop):
    """The text of a case."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        text = run_loop(run_one(http, CASES[name]))
    said = sorted({f"{each.category.__name__}: {each.message}" for each in caught if told_of(each)})
    return text + "".join("\n" + clean(line, {}) for line in said)


def told_of(warning):
    return issubclass(warning.category, DeprecationWarning | ResourceWarning | RuntimeWarning | UserWarning) and (
        "event loop" not in str(warning.message)
    )
