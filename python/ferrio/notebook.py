"""Notebooks: `%load_ext ferrio`, and what the kernel of kernel.py begins with.

A notebook's kernel runs its loop before the first cell, so that `asyncio.run()` in a cell is an error. Here it is none:

* Where the kernel runs on ferrio, a run in a cell is one inside the kernel's (nested.py).
* Where it runs on another loop, which no extension can replace while it runs, that loop is put aside for the time of
  the run, as it is for any cell without `await`. The run has a loop of ferrio's. Top-level `await` stays the kernel's.
* In IPython at a terminal no loop runs between inputs: its idle one is closed, and the next that it makes is ferrio's.

Invariant: IPython is imported only where it is what loads the extension.
"""

from __future__ import annotations

import _asyncio
import asyncio
import contextlib
import sys
from asyncio import tasks as _tasks
from collections.abc import Callable, Coroutine, Iterator
from importlib import import_module
from typing import Any, TypeVar

from .events import install, uninstall
from .runners import run as _run
from .unix_events import Loop

_T = TypeVar("_T")

_OPTIONS: dict[str, Any] = {"keep_tasks": True, "nested": True}  # of each loop that is made
STAYS = (
    "ferrio: asyncio.run() and ferrio.run() run on ferrio from now on; {what} stays on {whose}. "
    "For a kernel that is ferrio's from the beginning: ferrio kernel install"
)


def run(
    main: Coroutine[Any, Any, _T],
    *,
    debug: bool | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    **options: Any,
) -> _T:
    """`asyncio.run()` and `ferrio.run()` in a notebook, where a loop may be running already."""
    running = asyncio._get_running_loop()
    if isinstance(running, Loop) and running.allows_nested():
        return _inside(running, main)
    with _aside(running) if running else contextlib.nullcontext():
        if loop_factory is None:
            options = _OPTIONS | options
        return _run(main, debug=debug, loop_factory=loop_factory, **options)


def enable() -> None:
    """Install ferrio, and put `run` in the place of asyncio's and ferrio's."""
    install(**_OPTIONS)
    for module in _homes():
        if module.run is not run:
            _replaced.append((module, module.run))
            module.run = run


def disable() -> None:
    """Undo enable()."""
    while _replaced:
        module, before = _replaced.pop()
        if module.run is run:
            module.run = before
    uninstall()


def load_ipython_extension(ipython: Any) -> None:
    """Called by `%load_ext ferrio`."""
    enable()
    running = asyncio._get_running_loop()
    if isinstance(running, Loop):
        running.allow_nested()
    elif running is not None:
        print(STAYS.format(what="top-level await", whose=f"this kernel's own loop, which is {_owner(running)}'s"))
    elif not _renew_idle_loop():
        print(STAYS.format(what="top-level await", whose="IPython's loop, which has tasks"))


def unload_ipython_extension(ipython: Any) -> None:
    """Called by `%unload_ext ferrio`."""
    disable()


def _renew_idle_loop() -> bool:
    """IPython's loop at a terminal: from now on one of ferrio's, unless somebody has tasks on it."""
    loop = import_module("IPython.core.async_helpers").get_asyncio_loop()
    if isinstance(loop, Loop):
        return True
    if asyncio.all_tasks(loop):
        return False
    loop.close()
    return True


def _inside(running: Loop, main: Coroutine[Any, Any, _T]) -> _T:
    """Run in the run of the kernel, where nothing may go on of a cell that was interrupted."""
    task = asyncio.ensure_future(main, loop=running)
    try:
        return running.run_until_complete(task)
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                running.run_until_complete(task)


@contextlib.contextmanager
def _aside(running: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Inside, no loop runs on this thread, as far as anybody can see."""
    task = _tasks.current_task(running)
    if task is not None:
        _tasks._leave_task(running, task)
    _asyncio._set_running_loop(None)
    try:
        yield
    finally:
        _asyncio._set_running_loop(running)  # unannounced: it does not begin to run
        if task is not None:
            _tasks._enter_task(running, task)


def _homes() -> tuple[Any, ...]:
    names = ("asyncio", "asyncio.runners", "ferrio", "ferrio.runners")
    return tuple(sys.modules[name] for name in names)


def _owner(loop: asyncio.AbstractEventLoop) -> str:
    return type(loop).__module__.partition(".")[0]


_replaced: list[tuple[Any, Any]] = []
