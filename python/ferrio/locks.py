"""`Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore` and `Barrier`.

Each class derives from its native part, where there is one, and then from asyncio's own class: so it is one of those
to `isinstance`, and what is rarely used (`__repr__`, say) is that of the Python that runs. So is all of `Barrier`, on a
native condition, and `Condition.wait_for()`: they are about predicates, which are Python either way.
"""

from __future__ import annotations

import abc
import asyncio
from asyncio import exceptions, locks
from typing import Any

from . import _ferrio
from .copying import put_state, state_of
from .futures import cover

__all__ = ("Barrier", "BoundedSemaphore", "BrokenBarrierError", "Condition", "Event", "Lock", "Semaphore")

BrokenBarrierError = exceptions.BrokenBarrierError
StockCondition = locks.Condition  # for native code, whatever is installed later


def keeps(cls: type, ours: type, names: tuple[str, ...]) -> bool:
    """Whether the class has all these methods from ours, so that native code need not look for them."""
    return cls is ours or all(getattr(cls, name) is getattr(ours, name) for name in names)


class Lock(_ferrio.Lock, locks.Lock, metaclass=abc.ABCMeta):  # type: ignore[misc]  # _waiters is read-only
    """A lock for tasks: one holder at a time, first come first served. `async with lock: ...`"""

    def __init__(self) -> None:
        self._start(keeps(type(self), Lock, ("acquire", "release", "_get_loop")))

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self, "_locked", "_waiters")

    def __setstate__(self, state: dict[str, Any]) -> None:
        Lock.__init__(self)
        put_state(self, state, "_locked", "_waiters")


class Event(_ferrio.Event, locks.Event, metaclass=abc.ABCMeta):  # type: ignore[override]  # as Lock
    """A flag that tasks wait for: `set()` lets all of them go on."""

    def __init__(self) -> None:
        self._start(keeps(type(self), Event, ("_get_loop",)))

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self, "_value", "_waiters")

    def __setstate__(self, state: dict[str, Any]) -> None:
        Event.__init__(self)
        put_state(self, state, "_value", "_waiters")


class Semaphore(_ferrio.Semaphore, locks.Semaphore, metaclass=abc.ABCMeta):  # type: ignore[misc]  # as Lock
    """So many holders at a time, first come first served. `async with semaphore: ...`"""

    def __init__(self, value: int = 1) -> None:
        self._start(value, False, keeps(type(self), Semaphore, ("acquire", "release", "locked", "_get_loop")))

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self, "_value", "_waiters")

    def __setstate__(self, state: dict[str, Any]) -> None:
        Semaphore.__init__(self)
        put_state(self, state, "_value", "_waiters")


class BoundedSemaphore(Semaphore, locks.BoundedSemaphore):  # type: ignore[misc]  # as Lock
    """A semaphore that refuses to be released more often than it was acquired."""

    def __init__(self, value: int = 1) -> None:
        plain = keeps(type(self), BoundedSemaphore, ("acquire", "release", "locked", "_get_loop"))
        self._start(value, True, plain)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_bound_value": self._bound_value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        BoundedSemaphore.__init__(self)
        put_state(self, state, "_value", "_bound_value", "_waiters")


class Condition(_ferrio.Condition, locks.Condition, metaclass=abc.ABCMeta):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Tasks wait under a lock until another task notifies them."""

    _lock: asyncio.Lock

    def __init__(self, lock: asyncio.Lock | None = None) -> None:
        super().__init__(Lock() if lock is None else lock)
        self._start(self._lock, keeps(type(self), Condition, ("_get_loop",)))

    def __getstate__(self) -> dict[str, Any]:
        state = state_of(self, "_waiters")
        for name in ("acquire", "release", "locked"):  # methods of the lock, which those of its copy replace
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        Condition.__init__(self, state["_lock"])
        put_state(self, state, "_waiters")


class Barrier(locks.Barrier, metaclass=abc.ABCMeta):
    """So many tasks wait for each other, then all go on."""

    _cond: asyncio.Condition

    def __init__(self, parties: int) -> None:
        super().__init__(parties)
        self._cond = Condition()


cover(Lock, locks.Lock)
cover(Event, locks.Event)
cover(Semaphore, locks.Semaphore)
cover(BoundedSemaphore, locks.BoundedSemaphore)
cover(Condition, locks.Condition)
cover(Barrier, locks.Barrier)
