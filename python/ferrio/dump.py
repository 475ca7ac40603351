"""`dump_tasks()`: the report of what every task waits for, on each loop of the process.

What is reported of one task is in `waiting`, who waits for whom in `deadlocks`; here it is gathered, grouped and put
into lines of at most `WIDTH` columns. Tasks that do the same at the same place are one entry, with their number.
Whatever goes wrong with standard error is not this report's to say: it is lost, and the program goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import linecache
import os
import sys
import threading
from asyncio import events, tasks
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, TextIO

from ._ferrio import _tasks
from .deadlocks import PARENTS, Web
from .waiting import READY, RUNNING, WAITS, Place, Standing, attempt, function_name, look, task_name
from .watchdog import inside

WIDTH = 100
MOST_TASKS = 20_000  # that are looked at, about a second's work; of more it is said that there are
MOST_GROUPS = 200
MOST_PLACES = 6
MOST_NAMES = 3
FEW = 4  # tasks at one place that are not lumped together if they wait for different things


def dump_tasks(file: TextIO | None = None) -> None:
    """Write what every task of every loop waits for, since when, who holds that, and where, to a file or stderr.

    Tasks that wait for each other in a circle stand on top. May be called anywhere, on any thread, at any time.
    """
    text = report(sys._getframe(1))
    if file is not None:
        file.write(text)
    else:
        to_stderr(text)


def to_stderr(text: str) -> None:
    """Write it, if that can be done. A signal's handler may find standard error in the middle of a write."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:
        with contextlib.suppress(Exception):
            os.write(2, text.encode(errors="backslashreplace"))


def report(frame: FrameType | None = None, reason: str = "") -> str:
    """The report; `frame` is what this thread was at, `reason` why it is written."""
    return "".join(f"{line if len(line) <= WIDTH else line[: WIDTH - 1] + '…'}\n" for line in _lines(frame, reason))


def _lines(frame: FrameType | None, reason: str) -> Iterator[str]:
    by_loop = tasks_by_loop()
    count = sum(map(len, by_loop.values()))
    yield f"ferrio: {_number(count, 'task')} on {_number(len(by_loop), 'loop')} of process {os.getpid()}{reason}"
    left = MOST_TASKS
    seen = []
    for loop, all_of_it in by_loop.items():
        seen.append((loop, *standings_of(loop, all_of_it[:left])))
        left -= min(left, len(all_of_it))
    for _, _, web in seen:
        yield from _deadlocks(web)
    for loop, standings, web in seen:
        yield from _loop_lines(loop, frame)
        yield from _table(standings, web)
        if len(standings) < len(by_loop[loop]):
            yield f"  and {_number(len(by_loop[loop]) - len(standings), 'task')} more, which were not looked at"
    yield from _other_threads(by_loop)


# Where asyncio has its own tasks; from Python 3.14 on only some of them.
_ALL = "_scheduled_tasks" if hasattr(tasks, "_scheduled_tasks") else "_all_tasks"


def tasks_by_loop() -> dict[Any, list[Any]]:
    """The tasks that are not done, by their loops; those that run come first, if they have none."""
    found: dict[Any, list[Any]] = {}
    running = events._get_running_loop()
    if running is not None:
        found[running] = []
    others = attempt(lambda: list(vars(tasks)[_ALL]), otherwise=list[Any]())
    for task in [*_tasks(), *others]:
        loop = attempt(_loop_of, task, otherwise=None)
        if loop is not None:
            found.setdefault(loop, [])
    for loop in found:
        pending = attempt(asyncio.all_tasks, loop, otherwise=set[Any]())
        found[loop] = sorted(pending, key=lambda task: attempt(_order, task, otherwise=(0, "")))
    return {loop: pending for loop, pending in found.items() if pending or _runs(loop)}


def _loop_of(task: Any) -> Any:
    return task.get_loop()


def _thread_of(loop: Any) -> Any:
    """The number of the thread that runs a loop, if one does."""
    return loop._thread_id


def _runs(loop: Any) -> bool:
    return attempt(_thread_of, loop, otherwise=None) is not None


def _order(task: Any) -> tuple[int, str]:
    """Task-9 comes before Task-10."""
    name = str(task.get_name())
    return len(name), name


def standings_of(loop: Any, some: Iterable[Any]) -> tuple[list[Standing], Web]:
    """What these tasks of a loop are doing, and who waits for whom."""
    current = attempt(asyncio.current_task, loop, otherwise=None)
    standings = [look(task, current) for task in some]
    return standings, Web(standings)


# What stands on top.


def _deadlocks(web: Web) -> Iterator[str]:
    for circle in web.circles():
        for index, standing in enumerate(circle):
            line = f"task {task_name(standing.task)} waits for {_what(standing, web)}"
            yield f"{'deadlock: ' if not index else '          '}{line}"


# A loop.


def _loop_lines(loop: Any, frame: FrameType | None) -> Iterator[str]:
    number = attempt(_thread_of, loop, otherwise=None)
    name = next((each.name for each in threading.enumerate() if each.ident == number), number)
    here = frame if number == threading.get_ident() else sys._current_frames().get(number or 0)
    stack = inside(here) if here is not None and number is not None else []
    state = "does not run" if number is None else "runs a callback" if stack else "sleeps until something happens"
    yield ""
    yield f"{type(loop).__name__} at {id(loop):#x}" + (f" in thread {name!r}: " if number else ": ") + state
    yield from _places(
        tuple(Place(f.f_code.co_filename, line, function_name(f.f_code)) for f, line in reversed(stack)), 6
    )


def _table(standings: list[Standing], web: Web) -> Iterator[str]:
    def first(group: list[Standing]) -> tuple[int, float]:
        blocked = any(id(each.task) in web.blocked for each in group)
        return 0 if group[0].state == RUNNING else 1 if blocked else 2, -_longest(group)

    order = sorted(_groups(standings), key=first)
    rows = [(_names(group), _time(group), _group_what(group, web), group[0]) for group in order[:MOST_GROUPS]]
    names, times = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    for name, time, what, one in rows:
        yield f"  {name:<{names}}  {time:>{times}}  {what}".rstrip()
        if one.state != RUNNING:  # where the loop's thread is was said above
            yield from _places(one.places, 6)
    if len(order) > MOST_GROUPS:
        yield f"  and {_number(sum(map(len, order[MOST_GROUPS:])), 'task')} more at other places"


def _groups(standings: list[Standing]) -> Iterator[list[Standing]]:
    """Tasks that do the same at the same place; the few that do it to different objects stay apart."""
    groups: dict[Any, list[Standing]] = {}
    for each in standings:
        groups.setdefault((each.state, each.kind, each.places), []).append(each)
    for group in groups.values():
        if len(group) > FEW:
            yield group
            continue
        apart: dict[Any, list[Standing]] = {}
        for each in group:
            apart.setdefault((id(each.target), each.detail), []).append(each)
        yield from apart.values()


def _names(group: list[Standing]) -> str:
    return _shortened(task_name(group[0].task), 24) if len(group) == 1 else _number(len(group), "task")


def _time(group: list[Standing]) -> str:
    """For how long the first of them has waited."""
    return "" if all(each.since is None for each in group) else duration(_longest(group))


def _longest(group: list[Standing]) -> float:
    return max(each.since or 0.0 for each in group)


def _group_what(group: list[Standing], web: Web) -> str:
    first = group[0]
    if first.state != WAITS:
        text = {RUNNING: "runs", READY: "is about to go on"}.get(first.state, "has not begun")
    elif len({id(each.target) for each in group}) > 1:
        text = f"waits for {first.kind}, {len(group):,} different ones"
    elif any(each.detail != first.detail for each in group):
        text = f"waits for {first.kind}"
    else:
        text = f"waits for {_what(first, web)}"
    return text if len(group) == 1 else f"{text}: {_listed([each.task for each in group], 1)}"


def _what(standing: Standing, web: Web) -> str:
    parts = [standing.kind if standing.target is None or standing.kind in PARENTS else _named(standing)]
    if standing.detail:
        parts.append(standing.detail)
    holders = web.holders(standing)
    if holders:
        parts.append(f", held by {'itself' if holders == [standing.task] else _holders(holders)}")
    if standing.kind != "task" and not holders:
        parts += _children(web.children(standing), web.others(standing))
    return " ".join(parts).replace(" ,", ",")


def _children(children: list[Any], others: list[Any]) -> Iterator[str]:
    futures = _number(len(others), "future")
    if children:
        yield f"of {_number(len(children), 'task')}: {_listed(children)}" + (f", and {futures}" if others else "")
    elif others:
        yield f"of {futures}"


def _named(standing: Standing) -> str:
    """A method of an object, or an object, with its address."""
    return f"{standing.kind} at {id(standing.target):#x}"


def _holders(holders: list[Any]) -> str:
    ended = (
        ", which has ended" if len(holders) == 1 and attempt(lambda: bool(holders[0].done()), otherwise=False) else ""
    )
    return f"{'task' if len(holders) == 1 else 'tasks'} {_listed(holders)}{ended}"


def _listed(some: list[Any], most: int = MOST_NAMES) -> str:
    names = [_shortened(task_name(task), 24) for task in some[:most]]
    left = len(some) - len(names)
    return ", ".join(names) + (f" and {left} more" if left else "")


# Threads.


def _other_threads(by_loop: dict[Any, list[Any]]) -> Iterator[str]:
    """What other threads are at, such as those that run what tasks wait for; not those that wait for work."""
    loops = {attempt(_thread_of, loop, otherwise=None) for loop in by_loop}
    frames = sys._current_frames()
    heading = ["", "threads"]
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame is None or thread.ident in loops or thread.ident == threading.get_ident():
            continue
        stack = [(f, n) for f, n in inside(frame) if os.path.basename(f.f_code.co_filename) != "threading.py"]
        if not stack or thread.name.startswith("ferrio-") or stack[0][0].f_code.co_qualname == "_worker":
            continue
        yield from heading
        heading = []
        yield f"  {_shortened(thread.name, 40)!r}"
        yield from _places(
            tuple(Place(f.f_code.co_filename, n, function_name(f.f_code)) for f, n in reversed(stack)), 6
        )


# Words.


def _places(places: tuple[Place, ...], indent: int) -> Iterator[str]:
    left_out = len(places) - MOST_PLACES
    if left_out > 0:
        places = places[:1] + places[-(MOST_PLACES - 1) :]
    where = [f"{_shortened_front(_file(place.file), 44)}:{place.line} in {place.function}" for place in places]
    wide = min(60, max(map(len, where), default=0))
    for index, (place, text) in enumerate(zip(places, where, strict=True)):
        if index == 1 and left_out > 0:
            yield f"{'':{indent}}… {left_out} more"
        source = attempt(linecache.getline, place.file, place.line, otherwise="").strip()
        yield f"{'':{indent}}{text:<{wide}}  {source}"


def _file(name: str) -> str:
    here = attempt(os.getcwd, otherwise="") + os.sep
    return name.removeprefix(here)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]}…{text[-1]}"


def _shortened_front(text: str, most: int) -> str:
    return text if len(text) <= most else f"…{text[1 - most :]}"


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes < 100:
        return f"{minutes} min"
    return f"{hours} h" if hours < 100 else f"{days} days"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
