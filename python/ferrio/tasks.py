"""Tasks: what starts and combines them, and how `asyncio.all_tasks()` gets to see native ones.

Native: `create_task`, `ensure_future`, `eager_task_factory`, `gather`, `shield`, `sleep` and, where it makes no task
of its own (Python 3.12), `wait_for`. `wait` checks here what it is given, once a call; what it does per future is
native. What runs once per thread or per program (`run_coroutine_threadsafe`, `all_tasks`) stays asyncio's.

asyncio keeps a weak reference to every task in one weak set. Native tasks are in a table of their own instead, which
costs them a word. So the set's own store is replaced, once, by one that also iterates over the native ones.
"""

from __future__ import annotations

import sys
import weakref
from asyncio import coroutines, events, futures, tasks
from collections.abc import Iterable, Iterator
from typing import Any

from . import _ferrio
from ._ferrio import Task, Waiting, _tasks, create_task, ensure_future, gather, shield, sleep

__all__ = ["Task", "create_task", "ensure_future", "gather", "shield", "show_native_tasks", "sleep", "wait", "wait_for"]

if sys.version_info >= (3, 12):
    from ._ferrio import eager_task_factory as eager_task_factory

    __all__ += ["eager_task_factory"]

wait_for = _ferrio.wait_for if sys.version_info >= (3, 12) else tasks.wait_for

_MODES = (tasks.FIRST_COMPLETED, tasks.FIRST_EXCEPTION, tasks.ALL_COMPLETED)


async def wait(
    fs: Iterable[Any], *, timeout: float | None = None, return_when: str = tasks.ALL_COMPLETED
) -> tuple[set[Any], set[Any]]:
    """Wait for futures and tasks: for all, the first, or the first that fails. Gives the done and the pending ones.

    Does not raise TimeoutError: what is not done when the time is over is in the second set.
    """
    if futures.isfuture(fs) or coroutines.iscoroutine(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    if not fs:
        raise ValueError("Set of Tasks/Futures is empty.")
    if return_when not in _MODES:
        raise ValueError(f"Invalid return_when value: {return_when}")
    watched = set(fs)
    if any(coroutines.iscoroutine(each) for each in watched):
        raise TypeError("Passing coroutines is forbidden, use tasks explicitly.")
    loop = events.get_running_loop()
    waiter = loop.create_future()
    waiting = Waiting(watched, waiter, return_when)
    timer = None if timeout is None else loop.call_later(timeout, waiting.release)
    try:
        await waiter
    finally:
        if timer is not None:
            timer.cancel()
        answer = waiting.end()
    return answer


class _WithNativeTasks(set[Any]):
    """What a weak set stores: weak references. Those to native tasks are made when somebody looks."""

    def __iter__(self) -> Iterator[Any]:
        yield from set(super().__iter__())
        yield from map(weakref.ref, _tasks())


def show_native_tasks() -> None:
    """Let `asyncio.all_tasks()` see native tasks. Harmless when done before."""
    names = vars(tasks)
    registered = names.get("_scheduled_tasks", names.get("_all_tasks"))  # the latter in Python 3.11
    assert registered is not None
    if not isinstance(registered.data, _WithNativeTasks):
        registered.data = _WithNativeTasks(registered.data)
