"""`Queue`, `PriorityQueue`, `LifoQueue` and their exceptions; `shutdown()` is there in every release of Python.

Each class derives from the native queue and then from asyncio's own class, which has the texts and the generic alias.
Subclasses may override `_init`, `_get` and `_put`, and any other method, as with asyncio's.
"""

from __future__ import annotations

import abc
from asyncio import queues
from asyncio.queues import QueueEmpty, QueueFull
from types import GenericAlias
from typing import Any, TypeVar

from . import _compat, _ferrio
from ._compat import QueueShutDown
from .copying import put_state, state_of
from .futures import cover
from .locks import keeps

__all__ = ("LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull", "QueueShutDown")

_T = TypeVar("_T")

# Whatever native code would call, did a subclass not have its own.
_CALLED = (
    "_init", "_get", "_put", "qsize", "empty", "full", "put_nowait", "get_nowait", "_get_loop",
)  # fmt: skip

_STATE = ("_maxsize", "_queue", "_unfinished_tasks", "_is_shutdown", "_getters", "_putters")


# So that it can be a base with a parameter, as asyncio's can.
setattr(_ferrio.Queue, "__class_getitem__", classmethod(GenericAlias))  # noqa: B010  # a method to type checkers


class Queue(_ferrio.Queue[_T], queues.Queue[_T], metaclass=abc.ABCMeta):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A queue between tasks, first in first out. With `maxsize` above 0, `put()` waits while it is full."""

    _order = 0

    def __init__(self, maxsize: int = 0) -> None:
        self._start(maxsize, self._order, keeps(type(self), Queue, _CALLED))

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self, *_STATE)

    def __setstate__(self, state: dict[str, Any]) -> None:
        Queue.__init__(self, state["_maxsize"])
        put_state(self, state, *_STATE)

    if not _compat.SHUTS_QUEUES_DOWN:

        def _format(self) -> str:
            return super()._format() + (" shutdown" if self._is_shutdown else "")


class PriorityQueue(Queue[_T], queues.PriorityQueue[_T]):  # type: ignore[type-var]  # anything that can be compared
    """A queue whose least item comes out first. Items are often pairs: (priority, data)."""

    _order = 1


class LifoQueue(Queue[_T], queues.LifoQueue[_T]):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A queue whose newest item comes out first."""

    _order = 2


cover(Queue, queues.Queue)
cover(PriorityQueue, queues.PriorityQueue)
cover(LifoQueue, queues.LifoQueue)
