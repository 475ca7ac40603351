"""What one task waits for: `look()` reads it off the task's coroutines, without running code of the program's.

A chain leads from a task's coroutine by what each object awaits down to a future. What in it is asyncio's or ferrio's
is known by its name (`KINDS`): the first such one below the program's own code says what is waited for, in the same
words on both loops. Who holds what, and who waits for whom in a circle, is in `deadlocks`; the report is in `dump`.

Invariant: nothing raised by an odd object leaves `attempt()`, and no `__repr__` of the program's is called. Tasks of
other threads go on while they are looked at: what is read may be a moment old, never freed.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from . import _compat, locks

_T = TypeVar("_T")

DEEPEST = 1000  # coroutines of one task that are looked at
RUNNING, READY, NEW, WAITS = "running", "ready", "not started", "waits"
ALL, ONE, LIMIT = "all", "one", "limit"  # what a wait for several lasts until: one of them may be enough, or time


class Place(NamedTuple):
    """Where a coroutine is."""

    file: str
    line: int
    function: str


class Standing(NamedTuple):
    """What a task is doing."""

    task: Any
    state: str
    kind: str = ""  # what it waits for, in general: such as "Lock"
    target: Any = None  # what exactly
    detail: str = ""  # what else there is to say of it
    since: float | None = None  # for how many seconds, where that is known
    places: tuple[Place, ...] = ()  # outermost first
    idle: bool = False  # whether programs that are well wait like this for as long as they please
    until: str = ALL
    chain: tuple[Any, ...] = ()


def attempt(ask: Callable[..., _T], *arguments: Any, otherwise: _T) -> _T:
    """What ask(*arguments) returns, unless an object that is asked has ideas of its own."""
    try:
        return ask(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return otherwise


def look(task: Any, current: Any = None) -> Standing:
    """What `task` is doing; `current` is the task that its loop runs, if any."""
    chain = attempt(lambda: tuple(_chain(task.get_coro())), otherwise=tuple[Any, ...]())
    places = tuple(place for each in chain if (place := attempt(_place, each, otherwise=None)))
    awaited = attempt(getattr, task, "_fut_waiter", otherwise=None)
    if task is current:
        return Standing(task, RUNNING, places=places, chain=chain)
    if awaited is None or attempt(lambda: awaited.done(), otherwise=True):
        new = attempt(lambda: inspect.getcoroutinestate(task.get_coro()) == inspect.CORO_CREATED, otherwise=False)
        return Standing(task, NEW if new else READY, places=places, chain=chain)
    since = attempt(lambda: max(0.0, float(task.get_loop().time() - task._waits_since)), otherwise=None)
    kind, target, detail, idle, until = attempt(_what, chain, since, awaited, otherwise=_What("something odd"))
    return Standing(task, WAITS, kind, target, detail, since, _own(places, chain), idle, until, chain)


class _What(NamedTuple):
    kind: str
    target: Any = None
    detail: str = ""
    idle: bool = False
    until: str = ALL


# The chain.


def _chain(thing: Any) -> Iterator[Any]:
    for _ in range(DEEPEST):
        if thing is None or asyncio.isfuture(thing):
            return
        yield thing
        thing = _awaited(thing)


def _awaited(thing: Any) -> Any:
    """What a coroutine, or what stands for one, awaits itself."""
    kind = type(thing)
    if kind is types.CoroutineType:
        return thing.cr_await
    if kind is types.AsyncGeneratorType:
        return thing.ag_await
    if kind is types.GeneratorType:
        return thing.gi_yieldfrom
    if kind.__name__ in _WRAPPERS:
        return next((each for each in gc.get_referents(thing) if _frame(each) is not None), None)
    return attempt(getattr, thing, "cr_await", otherwise=None)


def _frame(thing: Any) -> types.FrameType | None:
    kind = type(thing)
    if kind is types.CoroutineType or kind is types.GeneratorType or kind is types.AsyncGeneratorType:
        frame = getattr(thing, _FRAMES[kind])
    else:  # such as what Cython makes
        frame = attempt(getattr, thing, "cr_frame", otherwise=None)
    return frame if isinstance(frame, types.FrameType) else None


_FRAMES = {types.CoroutineType: "cr_frame", types.GeneratorType: "gi_frame", types.AsyncGeneratorType: "ag_frame"}


# What the interpreter, and asyncio's own futures, put between a coroutine and what it awaits.
_WRAPPERS = ("async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper", "FutureIter")


def _place(thing: Any) -> Place | None:
    frame = _frame(thing)
    if frame is None:
        return None
    code = frame.f_code
    return Place(code.co_filename, frame.f_lineno or code.co_firstlineno, function_name(code))


def function_name(code: types.CodeType) -> str:
    """Short of the functions that it was made in."""
    return code.co_qualname.rpartition("<locals>.")[2]


def is_library(thing: Any) -> bool:
    """Whether it is asyncio's or ferrio's: a native coroutine, or a frame of their modules."""
    frame = _frame(thing)
    if frame is None:
        return type(thing).__module__ == "ferrio._ferrio" or type(thing).__name__ in _WRAPPERS
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and name.partition(".")[0] in ("asyncio", "ferrio")


def _below(chain: tuple[Any, ...]) -> int:
    """Where in the chain the program's own code ends."""
    for index in reversed(range(len(chain))):
        if not attempt(is_library, chain[index], otherwise=False):
            return index + 1
    return 0


def _own(places: tuple[Place, ...], chain: tuple[Any, ...]) -> tuple[Place, ...]:
    """The places down to the end of the program's own code; all of them, where none is."""
    count = sum(_frame(thing) is not None for thing in chain[: _below(chain)])
    return places[:count] or places


# What is waited for.


def qualified_name(thing: Any) -> str:
    """By what name a coroutine goes."""
    return str(thing.__qualname__)


def _what(chain: tuple[Any, ...], since: float | None, awaited: Any) -> _What:
    return _of_chain(chain, since) or _of_future(awaited)


def _of_chain(chain: tuple[Any, ...], since: float | None) -> _What | None:
    for thing in chain[_below(chain) :]:
        frame = _frame(thing)
        if frame is not None and frame.f_globals.get("__name__") == "ferrio.inspectable":
            continue  # what is in it says more
        name = attempt(qualified_name, thing, otherwise="") if frame is None else frame.f_code.co_qualname
        kind = KINDS.get(name) or (_socket if ".sock_" in name else None)
        if kind is not None:
            names = frame.f_locals if frame is not None else {"delay": getattr(thing, "_delay", None)}
            target = names.get("self") if frame is not None else getattr(thing, "_target", None)
            return kind(target, names, since)
    return None


def _of_future(future: Any) -> _What:
    kind = type(future).__name__
    if isinstance(future, asyncio.Task):
        return _What("task", future, task_name(future))
    if kind == "_GatheringFuture":
        return _What("gather()", future)
    return _What(kind, future)


def acquired(target: Any) -> Any:
    """The lock behind what is acquired."""
    return target._lock if isinstance(target, locks.Condition) else target


def _acquire(target: Any, *_: Any) -> _What:
    target = acquired(target)
    kind = "Semaphore" if isinstance(target, locks.Semaphore) else "Lock"
    return _What(kind, target)


def _condition(target: Any, *_: Any) -> _What:
    return _What("Condition", target)


def _event(target: Any, *_: Any) -> _What:
    return _What("Event", target, "not set")


def _barrier(target: Any, *_: Any) -> _What:
    return _What("Barrier", target, f"{target.n_waiting} of {target.parties} are there")


def _get(target: Any, *_: Any) -> _What:
    return _What("Queue.get()", target, f"{target.qsize()} items")


def _put(target: Any, *_: Any) -> _What:
    return _What("Queue.put()", target, f"{target.qsize()} of {target.maxsize} items")


def _join(target: Any, *_: Any) -> _What:
    return _What("Queue.join()", target, f"{target._unfinished_tasks} not done")


def _read(target: Any, *_: Any) -> _What:
    return _What("stream to read", None, _peer(target._transport), idle=True)


def _drain(target: Any, *_: Any) -> _What:
    transport = target._transport
    return _What("stream to drain", None, f"{transport.get_write_buffer_size()} bytes left {_peer(transport)}".rstrip())


def _closed(target: Any, *_: Any) -> _What:
    return _What("stream to close", None, _peer(target._transport))


def _peer(transport: Any) -> str:
    peer = attempt(lambda: transport.get_extra_info("peername"), otherwise=None)
    return _address("from", peer) if peer else ""


def _address(word: str, address: Any) -> str:
    if type(address) is tuple and len(address) >= 2 and type(address[0]) is str and type(address[1]) is int:
        return f"{word} {address[0]}:{address[1]}"
    return f"{word} {address}" if type(address) is str else ""


def _socket(_: Any, names: Any, __: float | None) -> _What:
    return _What("socket", None, f"descriptor {names['sock'].fileno()}" if "sock" in names else "", idle=True)


def _sleep(_: Any, names: Any, since: float | None) -> _What:
    delay = names.get("delay")
    detail = "" if type(delay) not in (int, float) else f"of {delay:.4g} s"
    if detail and since is not None:
        detail += f", {max(0.0, delay - since):.1f} s left"
    return _What("sleep", None, detail, idle=True)


def _thread(_: Any, names: Any, __: float | None) -> _What:
    function = names.get("func")
    name = attempt(lambda: str(function.__qualname__), otherwise=type(function).__name__)
    return _What("thread", None, f"that runs {name}")


def _process(target: Any, *_: Any) -> _What:
    return _What("process", None, f"{target._pid} to end")


def _serve(*_: Any) -> _What:
    return _What("connections to serve", None, idle=True)


def _group(target: Any, *_: Any) -> _What:
    return _What("TaskGroup", target)


def _task(_: Any, names: Any, __: float | None) -> _What:
    return _of_future(names["fut"])


def _wait(target: Any, names: Any, _: float | None) -> _What:
    if target is None:  # asyncio's own, a coroutine
        futures, limit, return_when = names["fs"], names["timeout"], names["return_when"]
    else:
        futures, limit, return_when = target._futures, target._limit, target._return_when
    until = LIMIT if limit is not None else ALL if return_when == asyncio.ALL_COMPLETED else ONE
    return _What("wait()", futures, _ENOUGH.get(return_when, ""), until=until)


_ENOUGH = {asyncio.FIRST_COMPLETED: "for the first", asyncio.FIRST_EXCEPTION: "for all, or the first that fails,"}


def _completions(target: Any, *_: Any) -> _What:
    """The generator of releases before 3.13 shows nobody what it waits for, unless it is ours."""
    limit = attempt(lambda: target._timeout_handle, otherwise=None)
    futures = attempt(lambda: target._todo, otherwise=None)
    return _What("as_completed()", futures, "for the next", until=ONE if limit is None else LIMIT)


KINDS: dict[str, Callable[..., _What]] = {
    "Lock.acquire": _acquire,
    "Semaphore.acquire": _acquire,
    "_ContextManagerMixin.__aenter__": _acquire,
    "Condition.wait": _condition,
    "Condition.wait_for": _condition,
    "Event.wait": _event,
    "Barrier.wait": _barrier,
    "Barrier.__aenter__": _barrier,
    "Queue.get": _get,
    "Queue.put": _put,
    "Queue.join": _join,
    "StreamReader.read": _read,
    "StreamReader.readline": _read,
    "StreamReader.readuntil": _read,
    "StreamReader.readexactly": _read,
    "StreamReader.__anext__": _read,
    "StreamWriter.drain": _drain,
    "StreamWriter.wait_closed": _closed,
    "sleep": _sleep,
    "to_thread": _thread,
    "BaseSubprocessTransport._wait": _process,
    "Process.wait": lambda target, *_: _What("process", None, f"{target.pid} to end"),
    "Server.serve_forever": _serve,
    "Server.wait_closed": _serve,
    "TaskGroup.__aexit__": _group,
    "wait": _wait,
    "_wait": _wait,
    "as_completed.<locals>._wait_for_one": _completions,
    "_AsCompletedIterator._wait_for_one": _completions,
    "_AsCompletedIterator.__anext__": _completions,
}
if not _compat.PLAIN_WAIT_FOR:  # it has a task of its own for what it awaits
    KINDS["wait_for"] = _task
"""What is waited for, by the coroutine's name: each is given its object, its variables, and for how long."""


def task_name(task: Any) -> str:
    """A task's name, quoted, at most so long."""
    name = attempt(lambda: str(task.get_name()), otherwise=type(task).__name__)
    return f"'{name[:60]}…'" if len(name) > 60 else f"'{name}'"
