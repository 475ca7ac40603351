"""What native tasks and functions have of asyncio.tasks: its own functions, and how tasks look.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

import _asyncio
import asyncio
import inspect
from asyncio import base_tasks, coroutines, tasks, timeouts
from asyncio.coroutines import iscoroutine
from typing import Any

from .._compat import spawn

__all__ = ("iscoroutine", "spawn")

task_repr = base_tasks._task_repr


def step_failed(task: Any, error: BaseException) -> None:
    """Report that a step of a task could not be done at all."""
    task.get_loop().call_exception_handler(
        {"message": f"Exception in a step of {task!r}", "exception": error, "task": task}
    )


# asyncio's own functions, whatever is installed later: native ones fall back on them, and show their signatures.
_originals: dict[str, Any] = {
    name: getattr(module, name)
    for module, names in {
        tasks: ("create_task", "eager_task_factory", "ensure_future", "gather", "shield", "sleep", "wait", "wait_for"),
        timeouts: ("timeout", "timeout_at"),
    }.items()
    for name in names
    if hasattr(module, name)
}
sleep = _originals["sleep"]
wait_for = _originals["wait_for"]
_ensure_future = getattr(tasks, "_ensure_future", _originals["ensure_future"])


def of_original(name: str, attribute: str) -> Any:
    """An attribute of a native function as that of asyncio's would be."""
    if attribute == "__signature__":
        return inspect.signature(_originals[name])
    if attribute == "_is_coroutine":
        return coroutines._is_coroutine  # type: ignore[attr-defined]  # private, hence without types
    if attribute == "_is_coroutine_marker":
        mark: Any = vars(inspect)["markcoroutinefunction"]  # since Python 3.12, before which nobody asks
        return mark(lambda: None)._is_coroutine_marker
    return getattr(_originals[name], attribute)


def ensure_future(awaitable: Any, loop: asyncio.AbstractEventLoop | None) -> asyncio.Future[Any]:
    """A future for anything that asyncio takes."""
    future: asyncio.Future[Any] = _ensure_future(awaitable, loop=loop)
    return future


# What of these a release lacks is not asked for there.
_log_on_exception = getattr(tasks, "_log_on_exception", None)


def log_shielded(inner: asyncio.Future[Any]) -> None:
    """Report what a future raises whose shield was cancelled: once, however many there were."""
    callback: Any = _log_on_exception
    inner.remove_done_callback(callback)
    inner.add_done_callback(callback)


class _Nobody:
    """In the place of a loop: never runs anything."""

    def get_debug(self) -> bool:
        return False

    def call_soon(self, *_: Any, **_names: Any) -> None:
        pass


def specimens() -> tuple[Any, Any, Any, Any, str]:
    """Two tasks of asyncio's own and a future, to be looked at; the coroutine and the name of the first."""

    async def nothing() -> None:
        pass

    nobody: Any = _Nobody()
    coroutines, name = (nothing(), nothing()), "specimen"
    first, second = (_asyncio.Task(each, loop=nobody, name=name) for each in coroutines)
    for task, coroutine in zip((first, second), coroutines, strict=True):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # private, hence without types
        coroutine.close()
    return first, second, _asyncio.Future(loop=nobody), coroutines[0], name


async def awaiting(awaitable: Any) -> Any:
    """What `await` does with it."""
    return await awaitable
