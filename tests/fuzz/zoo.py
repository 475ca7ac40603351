"""Odd objects: `value(run, name, ...)` makes one, anew for each run, so that nothing is left of an earlier program.

Some of them call back: their special methods do what the program says next, `run.reenter()`, in the middle of whatever
asked for them. `run` has a loop, a module `aio`, and such a method. What a value is called is all that a program holds.
"""

import contextvars
import dataclasses
import functools
import socket
import sys
from collections.abc import Callable
from typing import Any

from .programs import EXCEPTIONS

SPECIAL = (
    "__eq__", "__lt__", "__hash__", "__repr__", "__str__", "__bool__", "__index__", "__int__", "__float__", "__len__",
    "__iter__", "__next__", "__call__", "__await__", "__getattr__", "__getitem__", "__contains__", "__aiter__",
    "__anext__", "__del__", "__class__", "__enter__", "__add__", "__radd__", "__buffer__", "__fspath__", "__set_name__",
    "fileno", "close", "done", "add_done_callback", "cancel", "get_loop", "result", "throw", "send", "call_soon",
    "_asyncio_future_blocking", "time", "pause_reading", "connection_made", "get_debug", "create_future", "create_task",
)  # fmt: skip
BASES: dict[str, type[Any]] = {
    "object": object, "int": int, "float": float, "str": str, "bytes": bytes, "tuple": tuple, "dict": dict,
    "error": Exception,
}  # fmt: skip
MODES = ("raises", "wrong", "reenters")
SANE: dict[str, Callable[[], Any]] = {
    "__hash__": lambda: 7, "__repr__": lambda: "repr", "__str__": lambda: "str", "__bool__": lambda: True,
    "__index__": lambda: 1, "__int__": lambda: 1, "__float__": lambda: 0.5, "__len__": lambda: 2,
    "__iter__": lambda: iter(()), "__await__": lambda: iter(()), "__eq__": lambda: False, "__lt__": lambda: False,
    "__contains__": lambda: False, "__class__": lambda: int, "fileno": lambda: -1, "done": lambda: False,
    "__fspath__": lambda: "/nowhere", "_asyncio_future_blocking": lambda: False, "time": lambda: 1000.0,
    "__buffer__": lambda: memoryview(b"buffer"), "get_debug": lambda: False,
}  # fmt: skip
WRONG: dict[str, Callable[[], Any]] = {
    "__len__": lambda: -1, "__index__": lambda: "x", "__bool__": lambda: 3, "fileno": lambda: 10**6,
    "__class__": lambda: BaseException, "done": lambda: "perhaps", "time": lambda: "noon",
    "_asyncio_future_blocking": lambda: True, "__hash__": lambda: "x",
}  # fmt: skip
ENDS = {"__getitem__": IndexError, "__next__": StopIteration, "__anext__": StopAsyncIteration, "send": StopIteration}


@functools.cache
def odd_class(mode: str, special: str, base: str) -> type[Any]:
    """A class of which one method, or each if it is "all", raises, gives what is wrong, or calls back."""

    def method(name: str) -> Any:
        def act(self: Any, *arguments: Any, **named: Any) -> Any:
            run = type(self).run
            if mode == "raises":
                raise ZeroDivisionError(name)
            if name in ENDS:
                raise ENDS[name]  # or whoever iterates would never end
            if mode == "wrong":
                return WRONG.get(name, lambda: None)()
            if run is not None:
                run.reenter()
            return SANE.get(name, lambda: None)()

        return property(act) if name in ("__class__", "_asyncio_future_blocking") else act

    names = (
        [special]
        if special != "all"
        else [name for name in SPECIAL if name not in ("__class__", "__getattr__", "_asyncio_future_blocking")]
    )
    space: dict[str, Any] = {name: method(name) for name in names}
    return type("OddThing", (BASES[base],), {**space, "run": None})


@dataclasses.dataclass(frozen=True)
class Fixed:
    number: int = 3


class Slots:
    __slots__ = ("only",)


def released() -> memoryview:
    view = memoryview(bytearray(b"released"))
    view.release()
    return view


async def coroutine() -> int:
    return 3


def finished() -> Any:
    made = coroutine()
    made.close()
    return made


def waiting() -> Any:
    async def waits() -> None:
        await Yield()

    made = waits()
    made.send(None)
    return made


class Yield:
    def __await__(self) -> Any:
        yield


async def generator() -> Any:
    yield 1


def function(*arguments: Any, **named: Any) -> None:
    """Takes whatever it is given."""


def bare(kind: type[Any]) -> Any:
    """One that was never initialised."""
    return kind.__new__(kind)


PLAIN: dict[str, Callable[[], Any]] = {
    "None": lambda: None, "True": lambda: True, "0": lambda: 0, "1": lambda: 1, "2": lambda: 2, "-1": lambda: -1,
    "2**31": lambda: 2**31, "2**63": lambda: 2**63, "-2**63-1": lambda: -(2**63) - 1, "2**70": lambda: 2**70,
    "10**400": lambda: 10**400, "0.0": lambda: 0.0, "0.5": lambda: 0.5, "nan": lambda: float("nan"),
    "inf": lambda: float("inf"), "-inf": lambda: float("-inf"), "1e308": lambda: 1e308, "1j": lambda: 1j,
    "''": lambda: "", "'text'": lambda: "text", "'\\udc80'": lambda: "\udc80", "b''": lambda: b"",
    "b'bytes'": lambda: b"by\ntes", "bytearray": lambda: bytearray(b"array"), "view": lambda: memoryview(b"view"),
    "strided": lambda: memoryview(bytearray(b"strided"))[::2], "released": released,
    "ints": lambda: memoryview(bytearray(8)).cast("i"), "[]": list, "[1, 2]": lambda: [1, 2], "{}": dict, "set": set,
    "()": tuple, "(b'a',)": lambda: (b"a",), "iterator": lambda: iter([b"a", b"b"]),
    "generator": lambda: (x for x in "ab"),
    "async generator": generator, "coroutine": coroutine, "finished coroutine": finished, "waiting coroutine": waiting,
    "coroutine function": lambda: coroutine, "function": lambda: function, "print": lambda: len, "type": lambda: type,
    "object": object, "class": lambda: Slots, "Slots": Slots, "Fixed": Fixed, "...": lambda: ...,
    "context": contextvars.copy_context, "variable": lambda: contextvars.ContextVar("v"), "module": lambda: dataclasses,
    "partial": lambda: functools.partial(function, 1), "bound": lambda: [].append, "code": lambda: coroutine.__code__,
}  # fmt: skip
LOOPED: dict[str, Callable[[Any], Any]] = {
    "loop": lambda run: run.loop,
    "closed loop": lambda run: run.closed_loop(),
    "pending": lambda run: run.loop.create_future(),
    "done": lambda run: settled(run, "set_result", 5),
    "failed": lambda run: settled(run, "set_exception", ValueError("f")),
    "cancelled": lambda run: settled(run, "cancel"),
    "foreign": lambda run: run.closed_loop().create_future(),
    "task": lambda run: run.loop.create_task(coroutine()),
    "sleep": lambda run: run.aio.sleep(0),
    "acquire": lambda run: run.aio.Lock().acquire(),
    "handle": lambda run: run.loop.call_soon(function),
    "lock": lambda run: run.aio.Lock(),
    "queue": lambda run: run.aio.Queue(),
    "reader": lambda run: run.aio.StreamReader(loop=run.loop),
    "bare future": lambda run: bare(run.aio.Future) if not run.program.shared else None,
    "bare task": lambda run: bare(run.aio.Task) if not run.program.shared else None,
    "Future": lambda run: run.aio.Future,
    "Task": lambda run: run.aio.Task,
    "target": lambda run: run.target,
    "socket": lambda run: socketpair(run)[0],
}
if sys.version_info < (3, 13):
    del PLAIN["nan"]  # where asyncio's sleep() does not look for it


def settled(run: Any, how: str, *arguments: Any) -> Any:
    future = run.loop.create_future()
    getattr(future, how)(*arguments)
    return future


def socketpair(run: Any) -> tuple[socket.socket, socket.socket]:
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
        run.sockets.append(end)
    return ends


def draw(dice: Any) -> tuple[str, ...]:
    """The name of a value."""
    kind = dice.random()
    if kind < 0.4:
        return ("plain", dice.choice(list(PLAIN)))
    if kind < 0.65:
        return ("looped", dice.choice(list(LOOPED)))
    if kind < 0.75:
        return ("error", dice.choice(list(EXCEPTIONS)))
    special = "all" if dice.random() < 0.1 else dice.choice(SPECIAL)
    base = "object" if dice.random() < 0.7 else dice.choice(list(BASES))
    return ("odd", dice.choice(MODES), special, base)


def value(run: Any, kind: str, *names: str) -> Any:
    """Make one."""
    if kind == "plain":
        return PLAIN[names[0]]()
    if kind == "looped":
        return LOOPED[names[0]](run)
    if kind == "error":
        return EXCEPTIONS[names[0]]()
    kind_of = odd_class(*names)
    kind_of.run = run
    return kind_of()
