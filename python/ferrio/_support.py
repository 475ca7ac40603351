"""Cold paths of the native loop: reports whose wording is the running asyncio's.

Called from Rust only, through `support.rs`, so a name that changes here changes there. Arguments are `Any`
where a private name of asyncio's is used: its published types leave those out.
"""

from __future__ import annotations

import _asyncio
import asyncio
import collections
import contextvars
import errno
import inspect
import linecache
import math
import socket
import sys
import traceback
from asyncio import (
    base_events,
    base_futures,
    base_tasks,
    constants,
    coroutines,
    exceptions,
    format_helpers,
    selector_events,
    tasks,
    timeouts,
    trsock,
)
from asyncio import futures as _futures
from asyncio.coroutines import iscoroutine
from asyncio.futures import Future as _Future  # asyncio's own, whatever is installed later
from asyncio.log import logger
from typing import Any

from . import _compat
from ._compat import callback_source, detach, spawn

__all__ = ("detach", "iscoroutine", "spawn")


def caller() -> traceback.StackSummary:
    """The stack of the Python code that called a native method.

    Its sources are read at once: the report of a task that is destroyed when the interpreter ends shows them, when
    nothing can be imported any more, as reading needs.
    """
    stack = format_helpers.extract_stack(sys._getframe(1))
    for frame in stack:
        if not linecache.getlines(frame.filename):
            _ = frame.line  # kept as empty
    return stack


def callback_failed(handle: Any, error: BaseException) -> None:
    """Report what a handle's callback raised, as Handle._run() does."""
    source = callback_source(handle)
    context: dict[str, Any] = {
        "message": f"Exception in callback {source}",
        "exception": error,
        "handle": handle,
    }
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    handle._loop.call_exception_handler(context)


def turn_failed(thing: Any, error: BaseException) -> None:
    """Report what the loop did with a transport, a future or the like when its turn came, and what failed."""
    loop: Any = asyncio.get_running_loop()
    try:
        name = repr(thing)
    except Exception:
        name = object.__repr__(thing)
    loop.call_exception_handler({"message": f"Exception in callback of {name}", "exception": error})


def slow_turn(transport: object, seconds: float) -> None:
    """Debug mode: what a transport, a listener or a socket operation called took too long."""
    logger.warning("Executing callbacks of %r took %.3f seconds", transport, seconds)


def slow_callback(handle: Any, seconds: float) -> None:
    """Debug mode: a callback took longer than `loop.slow_callback_duration`."""
    text = base_events._format_handle(handle)  # type: ignore[attr-defined]  # private, hence without types
    logger.warning("Executing %s took %.3f seconds", text, seconds)


def protocol_callback_failed(
    loop: asyncio.AbstractEventLoop,
    protocol: asyncio.BaseProtocol,
    name: str,
    argument: Any,
    error: BaseException,
    context: contextvars.Context,
) -> None:
    """Report what a protocol's connection_made() or connection_lost() raised."""
    callback = _method(protocol, name)
    callback_failed(asyncio.Handle(callback, (argument,), loop, context), error)


def _method(protocol: Any, name: str) -> Any:
    """A protocol's method, for a report; if there is none, which is what is reported, a function of the name."""
    try:
        return getattr(protocol, name)
    except Exception:

        def missing() -> None:
            pass

        missing.__qualname__ = missing.__name__ = f"{type(protocol).__qualname__}.{name}"
        return missing


def pipe_callback_failed(transport: Any, name: str, error: BaseException) -> None:
    """Report what a pipe's protocol raised while it was given data."""
    callback = _method(transport.get_protocol(), name)
    callback_failed(asyncio.Handle(callback, (), transport._loop), error)


def fatal_error(transport: Any, error: Any, message: str) -> None:
    """Report what ends a transport. Errors of the system are everyday life and only logged in debug mode."""
    loop = transport._loop
    quiet = isinstance(error, OSError)
    if isinstance(transport, asyncio.ReadTransport) and not isinstance(transport, asyncio.WriteTransport):
        quiet = quiet and error.errno == errno.EIO
    if quiet:
        if loop is not None and loop.get_debug():
            logger.debug("%r: %s", transport, message, exc_info=error)
    elif loop is not None:
        loop.call_exception_handler(
            {
                "message": message,
                "exception": error,
                "transport": transport,
                "protocol": transport.get_protocol(),
            }
        )


def log_eof(transport: asyncio.BaseTransport) -> None:
    """Debug mode: the peer sends no more."""
    if isinstance(transport, asyncio.Transport):
        logger.debug("%r received EOF", transport)
    else:
        logger.info("%r was closed by peer", transport)


def tls_failed(loop: Any, tls: Any, transport: Any, error: BaseException, message: str) -> None:
    """Report what ends a TLS connection. Errors of the system, as those of TLS are, are only logged in debug mode."""
    if loop is None:
        return
    if isinstance(error, OSError):
        if loop.get_debug():
            logger.debug("%r: %s", tls, message, exc_info=error)
    elif not isinstance(error, exceptions.CancelledError):
        context = {"message": message, "exception": error, "transport": transport, "protocol": tls}
        loop.call_exception_handler(context)


def tls_times(handshake: float | None, shutdown: float | None) -> tuple[float, float]:
    """The time limits of a TLS connection, checked."""
    for name, value in (("handshake", handshake), ("shutdown", shutdown)):
        if value is not None and value <= 0:
            raise ValueError(f"ssl_{name}_timeout should be a positive number, got {value}")
    return (
        constants.SSL_HANDSHAKE_TIMEOUT if handshake is None else handshake,
        constants.SSL_SHUTDOWN_TIMEOUT if shutdown is None else shutdown,
    )


def log_handshake(tls: Any) -> float:
    """Debug mode: a handshake begins; the time is returned."""
    logger.debug("%r starts SSL handshake", tls)
    now: float = tls._loop.time()
    return now


def log_shook_hands(tls: Any, began: float) -> None:
    """Debug mode: a handshake is complete."""
    logger.debug("%r: SSL handshake took %.1f ms", tls, (tls._loop.time() - began) * 1e3)


def log_half_open() -> None:
    """A protocol wants to go on writing after the end, which TLS does not allow."""
    logger.warning("returning true from eof_received() has no effect when using ssl")


def log_reading(transport: asyncio.BaseTransport, what: str) -> None:
    """Debug mode: a transport pauses or resumes reading."""
    logger.debug("%r %s reading", transport, what)


def write_after_loss(times: int, message: str) -> None:
    """The program goes on writing to a connection that is lost."""
    if times >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
        logger.warning("%s", message)


def closed_by_peer(waiter: asyncio.Future[None]) -> None:
    """Tell sendfile that there is nobody to send to."""
    if not waiter.done():
        waiter.set_exception(ConnectionError("Connection is closed by peer"))


def accept_exhausted(loop: Any, sock: socket.socket, error: OSError, arguments: tuple[Any, ...]) -> None:
    """No descriptor or memory is left for a connection: report it, and accept again in a while."""
    loop.call_exception_handler(
        {
            "message": "socket.accept() out of system resource",
            "exception": error,
            "socket": trsock.TransportSocket(sock),
        }
    )
    loop._remove_reader(sock.fileno())
    loop.call_later(constants.ACCEPT_RETRY_DELAY, loop._start_serving, *arguments)


sock_recv = selector_events.BaseSelectorEventLoop.sock_recv
sock_recv_into = selector_events.BaseSelectorEventLoop.sock_recv_into
sock_sendall = selector_events.BaseSelectorEventLoop.sock_sendall
sock_connect = selector_events.BaseSelectorEventLoop._sock_connect  # type: ignore[attr-defined]

# The class of sockets, and its methods that native code stands for, as they were when nobody had replaced any.
_Socket = socket.socket
_SOCKET_METHODS = {
    name: getattr(_Socket, name)
    for name in (
        *("__getattribute__", "accept", "fileno", "getpeername", "getsockname", "recv", "recv_into", "recvfrom"),
        *("send", "sendmsg", "sendto", "setsockopt", "shutdown"),
    )
}


def is_plain_socket(sock: Any) -> bool:
    """Whether `sock` is a socket whose methods neither its class nor itself replaces."""
    kind = type(sock)
    return (
        issubclass(kind, _Socket)
        and all(getattr(kind, name) is method for name, method in _SOCKET_METHODS.items())
        and _SOCKET_METHODS.keys().isdisjoint(getattr(sock, "__dict__", ()))
    )


def buffer_limits(high: Any, low: Any, kib: int) -> tuple[tuple[Any, Any], int, int]:
    """The limits of a buffer as asyncio works them out of whatever compares with a number, and as whole bytes."""
    if high is None:
        high = kib * 1024 if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return (low, high), _whole(high), _whole(low)


def _whole(mark: Any) -> int:
    """A size is above a mark if it is above the whole number below it."""
    return sys.maxsize if mark >= sys.maxsize else math.floor(mark)


def write_buffer(pieces: list[bytes], is_socket: bool) -> Any:
    """What waits to be written, as asyncio keeps it."""
    if is_socket and _compat.KEEPS_PIECES:
        return collections.deque(pieces)
    return bytearray(b"".join(pieces))


def packet_buffer(packets: list[tuple[bytes, Any]]) -> collections.deque[tuple[bytes, Any]]:
    """The same of packets."""
    return collections.deque(packets)


future_repr = base_futures._future_repr  # type: ignore[attr-defined]  # private, hence without types
task_repr = base_tasks._task_repr
task_get_stack = base_tasks._task_get_stack
task_print_stack = base_tasks._task_print_stack


def create_task(loop: Any, *args: Any, **names: Any) -> asyncio.Task[Any]:
    """A task made by the loop's task factory, which releases call in ways of their own."""
    return base_events.BaseEventLoop.create_task(loop, *args, **names)


def convert_exception(error: BaseException) -> BaseException:
    """What a call on a thread raised, as asyncio hands it on."""
    converted: BaseException = _futures._convert_future_exc(error)  # type: ignore[attr-defined]  # private
    return converted


def keep_task(loop: Any, task: asyncio.Task[Any]) -> None:
    """Keep a task that is none of ours until it is done."""
    loop._keep_foreign(task)


def stop_iteration(loop: asyncio.AbstractEventLoop, error: StopIteration) -> BaseException:
    """What a future makes of a StopIteration: releases differ, so asyncio's own future is asked."""
    asked: asyncio.Future[None] = _Future(loop=loop)
    asked.set_exception(error)
    return asked.exception() or error


def step_failed(task: Any, error: BaseException) -> None:
    """Report that a step of a task could not be done at all."""
    task.get_loop().call_exception_handler(
        {"message": f"Exception in a step of {task!r}", "exception": error, "task": task}
    )


# asyncio's own functions, whatever is installed later: native ones fall back on them, and show their signatures.
_originals: dict[str, Any] = {
    name: getattr(module, name)
    for module, names in {
        tasks: ("create_task", "eager_task_factory", "ensure_future", "gather", "shield", "sleep", "wait", "wait_for"),
        timeouts: ("timeout", "timeout_at"),
    }.items()
    for name in names
    if hasattr(module, name)
}
sleep = _originals["sleep"]
wait_for = _originals["wait_for"]
_insert_timeout_error = getattr(timeouts.Timeout, "_insert_timeout_error", None)
_ensure_future = getattr(tasks, "_ensure_future", _originals["ensure_future"])


def of_original(name: str, attribute: str) -> Any:
    """An attribute of a native function as that of asyncio's would be."""
    if attribute == "__signature__":
        return inspect.signature(_originals[name])
    if attribute == "_is_coroutine":
        return coroutines._is_coroutine  # type: ignore[attr-defined]  # private, hence without types
    if attribute == "_is_coroutine_marker":
        mark: Any = vars(inspect)["markcoroutinefunction"]  # since Python 3.12, before which nobody asks
        return mark(lambda: None)._is_coroutine_marker
    return getattr(_originals[name], attribute)


def ensure_future(awaitable: Any, loop: asyncio.AbstractEventLoop | None) -> asyncio.Future[Any]:
    """A future for anything that asyncio takes."""
    future: asyncio.Future[Any] = _ensure_future(awaitable, loop=loop)
    return future


# What of these a release lacks is not asked for there.
_log_on_exception = getattr(tasks, "_log_on_exception", None)
_stock_awaited_by: Any = vars(_Future).get("_asyncio_awaited_by")
future_add_to_awaited_by = getattr(_futures, "future_add_to_awaited_by", None)
future_discard_from_awaited_by = getattr(_futures, "future_discard_from_awaited_by", None)


def log_shielded(inner: asyncio.Future[Any]) -> None:
    """Report what a future raises whose shield was cancelled: once, however many there were."""
    callback: Any = _log_on_exception
    inner.remove_done_callback(callback)
    inner.add_done_callback(callback)


def awaited_by(awaited: asyncio.Future[Any], awaiting: list[asyncio.Task[Any]]) -> frozenset[Any] | None:
    """Who awaits a future: as native code knows, and as is noted in that future."""
    noted = _stock_awaited_by.__get__(awaited) if _compat.CALL_GRAPHS else None
    return frozenset(awaiting).union(noted or ()) or None


class _Nobody:
    """In the place of a loop: never runs anything."""

    def get_debug(self) -> bool:
        return False

    def call_soon(self, *_: Any, **_names: Any) -> None:
        pass


def specimens() -> tuple[Any, Any, Any, Any, str]:
    """Two tasks of asyncio's own and a future, to be looked at; the coroutine and the name of the first."""

    async def nothing() -> None:
        pass

    nobody: Any = _Nobody()
    coroutines, name = (nothing(), nothing()), "specimen"
    first, second = (_asyncio.Task(each, loop=nobody, name=name) for each in coroutines)
    for task, coroutine in zip((first, second), coroutines, strict=True):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # private, hence without types
        coroutine.close()
    return first, second, _asyncio.Future(loop=nobody), coroutines[0], name


def child_failed(parent: Any, child: asyncio.Future[Any], error: BaseException) -> None:
    """Report what went wrong when a future told the one that waits for it and others."""
    child.get_loop().call_exception_handler(
        {"message": f"Exception when {child!r} was done", "exception": error, "future": parent}
    )


async def awaiting(awaitable: Any) -> Any:
    """What `await` does with it."""
    return await awaitable


def insert_timeout_error(error: BaseException) -> None:
    """Show in the causes of an error that a timeout was behind it, in releases that do."""
    if _insert_timeout_error is not None:
        _insert_timeout_error(error)
        for each in error.exceptions if isinstance(error, ExceptionGroup) else ():
            _insert_timeout_error(each)


def timeout_repr(state: str, active: bool, when: float | None) -> str:
    """As asyncio shows a timeout."""
    if not active:
        return f"<Timeout [{state}]>"
    return f"<Timeout [{state}] when={None if when is None else round(when, 3)}>"


def refuse_task(group: Any, coro: Any) -> None:
    """Say why a group takes no task."""
    if _compat.CLOSES_REFUSED:
        coro.close()
    reason = "has not been entered"
    if group._entered:
        over = group._exiting and not group._tasks
        reason = "is finished" if over else "is shutting down"
    raise RuntimeError(f"TaskGroup {group!r} {reason}")


def stream_rejected(protocol: Any, transport: asyncio.Transport) -> None:
    """Report a connection that comes for a stream which was collected meanwhile, and close it."""
    context = {
        "message": "An open stream was garbage collected prior to establishing network connection; "
        'call "stream.close()" explicitly.'
    }
    if protocol._source_traceback:
        context["source_traceback"] = protocol._source_traceback
    protocol._loop.call_exception_handler(context)
    transport.abort()


def watch_client(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, task: asyncio.Task[Any]) -> None:
    """Close the connection of a server's task that is cancelled or fails, and report what it raised."""

    def done(task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            message = "Unhandled exception in client_connected_cb"
            loop.call_exception_handler({"message": message, "exception": error, "transport": transport})
        if error is not None or task.cancelled():
            transport.close()

    task.add_done_callback(done)


def log_writing(protocol: asyncio.BaseProtocol, what: str) -> None:
    """Debug mode: a protocol is told to pause or resume writing."""
    logger.debug("%r %s writing", protocol, what)
