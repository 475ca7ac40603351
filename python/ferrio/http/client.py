"""`ClientSession`: requests with common settings, cookies and connections. aiohttp's, name for name.

Owns the settings, and what the native base asks of them: which answers need more than to be handed out, and where a URL
leads (routes.py). Requests that ask for nothing special run in the base; calls.py has everything else.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import traceback
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from multidict import CIMultiDict, MultiDict, MultiDictProxy, getversion
from yarl import URL

from .._ferrio import HttpClientConnection, HttpSession
from .auth import BasicAuth
from .calls import Call, ClientMiddlewareType
from .connector import UNSET, BaseConnector
from .cookies import AbstractCookieJar, CookieJar, DummyCookieJar
from .payloads import BytesPayload, Payload
from .requests import HEAD_LIMITS, ClientRequest, HttpVersion, HttpVersion11, head_limits
from .response import ClientResponse, fallback_charset
from .routes import Route, opened, route
from .settings import limits_of, warn_of_auth
from .tcp import TCPConnector
from .timeouts import ClientTimeout, as_limits
from .websocket import ClientWebSocketResponse
from .ws_handshake import connect

if TYPE_CHECKING:
    from types import TracebackType

MAKING = ("__new__", "__init__", "raise_for_status")  # the native base calls none of an answer's class
NOTHING: Final[frozenset[str]] = frozenset()
CharsetResolver = Callable[[ClientResponse, bytes], str]


class ClientSession(HttpSession):
    """`async with ClientSession() as session:`."""

    _source_traceback: traceback.StackSummary | None = None
    _connector: BaseConnector | None = None
    _loop: asyncio.AbstractEventLoop
    _base_url: URL | None
    _timeout: ClientTimeout
    _cookie_jar: AbstractCookieJar
    _connector_owner: bool
    _default_auth: BasicAuth | None
    _version: HttpVersion
    _json_serialize: Callable[[Any], str]
    _json_serialize_bytes: Callable[[Any], bytes] | None
    _raise_for_status: bool | Callable[[ClientResponse], Awaitable[None]]
    _auto_decompress: bool
    _trust_env: bool
    _requote_redirect_url: bool
    _read_bufsize: int
    _head_sizes: tuple[int, int, int]
    _head_limits: Mapping[str, int]
    _default_headers: CIMultiDict[str]
    _skip_auto_headers: frozenset[str]
    _request_class: type[ClientRequest]
    _response_class: type[ClientResponse]
    _ws_response_class: type[ClientWebSocketResponse]
    _trace_configs: list[Any]
    _resolve_charset: CharsetResolver
    _default_proxy: URL | str | None
    _default_proxy_auth: BasicAuth | None
    _middlewares: Sequence[ClientMiddlewareType]

    def __init__(
        self,
        base_url: URL | str | None = None,
        *,
        connector: BaseConnector | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        cookies: Any = None,
        headers: Any = None,
        proxy: URL | str | None = None,
        proxy_auth: BasicAuth | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        auth: BasicAuth | None = None,
        json_serialize: Callable[[Any], str] = json.dumps,
        json_serialize_bytes: Callable[[Any], bytes] | None = None,
        request_class: type[ClientRequest] = ClientRequest,
        response_class: type[ClientResponse] = ClientResponse,
        ws_response_class: type[ClientWebSocketResponse] = ClientWebSocketResponse,
        version: HttpVersion = HttpVersion11,
        cookie_jar: AbstractCookieJar | None = None,
        connector_owner: bool = True,
        raise_for_status: bool | Callable[[ClientResponse], Awaitable[None]] = False,
        read_timeout: float | None = UNSET,
        conn_timeout: float | None = None,
        timeout: ClientTimeout | None = UNSET,
        auto_decompress: bool = True,
        trust_env: bool = False,
        requote_redirect_url: bool = True,
        trace_configs: list[Any] | None = None,
        read_bufsize: int = 2**16,
        max_line_size: int = 8190,
        max_field_size: int = 8190,
        max_headers: int = 128,
        fallback_charset_resolver: CharsetResolver = fallback_charset,
        middlewares: Sequence[ClientMiddlewareType] = (),
        ssl_shutdown_timeout: float | None = UNSET,
    ) -> None:
        loop = loop or (connector._loop if connector is not None else asyncio.get_running_loop())
        base = None if base_url is None else URL(base_url)
        if base is not None:
            base.origin()  # raises where it is no base
            if not base.path.endswith("/"):
                raise ValueError("base_url must have a trailing '/'")
        limits = limits_of(timeout, read_timeout, conn_timeout)
        connector = (
            TCPConnector(loop=loop, ssl_shutdown_timeout=ssl_shutdown_timeout) if connector is None else connector
        )
        if connector._loop is not loop:
            raise RuntimeError("Session and connector has to use same event loop")
        jar = CookieJar(loop=loop) if cookie_jar is None else cookie_jar
        if cookies:
            jar.update_cookies(cookies)
        if auth is not None or proxy_auth is not None:
            warn_of_auth(auth, proxy_auth)
        self._keep(
            {
                "_loop": loop,
                "_base_url": base,
                "_timeout": limits,
                "_cookie_jar": jar,
                "_connector": connector,
                "_connector_owner": connector_owner,
                "_default_auth": auth,
                "_version": version,
                "_json_serialize": json_serialize,
                "_json_serialize_bytes": json_serialize_bytes,
                "_raise_for_status": raise_for_status,
                "_auto_decompress": auto_decompress,
                "_trust_env": trust_env,
                "_requote_redirect_url": requote_redirect_url,
                "_read_bufsize": read_bufsize,
                "_head_sizes": (max_line_size, max_field_size, max_headers),
                "_head_limits": HEAD_LIMITS,
                "_default_headers": CIMultiDict(),
                "_skip_auto_headers": NOTHING,
                "_request_class": request_class,
                "_response_class": response_class,
                "_ws_response_class": ws_response_class,
                "_trace_configs": trace_configs or [],
                "_resolve_charset": fallback_charset_resolver,
                "_default_proxy": proxy,
                "_default_proxy_auth": proxy_auth,
                "_middlewares": () if middlewares is None else middlewares,
            }
        )
        if loop.get_debug():
            self._source_traceback = traceback.extract_stack(sys._getframe(1))
        self._head_limits = head_limits(max_line_size, max_field_size, max_headers)
        if headers:
            self._default_headers = CIMultiDict(headers)
        if skip_auto_headers:
            self._skip_auto_headers = frozenset([str(name).lower() for name in skip_auto_headers])
        for config in self._trace_configs:
            config.freeze()
        self._prepare_base()

    def _keep(self, settings: dict[str, Any]) -> None:
        """Have these attributes, in one dictionary; a subclass sees each being set.

        One that is filled attribute by attribute shares its keys with those of other sessions, and CPython 3.13 looks
        each attribute up by its name then: 8,500 instructions of a session, a connection and a GET.
        """
        if type(self) is ClientSession:
            own = vars(self)
            self.__dict__ = {**own, **settings} if own else settings
        else:
            for name, value in settings.items():
                setattr(self, name, value)

    def __init_subclass__(cls) -> None:
        warnings.warn(
            f"Inheritance class {cls.__name__} from ClientSession is discouraged", DeprecationWarning, stacklevel=2
        )

    def __del__(self) -> None:
        if not self.closed:
            warnings.warn(f"Unclosed client session {self!r}", ResourceWarning, stacklevel=2, source=self)
            context: dict[str, Any] = {"client_session": self, "message": "Unclosed client session"}
            if self._source_traceback is not None:
                context["source_traceback"] = self._source_traceback
            self._loop.call_exception_handler(context)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead")

    def __exit__(self, *error: object) -> None:
        """Only to be there beside `__enter__()`, which raises."""

    def ws_connect(self, url: URL | str, **options: Any) -> _Entered:
        """A WebSocket: `async with session.ws_connect(url) as socket:`."""
        return _Entered(connect(self, url, **options))

    async def close(self) -> None:
        """Close the connector, if it is the session's own."""
        if not self.closed:
            connector = self._let_go()
            if connector is not None and self._connector_owner:
                await connector.close()

    def detach(self) -> BaseConnector | None:
        """Leave the connector to others; the session is closed."""
        return self._let_go()

    def _let_go(self) -> BaseConnector | None:
        connector, self._connector = self._connector, None
        self._plain = False
        self._pool = None
        return connector

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._connector is None or self._connector.closed

    @property
    def connector(self) -> BaseConnector | None:
        """Its connections."""
        return self._connector

    @property
    def cookie_jar(self) -> AbstractCookieJar:
        """Its cookies."""
        return self._cookie_jar

    @property
    def version(self) -> HttpVersion:
        """The version of HTTP it speaks."""
        return self._version

    @property
    def requote_redirect_url(self) -> bool:
        """Whether the URL of a redirect is quoted anew."""
        return self._requote_redirect_url

    @requote_redirect_url.setter
    def requote_redirect_url(self, value: bool) -> None:
        warnings.warn("session.requote_redirect_url modification is deprecated #2778", DeprecationWarning, stacklevel=2)
        self._requote_redirect_url = value

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Its loop."""
        warnings.warn("client.loop property is deprecated", DeprecationWarning, stacklevel=2)
        return self._loop

    @property
    def timeout(self) -> ClientTimeout:
        """Its time limits."""
        return self._timeout

    @property
    def headers(self) -> CIMultiDict[str]:
        """Header fields of every request. They can be changed: the session looks whether they were, from now on."""
        self._headers_version = functools.partial(getversion, self._default_headers)  # type: ignore[arg-type]
        return self._default_headers

    @property
    def skip_auto_headers(self) -> frozenset[str]:
        """Which fields are not added by themselves."""
        return self._skip_auto_headers

    @property
    def auth(self) -> BasicAuth | None:
        """Who asks."""
        return self._default_auth

    @property
    def json_serialize(self) -> Callable[[Any], str]:
        """What makes JSON."""
        return self._json_serialize

    @property
    def connector_owner(self) -> bool:
        """Whether the connector is closed with it."""
        return self._connector_owner

    @property
    def raise_for_status(self) -> bool | Callable[[ClientResponse], Awaitable[None]]:
        """Whether answers from 400 on are raised."""
        return self._raise_for_status

    @property
    def auto_decompress(self) -> bool:
        """Whether bodies are unpacked."""
        return self._auto_decompress

    @property
    def trust_env(self) -> bool:
        """Whether the environment's proxies and `~/.netrc` are used."""
        return self._trust_env

    @property
    def trace_configs(self) -> list[Any]:
        """Who is told. A program may add to them: the native base, which tells nobody, is not asked any more."""
        self._plain = False
        return self._trace_configs

    async def _request(self, method: str, str_or_url: URL | str, **options: Any) -> ClientResponse:
        return await Call(self, method, str_or_url, options).run()

    async def _resume(
        self, method: str, str_or_url: URL | str, deadline: float, is_last: bool, **options: Any
    ) -> ClientResponse:
        """What the native base began and cannot go on with; its time runs since then."""
        return await Call(self, method, str_or_url, options, deadline, is_last).run()

    async def _open(
        self, route: Route, target: bytes | None, deadline: float, timeout: Any = ...
    ) -> HttpClientConnection:
        """A connection for a native request."""
        return await opened(self, route, target, deadline, self._timeout if timeout is ... else as_limits(timeout))

    async def _settle(self, answer: ClientResponse, deadline: float, **options: Any) -> ClientResponse:
        """What the native base does not do by itself: redirects, cookies, unpacking, errors."""
        call = Call(self, answer.method, answer.real_url, options, deadline)
        settled = await call.settle(answer)
        if settled is answer:
            call._watch(answer)
        return settled

    def _json_body(self, value: Any) -> bytes:
        """What a native request sends of `json=`."""
        as_bytes = self._json_serialize_bytes
        return self._json_serialize(value).encode() if as_bytes is None else as_bytes(value)

    def _json_payload(self, body: Any) -> Payload:
        """The same where Python code goes on."""
        return BytesPayload(body, content_type="application/json")

    def _route(self, method: str, url: Any, content_type: str = "application/octet-stream") -> Route | None:
        return route(self, method, url, content_type)

    def _prepare_base(self) -> None:
        """Tell the native base what it may do by itself."""
        assert self._connector is not None
        connector, jar, limits, answers = self._connector, self._cookie_jar, self._timeout, self._response_class
        total = limits.total
        is_number = type(total) is float or type(total) is int
        is_special = (
            self._trace_configs
            or self._middlewares
            or isinstance(self._middlewares, list)  # to which a program may add
            or self._default_proxy
            or self._trust_env
            or limits.sock_read
            or not (is_number or total is None)
            or connector.force_close
            or type(connector).connect is not BaseConnector.connect
            or (type(self)._build_url, type(self)._prepare_headers) != _HOOKS
            or self._head_limits is not HEAD_LIMITS
            or self._loop.get_debug()
            or callable(self._raise_for_status)
            or self._version != HttpVersion11
            or self._request_class is not ClientRequest
            or (
                answers is not ClientResponse
                and any(getattr(answers, name) is not getattr(ClientResponse, name) for name in MAKING)
            )
            or not self._auto_decompress
            or type(jar) not in (CookieJar, DummyCookieJar)
        )
        self._set_up(
            connector._pool,
            _REQUEST,
            answers,
            self._raise_for_status,
            total if is_number and total > 0 else None,  # type: ignore[operator]
            limits.connect,
            not is_special,
        )
        if isinstance(jar, CookieJar):
            jar._watched_by(self)

    def _build_url(self, given: URL | str) -> URL:
        url = URL(given)
        return self._base_url.join(url) if self._base_url is not None and not url.absolute else url

    def _limits_of(self, *given: int | None) -> Mapping[str, int]:
        """What the head of a request's answer may have; the session's, where it does not say."""
        line, field, fields = (own if size is None else size for own, size in zip(self._head_sizes, given, strict=True))
        return head_limits(line, field, fields)

    def _is_home(self, url: URL) -> bool:
        """Whether the session's own credentials are for a URL."""
        return self._base_url is None or self._base_url.origin() == url.origin()

    def _prepare_headers(self, headers: Any) -> CIMultiDict[str]:
        """The session's fields, with those of a request in their place."""
        result: CIMultiDict[str] = CIMultiDict(self._default_headers)
        if headers:
            if not isinstance(headers, MultiDictProxy | MultiDict):
                headers = CIMultiDict(headers)
            added: set[str] = set()
            for name, value in headers.items():
                if name in added:
                    result.add(name, value)
                else:
                    result[name] = value
                    added.add(name)
        return result


_REQUEST = ClientSession._request
_HOOKS = ClientSession._build_url, ClientSession._prepare_headers


class _Entered(Coroutine[Any, Any, Any]):
    """Something that is awaited, or entered by `async with`."""

    __slots__ = ("_coroutine", "_entered")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        return self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    async def __aenter__(self) -> Any:
        self._entered = await self._coroutine
        return await self._entered.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await self._entered.__aexit__(*error)


class _SessionRequestContextManager:
    """`async with request(...) as response:`, with a session of its own."""

    __slots__ = ("_answer", "_coroutine", "_session")

    def __init__(self, coroutine: Awaitable[ClientResponse], session: ClientSession) -> None:
        self._coroutine = coroutine
        self._session = session

    async def __aenter__(self) -> ClientResponse:
        try:
            self._answer = await self._coroutine
        except BaseException:
            await self._session.close()
            raise
        return self._answer

    async def __aexit__(self, *error: object) -> None:
        self._answer.close()
        await self._session.close()


def request(
    method: str,
    url: URL | str,
    *,
    version: HttpVersion = HttpVersion11,
    connector: BaseConnector | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
    **options: Any,
) -> _SessionRequestContextManager:
    """One request without a session: `async with ferrio.http.request("GET", url) as response:`."""
    is_own = connector is None
    session = ClientSession(
        loop=loop,
        cookies=options.pop("cookies", None),
        version=version,
        timeout=options.pop("timeout", UNSET),
        connector=TCPConnector(loop=loop, force_close=True) if connector is None else connector,
        connector_owner=is_own,
    )
    return _SessionRequestContextManager(session._request(method, url, **options), session)
