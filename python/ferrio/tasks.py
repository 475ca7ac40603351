"""Tasks: what starts and combines them, and how `asyncio.all_tasks()` gets to see native ones.

Native: `create_task`, `ensure_future`, `eager_task_factory`, `gather`, `shield`, `sleep`, `wait` and, where it makes
no task of its own (Python 3.12), `wait_for`. `as_completed` checks here what it is given, once a call; what it does
per future is native. `run_coroutine_threadsafe` and `all_tasks` stay asyncio's: docs/internals.md has the reasons.

asyncio keeps weak references to tasks in one weak set; from Python 3.14 on, those of its own class are elsewhere, but
the set is there for others. Native tasks are in a table of their own instead, which costs them a word. So the set's
own store is replaced, once, by one that also iterates over the native ones; not where those are on asyncio's list, too.
"""

from __future__ import annotations

import inspect
import weakref
from asyncio import coroutines, events, futures, tasks
from collections.abc import Iterable, Iterator
from typing import Any

from . import _compat, _ferrio
from ._ferrio import Completions, Task, _task_layout, _tasks, create_task, ensure_future, gather, shield, sleep, wait

__all__ = [
    "Task",
    "as_completed",
    "create_task",
    "ensure_future",
    "gather",
    "shield",
    "show_native_tasks",
    "sleep",
    "wait",
    "wait_for",
]

if _compat.EAGER_TASKS:
    eager_task_factory: Any = vars(_ferrio)["eager_task_factory"]
    __all__ += ["eager_task_factory"]

wait_for = _ferrio.wait_for if _compat.PLAIN_WAIT_FOR else tasks.wait_for


def as_completed(fs: Iterable[Any], *, timeout: float | None = None) -> Any:
    """Iterate over what becomes of awaitables, in the order in which they are done.

    A plain iterator gives coroutines, one for each, which give a result, raise an exception, or raise TimeoutError when
    the time is over. From Python 3.13 on an asynchronous iterator gives the futures themselves.
    """
    if not _compat.CHECKS_AT_ONCE:
        return _generated(fs, timeout)
    if inspect.isawaitable(fs):
        raise TypeError(f"expects an iterable of awaitables, not {type(fs).__name__}")
    return _completions(fs, timeout)


def _generated(fs: Iterable[Any], timeout: float | None) -> Iterator[Any]:
    """A generator, as asyncio's is in earlier releases: nothing is checked or started before the first step."""
    if futures.isfuture(fs) or coroutines.iscoroutine(fs):
        raise TypeError(f"expect an iterable of futures, not {type(fs).__name__}")
    yield from _completions(fs, timeout)


_generated.__name__ = _generated.__qualname__ = as_completed.__name__


def _completions(fs: Iterable[Any], timeout: float | None) -> Completions:
    loop = events.get_event_loop()
    todo = {ensure_future(each, loop=loop) for each in set(fs)}
    # Where somebody may ask who awaits these it is, as asyncio's, for a loop that runs.
    completions = Completions(todo, tasks.current_task() if _compat.CALL_GRAPHS else None)
    if todo and timeout is not None:
        completions.limit(loop.call_later(timeout, completions.expire))
    return completions


class _WithNativeTasks(set[Any]):
    """What a weak set stores: weak references. Those to native tasks are made when somebody looks."""

    def __iter__(self) -> Iterator[Any]:
        yield from set(super().__iter__())
        yield from map(weakref.ref, _tasks())

    def copy(self) -> set[Any]:
        """What a weak set of later releases iterates over; a set's own would copy what is stored alone."""
        return set(iter(self))


def show_native_tasks() -> None:
    """Let `asyncio.all_tasks()` see native tasks, unless they are on its list. Harmless when done before."""
    if _task_layout():
        return
    for registered in _compat.task_sets():
        if not isinstance(registered.data, _WithNativeTasks):
            registered.data = _WithNativeTasks(registered.data)
