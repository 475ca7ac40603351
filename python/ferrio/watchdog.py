"""`Watched`: the part of the loop that reports a callback which blocks it, while it blocks.

A thread looks at the loop's progress from time to time: a number that changes with every callback and every turn,
and which the engine counts anyway. A number that stays the same for too long, outside the poller, is a callback that
does not come back; the thread then has the stack of the loop's thread before its eyes. So nothing is added to what
runs for a callback. What holds the interpreter's lock all the time, as some C code does, keeps this thread waiting too.
Invariants: the thread refers to the loop weakly, and ends with it, or when it is closed.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
import weakref
from asyncio.log import logger
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from .nested import NestedRuns

SAMPLES = 4  # in the time that a callback may take: it is then reported at most a quarter late


class Watched(asyncio.SelectorEventLoop):
    """What a loop does to be watched."""

    _watchdog: Watchdog | None = None

    if TYPE_CHECKING:
        _progress: Any
        _thread_id: int | None

    def start_watchdog(self, seconds: float, report: Callable[[str], object] = logger.warning) -> None:
        """Have report(text) called once a callback has run for so many seconds, and again each time that has doubled.

        The text has the stack of the callback and the name of its task. report() is called on a thread of the
        watchdog's own. A watchdog that was started before is stopped.
        """
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, not {seconds!r}")
        self.stop_watchdog()
        if not self.is_closed():
            self._watchdog = Watchdog(self, seconds, report)

    def stop_watchdog(self) -> None:
        """Undo start_watchdog(). Without one it does nothing."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            watchdog.stop()

    def close(self) -> None:
        """Close the loop and stop its watchdog."""
        super().close()
        if self.is_closed():
            self.stop_watchdog()


class Watch:
    """A thread that looks at one loop every so many seconds, until stop(), or until the loop is no more."""

    def __init__(self, loop: asyncio.AbstractEventLoop, period: float, name: str) -> None:
        self._loop = weakref.ref(loop, lambda _: self._stopped.set())
        self._period = period
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self._thread.start()

    def look(self, loop: Any) -> None:
        """What there is to be done each time."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the thread and wait for its end, which does not come while the interpreter ends."""
        self._stopped.set()
        if self._thread is not threading.current_thread() and not sys.is_finalizing():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._period):
            loop = self._loop()
            if loop is not None:
                self.look(loop)
            del loop


class Watchdog(Watch):
    """The thread that watches for callbacks which block."""

    def __init__(self, loop: Watched, seconds: float, report: Callable[[str], object]) -> None:
        self._seconds = self._limit = seconds
        self._report = report
        self._seen: int | None = None
        self._since = time.monotonic()
        super().__init__(loop, seconds / SAMPLES, "ferrio-watchdog")

    def look(self, loop: Watched) -> None:
        """Report what has not come back since the last look, or one before."""
        progress = loop._progress()
        if progress is None or progress != self._seen:
            self._seen, self._since, self._limit = progress, time.monotonic(), self._seconds
        elif (elapsed := time.monotonic() - self._since) >= self._limit:
            self._limit *= 2
            text = description(loop, elapsed)
            if loop._progress() == self._seen:  # or the stack may be another callback's
                self._report(text)


def description(loop: Watched, seconds: float) -> str:
    """What the loop's thread is doing, in words."""
    thread = loop._thread_id
    task = asyncio.current_task(loop)
    who = "a callback" if task is None else f"task {task.get_name()!r}"
    text = f"{who} has been blocking the event loop for {seconds:.1f} seconds"
    frame = None if thread is None else sys._current_frames().get(thread)
    return text if frame is None else f"{text}:\n{stack(frame)}".rstrip()


def stack(frame: FrameType) -> str:
    """The part of a stack that is inside the callback; all of it where nothing is."""
    frames = inside(frame) or list(traceback.walk_stack(frame))
    return "".join(traceback.StackSummary.extract(reversed(frames)).format())


def inside(frame: FrameType) -> list[tuple[FrameType, int]]:
    """The frames of the callback that a loop runs, innermost first; all of them where no loop does."""
    frames = list(traceback.walk_stack(frame))
    machinery = [place for place, (each, _) in enumerate(frames) if each.f_code in RUNS]
    return frames[: machinery[0]] if machinery else frames


# The functions that run turns; callbacks are further inside.
RUNS = {each.__code__ for each in (NestedRuns._run, NestedRuns._run_inside, asyncio.Handle._run)}
