"""What fuzzers of tasks share: a world with one loop, a clock that a program moves, and one ordered log.

Nothing here depends on the time of day: the clock goes on by TICK a turn, and no two deadlines are equal, since their
order is asyncio's secret. Exceptions are told with their cause, context and the functions of the tests in their
traceback. Messages about what dies unseen are kept apart and sorted, for when an object dies is nobody's promise.
Knows neither what a program does nor how it is drawn.
"""

import asyncio
import contextlib
import dataclasses
import gc
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TICK = 0.25
DEPTH = 6  # of causes and contexts
HERE = str(Path(__file__).parent)
VARIES = re.compile(r"\b_?asyncio\.(\w+\.)?|\bferrio\.(_ferrio\.)?")
INNERMOST = re.compile(r"<(?:coroutine |generator )?(\w*)[^<>]*>")  # what is shown of an object, but for its type


def known(differences: dict[str, str]) -> dict[str, str]:
    """What a fuzzer leaves out until ferrio has mended it, and why; nothing where FERRIO_FUZZ_ALL is set."""
    return {} if os.environ.get("FERRIO_FUZZ_ALL") else differences


LATE = ("never retrieved", "was destroyed", "was never awaited")


class OddError(BaseException):
    """Neither an Exception nor one of those that leave the loop."""


class Slotted(Exception):
    __slots__ = ()


class Unequal(Exception):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("==")


class Unspeakable(Exception):
    def __repr__(self) -> str:
        raise ZeroDivisionError("repr")

    __str__ = __repr__


class Disguised(Exception):
    @property
    def __class__(self) -> Any:
        raise ZeroDivisionError("class")


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    pass


class Unmakeable(Exception):
    def __init__(self) -> None:
        raise ZeroDivisionError("init")


EXCEPTIONS: dict[str, Callable[[], Any]] = {
    "ValueError": lambda: ValueError("v"),
    "KeyError": lambda: KeyError(1, 2),
    "Cancelled": lambda: asyncio.CancelledError("made by hand"),
    "Timeout": lambda: TimeoutError(),
    "StopIteration": lambda: StopIteration(3),
    "StopAsync": lambda: StopAsyncIteration(),
    "GeneratorExit": lambda: GeneratorExit("g"),
    "Interrupt": lambda: KeyboardInterrupt(),
    "Exit": lambda: SystemExit(4),
    "Odd": lambda: OddError("odd"),
    "Slotted": lambda: Slotted(5),
    "Unequal": lambda: Unequal("u"),
    "Unspeakable": lambda: Unspeakable(),
    "Disguised": lambda: Disguised(),
    "Frozen": lambda: Frozen(),
    "Group": lambda: BaseExceptionGroup("group", [ValueError("in"), OddError("in")]),
    "class": lambda: LookupError,
    "Unmakeable": lambda: Unmakeable,
    "text": lambda: "no exception",
}


def told(error: Any, depth: int = DEPTH) -> Any:
    """An exception, in a form that compares, whatever its class makes of attributes."""
    if not issubclass(type(error), BaseException):
        return error
    name = type(error).__name__
    if depth == 0:
        return name
    slots = vars(BaseException)
    trace, cause, context, args = (
        slots[slot].__get__(error) for slot in ("__traceback__", "__cause__", "__context__", "args")
    )
    if issubclass(type(error), BaseExceptionGroup):
        args = (*args[:1], *(told(each, depth - 1) for each in error.exceptions))
    story = [name, *(shown(each) for each in args)]
    if frames := [frame.f_code.co_name for frame, _ in traceback.walk_tb(trace) if in_tests(frame)]:
        story.append("in " + ".".join(frames))
    if cause is not None:
        story.append(("cause", told(cause, depth - 1)))
    if context is not None and context is not cause:
        story.append(("context", told(context, depth - 1)))
    return tuple(story)


def in_tests(frame: Any) -> bool:
    return str(frame.f_code.co_filename).startswith(HERE)


def shown(value: Any) -> Any:
    """A value, in a form that compares."""
    if issubclass(type(value), BaseException):
        return told(value)
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (int, float, bytes, type(None))):
        return value
    return type(value).__name__


def text(message: str) -> str:
    """A message without addresses, places and names of modules."""
    while INNERMOST.search(message):
        message = INNERMOST.sub(r"\1", message)
    return VARIES.sub("", message)


class World:
    """One loop, what a program made on it, and what was seen."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clock = 1000.0
        self.log: list[Any] = []
        self.late: list[str] = []
        self.closed = False
        self.deadlines = 0
        self.things: list[tuple[str, Any]] = []  # futures and tasks, which live to the end
        loop.time = lambda: self.clock  # type: ignore[method-assign]
        loop.set_exception_handler(self.failed)

    def note(self, *event: Any) -> None:
        if not self.closed:
            self.log.append(event)

    def failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message = text(context["message"])
        if message.startswith("Exception in callback"):
            message = message.split("(")[0]  # and what it was called with, which releases show differently
        error = context.get("exception")
        if any(late in message for late in LATE):
            self.late.append(f"{message} {type(error).__name__}")
        elif message.startswith("Exception when ") or (
            message.startswith("Exception in callback") and HERE not in context["message"]
        ):
            # Of asyncio's own functions, of which ferrio has none that could be named.
            self.note("handler", "in a callback of the loop's own", told(error))
        else:
            self.note("handler", message, sorted(context), told(error))

    def keep(self, thing: Any, label: str) -> Any:
        """Have later steps find a future."""
        self.things.append((f"{label}{len(self.things)}", thing))
        return thing

    def pick(self, which: int) -> Any:
        return self.things[which % len(self.things)][1]

    def label(self, thing: Any) -> str:
        """What a future is called, or else its type."""
        return next((label for label, each in self.things if each is thing), type(thing).__name__)

    def labels(self, things: Any) -> list[str]:
        return sorted(map(self.label, things))

    def delay(self, seconds: float) -> float:
        """A delay whose end is no other's."""
        self.deadlines += 1
        return seconds + self.deadlines * 1e-5

    def turns(self, count: int, one_run: bool) -> None:
        """Turn the loop, in one run or a run for each turn; what leaves the loop is noted."""
        left = [count]

        def tick() -> None:
            self.clock += TICK
            left[0] -= 1
            if one_run and left[0] > 0:
                self.loop.call_soon(tick)
            else:
                self.loop.stop()

        while left[0] > 0:
            self.loop.call_soon(tick)
            before = left[0]
            try:
                self.loop.run_forever()
            except BaseException as error:
                self.note("out of the loop", told(error))
                if left[0] == before:
                    left[0] -= 1

    def state(self, thing: Any) -> Any:
        """What can be seen of a future from outside."""
        seen: list[Any] = [thing.done(), thing.cancelled()]
        if hasattr(thing, "cancelling"):
            seen.append(thing.cancelling())
        for ask in (thing.result, thing.exception):
            try:
                seen.append(shown(ask()))
            except BaseException as error:
                seen.append(("raised", told(error)))
        return seen

    def finish(self) -> None:
        """Note how everything stands, and end it."""
        for label, thing in self.things:
            self.note("end", label, self.state(thing))
        for _, thing in self.things:
            with contextlib.suppress(RuntimeError):  # of a loop that is closed
                thing.cancel()
        self.turns(6, True)
        for label, thing in self.things:
            self.note("after the end", label, thing.done())
        thing = None
        self.closed = True
        self.things.clear()
        with contextlib.suppress(BaseException):
            self.loop.close()

    def seen(self) -> list[Any]:
        """What was seen, with what nobody reaches any more; once `finish` has let go of everything."""
        gc.collect()
        gc.collect()  # what a finalizer of the first one touched
        return [*self.log, *sorted(self.late)]


@contextlib.contextmanager
def collector(*thresholds: int) -> Iterator[None]:
    """The collector at other thresholds; none at all turns it off."""
    before, enabled = gc.get_threshold(), gc.isenabled()
    if thresholds:
        gc.set_threshold(*thresholds)
    else:
        gc.disable()
    hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    try:
        yield
    finally:
        sys.unraisablehook = hook
        gc.set_threshold(*before)
        if enabled:
            gc.enable()
