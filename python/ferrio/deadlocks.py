"""Who holds what, who waits for whom, and the tasks that wait in a circle: `Web`.

A holder is what a lock or a semaphore has recorded (`_holders`, while somebody watches) or, where it has not, the task
in whose coroutines an `async with` of it is left open: the interpreter keeps the `__aexit__` to call. What was acquired
otherwise has no holder that is known.

A task is blocked if what it waits for takes a blocked task: the one that holds the lock, all that hold the semaphore,
one of those that `gather()` or a group waits for, all of those of which one is enough. Blocked for good is what remains
when all others are taken out.
"""

from __future__ import annotations

import asyncio
import gc
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import _ferrio
from .locks import Condition, Lock, Semaphore
from .waiting import LIMIT, ONE, WAITS, Standing, acquired, attempt, qualified_name

PARENTS: dict[str, Callable[[Any], list[Any]]] = {
    "task": lambda task: [task],
    "gather()": lambda future: list(future._children),
    "TaskGroup": lambda group: list(group._tasks),
    "wait()": list,
    "as_completed()": list,
}
"""What knows the tasks that are waited for, and the futures, by the kind of wait."""


class Web:
    """Who waits for whom, among these tasks."""

    def __init__(self, standings: Iterable[Standing]) -> None:
        self._standings = {id(each.task): each for each in standings}
        self._order = {key: number for number, key in enumerate(self._standings)}
        self._left_open = self._find_left_open()
        self._children = self._find_children()
        self.blocked = self._find_blocked()

    def holders(self, standing: Standing) -> list[Any]:
        """The tasks that hold what this one waits for, as far as that is known."""
        lock = self._lock_of(standing)
        if lock is None or not attempt(lambda: bool(lock.locked()), otherwise=False):
            return []
        recorded = attempt(lambda: list(lock._holders), otherwise=list[Any]())
        return recorded or self._left_open.get(id(lock), [])

    def children(self, standing: Standing) -> list[Any]:
        """The tasks that this one waits for: as they know, or as what it waits for does."""
        parts = sorted((task for task in _parts(standing) if id(task) in self), key=lambda task: self._order[id(task)])
        return parts or self._children.get(id(standing.task), [])

    def others(self, standing: Standing) -> list[Any]:
        """What this one waits for besides: futures that anybody may set a result of, and that are not done."""
        parts = [part for part in _parts(standing) if id(part) not in self]
        return [part for part in parts if not attempt(lambda: bool(part.done()), otherwise=True)]  # noqa: B023

    def __contains__(self, key: int) -> bool:
        """Whether it has a task with this key."""
        return key in self._standings

    def circles(self) -> Iterator[list[Standing]]:
        """The tasks that wait for each other, each circle once."""
        seen: set[int] = set()
        for start in self.blocked:
            path: list[int] = []
            key = start
            while key not in seen:
                seen.add(key)
                path.append(key)
                key = next(id(task) for task in self._needs(self._standings[key]) if id(task) in self.blocked)
            if key in path:
                yield [self._standings[each] for each in path[path.index(key) :]]

    def _lock_of(self, standing: Standing) -> Any:
        """The lock or semaphore that it waits for; of a condition, the lock to take after it was notified."""
        if standing.kind in ("Lock", "Semaphore"):
            return standing.target
        if standing.kind == "Condition" and attempt(lambda: bool(standing.chain[-1]._phase), otherwise=False):
            return standing.target._lock
        if standing.kind == "Condition" and any(_called(each) == "Lock.acquire" for each in standing.chain):
            return standing.target._lock
        return None

    def _needs(self, standing: Standing) -> list[Any]:
        return self.holders(standing) or self.children(standing)

    def _find_left_open(self) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        for standing in self._standings.values():
            for lock in attempt(_held_by, standing, otherwise=list[Any]()):
                found.setdefault(id(lock), []).append(standing.task)
        return found

    def _find_children(self) -> dict[int, list[Any]]:
        children: dict[int, list[Any]] = {}
        for task in [each.task for each in self._standings.values()]:
            parents = attempt(_ferrio._waiting_for, task, otherwise=list[Any]())
            noted = [each for each in attempt(_noted, task, otherwise=list[Any]()) if self._waits_for_future(each)]
            for key in {id(each): None for each in [*parents, *noted]}:
                children.setdefault(key, []).append(task)
        return children

    def _waits_for_future(self, task: Any) -> bool:
        """Which may be what `shield()` or `gather()` gives, and not a lock or a queue."""
        standing = self._standings.get(id(task))
        return standing is not None and isinstance(standing.target, asyncio.Future)

    def _find_blocked(self) -> dict[int, None]:
        """Those whose wait will not end: ordered, by their keys."""
        blocked = {key: None for key, each in self._standings.items() if each.state == WAITS and self._needs(each)}
        while out := [key for key in blocked if not self._is_blocked(self._standings[key], blocked)]:
            for key in out:
                del blocked[key]
        return blocked

    def _is_blocked(self, standing: Standing, blocked: dict[int, None]) -> bool:
        holders = self.holders(standing)
        if holders:
            return all(id(task) in blocked for task in holders)
        children = [id(task) in blocked for task in self.children(standing)]
        if standing.until == LIMIT:
            return False
        return all(children) and not self.others(standing) if standing.until == ONE else any(children)


def _parts(standing: Standing) -> list[Any]:
    parts = PARENTS.get(standing.kind)
    return [] if parts is None else attempt(parts, standing.target, otherwise=list[Any]())


def _called(coroutine: Any) -> str:
    return attempt(qualified_name, coroutine, otherwise="")


def _held_by(standing: Standing) -> list[Any]:
    """What the `async with` of a task's coroutines are to give back."""
    found = []
    for index, coroutine in enumerate(standing.chain):
        held = list(_to_leave(coroutine))
        if held and any(_called(each).endswith("__aenter__") for each in standing.chain[index + 1 : index + 2]):
            held.pop()  # which it is about to enter
        found += held
    # A condition that is waited for has given its lock back.
    given_back = acquired(standing.target) if standing.kind == "Condition" else None
    return [lock for lock in found if lock is not given_back]


def _to_leave(coroutine: Any) -> Iterator[Any]:
    """The locks and semaphores whose `__aexit__` a coroutine is to call: as methods or, from Python 3.14 on, apart."""
    before: Any = None
    for each in gc.get_referents(coroutine):
        owner = each.__self__ if type(each) in _METHODS and each.__name__ == "__aexit__" else None
        if type(before) in _FUNCTIONS and before.__name__ == "__aexit__":
            owner = each
        if issubclass(type(owner), _KINDS):
            yield acquired(owner)
        before = each


def _noted(task: Any) -> list[Any]:
    """Who awaits a task by way of asyncio's own code, from Python 3.14 on: whatever they are at."""
    return list(getattr(task, "_asyncio_awaited_by", None) or ())


_KINDS: tuple[type, ...] = (Lock, Semaphore, Condition)
_FUNCTIONS: tuple[type, ...] = (types.FunctionType, types.MethodDescriptorType, type(vars(_ferrio.Lock)["__aexit__"]))
_METHODS: tuple[type, ...] = (types.MethodType, types.BuiltinMethodType, type(Lock().__aexit__))
