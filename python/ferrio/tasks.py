"""Which tasks there are: how `asyncio.all_tasks()` gets to see native tasks.

asyncio keeps a weak reference to every task in one weak set. Native tasks are in a table of their own instead, which
costs them a word. So the set's own store is replaced, once, by one that also iterates over the native ones.
"""

from __future__ import annotations

import weakref
from asyncio import tasks
from collections.abc import Iterator
from typing import Any

from ._ferrio import Task, _tasks

__all__ = ("Task", "show_native_tasks")


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
