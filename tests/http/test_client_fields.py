"""What the native base does in the place of Python code: a program sees no difference."""

import functools
import random
import socket

import pytest
from client_support import on_both, saying, scripted
from ferrio import http
from ferrio._ferrio import is_ipv4, plain_fields
from ferrio.http import requests, sending
from multidict import CIMultiDict, istr
from yarl import URL

TEXTS = [
    "",
    "a",
    "Content-Length",
    "transfer-ENCODING",
    "X-Own",
    "\t",
    "b c",
    "\n",
    "\x7f",
    "\x1f",
    "é",
    "\udc80",
    "\u212a",
]


class Shown(str):
    """Is sent as something else."""

    __slots__ = ()

    def __str__(self):
        return "shown"


def outcome(headers):
    try:
        return sending.encoded(headers)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def test_plain_fields_are_encoded_as_others(monkeypatch):
    chance = random.Random(1)
    values = [*TEXTS, Shown("own"), istr("Own"), 1, None]
    all_headers = [
        CIMultiDict(
            [(chance.choice([*TEXTS, istr("X-Own")]), chance.choice(values)) for _ in range(chance.randrange(4))]
        )
        for _ in range(2000)
    ]
    native = [outcome(headers) for headers in all_headers]
    plain = sum(plain_fields(headers.items()) is not None for headers in all_headers)
    assert 300 < plain < 1700
    monkeypatch.setattr(sending, "plain_fields", lambda items: None)
    assert native == [outcome(headers) for headers in all_headers]


def inet(host):
    try:
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, host)) == host
    except (OSError, UnicodeEncodeError):
        return False


def test_addresses_are_those_that_the_system_writes():
    parts = ["0", "1", "9", "10", "127", "255", "256", "01", "", "a", "٣", "-1", " 1", "1 ", "1000"]
    chance = random.Random(2)
    hosts = [
        ".".join(chance.choices(parts, [8] * 6 + [1] * 9, k=chance.choice([3, 4, 4, 4, 4, 5]))) for _ in range(3000)
    ]
    assert 300 < sum(map(is_ipv4, hosts)) < 2000
    assert [is_ipv4(host) for host in hosts] == [inet(host) for host in hosts]


def noted(request, called, name, method, *arguments):
    called.append(name)
    return method(request, *arguments)


@on_both
async def test_what_a_program_patches_of_requests_is_called_for_each_session():
    names = "version", "headers", "cookies", "auth", "proxy", "body_from_data"
    request, answer = http.ClientRequest, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with scripted(saying(answer)) as peer:
        for patched in (False, True, False, True):
            called = []
            with pytest.MonkeyPatch.context() as patch:
                for name in names if patched else ():
                    noting = functools.partialmethod(noted, called, name, getattr(request, f"update_{name}"))
                    patch.setattr(request, f"update_{name}", noting)
                if patched:
                    patch.setitem(request.DEFAULT_HEADERS, "X-Own", "1")
                async with http.ClientSession() as session, session.get(f"http://127.0.0.1:{peer.port}/") as got:
                    assert ("X-Own" in got.request_info.headers) == patched
            assert sorted(called) == (sorted(names) if patched else [])


@on_both
async def test_connections_of_equal_requests_have_equal_keys():
    url = URL("https://user@a.test/b")
    key = http.ClientRequest("get", url, ssl=False).connection_key
    assert key == requests.ConnectionKey("a.test", 443, True, False, None, None, None)
    assert type(key) is requests.ConnectionKey and key.host == "a.test" and key.server_hostname is None
    for method in ("GET ", "G\nET", "é"):
        with pytest.raises(ValueError, match="non-token"):
            http.ClientRequest(method, url)


@on_both
async def test_a_session_keeps_what_it_had_before():
    session = http.ClientSession.__new__(http.ClientSession)
    session.own = 1
    session.__init__(headers={"X-Own": "1"}, skip_auto_headers=["Accept"])
    first = session.connector
    assert (session.own, session.headers, session.skip_auto_headers) == (1, {"X-Own": "1"}, {"accept"})
    session.__init__()
    assert (session.own, session.headers, session.skip_auto_headers) == (1, {}, frozenset())
    await first.close()
    await session.close()


@on_both
async def test_a_subclass_sees_each_attribute_being_set():
    seen = {}
    with pytest.warns(DeprecationWarning):

        class Seeing(http.ClientSession):
            def __setattr__(self, name, value):
                seen[name] = value
                super().__setattr__(name, value)

    async with Seeing(version=http.HttpVersion10) as session:
        assert seen["_version"] is http.HttpVersion10 and seen["_loop"] is session._loop
        assert vars(session).keys() <= seen.keys()


@on_both
async def test_a_session_that_was_not_made_says_why_and_no_more(recwarn):
    for options in ({"base_url": "/a"}, {"base_url": "http://a/b"}, {"timeout": 5}, {"cookies": 5}):
        with pytest.raises((TypeError, ValueError)):
            http.ClientSession(**options)
    assert not [each for each in recwarn if issubclass(each.category, ResourceWarning)]
