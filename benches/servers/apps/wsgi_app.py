"""The WSGI application without a framework: plaintext. Must not know who serves it."""

from collections.abc import Callable
from typing import Any

HELLO = b"Hello, World!"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(HELLO)))])
    return [HELLO]
