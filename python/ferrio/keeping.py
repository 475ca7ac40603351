"""`KeepsTasks`: the part of the loop that holds on to running tasks, where the program asks for it.

asyncio's own references to a task are weak: one that nobody else refers to and that waits for something just as
forgotten is collected half-way. A loop that keeps its tasks has a reference to each until it is done.
Invariants: no task factory is set, so the program's own goes on working, eager ones included; the loop refers to
itself only until it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class KeepsTasks(asyncio.SelectorEventLoop):
    """What a loop does to keep its tasks."""

    _kept_tasks: set[asyncio.Task[Any]] | None = None

    def keep_tasks(self) -> None:
        """From now on keep each task that create_task() makes, until it is done. Calling it twice does no harm."""
        if self._kept_tasks is not None or self.is_closed():
            return
        kept = self._kept_tasks = set()

        def create_task(coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
            task = type(self).create_task(self, coro, **options)
            if not task.done():  # as one that was started eagerly may be
                kept.add(task)
                task.add_done_callback(kept.discard)
            return task

        # On the instance, so that loops without it pay nothing.
        self.create_task = create_task  # type: ignore[assignment, method-assign]

    def close(self) -> None:
        """Close the loop and let go of the tasks that it still keeps."""
        super().close()
        if self._kept_tasks is not None:
            self._kept_tasks = None
            del self.create_task
