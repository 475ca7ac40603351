"""What the native call of a WSGI application leaves to Python code: answers of more blocks than one."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from ..threads import lent

if TYPE_CHECKING:
    from ..server.asgi import Message, Send

QUEUE = 16
"""Messages of one answer that may wait for the client."""

_END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class Call(Protocol):
    """What is native of a request: what the application said, and how far it has come."""

    loop: asyncio.AbstractEventLoop
    on_loop: bool
    respond: Send
    begun: bool
    block: bytes | None
    blocks: Iterable[bytes]
    cancelled: bool
    stream: Any

    def head(self) -> Message:
        """The message that begins the answer, which stays as it is from now on."""
        ...


class Gone(ConnectionError):
    """The client has closed the connection."""


class Stream:
    """An answer on its way from the thread that makes it, which calls `put`, to the client. All else is the loop's."""

    def __init__(self, call: Call, head: Message) -> None:
        self._wsgi_call, self._loop, self._send = call, call.loop, call.respond
        self._out = deque([head])
        self._room = threading.Semaphore(QUEUE - 1)
        self._news = asyncio.Event()
        self._gone = self._ended = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send what is put, unless the request was cancelled meanwhile."""
        if self._wsgi_call.cancelled:
            self.give_up()
        else:
            self._task = self._loop.create_task(self._send_all())

    def put(self, message: Message) -> None:
        """Wait for room, and have it sent."""
        if not self._room.acquire(blocking=False):
            with lent(self._loop):
                self._room.acquire()
        if self._gone:
            self._room.release()
            raise Gone("the client has closed the connection")
        self._out.append(message)
        self._loop.call_soon_threadsafe(self._news.set)

    async def end(self) -> None:
        """Wait until all was sent; raises what sending raised. The thread has ended: it puts no more."""
        self._ended = True
        self._news.set()
        if self._task is not None:
            await self._task

    def give_up(self) -> None:
        """Send no more, and let the thread know when it puts the next."""
        self._gone = True
        self._room.release()
        if self._task is not None:
            self._task.cancel()
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())  # which nobody asks for

    async def _send_all(self) -> None:
        try:
            while True:
                while self._out:
                    await self._send(self._out.popleft())
                    self._room.release()
                if self._ended:
                    return
                self._news.clear()
                await self._news.wait()
        except BaseException:
            self._gone = True
            self._room.release()
            raise


# On the thread that calls the application:


def write(call: Call, block: bytes) -> None:
    """Have a block sent; on the loop's own thread it is kept until the application lets go of that."""
    if not call.on_loop:
        _stream_of(call).put(_body(block))
        return
    if call.stream is None:
        _check_open(call)
        call.stream = deque()
    call.stream.append(block)


def put_all(call: Call, blocks: Iterable[bytes]) -> None:
    """Have all blocks sent."""
    try:
        for block in blocks:
            if block:
                write(call, block)
        _stream_of(call).put(_END)
    except Gone:
        return
    finally:
        _finish(blocks)


def _stream_of(call: Call) -> Stream:
    """The stream of the answer, with its head: the first block or the end says that it stands."""
    if call.stream is None:
        _check_open(call)
        # With its head, since an application can have several threads that write: none of them comes before that.
        call.stream = stream = Stream(call, call.head())
        call.loop.call_soon_threadsafe(stream.start)
    return call.stream  # type: ignore[no-any-return]  # on the loop's own thread they only wait


def _check_open(call: Call) -> None:
    """The answer can begin. Of a call that has ended nothing is left, not even its loop."""
    if call.cancelled:
        raise Gone("the request was cancelled")
    if call.block is not None or call.loop is None:
        raise RuntimeError("write() was called after the application had returned")


# On the loop's:


async def sent(call: Call) -> None:
    """Send an answer of one block."""
    await call.respond(call.head())
    await call.respond({"type": "http.response.body", "body": call.block})


async def ended(call: Call, error: BaseException | None = None) -> None:
    """Send what the thread has put, unless the request was cancelled. `error`: how the thread ended."""
    try:
        if call.cancelled:
            call.stream.give_up()
        elif call.stream is not None:
            await call.stream.end()
        if error is not None:
            raise error
    finally:
        error = None  # which refers to this frame


async def iterated(call: Call) -> None:
    """Send the blocks that the application has written, and those of its iterable."""
    blocks = call.blocks
    try:
        await _send_written(call)
        again = False
        for block in blocks:
            if again:
                await asyncio.sleep(0)  # this may go on for hours, and never wait for its client
            again = True
            if call.stream:
                await _send_written(call)
            if block:
                await _send_block(call, block)
        await _send_written(call)
        if not call.begun:
            await call.respond(call.head())
        await call.respond(_END)
    finally:
        _finish(blocks)


async def _send_written(call: Call) -> None:
    """Send what was given to `write` until now: an iterable may use that, too, which keeps its blocks in order."""
    while call.stream:
        await _send_block(call, call.stream.popleft())


async def _send_block(call: Call, block: bytes) -> None:
    if not call.begun:
        await call.respond(call.head())
    await call.respond(_body(block))


def _body(block: bytes) -> Message:
    return {"type": "http.response.body", "body": block, "more_body": True}


def _finish(blocks: Any) -> None:
    if (close := getattr(blocks, "close", None)) is not None:
        close()
