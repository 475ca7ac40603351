"""`Input`: the body of a request as a file, read by a thread while the loop receives it. Must not know WSGI."""

from __future__ import annotations

import asyncio
import io

from .asgi import Message, Receive


class Input(io.RawIOBase):
    """`wsgi.input`. Reading waits for the client, and nothing is received before it is read."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive, self._loop = receive, loop
        self._more = True
        self._part = b""

    async def prefetch(self) -> None:
        """The first part, received by the loop itself: most bodies are no longer, and cost no hop of threads then."""
        self._take(await self._receive())

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            parts = [self._part]
            while self._next():
                parts.append(self._part)
            self._part = b""
            return b"".join(parts)
        while len(self._part) < size and self._more:
            before = self._part
            self._next()
            self._part = before + self._part
        return self._off(size)

    def readline(self, size: int | None = -1) -> bytes:
        end = self._part.find(b"\n") + 1
        while not end and self._more and (size is None or size < 0 or len(self._part) < size):
            before = self._part
            self._next()
            end = self._part.find(b"\n") + 1
            end += len(before) if end else 0
            self._part = before + self._part
        end = end or len(self._part)
        return self._off(end if size is None or size < 0 else min(size, end))

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._part:
            self._next()
        part = self._off(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def _off(self, size: int) -> bytes:
        part, self._part = self._part[:size], self._part[size:]
        return part

    def _next(self) -> bool:
        """Replace the part by the next one; False at the end."""
        if not self._more:
            self._part = b""
            return False
        self._take(asyncio.run_coroutine_threadsafe(self._received(), self._loop).result())
        return True

    async def _received(self) -> Message:
        return await self._receive()

    def _take(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            self._more, self._part = False, b""
            raise ConnectionResetError("the client went away before its request was complete")
        self._part, self._more = message.get("body", b""), message.get("more_body", False)
