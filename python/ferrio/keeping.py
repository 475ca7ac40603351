"""`KeepsTasks`: the part of the loop that holds on to running tasks, where the program asks for it.

asyncio's own references to a task are weak: one that nobody else refers to and that waits for something just as
forgotten is collected half-way. A loop that keeps its tasks has each native one hold on to itself until it is done, and
what a task factory makes otherwise in a set. The collector is told that the loop keeps them: a loop that is garbage
takes its tasks along. Invariant: nothing is kept once the loop is closed, nor when the interpreter ends. What is still
pending then is reported as destroyed, as asyncio's is, though the loop may be held until the last.
"""

from __future__ import annotations

import asyncio
import atexit
import weakref
from typing import TYPE_CHECKING, Any


class KeepsTasks(asyncio.SelectorEventLoop):
    """What a loop does to keep its tasks."""

    if TYPE_CHECKING:  # native
        _keeps_tasks: bool
        _let_tasks_go: Any

    _foreign_tasks: set[asyncio.Task[Any]] | None = None

    def keep_tasks(self) -> None:
        """From now on keep each task that is made until it is done. Calling it twice does no harm."""
        self._keeps_tasks = not self.is_closed()
        _keeping.add(self)

    def close(self) -> None:
        """Close the loop and let go of the tasks that it still keeps."""
        super().close()
        self._keep_nothing()

    def _keep_nothing(self) -> None:
        if self._keeps_tasks:
            self._foreign_tasks = None
            self._let_tasks_go()

    def _keep_foreign(self, task: asyncio.Task[Any]) -> None:
        if self._foreign_tasks is None:
            self._foreign_tasks = set()
        if not task.done():  # as one that was started eagerly may be
            self._foreign_tasks.add(task)
            task.add_done_callback(self._foreign_tasks.discard)


_keeping: weakref.WeakSet[KeepsTasks] = weakref.WeakSet()


@atexit.register
def _end() -> None:
    """After whatever the program registered: `ferrio run` imports this first."""
    for loop in list(_keeping):
        loop._keep_nothing()
