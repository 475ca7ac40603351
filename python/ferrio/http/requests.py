"""`ClientRequest`: what a session makes of a call, and what middlewares see and change before it is sent.

Owns which header fields a request has, and its body. It must not know connections; sending.py writes it. Invariant:
once made, a request has either no body, or one that says its length, or one in chunks.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
import sys
import traceback
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping
from http.cookies import Morsel, SimpleCookie
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from .. import __version__
from . import encodings, hdrs
from .auth import BasicAuth, basic_auth
from .connection import failure
from .cookie_fields import as_sent, parse_cookie_header
from .errors import InvalidURL, ServerFingerprintMismatch
from .forms import FormData
from .payloads import PAYLOAD_REGISTRY, LookupError, Payload

if TYPE_CHECKING:
    from .client import ClientSession
    from .progress import UploadTracker
    from .response import ClientResponse
    from .tracing import Tracing

NOT_TOKEN: Final = re.compile(r"[^-!#$%&'*+.^_`|~0-9a-zA-Z]")
DIGITS: Final = re.compile(r"\d+", re.ASCII)
WITHOUT_BODY: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS, hdrs.METH_TRACE})
USUAL_METHODS: Final = frozenset({*WITHOUT_BODY, hdrs.METH_DELETE, hdrs.METH_PATCH, hdrs.METH_POST, hdrs.METH_PUT})
WITH_TYPE: Final = frozenset({hdrs.METH_PATCH, hdrs.METH_POST, hdrs.METH_PUT})
SECURE: Final = frozenset({"https", "wss"})
AGENT: Final = f"Python/{'.'.join(sys.version.split('.')[:2])} ferrio/{__version__}"
EXCLUSIVE: Final = "verify_ssl, ssl_context, fingerprint and ssl parameters are mutually exclusive"


def head_limits(line: int, field: int, fields: int) -> Mapping[str, int]:
    """What the head of an answer may have, for the native connection: it counts all fields together."""
    if (line, field, fields) == (8190, 8190, 128):
        return HEAD_LIMITS
    return {"max_line": line, "max_head": line + field * fields, "max_headers": fields}


HEAD_LIMITS: Final[Mapping[str, int]] = MappingProxyType({"max_line": 8190, "max_head": 8190 * 129, "max_headers": 128})


class HttpVersion(NamedTuple):
    """A version of HTTP."""

    major: int
    minor: int


SECRETS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
HttpVersion10: Final = HttpVersion(1, 0)
HttpVersion11: Final = HttpVersion(1, 1)


class _Info(NamedTuple):
    url: URL
    method: str
    headers: CIMultiDictProxy[str]
    real_url: URL


class RequestInfo(_Info):
    """A request, as its answer and its exception show it."""

    def __new__(cls, url: URL, method: str, headers: CIMultiDictProxy[str], real_url: URL | None = None) -> RequestInfo:
        """`real_url` is the one with its fragment."""
        return super().__new__(cls, url, method, headers, url if real_url is None else real_url)

    def __repr__(self) -> str:
        # Exceptions show it, and those are logged.
        if not any(name.lower() in SECRETS for name in self.headers):
            return super().__repr__()
        shown = ((name, "***" if name.lower() in SECRETS else value) for name, value in self.headers.items())
        return _Info.__repr__(self._replace(headers=CIMultiDictProxy(CIMultiDict(shown))))


class Fingerprint:
    """A certificate, by its SHA-256."""

    def __init__(self, fingerprint: bytes) -> None:
        if len(fingerprint) in (16, 20):
            raise ValueError("md5 and sha1 are insecure and not supported. Use sha256.")
        if len(fingerprint) != 32:
            raise ValueError("fingerprint has invalid length")
        self._fingerprint = fingerprint

    @property
    def fingerprint(self) -> bytes:
        """The hash."""
        return self._fingerprint

    def check(self, transport: asyncio.Transport) -> None:
        """Raise where the other side has another certificate."""
        if not transport.get_extra_info("sslcontext"):
            return
        certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        got = hashlib.sha256(certificate).digest()
        if got != self._fingerprint:
            host, port, *_ = transport.get_extra_info("peername")
            raise ServerFingerprintMismatch(self._fingerprint, got, host, port)


SSL: Final = (ssl.SSLContext, bool, Fingerprint, type(None))
SSLSetting = ssl.SSLContext | bool | Fingerprint


def merged_ssl(
    setting: Any, verify_ssl: bool | None, ssl_context: ssl.SSLContext | None, fingerprint: bytes | None
) -> SSLSetting:
    """The setting for TLS, from it and from the three that aiohttp had before."""
    chosen: Any = True if setting is None else setting
    if (verify_ssl is None or verify_ssl) and ssl_context is None and fingerprint is None:
        return _setting_of_tls(chosen)
    olds = (
        ("verify_ssl", "ssl=False", verify_ssl is not None and not verify_ssl, lambda: False),
        ("ssl_context", "ssl=context", ssl_context is not None, lambda: ssl_context),
        (
            "fingerprint",
            "ssl=Fingerprint(fingerprint)",
            fingerprint is not None,
            lambda: Fingerprint(fingerprint or b""),
        ),
    )
    for name, instead, is_given, make in olds:
        if is_given:
            warnings.warn(f"{name} is deprecated, use {instead} instead", DeprecationWarning, stacklevel=3)
            if chosen is not True:
                raise ValueError(EXCLUSIVE)
            chosen = make()
    return _setting_of_tls(chosen)


def _setting_of_tls(chosen: Any) -> SSLSetting:
    if not isinstance(chosen, SSL):
        raise TypeError(f"ssl should be SSLContext, bool, Fingerprint or None, got {chosen!r} instead.")
    return True if chosen is None else chosen


class ConnectionKey(NamedTuple):
    """Which connections can be used for a request: those with an equal key."""

    host: str
    port: int | None
    is_ssl: bool
    ssl: SSLSetting
    proxy: URL | None
    proxy_auth: BasicAuth | None
    proxy_headers_hash: int | None
    server_hostname: str | None = None


class ClientRequest:
    """A request. Middlewares may change `headers`, and the body by `update_body()`."""

    GET_METHODS = WITHOUT_BODY
    POST_METHODS = WITH_TYPE
    DEFAULT_HEADERS: Mapping[str, str] = {hdrs.ACCEPT: "*/*", hdrs.ACCEPT_ENCODING: encodings.ACCEPTED}

    auth: BasicAuth | None = None
    response: ClientResponse | None = None
    failure: Callable[[str, Any, Any], BaseException] = staticmethod(failure)
    _body: Payload | None = None
    _upload_tracker: UploadTracker | None = None
    limits: Mapping[str, int] = HEAD_LIMITS  # what its answer's head may have

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        params: Any = None,
        headers: Any = None,
        skip_auto_headers: Iterable[str] | None = None,
        data: Any = None,
        cookies: Any = None,
        auth: BasicAuth | None = None,
        version: HttpVersion | str = HttpVersion11,
        compress: str | bool | None = None,
        chunked: bool | None = None,
        expect100: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        response_class: type[ClientResponse] | None = None,
        proxy: URL | None = None,
        proxy_auth: BasicAuth | None = None,
        timer: Any = None,
        session: ClientSession | None = None,
        ssl: SSLSetting | None = True,
        proxy_headers: Any = None,
        traces: Tracing | None = None,
        trust_env: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        if method not in USUAL_METHODS and (found := NOT_TOKEN.search(method)) is not None:
            raise ValueError(
                f"Method cannot contain non-token characters {method!r} (found at least {found.group()!r})"
            )
        if params:
            url = url.extend_query(params)
        if not url.raw_host:
            raise InvalidURL(url)
        self.original_url = url
        self.url = url.with_fragment(None) if url.raw_fragment else url
        self.method = method.upper()
        self.chunked = chunked
        self.compress = compress
        self.loop = asyncio.get_running_loop() if loop is None else loop
        self.response_class = response_class
        self.server_hostname = server_hostname
        self._session = session
        self._timer = timer
        self._traces = traces
        self._ssl: SSLSetting = True if ssl is None else ssl
        self._source_traceback = traceback.extract_stack(sys._getframe(1)) if self.loop.get_debug() else None
        self._skipped = (
            frozenset([str(name).lower() for name in skip_auto_headers]) if skip_auto_headers else frozenset()
        )
        self.update_version(version)
        self.update_headers(headers)
        self._add_defaults()
        self.update_cookies(cookies)
        self._choose_encoding(data)
        self.update_auth(auth)
        self.update_proxy(proxy, proxy_auth, proxy_headers)
        self.update_body_from_data(data)
        if data is not None or self.method not in self.GET_METHODS:
            self._choose_transfer()
        self.expects = self._choose_expectation(expect100)

    @property
    def skip_auto_headers(self) -> CIMultiDict[None]:
        """Which fields are not added by themselves."""
        return CIMultiDict((name, None) for name in sorted(self._skipped))

    @property
    def host(self) -> str:
        """Who is asked."""
        return self.url.raw_host or ""

    @property
    def port(self) -> int | None:
        """On which port."""
        return self.url.port

    @property
    def ssl(self) -> SSLSetting:
        """The setting for TLS."""
        return self._ssl

    @property
    def session(self) -> ClientSession:
        """The session, for a middleware that asks something itself."""
        assert self._session is not None
        return self._session

    @property
    def body(self) -> Payload | Literal[b""]:
        """The body."""
        return self._body or b""

    @body.setter
    def body(self, value: Any) -> None:
        if self._body is not None:
            _warn_if_open(self._body)
            self._body._let_go()
        self._replace_body(value)

    @property
    def request_info(self) -> RequestInfo:
        """As its answer and its exception show it."""
        return RequestInfo(self.url, self.method, CIMultiDictProxy(self.headers), self.original_url)

    @property
    def connection_key(self) -> ConnectionKey:
        """Which connections it can use."""
        url = self.url
        proxied = self.proxy_headers
        fields = (
            url.raw_host or "",
            url.port,
            url.scheme in SECURE,
            self._ssl,
            self.proxy,
            self.proxy_auth,
            hash(tuple(proxied.items())) if proxied else None,
            self.server_hostname,
        )
        return tuple.__new__(ConnectionKey, fields)  # its own `__new__` is a function of Python

    @property
    def pool_key(self) -> Hashable:
        """Which connections of a pool it can use: those that were made with equal limits, too."""
        key = self.connection_key
        return key if self.limits is HEAD_LIMITS else (key, *self.limits.values())

    def is_ssl(self) -> bool:
        """Whether it goes over TLS."""
        return self.url.scheme in SECURE

    async def update_body(self, body: Any) -> None:
        """Have another body, and close the one before."""
        if self._body is not None:
            await self._body.close()
        self._replace_body(body)

    def update_version(self, version: HttpVersion | str) -> None:
        """Speak another version."""
        if isinstance(version, str):
            try:
                major, _, minor = version.partition(".")
                version = HttpVersion(int(major), int(minor))
            except ValueError:
                raise ValueError(f"Can not parse http version number: {version}") from None
        self.version = version

    def update_headers(self, headers: Any) -> None:
        """Have these fields, and Host."""
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.headers[hdrs.HOST] = self.url.host_port_subcomponent or ""
        if isinstance(headers, (dict, MultiDictProxy, MultiDict)):
            headers = headers.items()
        for name, value in headers or ():
            if name.lower() == "host":
                self.headers[name] = value
            else:
                self.headers.add(name, value)

    def update_cookies(self, cookies: Any) -> None:
        """Have these cookies, besides those of the header."""
        if not cookies:
            return
        jar: SimpleCookie = SimpleCookie()
        if hdrs.COOKIE in self.headers:
            jar.update(parse_cookie_header(self.headers[hdrs.COOKIE]))
            del self.headers[hdrs.COOKIE]
        for name, value in cookies.items() if isinstance(cookies, Mapping) else cookies:
            jar[name] = as_sent(value) if isinstance(value, Morsel) else value
        self.headers[hdrs.COOKIE] = jar.output(header="", sep=";").strip()

    def update_auth(self, auth: BasicAuth | None, trust_env: bool = False) -> None:
        """Ask as this user."""
        if auth is None and (self.url.raw_user or self.url.raw_password):
            auth = self.auth = basic_auth(self.url.user or "", self.url.password or "")
        if auth is not None:
            if not isinstance(auth, BasicAuth):
                raise TypeError("BasicAuth() tuple is required instead")
            self.headers[hdrs.AUTHORIZATION] = auth.encode()

    def update_proxy(self, proxy: URL | None, proxy_auth: BasicAuth | None, proxy_headers: Any) -> None:
        """Go through this proxy."""
        self.proxy = proxy
        self.proxy_auth: BasicAuth | None = None
        self.proxy_headers: CIMultiDict[str] | None = None
        if proxy is None:
            return
        if proxy_auth and not isinstance(proxy_auth, BasicAuth):
            raise ValueError("proxy_auth must be None or BasicAuth() tuple")
        self.proxy_auth = proxy_auth
        if proxy_headers is not None:
            self.proxy_headers = CIMultiDict(proxy_headers)

    def update_body_from_data(self, body: Any) -> None:
        """Have a body of a program's value."""
        if self._body is not None:
            _warn_if_open(self._body)
        if body is None:
            self._body = None
            if self.method not in self.GET_METHODS and not self.chunked and hdrs.CONTENT_LENGTH not in self.headers:
                self.headers[hdrs.CONTENT_LENGTH] = "0"
            return
        value = body() if isinstance(body, FormData) else body
        try:
            payload = PAYLOAD_REGISTRY.get(value, disposition=None)
        except LookupError:
            payload = FormData(value)()  # type: ignore[arg-type]
        self._body = payload
        if not self.chunked and hdrs.CONTENT_LENGTH not in self.headers:
            if (size := payload.size) is not None:
                self.headers[hdrs.CONTENT_LENGTH] = str(size)
            else:
                self.chunked = True
        for name, field in payload.headers.items():
            if name not in self.headers and name.lower() not in self._skipped:
                self.headers[name] = field

    def content_length(self) -> int | None:
        """What the header says of the body's length."""
        length = self.headers.get(hdrs.CONTENT_LENGTH)
        if length is None:
            return None
        if not DIGITS.fullmatch(length):
            raise ValueError(f"Invalid Content-Length header: {length!r}")
        return int(length)

    def _replace_body(self, body: Any) -> None:
        self.headers.popall(hdrs.CONTENT_LENGTH, None)
        if self.chunked:
            self.headers.popall(hdrs.TRANSFER_ENCODING, None)
        self._body = None
        self.update_body_from_data(body)
        if body is not None or self.method not in self.GET_METHODS:
            self._choose_transfer()

    def _add_defaults(self) -> None:
        headers, skipped = self.headers, self._skipped
        for name, value in (*self.DEFAULT_HEADERS.items(), (hdrs.USER_AGENT, AGENT)):
            if name not in headers and not (skipped and name.lower() in skipped):
                headers[name] = value

    def _choose_encoding(self, data: Any) -> None:
        if not data:
            self.compress = None
        elif self.headers.get(hdrs.CONTENT_ENCODING):
            if self.compress:
                raise ValueError("compress can not be set if Content-Encoding header is set")
        elif self.compress:
            self.compress = self.compress if isinstance(self.compress, str) else "deflate"
            self.headers[hdrs.CONTENT_ENCODING] = self.compress
            self.chunked = True

    def _choose_transfer(self) -> None:
        if "chunked" in self.headers.get(hdrs.TRANSFER_ENCODING, "").lower():
            if self.chunked:
                raise ValueError('chunked can not be set if "Transfer-Encoding: chunked" header is set')
        elif self.chunked:
            if hdrs.CONTENT_LENGTH in self.headers:
                raise ValueError("chunked can not be set if Content-Length header is set")
            self.headers[hdrs.TRANSFER_ENCODING] = "chunked"

    def _choose_expectation(self, expects: bool) -> bool:
        if expects:
            self.headers[hdrs.EXPECT] = "100-continue"
        return expects or (hdrs.EXPECT in self.headers and self.headers[hdrs.EXPECT].lower() == "100-continue")


def _warn_if_open(payload: Payload) -> None:
    if not payload.autoclose and not payload.consumed:
        warnings.warn(
            "The previous request body contains unclosed resources. Use await request.update_body() instead of "
            "setting request.body directly to properly close resources and avoid leaks.",
            ResourceWarning,
            stacklevel=3,
        )
