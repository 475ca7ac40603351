"""Drives asyncio's StreamReader and ferrio's with the same random script and compares what happened.

A script feeds a reader with bytes of a small alphabet in random cuts, starts reads of every kind, also wrong ones,
cancels them, ends or fails the stream, and looks at private attributes. After each step the loop turns until
nothing more can happen; then results, errors, texts and what the transport was told must be the same. A reader of
ferrio's on asyncio's loop is no other.
"""

import asyncio
import random
import sys
from collections.abc import Callable
from typing import Any

from .peers import Drawn

STEPS = 60
TURNS = 4
SEVERAL = sys.version_info >= (3, 13)  # asyncio knows tuples of separators
ALPHABET = b"ab\n\r;"
WRONG = (None, 2.5, "x", b"", "", 7, -3, 2**70, -(2**70), True)
Step = tuple[str, Any]


def draw(dice: random.Random) -> tuple[str, int, list[Step]]:
    """A kind of reader, its limit, and a script."""

    def some(most: int) -> bytes:
        return bytes(dice.choices(ALPHABET, weights=(8, 8, 1, 1, 1), k=dice.randint(1, most)))

    def separator() -> Any:
        if dice.random() < 0.1:
            return dice.choice(WRONG)
        if SEVERAL and dice.random() < 0.4:
            return tuple(some(3) for _ in range(dice.randint(0, 3)))
        kind = dice.choice((bytes, bytearray, memoryview))
        return kind(dice.choice((b"\n", b"\r\n", b"ab", b"a;b", some(4))))

    def count() -> Any:
        return dice.choice(WRONG) if dice.random() < 0.1 else dice.choice((-1, 0, 1, 2, 5, 17, 60, 200))

    kinds: dict[str, Callable[[], Any]] = {
        "feed": lambda: some(dice.choice((1, 3, 20, 90))),
        "read": lambda: ("read", (count(),) if dice.random() < 0.9 else ()),
        "exactly": lambda: ("readexactly", (count(),)),
        "until": lambda: ("readuntil", (separator(),) if dice.random() < 0.8 else ()),
        "line": lambda: ("readline", ()),
        "next": lambda: ("__anext__", ()),
        "cancel": lambda: dice.randrange(3),
        "odd": lambda: dice.choice((b"", bytearray(b"xy"), memoryview(b"a\n"), [97, 10], None, "text", 3)),
        "share": lambda: None,
        "shrink": lambda: dice.randint(1, 5),
        "eof": lambda: None,
        "exception": lambda: dice.choice((ZeroDivisionError("z"), asyncio.IncompleteReadError(b"part", 9))),
        "deaf": lambda: None,
    }
    weights = (12, 5, 4, 5, 5, 3, 3, 1, 0.3, 0.3, 0.5, 0.2, 0.2)
    names = dice.choices(list(kinds), weights=weights, k=STEPS)
    kind = dice.choice(("plain", "plain", "plain", "own feed", "own until", "own wait"))
    return kind, dice.choice((1, 4, 10, 50, 65536)), [(name, kinds[name]()) for name in names]


def class_of(module: Any, kind: str) -> type[Any]:
    """The class itself, or one that replaces something its other methods call."""
    base: type[Any] = module.StreamReader
    if kind == "own feed":

        class OwnFeed(base):
            def feed_data(self, data: Any) -> None:
                super().feed_data(data)
                super().feed_data(b"" if self._eof else b";")

        return OwnFeed
    if kind == "own until":

        class OwnUntil(base):
            async def readuntil(self, separator: Any = b"\n") -> bytes:
                return (await super().readuntil(separator)).upper()

        return OwnUntil
    if kind == "own wait":

        class OwnWait(base):
            async def _wait_for_data(self, name: str) -> None:
                await asyncio.sleep(0)
                await super()._wait_for_data(name)

        return OwnWait
    return base


class Transport:
    """Takes note of what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.deaf = False

    def pause_reading(self) -> None:
        self.told.append("pause")
        if self.deaf:
            raise NotImplementedError

    def resume_reading(self) -> None:
        self.told.append("resume")

    def __repr__(self) -> str:
        return "T"


def outcome(call: Callable[[], Any]) -> Any:
    """What came of it, in a form that compares."""
    try:
        return call()
    except (Exception, asyncio.CancelledError, StopAsyncIteration) as error:
        context = type(error.__context__).__name__
        return type(error).__name__, str(error), vars(error), context


def act(reader: Any, transport: Transport, name: str, argument: Any) -> Any:
    """A step that is no read."""
    if name in ("feed", "odd"):
        return reader.feed_data(argument)
    if name == "share":
        return bytes(reader._buffer)
    if name == "shrink":
        del reader._buffer[:argument]
        return len(reader._buffer)
    if name == "eof":
        return reader.feed_eof()
    if name == "exception":
        return reader.set_exception(argument)
    transport.deaf = True
    return None


async def play(module: Any, kind: str, limit: int, script: list[Step]) -> list[Any]:
    """What happened, step by step."""
    loop = asyncio.get_running_loop()
    transport = Transport()
    reader = class_of(module, kind)(limit, loop)
    reader.set_transport(transport)
    tasks: list[asyncio.Task[Any]] = []
    seen: list[Any] = []

    async def call(method: str, arguments: Any) -> Any:
        return await getattr(reader, method)(*arguments)

    def step(name: str, argument: Any) -> Any:
        if name == "cancel":
            return argument < len(tasks) and tasks[argument].cancel("enough")
        if isinstance(argument, tuple):
            tasks.append(loop.create_task(call(*argument)))
            return None
        return act(reader, transport, name, argument)

    for name, argument in script:
        seen.append((name, outcome(lambda: step(name, argument))))  # noqa: B023  # called at once
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for task in [task for task in tasks if task.done()]:
            tasks.remove(task)
            seen.append(outcome(task.result))
        text = repr(reader).split("waiter=")
        seen.append((text[0], len(text), reader.at_eof(), reader._paused, list(transport.told)))
        transport.told.clear()
    for task in tasks:
        task.cancel()
    seen.append([str(result) for result in await asyncio.gather(*tasks, return_exceptions=True)])
    return seen


def program(dice: random.Random) -> Drawn:
    """Drawn anew for every run: exceptions in a script are raised, with what was in them."""
    return Drawn(draw, dice)


def run(aio: Any, script: Drawn) -> list[Any]:
    """The notes of a run on the module's own loop, and on asyncio's."""
    return aio.run(play(aio, *script.again())) + asyncio.run(play(aio, *script.again()))
