"""Which part of a file a request gets: conditions and ranges of RFC 9110, without any I/O.

    If-Match, else If-Unmodified-Since ─▶ 412  If-None-Match, else If-Modified-Since ─▶ 304  Range, If-Range ─▶ 206, 416

Several ranges are answered by the whole file, which the RFC allows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from email.utils import formatdate, parsedate_to_datetime
from typing import NamedTuple


class Found(NamedTuple):
    """A file, as far as conditions ask for it; `modified` in seconds since 1970."""

    size: int
    modified: float
    etag: bytes


def answer_for(found: Found, method: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, int, int]:
    """The status, and the part of the file to send: from, and up to but without. Ranges are for GET only."""
    asked: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _NAMES:
            asked[name] = asked[name] + b", " + value if name in asked else value
    if not _wanted(found, asked):
        return 412, 0, 0
    if asked and _known(found, asked):
        return 304, 0, 0
    if b"range" in asked and method == "GET" and _same(found, asked.get(b"if-range")):
        return _ranged(found.size, asked[b"range"])
    return 200, 0, found.size


def etag_of(status: os.stat_result) -> bytes:
    """Changes whenever time or size of the file do."""
    return b'"%x-%x"' % (status.st_mtime_ns, status.st_size)


def http_date(time: float) -> bytes:
    """`Sun, 06 Nov 1994 08:49:37 GMT`."""
    return formatdate(int(time), usegmt=True).encode()


_NAMES = {b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"range", b"if-range"}


def _wanted(found: Found, asked: dict[bytes, bytes]) -> bool:
    """Whether the file is the one that the client wants."""
    if (tags := asked.get(b"if-match")) is not None:
        return tags.strip() == b"*" or found.etag in _tags(tags)  # strong: a weak tag matches nothing
    time = _time(asked.get(b"if-unmodified-since"))
    return time is None or int(found.modified) <= time


def _known(found: Found, asked: dict[bytes, bytes]) -> bool:
    """Whether the client has the file already."""
    if (tags := asked.get(b"if-none-match")) is not None:
        return tags.strip() == b"*" or found.etag in (tag.removeprefix(b"W/") for tag in _tags(tags))
    time = _time(asked.get(b"if-modified-since"))
    return time is not None and int(found.modified) <= time


def _same(found: Found, condition: bytes | None) -> bool:
    """Whether the client's part is one of this very file."""
    if condition is None:
        return True
    if condition.startswith((b'"', b"W/")):
        return condition == found.etag
    return _time(condition) == int(found.modified)


def _ranged(size: int, text: bytes) -> tuple[int, int, int]:
    match = re.fullmatch(rb"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})", text.strip(), re.I)
    if match is None or match.groups() == (b"", b""):
        return 200, 0, size  # not understood, or several: the whole
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return 200, 0, size  # no range at all
    return (206, start, end) if start < end else (416, 0, 0)


def _tags(text: bytes) -> list[bytes]:
    return re.findall(rb'(?:W/)?"[^"]*"', text)


def _time(text: bytes | None) -> float | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text.decode("latin1")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
