"""`CookieJar`: which cookies a session holds, and which of them go with a request, by RFC 6265.

Owns domains, paths, ages and limits; the grammar of the header fields is in cookie_fields.py, files of cookies in
cookie_files.py. Invariants: a cookie without a domain goes back to its own host alone, and none goes to all of co.uk; a
secure one never goes over a plain connection; a domain that sends cookies without end costs others none of theirs.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import logging
import os
import time
import warnings
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from http.cookies import BaseCookie, Morsel, SimpleCookie
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

from yarl import URL

from .._ferrio import is_public_suffix
from . import cookie_files
from .cookie_fields import as_sent, can_be_sent, encoded_length, morsel, parse_set_cookie_headers
from .dates import LATEST, parse_date

LOG = logging.getLogger("aiohttp.internal")
Key = tuple[str, str, str]  # domain, path, name
Predicate = Callable[[Morsel[str]], bool]
NOWHERE: Final = URL()
# A domain may have so many cookies, and then keeps so many; and all together. Firefox's figures.
MOST_OF_DOMAIN, KEPT_OF_DOMAIN = 180, 150
MOST_OF_ALL, KEPT_OF_ALL = 3300, 3000
MOST_SENT, LONGEST_HEADER = 150, 8190


class AbstractCookieJar(Sized, Iterable[Morsel[str]], ABC):
    """What a session asks of a jar."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()

    @property
    @abstractmethod
    def unsafe(self) -> bool:
        """Whether hosts that are addresses have cookies."""

    @property
    @abstractmethod
    def quote_cookie(self) -> bool:
        """Whether values are quoted where they have to be."""

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        """Whose plain connections are taken for secure ones."""
        return frozenset()

    @property
    @abstractmethod
    def cookies(self) -> MappingProxyType[tuple[str, str], SimpleCookie]:
        """All of them, by domain and path."""

    @property
    @abstractmethod
    def host_only_cookies(self) -> frozenset[Key]:
        """Which go back to their own host alone."""

    @abstractmethod
    def clear(self, predicate: Predicate | None = None) -> None:
        """Drop all, or those that a function chooses."""

    @abstractmethod
    def clear_domain(self, domain: str) -> None:
        """Drop a domain's and its subdomains'."""

    @abstractmethod
    def update_cookies(self, cookies: Any, response_url: URL = NOWHERE) -> None:
        """Have these, as if they came from a URL."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Have those of an answer's `Set-Cookie` fields."""
        if found := parse_set_cookie_headers(headers):
            self.update_cookies(found, response_url)

    @abstractmethod
    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        """Those that go with a request."""


class CookieJar(AbstractCookieJar):
    """The cookies of a session."""

    _is_limited = True

    def __init__(
        self,
        *,
        unsafe: bool = False,
        quote_cookie: bool = True,
        treat_as_secure_origin: URL | str | Iterable[URL | str] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(loop=loop)
        self._unsafe = unsafe
        self._quote_cookie = quote_cookie
        if treat_as_secure_origin is None:
            treat_as_secure_origin = ()
        elif isinstance(treat_as_secure_origin, URL | str):
            treat_as_secure_origin = (treat_as_secure_origin,)
        self._secure = frozenset([URL(url).origin() for url in treat_as_secure_origin])
        self._cookies: dict[tuple[str, str], SimpleCookie] = {}
        self._host_only: set[Key] = set()
        self._deadlines: dict[Key, float] = {}
        self._next_deadline = float("inf")
        self._uses: dict[Key, int] = {}  # in which use each was last asked for or set
        self._use = 0
        self._of_domain: dict[str, int] = {}
        self._watchers: dict[int, weakref.ref[Any]] = {}  # sessions, which keep what goes with a URL

    @property
    def unsafe(self) -> bool:
        return self._unsafe

    @property
    def quote_cookie(self) -> bool:
        return self._quote_cookie

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        return self._secure

    @property
    def cookies(self) -> MappingProxyType[tuple[str, str], SimpleCookie]:
        return MappingProxyType(self._cookies)

    @property
    def host_only_cookies(self) -> frozenset[Key]:
        return frozenset(self._host_only)

    def _watched_by(self, session: Any) -> None:
        self._watchers[id(session)] = weakref.ref(session, functools.partial(self._watchers.pop, id(session)))

    def save(self, file_path: str | os.PathLike[str]) -> None:
        """Write all to a file, which only its owner can read."""
        cookie_files.write(file_path, self._cookies, self._host_only, self._deadlines)

    def load(self, file_path: str | os.PathLike[str]) -> None:
        """Have those of a file, and no others. A file that makes no sense raises and changes nothing."""
        loaded = type(self)(
            unsafe=self._unsafe, quote_cookie=self._quote_cookie, treat_as_secure_origin=self._secure, loop=self._loop
        )
        for domain, name, cookie, deadline in cookie_files.read(file_path):
            url = URL.build(scheme="https", host=domain) if domain else URL()
            loaded._update([(name, cookie)], url, deadline)
        kept = self._cookies
        kept.clear()
        kept.update(loaded._cookies)
        watchers = self._watchers
        vars(self).update(vars(loaded), _cookies=kept, _watchers=watchers)
        self._changed()

    def clear(self, predicate: Predicate | None = None) -> None:
        now = time.time()
        self._drop(
            [
                key
                for key, cookie in self._all()
                if predicate is None or self._deadlines.get(key, now + 1) <= now or predicate(cookie)
            ]
        )

    def clear_domain(self, domain: str) -> None:
        self.clear(lambda cookie: domain_matches(domain, cookie["domain"]))

    def __iter__(self) -> Iterator[Morsel[str]]:
        self._expire()
        for cookies in self._cookies.values():
            yield from cookies.values()

    def __len__(self) -> int:
        return len(self._uses)

    def update_cookies(self, cookies: Any, response_url: URL = NOWHERE) -> None:
        pairs = cookies.items() if isinstance(cookies, Mapping) else cookies
        self._update([(name, _copied(name, cookie)) for name, cookie in pairs], response_url, None)

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        self._update(parse_set_cookie_headers(headers), response_url, None)

    def filter_cookies(self, request_url: URL = NOWHERE) -> BaseCookie[str]:
        chosen: BaseCookie[str] = BaseCookie()
        self._expire()
        if not self._cookies:
            return chosen
        if type(request_url) is not URL:
            warnings.warn(
                f"filter_cookies expects yarl.URL instances only,and will stop working in 4.x, got {type(request_url)}",
                DeprecationWarning,
                stacklevel=2,
            )
            request_url = URL(request_url)
        found = self._matching(request_url)
        if self._is_limited:
            found = self._within_limits(found, request_url.raw_host or "")
            self._use += 1
            self._uses.update((key, self._use) for key, _ in found.values())
        dict.update(chosen, {name: cookie for name, (_, cookie) in found.items()})
        return chosen

    def _matching(self, url: URL) -> dict[str, tuple[Key, Morsel[str]]]:
        """What goes with a request, by name, the most specific last."""
        host = url.raw_host or ""
        is_plain = url.scheme not in ("https", "wss") and not (
            self._secure and url.absolute and url.origin() in self._secure
        )
        domains: Iterable[str] = accumulate(reversed(host.split(".")), "{1}.{0}".format)
        if is_ip_address(host):
            domains = (host,) if self._unsafe else ()
        paths = list(accumulate(url.path.split("/"), "{}/{}".format))
        places = [("", ""), *((domain, path) for domain in domains for path in paths if (domain, path) != ("", ""))]
        found: dict[str, tuple[Key, Morsel[str]]] = {}
        for domain, path in places:
            for name, cookie in self._cookies.get((domain, path), {}).items():
                key = (domain, path, name)
                if (is_plain and cookie["secure"]) or (domain != host and key in self._host_only):
                    continue
                if domain and len(cookie["path"]) > len(url.path):
                    continue
                found.pop(name, None)
                found[name] = key, self._sent(cookie)
        return found

    def _within_limits(
        self, found: dict[str, tuple[Key, Morsel[str]]], host: str
    ) -> dict[str, tuple[Key, Morsel[str]]]:
        length = len("Cookie: ") - 2
        chosen: list[tuple[str, tuple[Key, Morsel[str]]]] = []
        for item in reversed(found.items()):
            cookie = item[1][1]
            size = 2 + (encoded_length(f"{cookie.key}={cookie.coded_value}") or 0)
            if len(chosen) < MOST_SENT and length + size <= LONGEST_HEADER:
                length += size
                chosen.append(item)
        if len(chosen) < len(found):
            LOG.debug("Omitted %d cookies for %s: too many for a request", len(found) - len(chosen), host)
        return dict(reversed(chosen))

    def _sent(self, cookie: Morsel[str]) -> Morsel[str]:
        """As it goes with a request."""
        if self._quote_cookie and cookie.coded_value.startswith('"'):
            return as_sent(cookie)
        value, coded = SimpleCookie().value_encode(cookie.value) if self._quote_cookie else (cookie.value,) * 2
        return morsel(cookie.key, value, coded) or cookie

    def _update(self, cookies: Iterable[tuple[str, Morsel[str]]], url: URL, deadline: float | None) -> None:
        host = url.raw_host
        if not self._unsafe and is_ip_address(host):
            return
        for name, cookie in cookies:
            domain = _domain(cookie)
            if domain and host and not domain_matches(domain, host):
                continue
            if domain and host and is_public_suffix(domain):
                if domain != host:
                    LOG.debug("Dropped cookie %r for %s: that domain is nobody's", name, domain)
                    continue
                domain = ""
            path = _path(cookie, url)
            is_host_only = not domain and host is not None
            if is_host_only:
                cookie["domain"] = domain = host or ""
            ends = deadline if deadline is not None else _deadline(cookie)
            if self._is_limited and not can_be_sent(cookie):
                LOG.debug("Dropped cookie %r for %s: it can't be sent in a Cookie header", name, domain)
            else:
                self._store((domain, path, name), cookie, is_host_only, ends)
        self._expire()
        self._changed()

    def _store(self, key: Key, cookie: Morsel[str], is_host_only: bool, deadline: float | None) -> None:
        domain, path, name = key
        if key not in self._uses:
            is_over = deadline is not None and deadline <= time.time()
            if self._is_limited and not is_over and not self._make_room(domain, bool(cookie["secure"])):
                return
            self._of_domain[domain] = self._of_domain.get(domain, 0) + 1
        (self._host_only.add if is_host_only else self._host_only.discard)(key)
        if deadline is None:
            self._deadlines.pop(key, None)
        else:
            self._deadlines[key] = deadline
            self._next_deadline = min(self._next_deadline, deadline)
        dict.__setitem__(self._cookies.setdefault((domain, path), SimpleCookie()), name, cookie)
        self._use += 1
        self._uses[key] = self._use

    def _make_room(self, domain: str, is_secure: bool) -> bool:
        """Drop what was not used for longest; False where a domain has nothing but secure cookies."""
        if self._of_domain.get(domain, 0) >= MOST_OF_DOMAIN:
            self._expire()
            surplus = self._of_domain.get(domain, 0) - KEPT_OF_DOMAIN + 1
            own = {key: bool(cookie["secure"]) for key, cookie in self._all() if key[0] == domain}
            plain = [key for key, secure in own.items() if not secure]
            if not plain and not is_secure and len(own) >= MOST_OF_DOMAIN:
                return False
            if surplus > 0 and (plain or is_secure):
                self._drop(sorted(plain or own, key=self._uses.__getitem__)[:surplus])
        elif len(self._uses) >= MOST_OF_ALL:
            self._expire()
            surplus = max(0, len(self._uses) - KEPT_OF_ALL)
            self._drop(sorted(self._uses, key=self._uses.__getitem__)[:surplus])
        return True

    def _expire(self) -> None:
        now = time.time()
        if self._next_deadline <= now:
            self._drop([key for key, deadline in self._deadlines.items() if deadline <= now])
            self._next_deadline = min(self._deadlines.values(), default=float("inf"))

    def _drop(self, keys: Sequence[Key]) -> None:
        for key in keys:
            domain, path, name = key
            cookies = self._cookies[domain, path]
            del cookies[name], self._uses[key]
            if not cookies:
                del self._cookies[domain, path]
            self._of_domain[domain] -= 1
            if not self._of_domain[domain]:
                del self._of_domain[domain]
            self._host_only.discard(key)
            self._deadlines.pop(key, None)
        if keys:
            self._changed()

    def _all(self) -> Iterator[tuple[Key, Morsel[str]]]:
        for (domain, path), cookies in self._cookies.items():
            for name, cookie in cookies.items():
                yield (domain, path, name), cookie

    def _changed(self) -> None:
        # A copy: a session may end at any time, by a collection.
        for reference in list(self._watchers.values()):
            if (session := reference()) is not None:
                session._forget_routes()


class UnlimitedCookieJar(CookieJar):
    """The cookies that a program gives to one request."""

    _is_limited = False


class DummyCookieJar(AbstractCookieJar):
    """A jar that keeps nothing."""

    def __iter__(self) -> Iterator[Morsel[str]]:
        return iter(())

    def __len__(self) -> int:
        return 0

    @property
    def unsafe(self) -> bool:
        return False

    @property
    def quote_cookie(self) -> bool:
        return True

    @property
    def cookies(self) -> MappingProxyType[tuple[str, str], SimpleCookie]:
        return MappingProxyType({})

    @property
    def host_only_cookies(self) -> frozenset[Key]:
        return frozenset()

    def clear(self, predicate: Predicate | None = None) -> None:
        """Nothing is there."""

    def clear_domain(self, domain: str) -> None:
        """Nothing is there."""

    def update_cookies(self, cookies: Any, response_url: URL = NOWHERE) -> None:
        """Keep nothing."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Keep nothing."""

    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        return SimpleCookie()


def domain_matches(domain: str, host: str) -> bool:
    """Whether a host is a domain, or is in it."""
    return host == domain or (host.endswith("." + domain) and not is_ip_address(host))


def is_ip_address(host: str | None) -> bool:
    """Whether a host is an address."""
    return host is not None and (":" in host or host.replace(".", "").isdigit())


def _copied(name: str, cookie: Any) -> Morsel[str]:
    if isinstance(cookie, Morsel):
        return copy.copy(cookie)
    made: SimpleCookie = SimpleCookie()
    made[name] = cookie
    return made[name]


def _domain(cookie: Morsel[str]) -> str:
    """Its domain as it is compared; empty: that of whoever sent it."""
    domain: str = cookie["domain"]
    if domain.endswith("."):
        domain = cookie["domain"] = ""
    elif domain.startswith("."):
        domain = cookie["domain"] = domain[1:]
    return domain


def _path(cookie: Morsel[str], url: URL) -> str:
    """Its path as it is compared."""
    path: str = cookie["path"]
    if not path.startswith("/"):
        path = url.path
        path = "/" + path[1 : path.rfind("/")] if path.startswith("/") else "/"
        cookie["path"] = path
    return path.rstrip("/")


def _deadline(cookie: Morsel[str]) -> float | None:
    """When it ends."""
    if age := cookie["max-age"]:
        try:
            seconds = int(age)
        except ValueError:
            cookie["max-age"] = ""
            return None
        return 0.0 if seconds <= 0 else float(min(time.time() + min(seconds, LATEST), LATEST))
    if expires := cookie["expires"]:
        if date := parse_date(expires):
            return date
        cookie["expires"] = ""
    return None
