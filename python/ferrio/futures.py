"""`Future` and `Task` as classes: what counts as one of them.

Both are native and derive from asyncio's own, so a native task is an instance of `asyncio.Future`, but not by
descent of `ferrio.Future`. Where ferrio's names stand for asyncio's, `isinstance(task, Future)` has to hold all the
same, also for futures that were made before or by others: whatever asyncio's class covers, ours covers.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

from ._ferrio import Future, Task

__all__ = ("Future", "Task")


def cover(ours: type[Any], covered: type[Any]) -> None:
    """Have every instance and subclass of `covered` count as one of `ours`; subclasses of `ours` stay themselves."""

    def __subclasshook__(cls: type[Any], other: type[Any]) -> Any:
        return issubclass(other, covered) if cls is ours else NotImplemented

    # What ABCMeta does for a class that is made in Python.
    importlib.import_module("_abc")._abc_init(ours)
    ours.__subclasshook__ = classmethod(__subclasshook__)  # type: ignore[assignment]


cover(Future, asyncio.Future)
cover(Task, asyncio.Task)
