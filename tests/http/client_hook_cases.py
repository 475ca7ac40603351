"""Cases for the comparison of clients: functions and objects of a program's that a call asks, and what they may do.

Each runs where a connection is there already, so that the native base would take the call.
"""

import asyncio
import contextlib
import enum

from client_oracle import case, failed


class Shown(str):
    def __str__(self):
        return "shown"


class Color(str, enum.Enum):  # noqa: UP042 - a StrEnum says what it is
    RED = "red"


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
async def nothing_given(http, session, at):
    """An empty path stays one, where no parameters are put behind it."""
    given = ({}, {"params": {}}, {"params": []}, {"params": {"a": []}}, {"params": {"a": 1}}, {"proxy": ""})
    return [await ask(session, at, "GET", path, **options) for path in ("", "#b", "?", "/echo?a") for options in given]


@case
async def limits_that_are_none(http, session, at):
    await ask(session, at, "GET", "/echo")
    limits = ("5", [], 10**400, -1, 0, 0.0, float("nan"), True)
    given = [*limits, *(http.ClientTimeout(total=limit) for limit in limits)]
    with contextlib.suppress(TypeError):
        given += [http.ClientTimeout(connect=limit) for limit in ("5", -1, 0)]
    return [await ask(session, at, "GET", "/echo", timeout=limit) for limit in given]
