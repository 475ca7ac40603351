"""Odd objects as arguments of every type, function and method that ferrio has of its own.

Two kinds of programs. One calls what asyncio has too, by public names, and compares how it ends. The other calls
whatever native types have, private methods, attributes and objects that were never initialised included; there ferrio
alone is asked, and must not crash, hang, panic, or raise SystemError. `zoo.py` makes the arguments, `targets.py` what
is called.
"""

import asyncio
import copy
import gc
import pickle
import random
import socket
import sys
import weakref
from pprint import pformat
from types import ModuleType
from typing import Any

from . import targets, zoo
from .programs import World, collector, shown, told

STEPS = 8
NAMES = (
    "callback",
    "context",
    "loop",
    "name",
    "n",
    "limit",
    "result",
    "value",
    "timeout",
    "return_exceptions",
    "msg",
    "wrong",
)
# What an operator or a function of Python's does with an object, beside calling its methods.
USES = {
    "repr": repr, "str": str, "hash": hash, "bool": bool, "iter": iter, "len": len, "list": list, "int": int,
    "copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": pickle.dumps, "reduce": lambda it: it.__reduce_ex__(4),
    "ref": weakref.ref, "dir": dir, "vars": vars, "subclass": lambda it: type("Sub", (type(it),), {}),
    "referents": gc.get_referents, "callable": callable, "add": lambda it: it + 1, "or": lambda it: it | it,
    "item": lambda it: it[0], "call": lambda it: it(), "isfuture": asyncio.isfuture,
    "iscoroutine": asyncio.iscoroutine,
    "class": lambda it: setattr(it, "__class__", type("Sub", (type(it),), {})), "equal": lambda it: it == it,
    "less": lambda it: it < it, "format": format, "await": lambda it: it.__await__(),
    "collect": lambda it: gc.collect(),
    "make": lambda it: type(it)(),
}  # fmt: skip
# Their outcome is an address, a layout or a class of the implementation's.
UNCOMPARED = (
    "repr",
    "str",
    "hash",
    "dir",
    "vars",
    "referents",
    "reduce",
    "pickle",
    "copy",
    "deepcopy",
    "format",
    "iter",
    "class",
    "subclass",
    "callable",
    "collect",
    "await",
)
# asyncio keeps what it is given and fails when it compares or counts; ferrio refuses what is no number at once.
REFUSED_AT_ONCE = {
    "Queue",
    "LifoQueue",
    "PriorityQueue",
    "Semaphore",
    "BoundedSemaphore",
    "StreamWriter",
    "Handle",
    "TimerHandle",
    "call_at",
    "writelines",
}
# Native coroutines are their own iterators, and have no weak references.
NOT_OF_COROUTINES = ("ref", "list", "iter", "make", "isfuture")
FORBIDDEN = ("SystemError", "PanicException")
PANICS = ("already borrowed", "already mutably borrowed", "panicked")


class Program:
    """Whether asyncio is asked too, what the objects that call back do, and the steps."""

    def __init__(self, shared: bool, data: list[Any], calls: list[Any]) -> None:
        self.shared, self.data, self.calls = shared, data, calls

    def __str__(self) -> str:
        return f"shared: {self.shared}, calls back: {self.calls}\n{pformat(self.data, width=110)}"


def program(dice: random.Random) -> Program:
    shared = dice.random() < 0.6
    steps = [step(dice, shared) for _ in range(dice.randint(2, STEPS))]
    return Program(shared, steps, [dice.choice(targets.CALLS_BACK) for _ in range(6)])


def step(dice: random.Random, shared: bool) -> tuple[Any, ...]:
    kind = dice.random()
    if kind < 0.25:
        name = dice.choice(targets.FUNCTIONS if shared else targets.FUNCTIONS + targets.OWN_FUNCTIONS)
        return ("function", name, *arguments(dice))
    target = dice.choice(list(targets.SHARED) if shared else list(targets.SHARED) + list(targets.OWN))
    if kind < 0.4:
        uses = [use for use in USES if not (shared and use in NOT_OF_COROUTINES and targets.is_coroutine(target))]
        if shared and target in ("transport", "datagrams", "StreamWriter", "loop"):
            uses = [use for use in uses if "copy" not in use]  # two that think a descriptor theirs
        return ("use", target, dice.choice(uses))
    if kind < 0.5 and not shared and "loop" not in target:  # by which the fuzzer itself runs
        return (dice.choice(("get", "set", "delete")), target, dice.randrange(1000), zoo.draw(dice))
    if not shared:
        return ("any", target, dice.randrange(1000), *arguments(dice))
    return ("method", target, *method_call(dice, target))


def method_call(dice: random.Random, target: str) -> tuple[Any, ...]:
    """A public method and its arguments, without what is left out."""
    method, (positional, named) = dice.choice(targets.methods(target)), arguments(dice)
    if sys.version_info < (3, 13) and issubclass(targets.SHARED[target][1], asyncio.Future):
        named = []  # some methods of CPython's take any
    if method == "readuntil" and sys.version_info < (3, 13):
        method = "readline"  # ferrio's takes tuples on every release
    if method == "get_stack":
        method = "__repr__"  # some of the frames that run are the loop's
    if method == "feed_data" and any(value[1] in ("sleep", "acquire", "target") for value in positional):
        method = "__repr__"  # a native coroutine is an iterator, whose values are taken for bytes
    return method, positional, named


def arguments(dice: random.Random) -> tuple[Any, Any]:
    positional = [zoo.draw(dice) for _ in range(dice.choice((0, 0, 1, 1, 1, 1, 2, 2, 3)))]
    named = [(dice.choice(NAMES), zoo.draw(dice))] if dice.random() < 0.15 else []
    return positional, named


class Run:
    """One implementation: its loop, the objects that are called, and what came of it."""

    def __init__(self, aio: ModuleType, program: Program) -> None:
        self.aio, self.program = aio, program
        self.sockets: list[socket.socket] = []
        self.made: dict[str, Any] = {}
        self.target: Any = None
        self.depth = self.called = 0
        loop = asyncio.SelectorEventLoop() if aio is asyncio else aio.new_event_loop()
        self.world = World(loop)
        self.loop = loop

    def closed_loop(self) -> Any:
        other = asyncio.SelectorEventLoop() if self.aio is asyncio else self.aio.new_event_loop()
        other.close()
        return other

    def reenter(self) -> None:
        """Called by an odd object in the middle of something: does what the program says next."""
        if self.depth or self.called > 50:
            return
        self.depth, self.called = 1, self.called + 1
        try:
            targets.call_back(self, self.program.calls[self.called % len(self.program.calls)])
        except Exception as error:
            self.check(error)
        finally:
            self.depth = 0

    def check(self, error: BaseException) -> None:
        name = type(error).__name__
        said = "" if name.startswith("Uns") else str(BaseException.__str__(error))
        if name in FORBIDDEN or any(panic in said for panic in PANICS):
            self.world.note("FORBIDDEN", name, said)

    def find(self, target: str) -> Any:
        if target not in self.made:
            self.made[target] = targets.make(self, target)
        self.target = self.made[target]
        return self.target

    def step(self, kind: str, *rest: Any) -> Any:
        if kind == "function":
            name, positional, named = rest
            self.target = None
            function = targets.function(self, name)
        else:
            found = self.find(rest[0])
            if kind == "use":
                return USES[rest[1]](found)
            if kind in ("get", "set", "delete", "any"):
                return self.private(kind, found, *rest[1:])
            _, name, positional, named = rest
            function = getattr(found, name)
        return self.call(function, positional, named)

    def call(self, function: Any, positional: Any, named: Any) -> Any:
        return function(
            *(zoo.value(self, *each) for each in positional), **{name: zoo.value(self, *each) for name, each in named}
        )

    def private(self, kind: str, found: Any, number: int, *rest: Any) -> Any:
        names = [name for name in sorted(dir(type(found))) if name not in targets.NEVER]
        name = names[number % len(names)]
        if kind == "get":
            return getattr(found, name)
        if kind == "set":
            return setattr(found, name, zoo.value(self, *rest[0]))
        if kind == "delete":
            return delattr(found, name)
        return self.call(getattr(found, name), *rest)

    async def steps(self) -> None:
        for each in self.program.data:
            try:
                result = self.step(*each)
                outcome = "gave", self.result(result)
            except BaseException as error:
                self.check(error)
                outcome = "raised", self.failure(error)
            if each[0] == "use" and each[2] in UNCOMPARED:
                outcome = ("not compared",)
            name = each[2] if each[0] in ("method", "use") else ""
            self.world.note(each[0], each[1], name, *outcome)
            result = None

    def result(self, value: Any) -> Any:
        """A result; a coroutine is run for a moment, a future is looked at."""
        if asyncio.isfuture(value):
            return "future"
        if asyncio.iscoroutine(value):
            try:
                value.send(None)
                value.close()
                return "coroutine that waits"
            except BaseException as error:
                self.check(error)
                return "coroutine", self.failure(error)
        return targets.plain(shown(value))

    def failure(self, error: BaseException) -> Any:
        name = type(error).__name__
        # Which of an object's methods is asked first, and what is said of its class, is the implementation's.
        if issubclass(type(error), (TypeError, AttributeError, OverflowError, ZeroDivisionError)):
            return "refused"
        if isinstance(error, ValueError) and "Invalid file" in str(error):
            return "invalid file"  # and its repr
        return told(error)[:2] if len(told(error)) > 1 and isinstance(told(error)[1], str) else name


def run(aio: ModuleType, program: Program) -> list[Any]:
    if aio is asyncio and not program.shared:
        return []
    with collector():
        one = Run(aio, program)
        world = one.world
        world.keep(one.loop.create_task(one.steps()), "main")
        world.turns(4, True)
        log = [entry for entry in world.log if entry[0] in ("function", "method", "use", "FORBIDDEN")]
        finish(one)
        return log


def finish(one: Run) -> None:
    """Let everything go, the sockets first."""
    world, loop = one.world, one.loop
    world.closed = True
    for end in one.sockets:
        end.close()
    one.made.clear()
    one.target = None
    world.things.clear()
    try:
        world.turns(2, True)
        loop.close()
    except BaseException as error:
        one.check(error)
    zoo.odd_class.cache_clear()
    del loop, world, one
    gc.collect()


def compare(theirs: list[Any], ours: list[Any]) -> str | None:
    """The first difference of a shared program; what is forbidden, of any."""
    for entry in ours:
        if "FORBIDDEN" in entry:
            return f"forbidden: {entry}"
    if not theirs:
        return None
    for one, other in zip(theirs, ours, strict=False):
        if one != other and not REFUSED_AT_ONCE.isdisjoint(one[1:3]):
            return None
        if one != other:
            return f"\n   asyncio: {one!r}\n   ferrio:  {other!r}"
    return None if len(theirs) == len(ours) else "one of them ended earlier"
