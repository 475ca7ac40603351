"""Making loops, and making ferrio's the default: `new_event_loop`, `EventLoopPolicy`, `install`, `uninstall`.

Owns what `install()` has put out of its place: the policy that was in force, asyncio's own names, and the function by
which a loop becomes the running one; what asyncio's loop class makes is in foreign.py. Where there are no policies any
more, `asyncio.new_event_loop` is one of asyncio's names.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, TypedDict, Unpack

from . import _compat, _ferrio, foreign, names
from .unix_events import Loop


class Options(TypedDict, total=False):
    """What a new loop can do beyond asyncio's. Each is a method of the loop, too, where it is explained."""

    keep_tasks: bool
    watchdog: float | None
    nested: bool
    dump_tasks_after: float | None


def new_event_loop(**options: Unpack[Options]) -> Loop:
    """Return a new ferrio event loop.

    keep_tasks=True keeps each task until it is done, watchdog=0.5 reports callbacks that block the loop for so many
    seconds, nested=True lets the loop run inside its own callbacks, dump_tasks_after=5 reports all tasks to
    stderr when one has waited for so many seconds.
    """
    loop = Loop()
    configure(loop, **options)
    return loop


def configure(
    loop: asyncio.AbstractEventLoop,
    *,
    keep_tasks: bool = False,
    watchdog: float | None = None,
    nested: bool = False,
    dump_tasks_after: float | None = None,
) -> None:
    """Give a loop of ferrio's the options of new_event_loop(); another's can have none."""
    if not (keep_tasks or watchdog is not None or nested or dump_tasks_after is not None):
        return
    try:
        if not isinstance(loop, Loop):
            names = "keep_tasks, watchdog, nested and dump_tasks_after"
            raise TypeError(f"{names} need a loop of ferrio's, not {loop!r}")
        if nested:
            loop.allow_nested()
        if keep_tasks:
            loop.keep_tasks()
        if watchdog is not None:
            loop.start_watchdog(watchdog)
        if dump_tasks_after is not None:
            loop.dump_tasks_after(dump_tasks_after)
    except BaseException:
        loop.close()
        raise


class EventLoopPolicy(_compat.DefaultPolicy):  # type: ignore[misc]  # it is whatever the running asyncio has
    """asyncio's default policy with ferrio's loop. The options are those of new_event_loop()."""

    def __init__(self, **options: Unpack[Options]) -> None:
        super().__init__()
        self._options = options

    def _loop_factory(self) -> Loop:
        return new_event_loop(**self._options)


class _Installed:
    """What there was before, and what there is now."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.replaced = names.replace()
        theirs = asyncio.events._set_running_loop
        self.running = _ferrio.Announcing(theirs, foreign.name)
        self.replaced += names.put([("_set_running_loop", theirs, self.running)])
        self.policy = _policy()
        # Held here, or its loop ends with asyncio.events, when it cannot be closed any more.
        self.ours = EventLoopPolicy()
        set_policy(self.ours)
        if not _compat.HAS_POLICIES:
            self.replaced += names.put([("new_event_loop", asyncio.new_event_loop, self.ours._loop_factory)])

        def prepare(self: Loop) -> None:
            configure(self, **installed.options)

        installed, Loop._prepare = self, prepare  # type: ignore[method-assign]
        foreign.begin()

    def undo(self) -> None:
        foreign.end()
        Loop._prepare = _prepare  # type: ignore[method-assign]
        set_policy(self.policy)
        names.restore(self.replaced)


def _policy() -> Any:
    with _compat.using_policies():
        return asyncio.get_event_loop_policy() if _compat.HAS_POLICIES else None


def set_policy(policy: Any) -> None:
    """asyncio.set_event_loop_policy() without its warning, where there are policies."""
    with _compat.using_policies():
        if _compat.HAS_POLICIES:
            asyncio.set_event_loop_policy(policy)


_prepare = Loop._prepare
_lock = threading.Lock()
_installed: _Installed | None = None


def install(**options: Unpack[Options]) -> None:
    """Make ferrio's loop the one that asyncio makes from now on, and ferrio's names asyncio's.

    So `asyncio.sleep` and the like are ferrio's for code that is imported later or looks them up when it runs; code
    that has imported them already goes on with asyncio's, and the two work together. `asyncio.SelectorEventLoop()`,
    `asyncio.EventLoop()` and asyncio's policies make ferrio's loop, too; a class derived from asyncio's loop, and a
    loop with a selector of the program's own, stay asyncio's. Each loop that runs and is not ferrio's is named by a
    RuntimeWarning. The options are those of new_event_loop(), for each loop of ferrio's that is made. Called again it
    sets only the options anew, and the policy, if another was set.
    """
    global _installed
    with _lock:
        if _installed is None:
            _installed = _Installed(options)
        else:
            _installed.options = options
            if not isinstance(_policy(), EventLoopPolicy):
                set_policy(_installed.ours)


def uninstall() -> None:
    """Undo `install()`. Without one it does nothing."""
    global _installed
    with _lock:
        if _installed is not None:
            _installed.undo()
            _installed = None


def has_run() -> bool:
    """Whether a loop of ferrio's has run since install()."""
    return _installed is not None and _installed.running.ours_ran
