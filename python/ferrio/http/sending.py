"""Sending a request over a connection, and waiting for its answer's head.

Owns the form in which the native connection takes a request, and the task that writes a body which is not bytes.
Invariants: a body that fails closes the connection, and whoever waits for the answer gets the body's error; once the
answer is over nobody goes on writing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from multidict import CIMultiDict

from .._ferrio import HttpClientConnection, plain_fields
from . import hdrs
from .connection import Connection
from .encodings import Packer
from .errors import ClientConnectionError, ClientOSError, SocketTimeoutError
from .payloads import BytesPayload, JsonPayload, StringPayload, safe_header
from .socks import is_socks
from .timeouts import Silence
from .tracing import TraceRequestChunkSentParams, TraceRequestHeadersSentParams

if TYPE_CHECKING:
    from .progress import UploadTracker
    from .requests import ClientRequest
    from .response import ClientResponse
    from .tracing import Tracing

FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
AT_ONCE: Final = (BytesPayload, StringPayload, JsonPayload)
IN_CHUNKS: Final = -1


async def send(request: ClientRequest, connection: HttpClientConnection, answer: ClientResponse) -> None:
    """Send a request and wait for the head of its answer."""
    tracing = request._traces
    _complete(request, connection)
    upload = _begin(request, connection, answer)
    try:
        if tracing is not None:
            await tracing.send(
                "on_request_headers_sent", TraceRequestHeadersSentParams(request.method, request.url, request.headers)
            )
        await _head(answer, upload)
    except BaseException as error:
        if upload is not None:
            upload.cancel()
            if isinstance(error, Exception) and upload.error is not None:
                raise upload.error from error
        raise
    if upload is not None and upload.is_writing:
        answer._upload = upload


def target(request: ClientRequest) -> bytes:
    """What stands between the method and the version."""
    if request.method == hdrs.METH_CONNECT:
        return f"{request.url.host_subcomponent}:{request.url.port}".encode()
    if request.proxy is not None and not request.is_ssl() and not is_socks(request.proxy):
        return str(request.url).encode()
    return request.url.raw_path_qs.encode()


def encoded(headers: CIMultiDict[str]) -> list[tuple[bytes, bytes]]:
    """Header fields as they are sent, but for the length of the body; of a subclass of str its `__str__`."""
    if (pairs := plain_fields(headers.items())) is not None:
        return pairs
    pairs = []
    for name, value in headers.items():
        if not isinstance(value, str):
            raise TypeError(f"Cannot serialize non-str key {value!r}")
        name, value = str(name), str(value)
        if name.lower() not in FRAMING:
            safe_header(name + value)
            pairs.append((name.encode(), value.encode("utf-8", "surrogateescape")))
    return pairs


async def _head(answer: ClientResponse, upload: Upload | None) -> None:
    """Wait for the head. The time that a server may be silent begins when it has the whole body."""
    silence = answer._read_timeout
    if not silence or upload is None:
        await (answer._limited(answer._wait()) if silence else answer._wait())
        return
    limit = Silence(silence)
    upload.when_done(limit.begin)
    try:
        async with limit:
            await answer._wait()
    except TimeoutError as error:
        if limit.expired():
            raise SocketTimeoutError("Timeout on reading data from socket") from error
        raise


def _complete(request: ClientRequest, connection: HttpClientConnection) -> None:
    """Add what depends on the connector and on the body."""
    headers = request.headers
    if (
        request.method in request.POST_METHODS
        and hdrs.CONTENT_TYPE not in headers
        and "content-type" not in request._skipped
    ):
        headers[hdrs.CONTENT_TYPE] = "application/octet-stream"
    if hdrs.CONNECTION not in headers:
        session = request._session
        is_last = session is not None and session.connector is not None and session.connector.force_close
        if is_last and request.version >= (1, 1):
            headers[hdrs.CONNECTION] = "close"
        elif not is_last and request.version < (1, 1):
            headers[hdrs.CONNECTION] = "keep-alive"


def _begin(request: ClientRequest, connection: HttpClientConnection, answer: ClientResponse) -> Upload | None:
    """Write the head, and the body too where it is bytes; who writes it otherwise."""
    tracker = request._upload_tracker
    length = request.content_length()
    is_chunked = "chunked" in request.headers.get(hdrs.TRANSFER_ENCODING, "").lower()
    body: bytes | None = None
    payload = request._body
    streams = payload is not None or (is_chunked and not length)
    if payload is None and length == 0:
        body = b""
    elif type(payload) in AT_ONCE and not (request.compress or is_chunked or request.expects or request._traces):
        body, streams = bytes(payload._value)[:length], False  # type: ignore[union-attr]
    if body is not None or (payload is None and not streams):
        _send(request, connection, answer, body, None)
        if tracker is not None:
            tracker._write(None)
            tracker._add(0 if body is None else len(body))
            tracker._end(None, True)
        return None
    _send(request, connection, answer, None, IN_CHUNKS if is_chunked or length is None else length)
    return Upload(request, connection, answer, None if is_chunked else length, tracker)


def _send(
    request: ClientRequest,
    connection: HttpClientConnection,
    answer: ClientResponse,
    body: bytes | None,
    length: int | None,
) -> None:
    is_old = request.version < (1, 1)
    connection.send(answer, request.method.encode(), target(request), encoded(request.headers), body, length, is_old)


class _Over(Exception):
    """The connection is closed: what else a body has is not asked for."""


class Upload:
    """Writes a body, beside whoever waits for the answer."""

    def __init__(
        self,
        request: ClientRequest,
        connection: HttpClientConnection,
        answer: ClientResponse,
        length: int | None,
        tracker: UploadTracker | None,
    ) -> None:
        self.written = 0
        self.error: BaseException | None = None
        self._request = request
        self._connection = connection
        self._length = length
        self._tracker = tracker
        self._tracing: Tracing | None = request._traces
        self._packer = Packer(str(request.compress)) if request.compress else None
        if tracker is not None:
            tracker._write(connection.transport)
        self._over: list[Callable[[], None]] = []
        self._task = asyncio.create_task(self._run())

    @property
    def is_writing(self) -> bool:
        """Whether it is not done."""
        return not self._task.done()

    def cancel(self) -> None:
        """The answer is over."""
        self._task.cancel()

    def when_done(self, call: Callable[[], None]) -> None:
        """Call when nothing is written any more."""
        self._over.append(call)

    async def wait(self) -> None:
        """Wait until it is done, however that is."""
        await asyncio.wait([self._task])

    async def write(self, chunk: bytes) -> None:
        """What a payload writes itself to."""
        size = len(chunk)
        if self._packer is not None:
            chunk = self._packer.pack(chunk)
        if chunk:
            await self._put(chunk)
        self.written += size
        if self._tracker is not None:
            self._tracker._add(size)

    async def _run(self) -> None:
        is_sent = False
        try:
            if self._request.expects and not await self._connection.wait_continue():
                return
            if self._request._body is not None:
                await self._request._body.write_with_length(self, self._length)
            if self._packer is not None:
                await self._put(self._packer.finish())
            self._connection.end()
            is_sent = True
        except asyncio.CancelledError:
            self._connection.close()
            raise
        except _Over:
            pass  # whoever waits for the answer is told why by the connection
        except Exception as error:
            self.error = self._translated(error)
            self._connection.close()
        finally:
            if self._tracker is not None:
                self._tracker._end(self.error, is_sent)
            for call in self._over:
                call()

    async def _put(self, chunk: bytes) -> None:
        transport = self._connection.transport
        if transport is None or transport.is_closing():
            raise _Over
        self._connection.write(chunk)
        await self._connection.drain()
        if self._tracing is not None:
            params = TraceRequestChunkSentParams(self._request.method, self._request.url, chunk)
            await self._tracing.send("on_request_chunk_sent", params)

    def _translated(self, error: Exception) -> BaseException:
        """What whoever waits for the answer is told."""
        if isinstance(error, OSError) and (error.errno is not None or not isinstance(error, TimeoutError)):
            told: BaseException = ClientOSError(error.errno, f"Can not write request body for {self._request.url}")
        elif isinstance(error, OSError):
            return error
        else:
            shown = Connection(self._connection, self._request.connection_key)
            told = ClientConnectionError(f"Failed to send bytes into the underlying connection {shown}: {error!r}")
        told.__cause__ = error
        return told


async def closed(payload: Any) -> None:
    """Close a body, whatever that raises."""
    if payload is not None:
        with contextlib.suppress(Exception):
            await payload.close()
