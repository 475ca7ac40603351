"""What comes over a WebSocket, as messages in line: their types, and the protocol of the transport after the handshake.

Owns aiohttp's names for messages and codes, who reads and who writes, and that a server that sends faster than the
program reads has to wait. Frames are the native machine's.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple

from .._ferrio import HttpFrames
from .errors import ClientConnectionResetError
from .iterators import EofStream

HELD: Final = 2**17  # bytes of messages that nobody has read, before the server has to wait
SMALLEST: Final = 64  # bytes that a message counts for beside its own: a frame of two bytes takes up more here


class WSCloseCode(IntEnum):
    """Why a WebSocket was closed."""

    OK = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    ABNORMAL_CLOSURE = 1006
    INVALID_TEXT = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014


class WSMsgType(IntEnum):
    """What a message is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    PING = 0x9
    PONG = 0xA
    CLOSE = 0x8
    CLOSING = 0x100
    CLOSED = 0x101
    ERROR = 0x102

    text = TEXT
    binary = BINARY
    ping = PING
    pong = PONG
    close = CLOSE
    closing = CLOSING
    closed = CLOSED
    error = ERROR


class WSMessage(NamedTuple):
    """A message."""

    type: WSMsgType
    data: Any
    extra: str | None

    def json(self, *, loads: Callable[[Any], Any] = json.loads) -> Any:
        """The data, as JSON."""
        return loads(self.data)


CODES: Final = frozenset(map(int, WSCloseCode))
CLOSED: Final = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING: Final = WSMessage(WSMsgType.CLOSING, None, None)


class WebSocketError(Exception):
    """The server broke a rule of WebSocket's."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(code, message)

    def __str__(self) -> str:
        return str(self.args[1])


class Frames(asyncio.Protocol):
    """What comes over the connection, as messages in line. The protocol of the transport after the handshake."""

    def __init__(self, machine: HttpFrames, loop: asyncio.AbstractEventLoop) -> None:
        self.on_data: Callable[[], None] | None = None
        self._machine = machine
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._messages: deque[tuple[WSMessage | BaseException, int]] = deque()
        self._size = 0
        self._is_paused = False
        self._is_lost = False
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []
        self._is_full = False
        # An answer was written when there was no room: a server that takes none is to send no more pings. Whoever only
        # sends while the other side does, too, goes on reading, or both would wait for each other.
        self._is_crowded = False

    def begin(self, transport: asyncio.Transport, received: bytes) -> None:
        """Take over a transport."""
        self._transport = transport
        transport.set_protocol(self)
        if received:
            self.data_received(received)
        if not self._is_paused and not transport.is_closing():
            transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.on_data is not None:
            self.on_data()
        events, answer = self._machine.receive(data)
        if answer:
            self._write(answer)
            self._is_crowded = self._is_full
            self._pause_or_resume()
        for kind, content, extra in events:
            if kind == WSMsgType.ERROR:
                self.put(WebSocketError(_code(content), extra))
            else:
                size = len(content) if isinstance(content, bytes | str) else 0
                self.put(WSMessage(WSMsgType(kind), content, extra), size)

    def put(self, message: WSMessage | BaseException, size: int = 0) -> None:
        """A message more."""
        size += SMALLEST
        self._messages.append((message, size))
        self._size += size
        self._wake()
        self._pause_or_resume()

    async def read(self) -> WSMessage:
        """The next message; raises what is in line in the place of one."""
        while not self._messages:
            if self._is_lost:
                raise EofStream
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message, size = self._messages.popleft()
        self._size -= size
        self._pause_or_resume()
        if isinstance(message, BaseException):
            raise message
        return message

    async def send(self, frame: bytes) -> None:
        """Write, and wait until there is room for more."""
        if self._transport is None or self._transport.is_closing():
            raise ClientConnectionResetError("Cannot write to closing transport")
        self._write(frame)
        if self._is_full:
            waiter = self._loop.create_future()
            self._writers.append(waiter)
            await waiter

    def pause_writing(self) -> None:
        """There is no room."""
        self._is_full = True

    def resume_writing(self) -> None:
        """There is room."""
        self._is_full = self._is_crowded = False
        self._pause_or_resume()
        writers, self._writers = self._writers, []
        for writer in writers:
            if not writer.done():
                writer.set_result(None)

    def eof_received(self) -> None:
        """The server sends no more; the transport closes."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._is_lost = True
        self.resume_writing()
        self._wake()

    def _pause_or_resume(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not self._is_paused and (self._is_crowded or self._size > HELD):
            self._is_paused = True
            transport.pause_reading()
        elif self._is_paused and not self._is_crowded and self._size <= HELD // 2:
            self._is_paused = False
            transport.resume_reading()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _code(number: int) -> int:
    """A code, by its name where it has one."""
    return WSCloseCode(number) if number in CODES else number
