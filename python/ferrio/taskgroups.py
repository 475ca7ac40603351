"""`TaskGroup`: how one is entered and left, and what a failure means. What runs per task is native.

The native part keeps the set of tasks and takes those off that end well; here is what happens once per group, and
what happens when something goes wrong. Differences between releases are asyncio's own.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Task, events, tasks
from types import TracebackType
from typing import Any

from . import _compat, _ferrio

__all__ = ("TaskGroup",)

# Since 3.12.8 and 3.13.1 a group forgets what it knew when it is left.
_FORGETS = hasattr(asyncio.TaskGroup, "_aexit")


def _ends_the_program(error: BaseException | None) -> bool:
    return isinstance(error, (SystemExit, KeyboardInterrupt))


def _is_cancellation(kind: type[BaseException] | None) -> bool:
    if kind is None:
        return False
    return issubclass(kind, CancelledError) if _compat.EXACT_CANCELLATION else kind is CancelledError


class TaskGroup(_compat.CancelsGroup, _ferrio.TaskGroup):
    """Runs tasks and waits for all of them: `async with TaskGroup() as group: group.create_task(...)`.

    The first task that fails cancels the others; what they raise comes out as an ExceptionGroup.
    """

    def __init__(self) -> None:
        self._entered = False
        self._aborting = False
        self._parent_task = None
        self._parent_cancel_requested = False
        self._errors: list[BaseException] | None = []
        self._base_error: BaseException | None = None
        self._cancel_on_enter = False

    def __repr__(self) -> str:
        parts = ["TaskGroup"]
        if self._tasks:
            parts.append(f"tasks={len(self._tasks)}")
        if self._errors:
            parts.append(f"errors={len(self._errors)}")
        if self._aborting:
            parts.append("cancelling")
        elif self._entered:
            parts.append("entered")
        return f"<{' '.join(parts)}>"

    async def __aenter__(self) -> TaskGroup:
        if self._entered:
            raise RuntimeError(f"TaskGroup {self!r} has already been entered")
        if self._loop is None:
            self._loop = events.get_running_loop()
        self._parent_task = tasks.current_task(self._loop)
        if self._parent_task is None:
            raise RuntimeError(f"TaskGroup {self!r} cannot determine the parent task")
        self._entered = self._open = True
        if self._cancel_on_enter:
            self._cancel_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        del trace
        loop: Any = self._loop
        pending: BaseException | None = None
        try:
            cancellation = self._begin_to_leave(kind, error)
            while self._tasks:  # however often the parent is cancelled meanwhile
                self._on_completed_fut = completed = self._on_completed_fut or loop.create_future()
                try:
                    await completed
                except CancelledError as again:
                    pending = again
                    if not self._aborting:
                        cancellation = again
                        self._abort()
                self._on_completed_fut = None
            self._end(kind, error, cancellation, pending)
            # What deserves to be raised was: of the block's own cancellation, which was ours, nothing is left.
            return True if _compat.CANCELS_GROUPS else None
        finally:
            # No cycle of frames and exceptions is left behind.
            kind = error = cancellation = pending = None
            if _FORGETS:
                self._parent_task = self._errors = self._base_error = None

    def _begin_to_leave(self, kind: type[BaseException] | None, error: BaseException | None) -> BaseException | None:
        """What the block was left with; the cancellation to pass on."""
        self._exiting = True
        assert error is None or isinstance(error, BaseException)
        if _ends_the_program(error) and self._base_error is None:
            self._base_error = error
        cancellation = error if _is_cancellation(kind) else None
        if not _compat.EXACT_CANCELLATION:
            cancellation = self._uncancel_parent(cancellation)
        if kind is not None and not self._aborting:
            self._abort()
        return cancellation

    def _end(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        cancellation: BaseException | None,
        pending: BaseException | None,
    ) -> None:
        """All tasks are done: raises what has to be raised. `pending` is the last cancellation of the wait for them."""
        try:
            if self._base_error is not None:
                raise self._base_error
            if _compat.EXACT_CANCELLATION:
                cancellation = self._uncancel_parent(cancellation, pending)
            if cancellation is not None and not self._errors:
                raise cancellation
            if kind is not None and not _is_cancellation(kind) and self._errors is not None:
                self._errors.append(error)  # type: ignore[arg-type]  # not None, or the group below says so
            if self._errors:
                self._keep_cancellation_count()
                if _compat.CANCELS_GROUPS and isinstance(error, GeneratorExit) and len(self._errors) == 1:
                    raise error  # aclose() of an asynchronous generator takes no other
                raise BaseExceptionGroup("unhandled errors in a TaskGroup", self._errors) from None
        finally:
            cancellation = error = pending = None

    def _uncancel_parent(
        self, cancellation: BaseException | None, pending: BaseException | None = None
    ) -> BaseException | None:
        """Take our own request to cancel the parent back: if it was the only one, nothing is passed on.

        Of another, which came while the group waited, `pending` is what was raised there.
        """
        if not self._parent_cancel_requested or self._parent_task is None:
            return cancellation
        if self._parent_task.uncancel() == 0:
            return None
        if cancellation is None and _compat.KEEPS_OTHER_CANCELLATION:
            return pending
        return cancellation

    def _keep_cancellation_count(self) -> None:
        parent: Any = self._parent_task  # there is none in a group that was not entered: that is an error as any
        if _compat.EXACT_CANCELLATION and parent.cancelling():
            parent.uncancel()
            parent.cancel()

    def _abort(self) -> None:
        self._aborting = True
        self._open = False
        for task in list(self._tasks):
            if not task.done():
                task.cancel()

    def _failed(self, task: Task[Any], error: BaseException) -> None:
        """A task of the group has failed. Called by the native part."""
        # A group that was left early, by closing its coroutine, may have forgotten both: that is reported.
        assert self._errors is not None and self._parent_task is not None, "the task group was left already"
        self._errors.append(error)
        if _ends_the_program(error) and self._base_error is None:
            self._base_error = error
        if self._parent_task.done():
            loop: Any = self._loop
            loop.call_exception_handler(
                {
                    "message": f"Task {task!r} has errored out but its parent task {self._parent_task} "
                    "is already completed",
                    "exception": error,
                    "task": task,
                }
            )
        elif not self._aborting and not self._parent_cancel_requested:
            self._cancel_all()

    def _cancel_all(self) -> None:
        self._abort()
        self._cancel_parent()

    def _cancel_parent(self) -> None:
        """Aborts what runs in the block; __aexit__ takes the request back."""
        if self._parent_task is not None and not self._parent_cancel_requested:
            self._parent_cancel_requested = True
            self._parent_task.cancel()
