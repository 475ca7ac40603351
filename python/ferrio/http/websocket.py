"""`ClientWebSocketResponse`: a WebSocket as aiohttp's programs hold it. ws_handshake.py opens, ws_frames.py reads.

Owns who receives, heartbeats and closing. Invariants: one task receives at a time; after the end `receive()` says
CLOSED and never waits.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self

from .._ferrio import HttpFrames
from .connector import from_anywhere
from .errors import ClientConnectionResetError, ServerTimeoutError, WSMessageTypeError
from .iterators import EofStream
from .timeouts import ClientWSTimeout, limit, moment
from .ws_frames import CLOSED, CLOSING, Frames, WebSocketError, WSCloseCode, WSMessage, WSMsgType

if TYPE_CHECKING:
    from types import TracebackType

    from .response import ClientResponse

ENDING: Final = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)


class ClientWebSocketResponse:
    """A WebSocket: `async for message in socket:`."""

    def __init__(
        self,
        frames: Frames,
        machine: HttpFrames,
        protocol: str | None,
        response: ClientResponse,
        transport: asyncio.Transport,
        timeout: ClientWSTimeout,
        autoclose: bool,
        autoping: bool,
        loop: asyncio.AbstractEventLoop,
        *,
        heartbeat: float | None = None,
        compress: int = 0,
        client_notakeover: bool = False,
    ) -> None:
        self._frames = frames
        self._machine = machine
        self._protocol = protocol
        self._response = response
        self._transport = transport
        self._timeout = timeout
        self._autoclose = autoclose
        self._autoping = autoping
        self._loop = loop
        self._heartbeat = heartbeat
        self._compress = compress
        self._client_notakeover = client_notakeover
        self._is_closed = False
        self._is_closing = False
        self._is_waiting = False
        self._close_code: int | None = None
        self._exception: BaseException | None = None
        self._close_wait: asyncio.Future[None] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._beat_at = 0.0
        self._pong_due: asyncio.TimerHandle | None = None
        if heartbeat is not None:
            frames.on_data = self._reset_heartbeat
            self._reset_heartbeat()

    def __del__(self) -> None:
        # Where __init__() failed there is none.
        transport = self.__dict__.get("_transport")
        if transport is not None and not transport.is_closing():
            warnings.warn(f"Unclosed WebSocket {self!r}", ResourceWarning, stacklevel=2, source=self)
            from_anywhere(self._loop, transport.close)

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._is_closed

    @property
    def close_code(self) -> int | None:
        """Why it was closed."""
        return self._close_code

    @property
    def protocol(self) -> str | None:
        """The subprotocol that the server chose."""
        return self._protocol

    @property
    def compress(self) -> int:
        """The window of compression; 0: none."""
        return self._compress

    @property
    def client_notakeover(self) -> bool:
        """Whether each message is compressed by itself."""
        return self._client_notakeover

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport knows."""
        return default if self._transport.is_closing() else self._transport.get_extra_info(name, default)

    def exception(self) -> BaseException | None:
        """What went wrong."""
        return self._exception

    async def ping(self, message: bytes = b"") -> None:
        """Send a ping."""
        await self._frames.send(self._machine.ping(_bytes(message)))

    async def pong(self, message: bytes = b"") -> None:
        """Send a pong."""
        await self._frames.send(self._machine.pong(_bytes(message)))

    async def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> None:
        """Send a message of whatever type."""
        if opcode == WSMsgType.TEXT:
            await self.send_str(bytes(message).decode(), compress)
        elif opcode == WSMsgType.BINARY:
            await self.send_bytes(message, compress)
        elif opcode in (WSMsgType.PING, WSMsgType.PONG):
            await (self.ping if opcode == WSMsgType.PING else self.pong)(message)
        else:
            raise ValueError(f"a program does not send {opcode!r}: close() closes")

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send a text; with `compress`, packed however short it is, if the server agreed to that."""
        if not isinstance(data, str):
            raise TypeError(f"data argument must be str ({type(data)!r})")
        self._check_open()
        await self._frames.send((self._machine.packed if compress else self._machine.text)(data))

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        """Send bytes, as `send_str()` does a text."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        self._check_open()
        await self._frames.send((self._machine.packed if compress else self._machine.binary)(data))

    async def send_json(
        self, data: Any, compress: int | None = None, *, dumps: Callable[[Any], str] = json.dumps
    ) -> None:
        """Send a value as JSON."""
        await self.send_str(dumps(data), compress)

    async def send_json_bytes(self, data: Any, compress: int | None = None, *, dumps: Callable[[Any], bytes]) -> None:
        """Send a value as JSON, by a function that returns bytes."""
        await self.send_bytes(dumps(data), compress)

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"") -> bool:
        """Close it, and wait until the server does so, too. Whether this was the first time."""
        if self._is_waiting and not self._is_closing:
            self._close_wait = self._loop.create_future()
            self._set_closing()
            self._frames.put(CLOSING)
            await self._close_wait
        if self._is_closed:
            return False
        self._is_closed = True
        self._stop_heartbeat()
        try:
            await self._say_goodbye(code, message)
        except asyncio.CancelledError:
            self._close_code = WSCloseCode.ABNORMAL_CLOSURE
            raise
        except Exception as error:
            self._close_code = WSCloseCode.ABNORMAL_CLOSURE
            self._exception = error
        finally:
            self._transport.close()
        return True

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """The next message; CLOSED after the last."""
        while True:
            if self._is_waiting:
                raise RuntimeError("Concurrent call to receive() is not allowed")
            if self._is_closed:
                return CLOSED
            if self._is_closing:
                await self.close()
                return CLOSED
            message = await self._next(timeout or self._timeout.ws_receive)
            if message.type is WSMsgType.CLOSE:
                self._set_closing()
                self._close_code = message.data
                if not self._is_closed and self._autoclose:
                    await self.close()
            elif message.type is WSMsgType.CLOSING:
                self._set_closing()
            elif message.type in (WSMsgType.PING, WSMsgType.PONG) and self._autoping:
                continue
            return message

    async def receive_str(self, *, timeout: float | None = None) -> str:
        """The next message, which has to be a text."""
        message = await self.receive(timeout)
        if message.type is not WSMsgType.TEXT:
            raise WSMessageTypeError(f"Received message {message.type}:{message.data!r} is not WSMsgType.TEXT")
        return message.data  # type: ignore[no-any-return]

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """The next message, which has to be bytes."""
        message = await self.receive(timeout)
        if message.type is not WSMsgType.BINARY:
            raise WSMessageTypeError(f"Received message {message.type}:{message.data!r} is not WSMsgType.BINARY")
        return message.data  # type: ignore[no-any-return]

    async def receive_json(self, *, loads: Callable[[Any], Any] = json.loads, timeout: float | None = None) -> Any:
        """The next message, as JSON."""
        return loads(await self.receive_str(timeout=timeout))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WSMessage:
        message = await self.receive()
        if message.type in ENDING:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _next(self, timeout: float | None) -> WSMessage:
        """A message, or what stands for an error."""
        self._is_waiting = True
        try:
            async with limit(timeout):
                return await self._frames.read()
        except (asyncio.CancelledError, TimeoutError):
            self._close_code = WSCloseCode.ABNORMAL_CLOSURE
            raise
        except EofStream:
            self._is_closed = True
            self._stop_heartbeat()
            self._close_code = WSCloseCode.ABNORMAL_CLOSURE
            return CLOSED
        except WebSocketError as error:
            self._close_code = error.code
            self._is_waiting = False
            await self.close(code=error.code)
            return WSMessage(WSMsgType.ERROR, error, None)
        except Exception as error:
            self._close_code = WSCloseCode.ABNORMAL_CLOSURE
            self._exception = error
            await self.close()
            return WSMessage(WSMsgType.ERROR, error, None)
        finally:
            self._is_waiting = False
            if self._close_wait is not None and not self._close_wait.done():
                self._close_wait.set_result(None)

    async def _say_goodbye(self, code: int, message: bytes) -> None:
        if frame := self._machine.close(code, _bytes(message).decode("utf-8", "replace")):
            await self._frames.send(frame)
        if self._close_code:
            return
        async with limit(self._timeout.ws_close):
            while True:
                received = await self._frames.read()
                if received.type is WSMsgType.CLOSE:
                    self._close_code = received.data
                    return

    def _check_open(self) -> None:
        if self._is_closed or self._is_closing:
            raise ClientConnectionResetError("Cannot write to closing transport")

    def _set_closing(self) -> None:
        self._is_closing = True
        self._stop_heartbeat()

    def _reset_heartbeat(self) -> None:
        """Something came: the next ping is due later."""
        if self._heartbeat is None or self._is_closed or self._is_closing:
            return
        if self._pong_due is not None:
            self._pong_due.cancel()
            self._pong_due = None
        self._beat_at = moment(self._loop, self._heartbeat, 5)
        if self._beat is None:
            self._beat = self._loop.call_at(self._beat_at, self._send_ping)

    def _send_ping(self) -> None:
        self._beat = None
        assert self._heartbeat is not None
        if self._loop.time() < self._beat_at:
            self._beat = self._loop.call_at(self._beat_at, self._send_ping)
            return
        self._pong_due = self._loop.call_at(moment(self._loop, self._heartbeat / 2, 5), self._no_pong)
        self._frames._write(self._machine.ping(b""))

    def _no_pong(self) -> None:
        assert self._heartbeat is not None
        if self._is_closed:
            return
        error = ServerTimeoutError(f"No PONG received after {self._heartbeat / 2} seconds")
        self._is_closed = True
        self._stop_heartbeat()
        self._close_code = WSCloseCode.ABNORMAL_CLOSURE
        self._exception = error
        self._transport.abort()
        if self._is_waiting and not self._is_closing:
            self._frames.put(WSMessage(WSMsgType.ERROR, error, None))

    def _stop_heartbeat(self) -> None:
        for timer in (self._beat, self._pong_due):
            if timer is not None:
                timer.cancel()
        self._beat = self._pong_due = None


def _bytes(message: Any) -> bytes:
    return message.encode() if isinstance(message, str) else bytes(message)
