"""A jar in a file, as JSON, in aiohttp's own form: either reads what the other wrote.

Owns the form. Invariants: only its owner can read a file that was made here, and nothing in a file is run; aiohttp's
old files, which are pickles, are read by an unpickler that knows cookies and nothing else.
"""

from __future__ import annotations

import io
import json
import math
import os
import pickle
from collections.abc import Iterator, Mapping, Set
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any, Final, cast

Key = tuple[str, str, str]
Entry = tuple[str, str, Morsel[str], float | None]  # domain, name, cookie, when it ends
KNOWN: Final = {
    ("http.cookies", "SimpleCookie"),
    ("http.cookies", "Morsel"),
    ("collections", "defaultdict"),
    ("builtins", "tuple"),
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "dict"),
}


def write(
    path: str | os.PathLike[str],
    cookies: Mapping[tuple[str, str], SimpleCookie],
    host_only: Set[Key],
    deadlines: Mapping[Key, float],
) -> None:
    """Write a jar."""
    data: dict[str, dict[str, dict[str, Any]]] = {}
    for (domain, place), of_place in cookies.items():
        named = data[f"{domain}|{place}"] = {}
        for name, cookie in of_place.items():
            named[name] = entry = _entry(cookie)
            if (domain, place, name) in host_only:
                entry["host_only"] = True
            if (deadline := deadlines.get((domain, place, name))) is not None:
                entry["expires_timestamp"] = deadline
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(data, file, indent=2)


def read(path: str | os.PathLike[str]) -> Iterator[Entry]:
    """What a file has."""
    raw = Path(path).read_bytes()
    try:
        data = json.loads(raw.decode())
    except ValueError:
        return _pickled(raw)
    return _from_json(data)


def _entry(cookie: Morsel[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": cookie.key, "value": cookie.value, "coded_value": cookie.coded_value}
    for name in cast("Any", cookie)._reserved:
        if name not in ("max-age", "expires") and (value := cookie[name]):
            entry[name] = value
    return entry


def _from_json(data: Any) -> Iterator[Entry]:
    for place, named in data.items():
        domain, _ = place.split("|", 1)
        for name, entry in named.items():
            cookie: Any = Morsel()
            cookie.__setstate__({part: entry[part] for part in ("key", "value", "coded_value")})
            for attribute in cookie._reserved:
                if attribute in entry and attribute not in ("key", "value", "coded_value"):
                    cookie[attribute] = entry[attribute]
            if entry.get("host_only"):
                cookie["domain"] = ""
            yield domain, name, cookie, _deadline(entry, name, place)


def _deadline(entry: dict[str, Any], name: str, place: str) -> float | None:
    if (given := entry.get("expires_timestamp")) is None:
        return None
    try:
        deadline = float(given)
    except (OverflowError, TypeError, ValueError):
        deadline = math.nan
    if not math.isfinite(deadline):
        raise ValueError(f"Cookie {name!r} in {place!r}: expiration timestamp must be a finite number")
    return deadline


def _pickled(raw: bytes) -> Iterator[Entry]:
    for (domain, _), cookies in _Unpickler(io.BytesIO(raw)).load().items():
        for name, cookie in cookies.items():
            yield domain, name, cookie, None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(
                f"Forbidden class: {module}.{name}. CookieJar.load() only allows cookie-related types for security. "
                "See https://docs.python.org/3/library/pickle.html#restricting-globals"
            )
        return super().find_class(module, name)
