"""Making loops, and making ferrio's the default: `new_event_loop`, `EventLoopPolicy`, `install`, `uninstall`.

Owns what `install()` has put out of its place: the policy that was in force, and asyncio's own names. Where there are
no policies any more, `asyncio.new_event_loop` is one of these names.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TypedDict, Unpack

from . import _compat, names
from .unix_events import Loop


class Options(TypedDict, total=False):
    """What a new loop can do beyond asyncio's. Each is a method of the loop, too, where it is explained."""

    keep_tasks: bool
    watchdog: float | None
    nested: bool


def new_event_loop(**options: Unpack[Options]) -> Loop:
    """Return a new ferrio event loop.

    keep_tasks=True keeps each task until it is done, watchdog=0.5 reports callbacks that block the loop for so many
    seconds, nested=True lets the loop run inside its own callbacks.
    """
    loop = Loop()
    configure(loop, **options)
    return loop


def configure(
    loop: asyncio.AbstractEventLoop, *, keep_tasks: bool = False, watchdog: float | None = None, nested: bool = False
) -> None:
    """Give a loop of ferrio's the options of new_event_loop(); another's can have none."""
    if not (keep_tasks or watchdog is not None or nested):
        return
    try:
        if not isinstance(loop, Loop):
            raise TypeError(f"keep_tasks, watchdog and nested need a loop of ferrio's, not {loop!r}")
        if nested:
            loop.allow_nested()
        if keep_tasks:
            loop.keep_tasks()
        if watchdog is not None:
            loop.start_watchdog(watchdog)
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
    """What there was before."""

    def __init__(self, options: Options) -> None:
        self.replaced = names.replace()
        self.ours = EventLoopPolicy(**options)
        if not _compat.HAS_POLICIES:
            self.replaced += names.put("new_event_loop", asyncio.new_event_loop, self.ours._loop_factory)
            return
        with _compat.using_policies():
            self.policy = asyncio.get_event_loop_policy()
            asyncio.set_event_loop_policy(self.ours)

    def undo(self) -> None:
        if _compat.HAS_POLICIES:
            with _compat.using_policies():
                asyncio.set_event_loop_policy(self.policy)
        names.restore(self.replaced)


_lock = threading.Lock()
_installed: _Installed | None = None


def install(**options: Unpack[Options]) -> None:
    """Make ferrio's loop the one that asyncio makes from now on, and ferrio's names asyncio's.

    So `asyncio.sleep` and the like are ferrio's for code that is imported later or looks them up when it runs; code
    that has imported them already goes on with asyncio's, and the two work together. The options are those of
    new_event_loop(), for each loop that is made. Called again it sets only the options anew.
    """
    global _installed
    with _lock:
        if _installed is None:
            _installed = _Installed(options)
        else:
            _installed.ours._options = options


def uninstall() -> None:
    """Undo `install()`. Without one it does nothing."""
    global _installed
    with _lock:
        if _installed is not None:
            _installed.undo()
            _installed = None
