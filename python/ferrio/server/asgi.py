"""The types of ASGI, as far as this package speaks of them, and applications of ASGI 2 as such of ASGI 3.

Lowest file of the package.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .._compat import is_coroutine_function

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGI3 = Callable[[Scope, Receive, Send], Awaitable[None]]
ASGI2 = Callable[[Scope], Callable[[Receive, Send], Awaitable[None]]]


class ASGI2Middleware:
    """An application in two steps, as ASGI 2 had it."""

    def __init__(self, app: ASGI2) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope)(receive, send)


def interface_of(app: Any) -> str:
    """Which of `asgi3`, `asgi2` and `wsgi` an application is: by whether calling it gives something to await.

    What does not, and takes two arguments and not one, is WSGI.
    """
    if inspect.isclass(app):
        return "asgi3" if hasattr(app, "__await__") else "asgi2"
    call = app if inspect.isfunction(app) else getattr(app, "__call__", None)  # noqa: B004  # the method, not whether
    if is_coroutine_function(call):
        return "asgi3"
    return "wsgi" if takes(app, 2) and not takes(app, 1) else "asgi2"


def takes(function: Any, count: int) -> bool:
    """Whether it can be called with so many arguments, as far as can be seen."""
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True
