"""`NestedRuns`: the part of the loop that lets run_until_complete() be called while it runs, where the program asks.

An inner run is the same loop: it runs whatever is ready, other tasks too, until its own future is done, and then
gives control back to the callback that called it. So runs end in the reverse order of their beginning: an outer run
whose future is done meanwhile waits for the inner one. What costs: the outer callback is interrupted at a place
where it has no `await`, so its data may be changed there by others.

stop() ends the innermost run, whose caller gets asyncio's RuntimeError, and then those around it. An exception
that leaves a loop, such as KeyboardInterrupt, leaves the inner run and goes through its caller as any other. The
first Ctrl-C cancels the main task, as ever, and where that one is the caller it learns of it at its next `await`.
Invariants: the current task is put aside for the time of an inner run, and back whatever happens.
"""

from __future__ import annotations

import _asyncio
import asyncio
import functools
import threading
from asyncio import events, futures, tasks
from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

_T = TypeVar("_T")

LIMIT = 50  # of runs inside each other: far more than programs mean to have, far less than the stack can take


class NestedRuns(asyncio.SelectorEventLoop):
    """What a loop does to run inside its own callbacks."""

    if TYPE_CHECKING:  # asyncio's own, of which its stubs know nothing
        _check_closed: Any
        _explain_interrupt: Any
        _run_outermost: Any
        _run_turns: Any
        _stopping: bool
        _thread_id: int | None

    # Not by way of asyncio.SelectorEventLoop, whose class nest_asyncio patches where it meets one of asyncio's loops.
    run_until_complete = asyncio.BaseEventLoop.run_until_complete

    _nested = False
    # The future that each run waits for, outermost first; None in run_forever().
    _runs: list[asyncio.Future[Any] | None]

    def allow_nested(self) -> None:
        """Let run_until_complete() and run_forever() be called on this loop's thread while it runs.

        Call it before the loop runs: a run that began earlier takes those inside it along when it ends.
        """
        if not self._nested and not self.is_closed():
            self._nested = True
            # On the instance: other loops pay nothing, and their tracebacks have no frame more than asyncio's.
            self.run_until_complete = self._run_until_complete  # type: ignore[method-assign]

    def allows_nested(self) -> bool:
        """Whether allow_nested() was called."""
        return self._nested

    @property
    def _nest_patched(self) -> bool:
        """nest_asyncio.apply() asks for this name, and patches a loop that lacks it. Here asking allows nested runs."""
        self.allow_nested()
        _take_c_classes_back()
        return True

    def close(self) -> None:
        """Close the loop, which then refers to itself no longer."""
        super().close()
        vars(self).pop("run_until_complete", None)

    def _run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
        """Run until the future is done and return its result or raise its exception."""
        self._check_closed()
        self._check_running()
        is_new = not asyncio.isfuture(future)
        awaited: asyncio.Future[_T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]  # generators raise
        if is_new:
            awaited._log_destroy_pending = False  # type: ignore[attr-defined]  # private, hence without types
        finished = functools.partial(self._stop_if_innermost)  # an object of its own, hence removed alone
        awaited.add_done_callback(finished)
        try:
            self._run(awaited)
        except BaseException:
            if is_new and awaited.done() and not awaited.cancelled():
                awaited.exception()  # it was raised here, and need not be reported once more
            raise
        finally:
            awaited.remove_done_callback(finished)
        if not awaited.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return awaited.result()

    def _run(self, awaited: asyncio.Future[Any] | None) -> None:
        """Run until stop(), outermost or inside."""
        if not self.is_running():
            self._runs.clear()  # of a run that Ctrl-C took the time from to tell that it was over
        self._runs.append(awaited)
        try:
            if len(self._runs) == 1:
                self._run_outermost()
            else:
                self._run_inside(awaited, self._runs[-2])
        except KeyboardInterrupt:
            self._explain_interrupt()
            raise
        finally:
            self._runs.pop()

    def _run_inside(self, awaited: asyncio.Future[Any] | None, outer: asyncio.Future[Any] | None) -> None:
        was_stopping, self._stopping = self._stopping, False
        task = tasks.current_task(self)
        if task is not None:
            tasks._leave_task(self, task)
        told = False
        try:
            self._run_turns()
            told = awaited is not None and not awaited.done()
        finally:
            if task is not None:
                tasks._enter_task(self, task)
            self._stopping = was_stopping or told or (outer is not None and outer.done())

    def _stop_if_innermost(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and isinstance(future.exception(), SystemExit | KeyboardInterrupt):
            return  # it leaves the loop by itself
        if self._runs and self._runs[-1] is future:
            self.stop()

    def _check_running(self) -> None:
        inside = self._nested and self._thread_id == threading.get_ident() and events._get_running_loop() is self
        if not inside:
            asyncio.BaseEventLoop._check_running(self)  # type: ignore[attr-defined]  # private, hence without types
        elif len(self._runs) >= LIMIT:
            raise RuntimeError(f"the event loop runs inside itself {LIMIT} times: await, or create tasks, instead")


def _take_c_classes_back() -> None:
    """nest_asyncio has put Python's classes in the place of C's, of which native tasks and futures are subclasses."""
    for module, name, python, theirs in (
        (tasks, "Task", tasks._PyTask, _asyncio.Task),  # type: ignore[attr-defined]  # private, hence without types
        (futures, "Future", futures._PyFuture, _asyncio.Future),  # type: ignore[attr-defined]
    ):
        for home, attribute in ((asyncio, name), (module, name), (module, f"_C{name}")):
            if getattr(home, attribute) is python:
                setattr(home, attribute, theirs)
