"""What `acting.py` needs beside its actions: who waits for whom, odd awaitables, groups with an order.

NAMES are what programs use of asyncio. `Waits` keeps programs free of circles. Knows nothing of statements and of
worlds.
"""

import sys
from collections.abc import Callable
from typing import Any

NAMES = [
    "new_event_loop", "Task", "Future", "create_task", "ensure_future", "gather", "shield", "sleep", "wait", "wait_for",
    "timeout", "timeout_at", "TaskGroup", "as_completed", "Lock", "Semaphore", "BoundedSemaphore", "Condition", "Event",
    "Barrier", "Queue", "LifoQueue", "PriorityQueue",
]  # fmt: skip
if sys.version_info >= (3, 12):
    NAMES.append("eager_task_factory")


class Waits:
    """Who may wait for whom.

    A circle would be cancelled for ever, which ends by a RecursionError in the middle of something.
    """

    def __init__(self) -> None:
        self.edges: dict[int, list[Any]] = {}
        self.added: list[Any] = []
        self.alive: list[Any] = []

    def mark(self) -> int:
        return len(self.added)

    def add(self, one: Any, other: Any) -> None:
        if one is not None and one is not other:
            self.alive.append(one)
            self.edges.setdefault(id(one), []).append(other)
        self.added.append(other)

    def add_since(self, mark: int, one: Any) -> None:
        """One waits for what was added since then."""
        for other in self.added[mark:]:
            self.add(one, other)

    def reaches(self, one: Any, other: Any) -> bool:
        seen, todo = set(), [one]
        while todo:
            each = todo.pop()
            if each is other:
                return True
            if id(each) not in seen:
                seen.add(id(each))
                todo += self.edges.get(id(each), ())
        return False


class Odd:
    """Awaited, it gives what a function returns."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def __await__(self) -> Any:
        return self.function()


def ordered(base: type[Any]) -> type[Any]:
    """A group that cancels its tasks in the order in which they were made, where asyncio's set has any order."""

    class Ordered(base):
        def _abort(self) -> None:
            self._aborting = True
            self._open = False
            for task in sorted(self._tasks, key=lambda task: task.get_name()):
                if not task.done():
                    task.cancel()

    return Ordered


def subclass(base: type[Any]) -> type[Any]:
    """A class of tasks that adds nothing."""
    return type("Sub", (base,), {})
