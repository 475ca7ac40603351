"""Random calls for the comparison of clients: what a seed draws, and what came of it with a library.

A program is a session's settings and some calls, each of which is made twice; values are texts of Python, so that
a finding can be read. Left out is what differs on purpose: what HTTP does not allow and aiohttp sends, half a surrogate
pair in a field, which aiohttp drops, and a session's user after a redirect to another origin.
"""

import asyncio
import contextlib
import decimal  # noqa: F401 - values are made of what is imported here
import enum
import io  # noqa: F401
import json
import random

from client_hook_cases import sent
from client_oracle import clean, failed, told
from client_server import Server
from multidict import CIMultiDict, MultiDict, MultiDictProxy, istr  # noqa: F401
from yarl import URL  # noqa: F401

LIMIT = 20


class Shown(str):
    def __str__(self):
        return "shown"


class Kind(enum.StrEnum):
    ONE = "one"


class Many(dict):
    pass


def words(text):
    return text.split()


PIECES = [
    *"ab1 +%&=;#?/\u00fc\u20ac~'\"<[\\|^:@,!*(.-_",
    *("%20", "%2F", "%zz", "..", "\U0001f600", "\t", "\x7f", "\ud800"),
]
NAMES = words("X-A x-a X-B X_C Accept ACCEPT User-Agent Content-Type Cookie Authorization Range TE")
NUMBERS = words("0 -1 2**64 1.5 -0.0 1e22 float('nan') True None decimal.Decimal('1.5') b'x' object")
BODIES = words("""
    b'' b'abc' bytearray(b'abc') memoryview(b'abc') '' 'abc' '\u00fc' Shown('abc') None {} 0 io.BytesIO(b'abc')
    io.StringIO('abc') iter([b'a']) http.FormData({'a':'b'}) http.FormData({'a':1}) [('a','b')] {'a':io.BytesIO(b'x')}
    http.JsonPayload({'a':1})
""")
VALUES = words("{} [] 0 None False {'a':[1,None,'\u00fc']} float('nan') object() '\\ud800' Many(a=1)")
LIMITS = words("""
    5 60.5 None 0 -1 '5' [] http.ClientTimeout() http.ClientTimeout(total=60,connect=5) http.ClientTimeout(total='5')
    http.ClientTimeout(total=60,sock_read=5)
""")
USERS = ["None", "http.BasicAuth('u', 'p')", "http.BasicAuth('\u20ac')", "('u', 'p')", "False"]
COOKIES = ["None", "{}", "{'a': 'b c'}", "[('a', '\u00fc')]", "{'a': 1}", "{'a b': 'c'}"]
FLAGS = {
    "allow_redirects": ["True", "False", "0"],
    "max_redirects": ["0", "1", "10", "True"],
    "raise_for_status": ["True", "False", "None", "1"],
    "skip_auto_headers": ["['User-Agent']", "['content-type', 'accept']"],
    "expect100": ["False", "True", "None"],
    "ssl": ["None", "True", "1"],
    "middlewares": ["()", "None"],
    "strange": ["1"],
}
PATHS = words("""
    /echo /echo /echo/\u00fc /echo/%41 /echo?a=b /echo?a=b& /echo? /echo#f /echo/../echo /status/404 /raw/no-content
    /cookies/?cookie=a /raw/gzip /to/302 /to/307 /to/303
""")
SESSIONS = {
    "headers": None,
    "auth": USERS[:3],
    "cookies": COOKIES[:3],
    "timeout": ["http.ClientTimeout(total=60)", "http.ClientTimeout(total=60, connect=5)"],
    "raise_for_status": ["True"],
    "skip_auto_headers": FLAGS["skip_auto_headers"],
    "json_serialize": ["lambda value: '[]'", "lambda value: 1 / 0", "counting()"],
    "json_serialize_bytes": ["lambda value: bytearray(b'1')", "lambda value: '1'"],
    "cookie_jar": ["http.CookieJar(unsafe=True)", "http.DummyCookieJar()"],
    "base_url": ["'http://PLACE/echo/'", "'http://PLACE'"],
}


class Drawing:
    """What a seed draws."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def program(self):
        """A session's settings, and calls: a method, a URL, options."""
        pick, some = self.chance.choice, self.chance.random
        # Of a session's own subclass of str, `request_info` shows what was sent.
        fields = self.fields().replace("Shown(", "str(").replace("Kind.ONE", "'one'")
        settings = {name: pick(made or [fields]) for name, made in SESSIONS.items() if some() < 0.12}
        calls = []
        for _ in range(self.chance.randrange(1, 6)):
            options = dict(self.option() for _ in range(pick((0, 1, 1, 2, 2, 3))))
            calls.append(
                (pick(("GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "post")), self.url(), options)
            )
        return settings, calls

    def option(self):
        drawn = {
            "params": lambda: self.pairs(lambda: self.text(4), self.value),
            "headers": self.fields,
            "json": lambda: self.chance.choice(VALUES),
            "data": lambda: self.chance.choice((self.chance.choice(BODIES), self.pairs(self.text, self.text))),
            "timeout": lambda: self.chance.choice(LIMITS),
            "auth": lambda: self.chance.choice(USERS),
            "cookies": lambda: self.chance.choice(COOKIES),
        }
        name = self.chance.choice((*drawn, *drawn, *drawn, *FLAGS))
        return name, drawn[name]() if name in drawn else self.chance.choice(FLAGS[name])

    def url(self):
        path = self.chance.choice(PATHS) if self.chance.random() < 0.8 else f"/echo/{eval(self.text(6))}"
        whole = "http://" + self.chance.choice(("", "", "", "", "u:p@")) + "PLACE" + path
        text = repr(path.removeprefix("/") if self.chance.random() < 0.1 else whole)
        return self.chance.choice((text, text, text, f"URL({text})", f"Shown({text})"))

    def text(self, most=3):
        text = "".join(self.chance.choices(PIECES, k=self.chance.randrange(most)))
        return self.chance.choice(("{!r}",) * 12 + ("istr({!r})", "Shown({!r})", "Kind.ONE")).format(text)

    def value(self):
        if self.chance.random() < 0.2:
            return f"[{self.text()}, {self.chance.choice(NUMBERS[:6])}]"
        return self.chance.choice((self.text(), self.text(), self.chance.choice(NUMBERS)))

    def fields(self):
        return self.pairs(self.name, lambda: self.chance.choice((self.field(), self.field(), self.field(), "1")))

    def name(self):
        form = self.chance.choice(("{!r}", "{!r}", "{!r}", "istr({!r})", "Shown({!r})"))
        return form.format(self.chance.choice(NAMES))

    def field(self):
        return self.text().replace("\\ud800", "")

    def pairs(self, name, value):
        pairs = [(name(), value()) for _ in range(self.chance.randrange(4))]
        made = "{" + ", ".join(f"{each}: {other}" for each, other in pairs) + "}"
        listed = "[" + ", ".join(f"({each}, {other})" for each, other in pairs) + "]"
        kinds = ("tuple({})", "MultiDict({})", "CIMultiDict({})", "MultiDictProxy(MultiDict({}))", "iter({})")
        forms = (made, made, listed, f"Many({made})", *(kind.format(listed) for kind in kinds))
        return self.chance.choice(forms)


def counting():
    """A function for `json_serialize` that tells how often it was asked."""
    calls = []
    return lambda value: calls.append(value) or json.dumps([len(calls), value])


async def outcome(http, program):
    """What came of each call: the answer or the exception, and what was sent."""
    settings, calls = program
    results = []
    async with Server() as server:
        names = {**globals(), "http": http}
        made = lambda text: eval(text.replace("PLACE", server.place), names)  # noqa: E731
        session = None
        with contextlib.suppress(RuntimeError):
            try:
                session = http.ClientSession(**{name: made(text) for name, text in settings.items()})
            except (TypeError, ValueError, UnicodeError) as error:
                return clean(repr(failed(error)), {})
        async with session:
            for method, url, options in [
                ("GET", "'http://PLACE/echo'", {}),
                *(call for call in calls for _ in range(2)),
            ]:
                server.asked.clear()
                try:
                    given = {name: made(text) for name, text in options.items()}
                except (TypeError, ValueError, UnicodeError) as error:
                    results.append(type(error).__name__)  # there is no such object
                    continue
                try:
                    async with asyncio.timeout(LIMIT), session.request(method, made(url), **given) as response:
                        result = await told(response)
                except Exception as error:
                    result = failed(error)
                results.append((result, [sent(asked) for asked in server.asked]))
        ports = {server.port: "PORT"}
    return "\n".join(clean(repr(each), ports) for each in results)
