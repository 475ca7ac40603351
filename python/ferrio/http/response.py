"""`ClientResponse`: an answer as aiohttp's programs hold it, made of the native one when its parts are asked for.

Owns status, headers, cookies, links, and the body as bytes, text and JSON. Reading a plain body, giving back the
connection and `async with` are the native base's. Two kinds: most answers are as they are made natively; those whose
body must be unpacked, limited or told of get the class that `_watched()` makes, which reads in Python.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import functools
import json
import re
import traceback
import warnings
import weakref
from collections.abc import Awaitable, Callable
from http.cookies import SimpleCookie
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from .._ferrio import HttpAnswer
from . import encodings, hdrs
from .connection import Connection
from .cookie_fields import parse_set_cookie_headers
from .errors import ClientConnectionError, ClientResponseError, ContentTypeError, SocketTimeoutError
from .mime import (
    ContentDisposition,
    content_disposition_filename,
    parse_content_disposition,
    parse_content_type,
    parse_mimetype,
)
from .requests import HttpVersion, HttpVersion10, HttpVersion11, RequestInfo
from .streams import CHUNK, EmptyStreamReader, StreamReader
from .timeouts import silence_limit
from .tracing import TraceResponseChunkReceivedParams

if TYPE_CHECKING:
    from types import TracebackType

    from .timeouts import Deadline
    from .tracing import Tracing

JSON_TYPE: Final = re.compile(r"^application/(?:[\w.+-]+?\+)?json")
LINK_PARAMETER: Final = re.compile(r"^([^\s=]+)\s*=\s*(?:(['\"])(.*?)\2|(\S*))$", re.M)
NO_BODY: Final = (101, 204, 304)


class ClientResponse(HttpAnswer):
    """An answer. `async with session.get(url) as response:`."""

    _history: tuple[ClientResponse, ...] = ()
    _url: URL | None = None
    _info: RequestInfo | None = None
    _headers_made: CIMultiDictProxy[str] | None = None
    _content: StreamReader | None = None
    _cookies: SimpleCookie | None = None
    _tracing: Tracing | None = None
    _deadline: Deadline | None = None
    _read_timeout: float | None = None
    _read_bufsize: int | None = None  # the session's
    _decoder: encodings.Decoder | None = None
    _in_context = False
    _upload: Any = None
    _uploaded: asyncio.Future[None] | None = None
    _source_traceback: traceback.StackSummary | None = None

    @property
    def version(self) -> HttpVersion | None:
        """The version of HTTP that the server speaks."""
        if self.status is None:
            return None
        return HttpVersion11 if self._minor_version else HttpVersion10

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def url(self) -> URL:
        """What was asked, without its fragment."""
        url = self.real_url
        return url.with_fragment(None) if url.raw_fragment else url

    @property
    def real_url(self) -> URL:
        """What was asked."""
        url = self._url
        if url is None:
            url = self._url = self._route.url_of(self._target)
        return url

    @property
    def host(self) -> str:
        """Who was asked."""
        return self.real_url.host or ""

    @property
    def request_info(self) -> RequestInfo:
        """The request."""
        if self._info is None:
            sent = self._route[2] if self._sent_headers is None else self._sent_headers
            headers: CIMultiDict[str] = CIMultiDict(
                (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in sent
            )
            self._info = RequestInfo(self.url, self.method, CIMultiDictProxy(headers), self.real_url)
        return self._info

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields."""
        if self._headers_made is None:
            self._headers_made = CIMultiDictProxy(
                CIMultiDict(
                    (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
                    for name, value in self.raw_headers
                )
            )
        return self._headers_made

    @property
    def _headers(self) -> CIMultiDictProxy[str]:
        return self.headers

    @property
    def history(self) -> tuple[ClientResponse, ...]:
        """The redirects before it."""
        return self._history

    @property
    def content(self) -> StreamReader:
        """The body as it comes."""
        if self._content is None:
            if self.method == hdrs.METH_HEAD or self.status in NO_BODY:
                self._content = EmptyStreamReader()
            else:
                wait = self._limited if self._is_limited else None
                own: int = getattr(self._session, "_read_bufsize", CHUNK)
                most = self._read_bufsize or own
                self._content = StreamReader(self, self._decoder, wait, most)
        return self._content

    @property
    def connection(self) -> Connection | None:
        """The connection, until the body is whole."""
        return None if self._connection is None else Connection(self._connection, self.host, self)

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies that it sets."""
        if self._cookies is None:
            self._cookies = SimpleCookie()
            self._cookies.update(parse_set_cookie_headers(self._raw_cookie_headers or ()))
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: SimpleCookie) -> None:
        self._cookies = cookies

    @property
    def _raw_cookie_headers(self) -> tuple[str, ...] | None:
        return tuple(self.headers.getall(hdrs.SET_COOKIE, ())) or None

    @property
    def content_type(self) -> str:
        """The body's media type."""
        raw = self.headers.get(hdrs.CONTENT_TYPE)
        return "application/octet-stream" if raw is None else parse_content_type(raw)[0]

    @property
    def charset(self) -> str | None:
        """The body's charset, as the header has it."""
        raw = self.headers.get(hdrs.CONTENT_TYPE)
        return None if raw is None else parse_content_type(raw)[1].get("charset")

    @property
    def content_length(self) -> int | None:
        """The body's length on the way here."""
        length = self.headers.get(hdrs.CONTENT_LENGTH)
        return None if length is None else int(length)

    @property
    def content_disposition(self) -> ContentDisposition | None:
        """What the body is for."""
        raw = self.headers.get(hdrs.CONTENT_DISPOSITION)
        if raw is None:
            return None
        kind, parameters = parse_content_disposition(raw)
        return ContentDisposition(kind, MappingProxyType(parameters), content_disposition_filename(parameters))

    @property
    def links(self) -> MultiDictProxy[MultiDictProxy[str | URL]]:
        """The header `Link`, by relation."""
        links: MultiDict[MultiDictProxy[str | URL]] = MultiDict()
        for value in re.split(r",(?=\s*<)", ", ".join(self.headers.getall("link", []))):
            if (found := re.match(r"\s*<(.*)>(.*)", value)) is None:
                continue
            link: MultiDict[str | URL] = MultiDict()
            for parameter in found[2].split(";")[1:]:
                if (pair := LINK_PARAMETER.match(parameter.strip())) is not None:
                    link.add(pair[1], pair[4] if pair[3] is None else pair[3])
            relation = str(link.get("rel", found[1]))
            link.add("url", self.url.join(URL(found[1])))
            links.add(relation, MultiDictProxy(link))
        return MultiDictProxy(links)

    @property
    def output_size(self) -> int:
        """How many bytes of the request were written."""
        _deprecated("output_size")
        return 0 if self._upload is None else int(self._upload.written)

    @property
    def upload_complete(self) -> Any:
        """Done when the request's body was written."""
        _deprecated("upload_complete")
        if self._uploaded is None:
            self._uploaded = asyncio.get_running_loop().create_future()
            if self._upload is None:
                self._uploaded.set_result(None)
            else:
                self._upload.when_done(functools.partial(_settle, self._uploaded))
        return self._uploaded

    def raise_for_status(self) -> None:
        """Raise `ClientResponseError` from 400 on."""
        if not self.ok:
            if not self._in_context:
                self.release()
            raise ClientResponseError(
                self.request_info, self.history, status=self.status, message=self.reason, headers=self.headers
            )

    def get_encoding(self) -> str:
        """The charset to decode with."""
        mimetype = parse_mimetype(self.headers.get(hdrs.CONTENT_TYPE, "").lower())
        if charset := mimetype.parameters.get("charset"):
            with contextlib.suppress(LookupError, ValueError):
                return codecs.lookup(charset).name
        if mimetype.type == "application" and mimetype.subtype in ("json", "rdap"):
            return "utf-8"
        if self._body is None:
            raise RuntimeError("Cannot compute fallback encoding of a not yet read body")
        session = self._session
        return "utf-8" if session is None else session._resolve_charset(self, self._body)

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """The body as text."""
        body = await self.read() if self._body is None else self._body
        return body.decode(encoding or self.get_encoding(), errors)

    async def json(
        self,
        *,
        encoding: str | None = None,
        loads: Callable[[str], Any] = json.loads,
        content_type: str | None = "application/json",
    ) -> Any:
        """The body as JSON; `ContentTypeError` where it is of another type, unless `content_type` is None."""
        body = await self.read() if self._body is None else self._body
        if content_type:
            kind = self.headers.get(hdrs.CONTENT_TYPE, "").lower()
            expected = JSON_TYPE.match(kind) if content_type == "application/json" else content_type in kind
            if not expected:
                raise ContentTypeError(
                    self.request_info,
                    self.history,
                    status=self.status,
                    message=f"Attempt to decode JSON with unexpected mimetype: {kind}",
                    headers=self.headers,
                )
        stripped = body.strip()
        return loads(stripped.decode(encoding or self.get_encoding())) if stripped else None

    async def wait_for_close(self) -> None:
        """Wait until the request is written, and give back the connection."""
        if self._upload is not None:
            await self._upload.wait()
        self.release()

    def __repr__(self) -> str:
        reason = self.reason.encode("ascii", "backslashreplace").decode("ascii") if self.reason else "None"
        return f"<ClientResponse({self.url}) [{self.status} {reason}]>\n{self.headers}\n"

    async def __aenter__(self) -> Self:
        self._in_context = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._in_context = False
        self.release()

    @property
    def _is_limited(self) -> bool:
        return self._deadline is not None or bool(self._read_timeout)

    def _read_by_content(self) -> None:
        """From now on `read()` asks `content`."""
        watch(self)

    async def _limited(self, reading: Awaitable[Any]) -> Any:
        """Await with the request's time limits."""
        deadline = self._deadline if self._deadline is not None else contextlib.nullcontext()
        try:
            with deadline:
                reading_limit = silence_limit(self._read_timeout)
                try:
                    async with reading_limit:
                        return await reading
                except TimeoutError as error:
                    if reading_limit.expired():
                        raise SocketTimeoutError("Timeout on reading data from socket") from error
                    raise
        except TimeoutError:
            self.close()
            raise


class Watched:
    """Reads in Python: what must be unpacked, limited or told of."""

    async def read(self: Any) -> bytes:
        """All of the body."""
        if self._body is None:
            try:
                body = await self.content.read()
                if self._tracing is not None:
                    await self._tracing.send(
                        "on_response_chunk_received", TraceResponseChunkReceivedParams(self.method, self.url, body)
                    )
            except BaseException:
                self.close()
                raise
            self._body = body
        elif self._released:
            raise ClientConnectionError("Connection closed")
        if self._upload is not None:
            await self._upload.wait()
        return self._body  # type: ignore[no-any-return]

    def release(self: Any) -> Any:
        """Give back the connection; the request's body is not written any further."""
        if self._upload is not None:
            self._upload.cancel()
        return HttpAnswer.release(self)

    def close(self: Any) -> None:
        """Close the connection."""
        if self._upload is not None:
            self._upload.cancel()
        HttpAnswer.close(self)

    def __del__(self: Any) -> None:
        if self._source_traceback is not None and not self.closed:
            warnings.warn(f"Unclosed response {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._session._loop.call_exception_handler(
                {
                    "client_response": self,
                    "message": "Unclosed response",
                    "source_traceback": self._source_traceback,
                }
            )


def _watched(kind: type[ClientResponse]) -> type[ClientResponse]:
    """The class for answers of a class that are read in Python."""
    made = _WATCHED.get(kind)
    if made is None:
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        made = _WATCHED[kind] = type(kind.__name__, (Watched, kind), names)
    return made


def unpack(answer: ClientResponse) -> None:
    """Have the body unpacked, where the answer says that it is packed."""
    encoding = answer._header(b"content-encoding")
    if encoding is None or answer.method == hdrs.METH_HEAD or answer.status in NO_BODY:
        return
    decoder = encodings.decoder(encoding.decode("latin-1"))
    if decoder is not None:
        answer._decoder = decoder
        watch(answer)


def watch(answer: ClientResponse) -> None:
    """Have an answer be read in Python."""
    if not isinstance(answer, Watched):
        kind: Any = type(answer)
        answer.__class__ = _watched(kind)


def fallback_charset(response: ClientResponse, body: bytes) -> str:
    """What is taken for a text's charset where nothing says it."""
    return "utf-8"


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _deprecated(name: str) -> None:
    warnings.warn(
        f"ClientResponse.{name} is deprecated, use aiohttp.UploadTracker instead", DeprecationWarning, stacklevel=3
    )


_WATCHED: weakref.WeakKeyDictionary[type[ClientResponse], type[ClientResponse]] = weakref.WeakKeyDictionary()
