"""Connections: how they fail, in aiohttp's exceptions, and what a program sees of one that is in use.

Owns the translation from what the native connection says of a failure. Invariant: it is called for every failure there
is, so nothing else in this package makes these exceptions of a broken connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._ferrio import HttpClientConnection
from .errors import (
    BadHttpMessage,
    ClientConnectionError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ContentLengthError,
    ServerDisconnectedError,
    TransferEncodingError,
)

if TYPE_CHECKING:
    from .response import ClientResponse

CUT = "Response payload is not completed"


class Connection:
    """The connection of an answer that is not read yet."""

    def __init__(self, native: HttpClientConnection, key: object, answer: ClientResponse | None = None) -> None:
        self._native = native
        self._key = key
        self._answer = answer

    def __repr__(self) -> str:
        return f"Connection<{self._key}>"

    @property
    def transport(self) -> asyncio.Transport | None:
        """Its transport."""
        return None if self._is_over else self._native.transport

    @property
    def protocol(self) -> HttpClientConnection:
        """Its protocol."""
        return self._native

    @property
    def closed(self) -> bool:
        """Whether it is gone."""
        transport = self.transport
        return transport is None or transport.is_closing()

    def close(self) -> None:
        """Close it."""
        if not self._is_over:
            self._native.close()

    @property
    def _is_over(self) -> bool:
        # It may be at others' then.
        return self._answer is not None and self._answer._connection is not self._native


def failure(kind: str, detail: Any, answer: ClientResponse | None) -> BaseException:
    """The exception for a failure of a connection. `answer` is what it happened to."""
    return FAILURES[kind](detail, answer)


def _disconnected(detail: Any, answer: ClientResponse | None) -> BaseException:
    return ServerDisconnectedError()


def _lost(detail: Any, answer: ClientResponse | None) -> BaseException:
    if answer is not None and answer.status:
        error: BaseException = ClientPayloadError(f"{_incomplete(answer)[0]}. {detail!r}")
    else:
        error = ClientOSError(*detail.args)
    error.__cause__ = detail
    return error


def _broken(detail: Any, answer: ClientResponse | None) -> BaseException:
    cause = BadHttpMessage(str(detail))
    if answer is None or answer.status:
        error: BaseException = ClientPayloadError(f"{CUT}: {cause!r}")
    else:
        error = ClientResponseError(answer.request_info, answer.history, status=400, message=str(detail))
    error.__cause__ = cause
    return error


def _cut(detail: Any, answer: ClientResponse | None) -> BaseException:
    text, cause = _incomplete(answer)
    error = ClientPayloadError(text)
    error.__cause__ = cause
    return error


def _closed(detail: Any, answer: ClientResponse | None) -> BaseException:
    return ClientConnectionError("Connection closed")


def _timeout(detail: Any, answer: ClientResponse | None) -> BaseException:
    return TimeoutError()


def _incomplete(answer: ClientResponse | None) -> tuple[str, BadHttpMessage]:
    """What a cut body is called."""
    is_chunked = answer is not None and "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
    if is_chunked or answer is None:
        cause: BadHttpMessage = TransferEncodingError("Not enough data to satisfy transfer length header.")
    else:
        got = f"received {answer._received} of {answer.headers.get('Content-Length')} bytes"
        cause = ContentLengthError(f"Not enough data to satisfy content length header ({got}).")
    return f"{CUT}: {cause!r}", cause


FAILURES: dict[str, Callable[[Any, Any], BaseException]] = {
    "disconnected": _disconnected,
    "lost": _lost,
    "broken": _broken,
    "cut": _cut,
    "closed": _closed,
    "timeout": _timeout,
}
