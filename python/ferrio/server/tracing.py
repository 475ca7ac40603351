"""`--log-level trace`: what goes between server and application, on the logger `uvicorn.asgi`, without its contents."""

from __future__ import annotations

import logging
from itertools import count

from .asgi import ASGI3, Message, Receive, Scope, Send
from .logs import TRACE

logger = logging.getLogger("uvicorn.asgi")

_PLACEHOLDERS = {"body": "<{} bytes>", "bytes": "<{} bytes>", "text": "<{} chars>", "headers": "<...>"}


class MessageLoggerMiddleware:
    """Logs each scope and message, numbered by the call of the application."""

    def __init__(self, app: ASGI3) -> None:
        self.app = app
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        prefix = "{}:{} - ASGI".format(*client) if client else "ASGI"
        number = next(self._numbers)

        def trace(text: str, *values: object) -> None:
            logger.log(TRACE, "%s [%d] " + text, prefix, number, *values)

        async def traced_receive() -> Message:
            message = await receive()
            trace("Receive %s", without_contents(message))
            return message

        async def traced_send(message: Message) -> None:
            trace("Send %s", without_contents(message))
            await send(message)

        trace("Started scope=%s", without_contents(scope))
        try:
            await self.app(scope, traced_receive, traced_send)
        except BaseException:
            trace("Raised exception")
            raise
        trace("Completed")


def without_contents(message: Message) -> Message:
    """A copy that says how long bodies and texts are."""
    shown = {key: _PLACEHOLDERS[key].format(len(message[key])) for key in _PLACEHOLDERS if message.get(key) is not None}
    return {**message, **shown}
