"""A call of a session's: one request, its retries and the redirects after it, until there is an answer to give back.

Owns aiohttp's order of things: what is checked when, what is told when, what follows a redirect and what does not.
Invariants: credentials of a session or a request, and cookies of a request, never follow to another origin; of each
answer that is not given back the connection is.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final

from multidict import CIMultiDict
from yarl import URL

from . import hdrs
from .auth import BasicAuth, netrc_auth, without_credentials
from .cookies import UnlimitedCookieJar
from .errors import (
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientPayloadError,
    ConnectionTimeoutError,
    InvalidURL,
    InvalidUrlClientError,
    InvalidUrlRedirectClientError,
    NonHttpUrlClientError,
    NonHttpUrlRedirectClientError,
    ServerDisconnectedError,
    TooManyRedirects,
)
from .payloads import JsonBytesPayload, JsonPayload
from .proxies import proxy_of
from .requests import ClientRequest, merged_ssl
from .response import ClientResponse, unpack, watch
from .routes import connection_for
from .sending import closed, send
from .timeouts import ClientTimeout, Deadline, as_limits
from .tracing import (
    TraceRequestEndParams,
    TraceRequestExceptionParams,
    TraceRequestRedirectParams,
    TraceRequestStartParams,
    Tracing,
)

if TYPE_CHECKING:
    from .client import ClientSession

ClientHandlerType = Callable[[ClientRequest], Awaitable[ClientResponse]]
ClientMiddlewareType = Callable[[ClientRequest, ClientHandlerType], Awaitable[ClientResponse]]
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
REDIRECTS: Final = (301, 302, 303, 307, 308)
SECRETS: Final = (hdrs.AUTHORIZATION, hdrs.COOKIE, hdrs.PROXY_AUTHORIZATION)
STRIPPED: Final = "".join(map(chr, range(0x21)))
DROPPED: Final = str.maketrans("", "", "\t\n\r")
PRECISE: Final = 5.0  # limits below it are kept to the millisecond, and by Python
OPTIONS: Final[dict[str, Any]] = {
    "params": None,
    "data": None,
    "json": None,
    "cookies": None,
    "headers": None,
    "skip_auto_headers": None,
    "auth": None,
    "allow_redirects": True,
    "max_redirects": 10,
    "compress": None,
    "chunked": None,
    "expect100": False,
    "raise_for_status": None,
    "read_until_eof": True,
    "proxy": None,
    "proxy_auth": None,
    "timeout": ...,
    "verify_ssl": None,
    "fingerprint": None,
    "ssl_context": None,
    "ssl": True,
    "server_hostname": None,
    "proxy_headers": None,
    "trace_request_ctx": None,
    "read_bufsize": None,
    "auto_decompress": None,
    "max_line_size": None,
    "max_field_size": None,
    "max_headers": None,
    "middlewares": None,
    "upload_tracker": None,
}


class Call:
    """One call. `run()` it once, or `settle()` an answer that came without it."""

    def __init__(
        self,
        session: ClientSession,
        method: str,
        url: Any,
        options: dict[str, Any],
        deadline: float = inf,
        is_last: bool = False,
    ) -> None:
        """`deadline`: when it has to be over, where it was begun before; `is_last`: it may not be tried again."""
        if unknown := options.keys() - OPTIONS.keys():
            raise TypeError(f"ClientSession._request() got an unexpected keyword argument {min(unknown)!r}")
        self._session = session
        self._given = url
        self._options = {**OPTIONS, **options}
        self._method = method
        self._history: list[ClientResponse] = []
        self._request: ClientRequest | None = None
        self._answer: ClientResponse | None = None
        self._tracing: Tracing | None = None
        self._begun_deadline = deadline
        self._deadline: Deadline | None = None
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._url = URL()
        self._is_last = is_last
        self._retries = False
        self._is_away = False  # a redirect has led to another origin

    async def run(self) -> ClientResponse:
        """The answer."""
        tracker = self._options["upload_tracker"]
        if tracker is not None:
            tracker._bind()
        try:
            await self._prepare()
            return await self._finish(await self._follow())
        except BaseException as error:
            await self._fail(error)
            raise
        finally:
            if tracker is not None:
                tracker._finish()

    async def settle(self, answer: ClientResponse) -> ClientResponse:
        """What there is to do about an answer that was asked for natively."""
        self._answer = answer
        try:
            self._prepare_options()
            self._url = answer.real_url
            self._timeout = self._limits_of_time()
            self._deadline = Deadline(self._session._loop, self._timeout, self._begun_deadline)
            self._retries = self._method in IDEMPOTENT
            return await self._finish(await self._follow(answer))
        except BaseException as error:
            await self._fail(error)
            raise

    async def _prepare(self) -> None:
        """Check what was given, in aiohttp's order."""
        session = self._session
        if session.closed:
            raise RuntimeError("Session is closed")
        if asyncio.get_running_loop() is not session._loop:
            raise RuntimeError("the session belongs to another event loop; each loop needs one of its own")
        self._method = self._method.upper()
        self._warn()
        self._prepare_options()
        try:
            self._url = session._build_url(self._given)
        except ValueError as error:
            raise InvalidUrlClientError(self._given) from error
        connector = session.connector
        assert connector is not None
        if self._url.scheme not in connector.allowed_protocol_schema_set:
            raise NonHttpUrlClientError(self._url)
        self._prepare_proxy()
        self._timeout = self._limits_of_time()
        self._deadline = Deadline(session._loop, self._timeout, self._begun_deadline)
        self._retries = self._method in IDEMPOTENT and not self._is_last
        if session._trace_configs:
            self._tracing = Tracing(session, session._trace_configs, self._options["trace_request_ctx"])
            await self._tracing.start(TraceRequestStartParams(self._method, self._told_url(), self._headers))

    def _limits_of_time(self) -> ClientTimeout:
        timeout = self._options["timeout"]
        if timeout is ...:
            return self._session._timeout
        return as_limits(timeout)

    def _warn(self) -> None:
        for name, header in (
            ("auth", "headers={'Authorization'"),
            ("proxy_auth", "proxy_headers={'Proxy-Authorization'"),
        ):
            if self._options[name] is not None:
                warnings.warn(
                    f"The '{name}' parameter is deprecated and will be removed in v4; pass {header}: "
                    "aiohttp.encode_basic_auth(login, password)} instead",
                    DeprecationWarning,
                    stacklevel=6,
                )
        if not isinstance(self._options["chunked"], bool | None):
            warnings.warn("Chunk size is deprecated #1615", DeprecationWarning, stacklevel=6)

    def _prepare_options(self) -> None:
        options, session = self._options, self._session
        self._ssl = merged_ssl(options["ssl"], options["verify_ssl"], options["ssl_context"], options["fingerprint"])
        self._data = options["data"]
        if options["json"] is not None:
            if self._data is not None:
                raise ValueError("data and json parameters can not be used at the same time")
            as_bytes = session._json_serialize_bytes
            self._data = (
                JsonPayload(options["json"], dumps=session._json_serialize)
                if as_bytes is None
                else JsonBytesPayload(options["json"], dumps=as_bytes)
            )
        self._params = options["params"] or {}
        self._headers = session._prepare_headers(options["headers"])
        self._auth: BasicAuth | None = options["auth"]
        self._cookies = options["cookies"]
        self._skipped = session.skip_auto_headers | frozenset(
            str(name).lower() for name in options["skip_auto_headers"] or ()
        )
        given = [options[name] for name in ("max_line_size", "max_field_size", "max_headers")]
        self._limits = session._limits_of(*given) if any(size is not None for size in given) else session._head_limits
        self._proxy: URL | None = None
        self._proxy_auth: BasicAuth | None = None
        self._proxy_headers: CIMultiDict[str] | None = None

    def _prepare_proxy(self) -> None:
        options, session = self._options, self._session
        proxy = session._default_proxy if options["proxy"] is None else options["proxy"]
        self._proxy_auth = session._default_proxy_auth if options["proxy_auth"] is None else options["proxy_auth"]
        if proxy is not None:
            self._proxy_headers = session._prepare_headers(options["proxy_headers"])
            try:
                self._proxy = URL(proxy) or None
            except ValueError as error:
                raise InvalidURL(proxy) from error

    async def _follow(self, answer: ClientResponse | None = None) -> ClientResponse:
        """Ask until the answer is no redirect."""
        assert self._deadline is not None
        with self._deadline:
            while True:
                if answer is None:
                    answer = await self._ask()
                self._answer = answer
                cookies = answer._raw_cookie_headers
                if cookies:
                    self._session.cookie_jar.update_cookies_from_headers(cookies, answer.url)
                if answer.status not in REDIRECTS or not self._options["allow_redirects"]:
                    return answer
                if not await self._redirected(answer):
                    return answer
                answer = None

    async def _ask(self) -> ClientResponse:
        """One request, and once more if the connection was closed before its time."""
        while True:
            request = self._request = await self._make_request()
            middlewares = self._options["middlewares"]
            middlewares = self._session._middlewares if middlewares is None else middlewares
            handler: ClientHandlerType = self._exchange
            for middleware in reversed(middlewares):
                handler = _wrapped(middleware, handler)
            try:
                return await handler(request)
            except (ConnectionTimeoutError, ClientConnectorError):
                raise
            except (ClientOSError, ServerDisconnectedError):
                if not self._retries:
                    raise
                self._retries = False
                if self._data is not None:
                    if request._body is not None and request._body.consumed:
                        raise
                    self._data = request._body
            except ClientError:
                raise
            except OSError as error:
                if error.errno is None and isinstance(error, TimeoutError):
                    raise
                raise ClientOSError(*error.args) from error

    async def _make_request(self) -> ClientRequest:
        session, history = self._session, self._history
        self._url, of_url = without_credentials(self._url)
        url = self._url
        if not url.raw_host:
            raise (InvalidUrlRedirectClientError if history else InvalidUrlClientError)(url)
        if not history and self._auth and of_url:
            raise ValueError("Cannot combine AUTH argument with credentials encoded in URL")
        if self._auth is None or (history and of_url is not None):
            self._auth = of_url
        if self._auth is None and session.auth and session._is_home(url) and not self._is_away:
            self._auth = session.auth
        if self._auth is None and session.trust_env and url.host is not None:
            self._auth = await session._loop.run_in_executor(None, netrc_auth, url.host)
        if self._auth is not None and hdrs.AUTHORIZATION in self._headers:
            raise ValueError("Cannot combine AUTHORIZATION header with AUTH argument or credentials encoded in URL")
        proxy, proxy_auth = self._proxy, self._proxy_auth
        if proxy is None and session.trust_env:
            found = await asyncio.to_thread(proxy_of, url)
            proxy, proxy_auth = found if found is not None else (None, proxy_auth)
        request = session._request_class(
            self._method,
            url,
            params=self._params,
            headers=self._headers,
            skip_auto_headers=self._skipped,
            data=self._data,
            cookies=self._all_cookies(url),
            auth=self._auth,
            version=session._version,
            compress=self._options["compress"],
            chunked=self._options["chunked"],
            expect100=self._options["expect100"],
            loop=session._loop,
            response_class=session._response_class,
            proxy=proxy,
            proxy_auth=proxy_auth,
            timer=self._deadline,
            session=session,
            ssl=self._ssl,
            server_hostname=self._options["server_hostname"],
            proxy_headers=self._proxy_headers,
            traces=self._tracing,
            trust_env=session.trust_env,
        )
        request._upload_tracker = self._options["upload_tracker"]
        request.limits = self._limits
        return request

    def _all_cookies(self, url: URL) -> Any:
        jar = self._session.cookie_jar
        cookies = jar.filter_cookies(url)
        if self._cookies is not None:
            given = UnlimitedCookieJar(
                unsafe=jar.unsafe,
                quote_cookie=jar.quote_cookie,
                treat_as_secure_origin=jar.treat_as_secure_origin,
                loop=self._session._loop,
            )
            given.update_cookies(self._cookies)
            if own := given.filter_cookies(url):
                cookies.load(own)
        return cookies

    async def _exchange(self, request: ClientRequest) -> ClientResponse:
        """A connection, the request, and the head of its answer. What middlewares call."""
        if (tracker := request._upload_tracker) is not None:
            tracker._begin()
        connection = await connection_for(self._session, request, self._timeout, lambda: request.url)
        try:
            answer = self._new_answer(request)
        except BaseException:
            connection.close()
            raise
        try:
            assert self._deadline is not None
            connection.deadline = self._deadline.when
            await send(request, connection, answer)
            request.response = answer
            self._watch(answer)
        except BaseException:
            connection.give_up(answer)
            raise
        return answer

    def _new_answer(self, request: ClientRequest) -> ClientResponse:
        answer: ClientResponse = (request.response_class or ClientResponse)()
        answer._session = self._session
        answer.method = request.method
        answer._url = request.original_url
        answer._info = request.request_info
        answer._read_timeout = self._timeout.sock_read
        answer._read_bufsize = self._options["read_bufsize"]
        answer._tracing = self._tracing
        answer._source_traceback = request._source_traceback
        if self._timeout.total and self._timeout.total < PRECISE:
            answer._deadline = self._deadline
        return answer

    def _watch(self, answer: ClientResponse) -> None:
        """Have the answer be read in Python where it has to be."""
        decompress = self._options["auto_decompress"]
        if self._session.auto_decompress if decompress is None else decompress:
            unpack(answer)
        special = (answer._tracing, answer._upload, answer._source_traceback)
        if answer._is_limited or any(each is not None for each in special):
            watch(answer)

    async def _redirected(self, answer: ClientResponse) -> bool:
        """Be about to ask where a redirect leads; False where it leads nowhere."""
        if self._tracing is not None:
            params = TraceRequestRedirectParams(self._method, self._told_url(), self._headers, answer)
            await self._tracing.send("on_request_redirect", params)
        self._history.append(answer)
        most = self._options["max_redirects"]
        if most and len(self._history) >= most:
            raise TooManyRedirects(self._history[0].request_info, tuple(self._history))
        self._choose_method(answer)
        location = answer.headers.get(hdrs.LOCATION) or answer.headers.get(hdrs.URI)
        if location is None:
            return False
        answer.release()
        url = self._joined(location)
        try:
            origin = url.origin()
        except ValueError as error:
            raise InvalidUrlRedirectClientError(url, "Invalid redirect URL origin") from error
        if self._url.origin() != origin:
            self._auth = self._cookies = None
            self._is_away = True
            for name in SECRETS:
                self._headers.popall(name, None)
        self._url = url
        self._params = {}
        return True

    def _choose_method(self, answer: ClientResponse) -> None:
        """GET after 303, and after a POST, as browsers do; else all of it again."""
        body = None if self._request is None else self._request._body
        if (answer.status == 303 and answer.method != hdrs.METH_HEAD) or (
            answer.status in (301, 302) and answer.method == hdrs.METH_POST
        ):
            self._method = hdrs.METH_GET
            self._data = None
            if self._headers.get(hdrs.CONTENT_LENGTH):
                self._headers.pop(hdrs.CONTENT_LENGTH)
        elif body is not None:
            if body.consumed:
                raise ClientPayloadError(
                    "Cannot follow redirect with a consumed request body. Use bytes, a seekable file-like object, "
                    "or set allow_redirects=False."
                )
            self._data = body

    def _joined(self, location: str) -> URL:
        """Where a redirect leads."""
        try:
            url = URL(location, encoded=not self._session.requote_redirect_url)
        except ValueError as error:
            raise InvalidUrlRedirectClientError(
                location, "Server attempted redirecting to a location that does not look like a URL"
            ) from error
        if url.scheme not in ("", "http", "https"):
            raise NonHttpUrlRedirectClientError(location)
        if not url.scheme or (url.scheme == self._url.scheme and _lacks_host(location, url.scheme)):
            return self._url.join(url)
        return url

    async def _finish(self, answer: ClientResponse) -> ClientResponse:
        """Give back the answer, if it may be one."""
        if self._request is not None and self._request._body is not None and answer._upload is None:
            await self._request._body.close()
        answer._history = tuple(self._history)
        raises: Any = self._options["raise_for_status"]
        raises = self._session.raise_for_status if raises is None else raises
        if callable(raises):
            waiting: Any = raises(answer)
            await waiting
        elif raises:
            answer.raise_for_status()
        if self._deadline is not None and (answer._deadline is None or answer._connection is None):
            self._deadline.cancel()
        if self._tracing is not None:
            params = TraceRequestEndParams(self._method, self._told_url(), self._headers, answer)
            await self._tracing.send("on_request_end", params)
        return answer

    async def _fail(self, error: BaseException) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._answer is not None:
            self._answer.close()
        if self._request is not None:
            await closed(self._request._body)
        if self._tracing is not None:
            params = TraceRequestExceptionParams(self._method, self._told_url(), self._headers, error)
            await self._tracing.send("on_request_exception", params)

    def _told_url(self) -> URL:
        return self._url.update_query(self._params)


def _wrapped(middleware: ClientMiddlewareType, handler: ClientHandlerType) -> ClientHandlerType:
    async def wrapped(request: ClientRequest) -> ClientResponse:
        return await middleware(request, handler)

    return wrapped


def _lacks_host(location: str, scheme: str) -> bool:
    """`http:/path` and `http:path` are references to the current host, as browsers see it."""
    start = location.strip(STRIPPED).translate(DROPPED)[len(scheme) + 1 :][:2]
    return len(start) < 2 or not set(start) <= {"/", "\\"}
