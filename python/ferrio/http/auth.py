"""Who asks: `BasicAuth`, credentials in a URL, and those of `~/.netrc`.

Owns how credentials are written and found; when they are sent is the session's. Invariant: a password stands in no
text that is logged.
"""

from __future__ import annotations

import base64
import binascii
import logging
import netrc
import os
import warnings
from pathlib import Path
from typing import NamedTuple

from yarl import URL

LOG = logging.getLogger("aiohttp.client")


def encode_basic_auth(login: str, password: str = "", encoding: str = "utf-8") -> str:
    """The value of `Authorization` for a name and a password."""
    if ":" in login:
        raise ValueError('A ":" is not allowed in login (RFC 7617#section-2)')
    return "Basic " + base64.b64encode(f"{login}:{password}".encode(encoding)).decode(encoding)


class _Credentials(NamedTuple):
    login: str
    password: str
    encoding: str


class BasicAuth(_Credentials):
    """A name and a password."""

    __slots__ = ()

    def __new__(cls, login: str, password: str = "", encoding: str = "latin1") -> BasicAuth:
        """Check the two, and say that this class is old, as aiohttp does."""
        if login is None:
            raise ValueError("None is not allowed as login value")
        if password is None:
            raise ValueError("None is not allowed as password value")
        if ":" in login:
            raise ValueError('A ":" is not allowed in login (RFC 1945#section-11.1)')
        warnings.warn(
            "BasicAuth is deprecated and will be removed in aiohttp 4.0; "
            "use aiohttp.encode_basic_auth() with headers={'Authorization': ...} instead",
            DeprecationWarning,
            stacklevel=2,
        )
        return super().__new__(cls, login, password, encoding)

    def __repr__(self) -> str:
        return f"BasicAuth(login={self.login!r}, password='***', encoding={self.encoding!r})"

    @classmethod
    def decode(cls, auth_header: str, encoding: str = "latin1") -> BasicAuth:
        """From the value of `Authorization`."""
        kind, space, encoded = auth_header.partition(" ")
        if not space:
            raise ValueError("Could not parse authorization header.")
        if kind.lower() != "basic":
            raise ValueError(f"Unknown authorization method {kind}")
        try:
            decoded = base64.b64decode(encoded.encode("ascii"), validate=True).decode(encoding)
        except binascii.Error:
            raise ValueError("Invalid base64 encoding.") from None
        login, colon, password = decoded.partition(":")
        if not colon:
            raise ValueError("Invalid credentials.")
        return basic_auth(login, password, encoding)

    @classmethod
    def from_url(cls, url: URL, *, encoding: str = "latin1") -> BasicAuth | None:
        """From a URL, if it has any."""
        if not isinstance(url, URL):
            raise TypeError("url should be yarl.URL instance")
        if url.raw_user is None and url.raw_password is None:
            return None
        return basic_auth(url.user or "", url.password or "", encoding)

    def encode(self) -> str:
        """The value of `Authorization`."""
        return encode_basic_auth(self.login, self.password, self.encoding)


def basic_auth(login: str, password: str = "", encoding: str = "latin1") -> BasicAuth:
    """A `BasicAuth` of our own making: nobody is warned."""
    return tuple.__new__(BasicAuth, (login, password, encoding))


def without_credentials(url: URL) -> tuple[URL, BasicAuth | None]:
    """The URL without its credentials, and those."""
    auth = BasicAuth.from_url(url)
    return (url, None) if auth is None else (url.with_user(None), auth)


def netrc_auth(host: str) -> BasicAuth | None:
    """What `~/.netrc`, or the file that `NETRC` names, says of a host. Reads the file: not for the loop's thread."""
    return credentials_of(netrc_file(), host)


def credentials_of(file: netrc.netrc | None, host: str) -> BasicAuth | None:
    """What a file says of a host."""
    found = None if file is None else file.authenticators(host)
    if found is None:
        return None
    login, account, password = found
    return basic_auth(login if login or account is None else account, password or "")


def netrc_file() -> netrc.netrc | None:
    """The user's file, where there is one that can be read."""
    named = os.environ.get("NETRC")
    try:
        path = Path(named) if named is not None else Path.home() / ".netrc"
    except RuntimeError as error:
        LOG.debug("Could not resolve home directory when trying to look for .netrc file: %s", error)
        return None
    try:
        return netrc.netrc(str(path))
    except netrc.NetrcParseError as error:
        LOG.warning("Could not parse .netrc file: %s", error)
    except OSError as error:
        if named or path.is_file():
            LOG.warning("Could not read .netrc file: %s", error)
    return None
