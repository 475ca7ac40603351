"""Cookies as they stand in header fields: `Cookie`, which is a list, and `Set-Cookie`, which is one with attributes.

Owns their grammar, which is that of real servers and not of the RFC alone. Invariant: nothing here raises for what a
server sent, and a value is sent back in exactly the letters it came in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from http.cookies import CookieError, Morsel
from typing import Any, Final, cast

LOG = logging.getLogger("aiohttp.internal")
NAME: Final = re.compile(r"^[!#$%&'()*+\-./0-9:<=>?@A-Z\[\]^_`a-z{|}~]+$")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_BUT_TAB: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
ESCAPED: Final = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")
# Dates have blanks in them, which otherwise end a value; servers forget semicolons.
DATE: Final = (
    r"(?:\w{3,6}day|\w{3}),\s[\w\d\s-]{9,11}\s[\d:]{8}\s(?:GMT|[+-]\d{4})"
    r"|\w{3}\s+\w{3}\s+[\s\d]\d\s+\d{2}:\d{2}:\d{2}\s+\d{4}"
)
# A name, and perhaps `=` and a value: quoted, with a quote that does not end, a date, or plain.
VALUE: Final = rf'"(?:[^\\"]|\\.)*"|"[^";]*|{DATE}|[^\s;"]*'
PAIR: Final = re.compile(rf'\s*(?P<name>[^\s;="]+)(?:\s*=\s*(?P<value>{VALUE}))?\s*(?:\s|;|$)', re.ASCII)
ATTRIBUTES: Final = frozenset(
    {
        "path",
        "domain",
        "max-age",
        "expires",
        "secure",
        "httponly",
        "samesite",
        "partitioned",
        "version",
        "comment",
    }
)
FLAGS: Final = frozenset({"secure", "httponly", "partitioned"})
MOST_COOKIES: Final = 50
MOST_ATTRIBUTES: Final = 32
LONGEST_PAIR: Final = 4096
LONGEST_ATTRIBUTE: Final = 1024


def as_sent(cookie: Morsel[str]) -> Morsel[str]:
    """A cookie without its attributes, its value in the letters that the server used."""
    return morsel(cookie.key, cookie.value, cookie.coded_value) or cookie


def morsel(name: str, value: str, coded: str) -> Morsel[str] | None:
    """A cookie, whatever its name is; None where Python refuses it."""
    made: Morsel[str] = Morsel()
    try:
        cast("Any", made).__setstate__({"key": name, "value": value, "coded_value": coded})
    except CookieError:
        return None
    return made


def parse_cookie_header(header: str) -> list[tuple[str, Morsel[str]]]:
    """The cookies of a `Cookie` field."""
    cookies = []
    for name, coded in _pairs(header):
        if not NAME.match(name):
            LOG.debug("Cannot load cookie. Illegal cookie names: %r", [name])
        elif (cookie := morsel(name, _unquoted(coded or ""), coded or "")) is not None:
            cookies.append((name, cookie))
    return cookies


def parse_set_cookie_headers(headers: Sequence[str]) -> list[tuple[str, Morsel[str]]]:
    """The cookies of an answer's `Set-Cookie` fields, at most one each."""
    cookies = [found for header in headers if (found := _set_cookie(header)) is not None]
    if len(cookies) < len(headers) or len(cookies) > MOST_COOKIES:
        LOG.debug("Ignored %d invalid or surplus Set-Cookie fields", len(headers) - min(len(cookies), MOST_COOKIES))
    return cookies[:MOST_COOKIES]


def encoded_length(text: str) -> int | None:
    """The length on the way; None where the text cannot be encoded."""
    try:
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        return None


def can_be_sent(cookie: Morsel[str]) -> bool:
    """Whether it can stand in a header."""
    text = f"{cookie.key}={cookie.value}{cookie.coded_value}"
    return CONTROL.search(text) is None and encoded_length(text) is not None


def _set_cookie(header: str) -> tuple[str, Morsel[str]] | None:
    if not header or CONTROL_BUT_TAB.search(header):
        return None
    pair, attributes = _first_pair(header)
    name, equals, coded = pair.partition("=")
    name, coded = name.strip(" \t"), coded.strip(" \t")
    if not equals or not name:
        return None
    if not NAME.match(name):
        LOG.warning("Can not load cookies: Illegal cookie name %r", name)
        return None
    length = encoded_length(name + coded)
    value = _unquoted(coded)
    if length is None or length > LONGEST_PAIR or CONTROL.search(value):
        return None
    if (cookie := morsel(name, value, coded)) is None:
        return None
    _add_attributes(cookie, attributes)
    return name, cookie


def _first_pair(header: str) -> tuple[str, str]:
    """The cookie itself, whose quoted value may have semicolons in it, and what follows."""
    if '"' in header.partition(";")[0]:
        found = PAIR.match(header)
        if found is not None and (found["value"] or "").startswith('"') and ";" in found["value"]:
            return header[: found.end("value")], header[found.end() :]
    pair, _, attributes = header.partition(";")
    return pair, attributes


def _add_attributes(cookie: Morsel[str], text: str) -> None:
    known = cast("Any", cookie)._reserved
    for number, (name, coded) in enumerate(_pairs(text)):
        if number >= MOST_ATTRIBUTES:
            return
        name = name.lower()
        if name not in ATTRIBUTES or name not in known:
            continue
        if name in FLAGS:
            dict.__setitem__(cast("Any", cookie), name, True)
            continue
        coded = coded or ""
        length = encoded_length(coded)
        if length is not None and length <= LONGEST_ATTRIBUTE and not CONTROL.search(value := _unquoted(coded)):
            dict.__setitem__(cookie, name, value)


def _pairs(text: str) -> Iterator[tuple[str, str | None]]:
    """Names and values, split at semicolons that are not within quotes."""
    index = 0
    while index < len(text):
        if (found := PAIR.match(text, index)) is not None:
            index = found.end()
            yield found["name"], None if found["value"] is None else found["value"].strip()
        else:
            index = text.find(";", index) + 1 or len(text)


def _unquoted(value: str) -> str:
    """A value without its quotes and what is escaped in it."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return ESCAPED.sub(lambda found: chr(int(found[1], 8)) if found[1] else found[2], value[1:-1])
