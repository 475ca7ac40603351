"""Tests without a network: an ASGI application asked in the process, and answers that are recorded beforehand.

    async with ClientSession(middlewares=[InProcess(app)]) as session:      # an ASGI application
    answers = Answers()
    answers.add("GET", "http://api.example/users", json=[])                 # what is to be answered
    async with ClientSession(middlewares=[answers]) as session:

Both are middlewares: the session is a real one, with its cookies, redirects and errors, and no connection is made.
Owns how an application is called and how an answer is found.
"""

from __future__ import annotations

import asyncio
import json as json_module
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

from multidict import CIMultiDict
from yarl import URL

from . import hdrs
from .errors import ClientConnectionError
from .requests import ClientRequest
from .response import ClientResponse
from .sending import encoded

HTTP_REASONS = {each.value: each.phrase for each in HTTPStatus}
Handler = Callable[[ClientRequest], Awaitable[ClientResponse]]


class Recorded(NamedTuple):
    """An answer that is to be given."""

    status: int
    headers: CIMultiDict[str]
    body: bytes
    error: BaseException | None


class Seen(NamedTuple):
    """A request that was answered."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes


class Answers:
    """Answers by method and URL; several for the same are given in turn, and the last one again and again."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self._recorded: dict[tuple[str, URL], list[Recorded]] = {}

    def add(
        self,
        method: str,
        url: str | URL,
        *,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str = b"",
        json: Any = None,
        error: BaseException | None = None,
    ) -> None:
        """Record an answer, or an exception in the place of one."""
        fields: CIMultiDict[str] = CIMultiDict(headers)
        data = body.encode() if isinstance(body, str) else body
        if json is not None:
            data = json_module.dumps(json).encode()
            fields.setdefault(hdrs.CONTENT_TYPE, "application/json")
        self._recorded.setdefault((method.upper(), URL(url)), []).append(Recorded(status, fields, data, error))

    async def __call__(self, request: ClientRequest, handler: Handler) -> ClientResponse:
        """Answer a request."""
        body = await request.body.as_bytes() if request.body else b""
        self.requests.append(Seen(request.method, request.url, request.headers.copy(), body))
        place = (request.method, request.url)
        waiting = self._recorded.get(place) or self._recorded.get((request.method, request.url.with_query(None)))
        if not waiting:
            raise ClientConnectionError(f"no answer is recorded for {request.method} {request.url}")
        recorded = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if recorded.error is not None:
            raise recorded.error
        return filled(request, recorded.status, encoded(recorded.headers), recorded.body)


class InProcess:
    """An ASGI application in the place of the network, whatever the host is."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, request: ClientRequest, handler: Handler) -> ClientResponse:
        """Have the application answer a request."""
        body = await request.body.as_bytes() if request.body else b""
        exchange = _Exchange(body)
        await self._app(self._scope(request), exchange.receive, exchange.send)
        if exchange.status is None:
            raise ClientConnectionError("the application has not answered")
        return filled(request, exchange.status, exchange.headers, b"".join(exchange.pieces))

    def _scope(self, request: ClientRequest) -> dict[str, Any]:
        url = request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": unquote(url.raw_path),
            "raw_path": url.raw_path.encode(),
            "query_string": url.raw_query_string.encode(),
            "root_path": self._root_path,
            "headers": [(name.lower(), value) for name, value in encoded(request.headers)],
            "client": ("127.0.0.1", 1),
            "server": (url.host, url.port),
            "state": {},
        }


class _Exchange:
    """What an application receives and sends."""

    def __init__(self, body: bytes) -> None:
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self._body: bytes | None = body
        self._is_over = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        """The body; then that the client is gone, once it was answered."""
        if self._body is None:
            await self._is_over.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        """A part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self.pieces.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                self._is_over.set()


def filled(
    request: ClientRequest, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, reason: str | None = None
) -> ClientResponse:
    """An answer to a request that came without a connection."""
    if reason is None:
        reason = HTTP_REASONS.get(status, "")
    answer: ClientResponse = (request.response_class or ClientResponse)()
    answer._session = request._session
    answer.method = request.method
    answer._url = request.original_url
    answer._info = request.request_info
    answer._fill(status, reason, headers, body)
    return answer
