"""What the native base of a session asks for where it cannot go on by itself: where a URL leads, a new connection.

Owns what a request looks like that asks for nothing, from which the base makes those that do. Invariant: what is sent
by a route is what calls.py would send.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from . import hdrs
from .cookies import CookieJar
from .errors import ClientError, ClientOSError, ConnectionTimeoutError
from .requests import ClientRequest
from .sending import FRAMING, encoded
from .timeouts import end_of, within

if TYPE_CHECKING:
    from .._ferrio import HttpClientConnection
    from .client import ClientSession
    from .timeouts import ClientTimeout

NOT_OWN: Final = FRAMING | {"host"}


class Route(tuple[Any, ...]):
    """Where a URL leads, as the native base takes it: the pool's key, the target, the header fields; how many of these
    are the session's own, and whether other paths of its origin lead there, too.
    """

    url: URL
    request: ClientRequest

    def url_of(self, target: bytes | None) -> URL:
        """The URL of a request by it, to that target where it is another one."""
        if target is None:
            return self.url
        path, _, query = target.decode().partition("?")
        url = self.url
        return URL.build(
            scheme=url.scheme,
            authority=url.raw_authority,
            path=path,
            query_string=query,
            fragment=url.raw_fragment,
            encoded=True,
        )


def route(session: ClientSession, method: str, url: Any, content_type: str) -> Route | None:
    """Where a URL leads; None where a request needs more than the native base does."""
    jar, fields, auth = session.cookie_jar, session._default_headers, session.auth
    try:
        full = session._build_url(url)
        cookies = jar.filter_cookies(full)
        request = ClientRequest(
            method,
            full,
            headers=fields,
            skip_auto_headers=session.skip_auto_headers,
            cookies=cookies,
            auth=auth if auth is not None and session._is_home(full) else None,
            loop=session._loop,
            session=session,
        )
    except (TypeError, ValueError):
        return None
    sent_url, headers = request.url, request.headers
    if sent_url.scheme not in ("http", "https") or full.raw_user is not None or full.raw_password is not None:
        return None
    if auth and hdrs.AUTHORIZATION in fields:
        return None
    known = jar._cookies if isinstance(jar, CookieJar) else None
    if known is None and hdrs.COOKIE in headers:
        return None
    if method in request.POST_METHODS and "content-type" not in request._skipped:
        headers.setdefault(hdrs.CONTENT_TYPE, content_type)
    # Where the session's fields have cookies, too, those of the jar are put to them.
    own: int | None = 1
    if fields:
        is_mixed = cookies and hdrs.COOKIE in fields
        own = None if is_mixed else 1 + sum(name.lower() not in NOT_OWN for name, _ in fields.items())
    is_common = not known or all(path in ("", "/") for _, path in known)
    try:
        sent = tuple(encoded(headers))
    except (TypeError, ValueError):
        return None
    made = Route((request.pool_key, sent_url.raw_path_qs.encode(), sent, own, is_common))
    made.url, made.request = request.original_url, request
    request._session = None  # which has this route
    return made


async def opened(
    session: ClientSession, by: Route, target: bytes | None, when: float, timeout: ClientTimeout
) -> HttpClientConnection:
    """A connection for a request that is sent natively; `when`: by then, where its time runs already."""
    loop = session._loop
    try:
        async with within(loop, end_of(loop, timeout, when)):
            return await connection_for(session, by.request, timeout, functools.partial(by.url_of, target))
    except OSError as error:
        if isinstance(error, ClientError) or (error.errno is None and isinstance(error, TimeoutError)):
            raise
        raise ClientOSError(*error.args) from error


async def connection_for(
    session: ClientSession, request: ClientRequest, timeout: ClientTimeout, url: Callable[[], URL]
) -> HttpClientConnection:
    """A connection of the session's connector; `url` makes what an error names."""
    connector = session.connector
    assert connector is not None
    try:
        return await connector.connect(request, request._traces, timeout)
    except TimeoutError as error:
        raise ConnectionTimeoutError(f"Connection timeout to host {url().with_fragment(None)}") from error
