"""When the report of `dump` is written without being asked for by the program: `explain()` and `Explained`.

```text
SIGUSR1 ──▶ Python's handler on the main thread ──▶ report        also while the loop sleeps: the signal wakes it
       └──▶ counted where it arrives ──▶ not handled after LATE seconds: C code has the main thread ──▶ a thread reports
Ctrl-C ──▶ before the main task is cancelled, or when KeyboardInterrupt leaves the loop ──▶ report
a task waits ──▶ a thread looks from time to time ──▶ for too long, at a place of which nothing was said ──▶ report
```

Only who asks for a watch gets a thread, and has holders of locks recorded. Invariants: whatever the program handles a
signal by wins; nothing here raises or changes how the program ends; a watch refers to its loop weakly and ends with it.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import weakref
from asyncio import runners
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import _ferrio
from .deadlocks import PARENTS, Web
from .dump import duration, report, standings_of, to_stderr
from .waiting import Standing, attempt, look, task_name
from .watchdog import SAMPLES, Watch

LATE = 1.0  # seconds, after which another thread does what the main thread's handler should have done
MOST_PLACES = 1000  # that are remembered; a program with more has got its reports


class Explained(asyncio.SelectorEventLoop):
    """What a loop does to have tasks reported that wait for long."""

    _stuck: StuckWatch | None = None

    if TYPE_CHECKING:
        _thread_id: int | None

    def dump_tasks_after(self, seconds: float, report: Callable[[str], object] = to_stderr) -> None:
        """Have report(text) called when a task has waited for so many seconds; the text is that of ferrio.dump_tasks().

        Each place of the program is reported once, and each circle of tasks that wait for each other. Waits that
        healthy programs have for as long as they please never cause a report: for a time, for data of sockets and
        streams, for connections, and for other tasks, which are looked at themselves. report() is called on a thread
        of its own. What was said before about another time is undone.
        """
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, not {seconds!r}")
        self.stop_dumping_tasks()
        if not self.is_closed():
            self._stuck = StuckWatch(self, seconds, report)
            _watched(self, True)

    def stop_dumping_tasks(self) -> None:
        """Undo dump_tasks_after(). Without one it does nothing."""
        stuck, self._stuck = self._stuck, None
        if stuck is not None:
            _watched(self, False)
            stuck.stop()

    def close(self) -> None:
        """Close the loop and end the watch over its tasks."""
        super().close()
        if self.is_closed():
            self.stop_dumping_tasks()

    def _explain_interrupt(self) -> None:
        """A KeyboardInterrupt leaves the loop; where asyncio's runner has its own handler, that has reported."""
        if _interrupts and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            _say(None, ", at Ctrl-C")


class StuckWatch(Watch):
    """The thread that looks for tasks of one loop which wait for long."""

    def __init__(self, loop: Explained, seconds: float, report: Callable[[str], object]) -> None:
        self._seconds = seconds
        self._report = report
        self._known: set[tuple[int, float]] = set()
        self._told: set[Any] = set()
        super().__init__(loop, seconds / SAMPLES, "ferrio-stuck")

    def look(self, loop: Any) -> None:
        """Report once what has become stuck since the last look."""
        if loop._thread_id is None:
            return
        now = loop.time()
        late = {
            (id(task), since): task
            for task in _ferrio._tasks()
            if (since := task._waits_since) is not None and now - since >= self._seconds and task.get_loop() is loop
        }
        new = [task for key, task in late.items() if key not in self._known]
        self._known = set(late)
        if not new:
            return
        _, web = standings_of(loop, attempt(asyncio.all_tasks, loop, otherwise=set[Any]()))
        reasons = [each for task in new if self._is_new(each := look(task), web)]
        reasons += [each for circle in web.circles() if self._is_new_circle(circle) for each in circle[:1]]
        if reasons:
            longest = max(reasons, key=lambda each: each.since or 0.0)
            who = f"task {task_name(longest.task)} has waited for {duration(longest.since or 0.0)}"
            self._report(report(None, f": {who}"))

    def _is_new(self, standing: Standing, web: Web) -> bool:
        """Who waits for other tasks waits as long as those, which are looked at themselves."""
        waits_for_tasks = standing.kind in PARENTS and web.children(standing)
        if standing.idle or waits_for_tasks or standing.since is None:
            return False
        return self._remember((standing.kind, standing.places))

    def _is_new_circle(self, circle: list[Standing]) -> bool:
        longest = max((each.since or 0.0) for each in circle)
        return longest >= self._seconds and self._remember(frozenset(id(each.task) for each in circle))

    def _remember(self, place: Any) -> bool:
        if place in self._told or len(self._told) >= MOST_PLACES:
            return False
        self._told.add(place)
        return True


_watching: weakref.WeakSet[Explained] = weakref.WeakSet()


def _watched(loop: Explained, on: bool) -> None:
    """Who holds locks is recorded as long as somebody watches."""
    (_watching.add if on else _watching.discard)(loop)
    _ferrio._record_holders(bool(_watching) or _watches_process)


# What `ferrio run` asks for.

_interrupts = False
_watches_process = False
_handled = 0
_busy = threading.Lock()


def explain(watched: bool = False, interrupts: bool = False) -> None:
    """Report at SIGUSR1, unless that means something already; if watched, also while C code keeps the main thread.

    And before Ctrl-C has an effect, where asked for.
    """
    global _interrupts, _watches_process
    if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
        signal.signal(signal.SIGUSR1, _signalled)
        if watched:
            _ferrio._count_signals()
            threading.Thread(target=_answer_late, name="ferrio-signals", daemon=True).start()
    if watched:
        _watches_process = True
        _ferrio._record_holders(True)
    if interrupts and not _interrupts:
        _interrupts = True
        runners.Runner._on_sigint = _explained(runners.Runner._on_sigint)  # type: ignore[attr-defined]  # private


def _explained(on_sigint: Callable[..., None]) -> Callable[..., None]:
    def _on_sigint(self: asyncio.Runner, signum: int, frame: FrameType | None, main_task: asyncio.Task[Any]) -> None:
        _say(frame, ", at Ctrl-C")
        on_sigint(self, signum, frame, main_task)

    return _on_sigint


def _signalled(_: int, frame: FrameType | None) -> None:
    global _handled
    arrived = _ferrio._signals_counted()
    if not arrived or arrived != _handled:  # not counted, or not answered yet
        _handled = arrived
        _say(frame, ", at SIGUSR1")


def _answer_late() -> None:
    global _handled
    before = 0
    while True:
        time.sleep(LATE)
        arrived = _ferrio._signals_counted()
        if arrived == before != _handled:
            _handled = arrived
            _say(None, ", at SIGUSR1, which the main thread does not attend to")
        before = arrived


def _say(frame: FrameType | None, reason: str) -> None:
    """Write a report, unless one is being written: a handler may find its own thread there."""
    if _busy.acquire(blocking=False):
        try:
            to_stderr(report(frame, reason))
        finally:
            _busy.release()
