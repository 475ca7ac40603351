"""What `objects.py` calls: functions, and objects of every native type in several states.

SHARED are those that asyncio has too; OWN are ferrio's alone, or are in a state for which asyncio promises nothing.
What blocks, starts processes or ends this one is never called.
"""

import asyncio
import functools
import gc
from collections.abc import Callable
from typing import Any

import ferrio
from ferrio import _ferrio

from . import zoo

FUNCTIONS = [
    "create_task", "ensure_future", "gather", "shield", "sleep", "timeout", "timeout_at", "wait", "wait_for",
    "as_completed", "Future", "Task", "Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier",
    "Queue", "LifoQueue", "PriorityQueue", "TaskGroup", "Timeout", "StreamReader", "StreamReaderProtocol",
    "StreamWriter", "Handle", "TimerHandle",
]  # fmt: skip
OWN_FUNCTIONS = [name for name in sorted(_ferrio.__all__) if callable(getattr(_ferrio, name))]
# They block, read what is not theirs, or look at the machine.
NEVER = {
    "run_forever", "run_until_complete", "_run_turns", "_run_once", "_run", "_run_outermost", "work",
    "run_in_executor", "getaddrinfo", "getnameinfo", "create_connection", "create_server", "create_unix_connection",
    "create_unix_server",
    "create_datagram_endpoint", "subprocess_shell", "subprocess_exec", "_make_subprocess_transport",
    "connect_read_pipe",
    "connect_write_pipe", "add_signal_handler", "remove_signal_handler", "_make_self_pipe", "_close_self_pipe",
    "allow_nested", "start_watchdog", "stop_watchdog", "sendfile", "sock_sendfile", "set_default_executor",
    "shutdown_default_executor", "start_tls", "__class__", "direct_tls",
}  # fmt: skip
CALLS_BACK = (
    "__init__", "cancel", "close", "release", "set", "clear", "set_result", "set_exception", "notify_all", "get_nowait",
    "put_nowait", "shutdown", "abort", "reset", "collect", "soon", "stop", "done", "result", "__repr__", "feed_eof",
    "feed_data", "pause_reading", "resume_reading", "loop close", "add_done_callback", "locked", "_abandon", "delete",
)  # fmt: skip


def made(name: str, *arguments: Any, then: str = "", **named: Any) -> Callable[[Any], Any]:
    """One of a class, after a method was called."""

    def make(run: Any) -> Any:
        thing = getattr(run.aio, name)(*arguments, **named)
        if then:
            method = getattr(thing, then)
            (method(1) if then == "put_nowait" else method())
        return thing

    return make


def locked(name: str, *arguments: Any) -> Callable[[Any], Any]:
    def make(run: Any) -> Any:
        thing = getattr(run.aio, name)(*arguments)
        drive(thing.acquire())
        return thing

    return make


def drive(coroutine: Any) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    else:
        coroutine.close()


def subclass(name: str, *arguments: Any) -> Callable[[Any], Any]:
    def make(run: Any) -> Any:
        return type("Sub", (getattr(run.aio, name),), {})(*arguments)

    return make


def writer(run: Any) -> Any:
    reader = run.aio.StreamReader(loop=run.loop)
    protocol = run.aio.StreamReaderProtocol(reader, loop=run.loop)
    return run.aio.StreamWriter(transport(run), protocol, reader, run.loop)


def transport(run: Any) -> Any:
    return run.loop._make_socket_transport(zoo.socketpair(run)[0], asyncio.Protocol())


def datagrams(run: Any) -> Any:
    return run.loop._make_datagram_transport(zoo.socketpair(run)[0], asyncio.DatagramProtocol())


# What makes one, and the class whose methods are called.
SHARED: dict[str, tuple[Callable[[Any], Any], type[Any]]] = {
    "future": (lambda run: run.loop.create_future(), asyncio.Future),
    "Future": (lambda run: run.aio.Future(loop=run.loop), asyncio.Future),
    "Sub Future": (lambda run: type("Sub", (run.aio.Future,), {})(loop=run.loop), asyncio.Future),
    "done": (lambda run: zoo.settled(run, "set_result", 5), asyncio.Future),
    "failed": (lambda run: zoo.settled(run, "set_exception", ValueError("f")), asyncio.Future),
    "cancelled": (lambda run: zoo.settled(run, "cancel"), asyncio.Future),
    "task": (lambda run: run.loop.create_task(zoo.coroutine()), asyncio.Task),
    "this task": (lambda run: asyncio.current_task(), asyncio.Task),
    "gather": (lambda run: run.aio.gather(run.loop.create_future()), asyncio.Future),
    "shield": (lambda run: run.aio.shield(run.loop.create_future()), asyncio.Future),
    "handle": (lambda run: run.loop.call_soon(zoo.function), asyncio.Handle),
    "timer": (lambda run: run.loop.call_later(1000, zoo.function), asyncio.TimerHandle),
    "Lock": (made("Lock"), asyncio.Lock),
    "locked Lock": (locked("Lock"), asyncio.Lock),
    "Sub Lock": (subclass("Lock"), asyncio.Lock),
    "Semaphore": (made("Semaphore"), asyncio.Semaphore),
    "locked Semaphore": (locked("Semaphore", 1), asyncio.Semaphore),
    "BoundedSemaphore": (made("BoundedSemaphore"), asyncio.BoundedSemaphore),
    "Event": (made("Event"), asyncio.Event),
    "Condition": (made("Condition"), asyncio.Condition),
    "locked Condition": (locked("Condition"), asyncio.Condition),
    "Barrier": (made("Barrier", 2), asyncio.Barrier),
    "Queue": (made("Queue"), asyncio.Queue),
    "full Queue": (made("Queue", 1, then="put_nowait"), asyncio.Queue),
    "PriorityQueue": (made("PriorityQueue", then="put_nowait"), asyncio.PriorityQueue),
    "LifoQueue": (made("LifoQueue"), asyncio.LifoQueue),
    "Sub Queue": (subclass("Queue", 1), asyncio.Queue),
    "Timeout": (made("timeout", 1), asyncio.Timeout),
    "TaskGroup": (made("TaskGroup"), asyncio.TaskGroup),
    "StreamReader": (lambda run: run.aio.StreamReader(loop=run.loop), asyncio.StreamReader),
    "StreamWriter": (writer, asyncio.StreamWriter),
    "transport": (transport, asyncio.Transport),
    "datagrams": (datagrams, asyncio.DatagramTransport),
    "loop": (lambda run: run.loop, asyncio.SelectorEventLoop),
    "iterator": (lambda run: run.loop.create_future().__await__(), type(None)),
    "sleep": (lambda run: run.aio.sleep(0), type(None)),
    "acquire": (lambda run: run.aio.Lock().acquire(), type(None)),
    "get": (lambda run: run.aio.Queue().get(), type(None)),
    "wait": (lambda run: run.aio.wait([run.loop.create_future()]), type(None)),
    "wait_for": (lambda run: run.aio.wait_for(run.loop.create_future(), 1), type(None)),
    "read": (lambda run: run.aio.StreamReader(loop=run.loop).read(1), type(None)),
}
LOOP = (
    "call_soon", "call_later", "call_at", "call_soon_threadsafe", "create_future", "create_task", "time", "stop",
    "is_running", "is_closed", "get_debug", "set_debug", "set_task_factory", "get_task_factory",
    "set_exception_handler",
    "call_exception_handler", "default_exception_handler", "add_reader", "add_writer", "remove_reader", "remove_writer",
    "sock_recv", "sock_recv_into", "sock_sendall", "sock_accept", "sock_recvfrom", "sock_sendto",
)  # fmt: skip
COROUTINE = ("send", "throw", "close")


def transport_pair(run: Any, kind: str) -> Any:
    return {"socket": transport, "datagrams": datagrams}[kind](run)


def uninitialised(name: str) -> Callable[[Any], Any]:
    return lambda run: zoo.bare(getattr(_ferrio, name, None) or getattr(ferrio, name))


CLASSES = [name for name in sorted(vars(_ferrio)) if isinstance(getattr(_ferrio, name), type)]
OWN: dict[str, Callable[[Any], Any]] = {
    **{f"bare {name}": uninitialised(name) for name in (*CLASSES, "Barrier", "BoundedSemaphore", "PriorityQueue")},
    "completions": lambda run: run.aio.as_completed([run.loop.create_future()]),
    "WorkQueue": lambda run: _ferrio.WorkQueue(),
    "Clients": lambda run: _ferrio.Clients(),
    "StreamReaderProtocol": lambda run: run.aio.StreamReaderProtocol(
        run.aio.StreamReader(loop=run.loop), loop=run.loop
    ),
    "finished sleep": lambda run: ended(run.aio.sleep(0)),
    "waiting get": lambda run: begun(run.aio.Queue().get()),
    "waiting wait_for": lambda run: begun(run.aio.wait_for(run.loop.create_future(), 1)),
    "closed loop": lambda run: run.closed_loop(),
}


def ended(coroutine: Any) -> Any:
    coroutine.close()
    return coroutine


def begun(coroutine: Any) -> Any:
    coroutine.send(None)
    return coroutine


def make(run: Any, target: str) -> Any:
    return SHARED[target][0](run) if target in SHARED else OWN[target](run)


SPECIAL = ("__aenter__", "__aexit__", "__anext__")


def is_coroutine(target: str) -> bool:
    return SHARED[target][1] is type(None)


@functools.cache
def methods(target: str) -> list[str]:
    """Public methods of what asyncio has, and the special ones that programs use by syntax."""
    kind = SHARED[target][1]
    if kind is type(None):
        return list(COROUTINE)
    if kind is asyncio.SelectorEventLoop:
        return list(LOOP)
    special = [name for name in SPECIAL if hasattr(kind, name)]
    return [name for name in dir(kind) if name[0] != "_" and callable(getattr(kind, name))] + special


def function(run: Any, name: str) -> Any:
    if hasattr(run.aio, name):
        return getattr(run.aio, name)
    return getattr(_ferrio, name) if name not in NEVER else zoo.function


def plain(value: Any) -> Any:
    """Without the names of types that are the implementation's."""
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, (int, float, bytes, type(None))) else "something"


def call_back(run: Any, name: str) -> None:
    """What an odd object does when it is asked."""
    if name == "collect":
        gc.collect()
    elif name == "soon":
        run.loop.call_soon(zoo.function)
    elif name == "loop close":
        run.loop.close()
    elif name == "delete":
        run.made.clear()
    else:
        method = getattr(run.target, name, None)
        if method is not None and run.target is not run.loop:
            method(
                *(zoo.function,)
                if name == "add_done_callback"
                else (b"",)
                if name in ("feed_data", "set_result")
                else ()
            )
