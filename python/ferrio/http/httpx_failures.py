"""Failures of a connection, as httpx's exceptions with its texts.

Owns the translation alone; `library` is httpx or httpx2, whichever asked.
"""

from __future__ import annotations

import ssl
from typing import Any

from .errors import ClientConnectorError


def failure(library: Any, kind: str, detail: Any, answer: Any) -> BaseException:
    """httpx's exception for a failure of a connection."""
    error, text = library.ReadError, "" if detail is None else str(detail)
    if kind == "disconnected":
        error, text = library.RemoteProtocolError, "Server disconnected without sending a response."
    elif kind == "cut":
        is_chunked = answer is not None and answer._header(b"transfer-encoding") is not None
        shown = " (incomplete chunked read)" if is_chunked else _counts(answer)
        error, text = (
            library.RemoteProtocolError,
            f"peer closed connection without sending complete message body{shown}",
        )
    elif kind == "broken":
        error = library.RemoteProtocolError
    elif kind == "timeout":
        error = library.ReadTimeout
    return error(text)  # type: ignore[no-any-return]


def connect_text(error: ClientConnectorError) -> str:
    """What httpx says of a connection that was not made."""
    cause = error.os_error
    if isinstance(cause, ssl.SSLError) or cause.errno is None or (cause.errno or 0) < 0:
        return str(cause)
    return "All connection attempts failed"


def _counts(answer: Any) -> str:
    if answer is None or (length := answer._header(b"content-length")) is None:
        return ""
    return f" (received {answer._received} bytes, expected {int(length)})"
