"""`Input`: the body of a request as a file, read by a thread while the loop receives it; `received`: one that is there.

Must not know WSGI.
"""

from __future__ import annotations

import asyncio
import io
import sys
from tempfile import SpooledTemporaryFile

from ..threads import lent
from .asgi import Message, Receive

LARGE = 1024 * 1024
"""A larger body is received into a file of the system's."""


async def received(receive: Receive) -> SpooledTemporaryFile[bytes]:
    """The whole body."""
    body = SpooledTemporaryFile(LARGE)  # noqa: SIM115  # who asks for it closes it
    more = True
    try:
        while more:
            message = _checked(await receive())
            body.write(message.get("body", b""))
            more = message.get("more_body", False)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body


class Input(io.RawIOBase):
    """`wsgi.input`. Reading waits for the client, and nothing is received before it is read."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive, self._loop = receive, loop
        self._more = True
        self._part, self._at = b"", 0  # what came last, and how much of it was read

    async def prefetch(self) -> None:
        """The first part, received by the loop itself: most bodies are no longer, and cost no hop of threads then."""
        self._take(await self._receive())

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        left = _count(size)
        parts = [self._off(left)]
        left -= len(parts[0])
        while left > 0 and self._next():
            parts.append(self._off(left))
            left -= len(parts[-1])
        return b"".join(parts)

    def readline(self, size: int | None = -1) -> bytes:
        left, parts = _count(size), []
        while True:
            end = self._part.find(b"\n", self._at) + 1 or len(self._part)
            part = self._off(min(left, end - self._at))
            parts.append(part)
            left -= len(part)
            if left <= 0 or part.endswith(b"\n") or not self._next():
                return b"".join(parts)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while self._at == len(self._part) and self._next():
            continue
        part = self._off(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def _off(self, size: int) -> bytes:
        part = self._part[self._at : self._at + size]
        self._at += len(part)
        return part

    def _next(self) -> bool:
        """Replace the part, which was read, by the next one; False at the end."""
        if not self._more:
            return False
        with lent(self._loop):
            message = asyncio.run_coroutine_threadsafe(self._received(), self._loop).result()
        self._take(message)
        return True

    async def _received(self) -> Message:
        return await self._receive()

    def _take(self, message: Message) -> None:
        self._part, self._at, self._more = b"", 0, False
        _checked(message)
        self._part, self._more = message.get("body", b""), message.get("more_body", False)


def _checked(message: Message) -> Message:
    if message["type"] == "http.disconnect":
        raise ConnectionResetError("the client went away before its request was complete")
    return message


def _count(size: int | None) -> int:
    return sys.maxsize if size is None or size < 0 else size
