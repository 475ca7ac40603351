"""Loops that are not ferrio's, while ferrio is installed: few are still made, and each that runs is named.

`asyncio.DefaultEventLoopPolicy`, `asyncio.EventLoop` and whoever writes `asyncio.SelectorEventLoop()` call one class.
It stays the same object, so that `isinstance()` holds and names that were imported before are reached, but called by
itself it makes ferrio's loop. What is asyncio's own still: a class derived from it, which may reach into what ferrio's
loop does not have, and a loop for a selector of the program's own, which ferrio's poller cannot take the place of.

Invariant: a method `__new__`, once set, stays: CPython has a class that lost one refuse arguments. Without install()
this one does what `object.__new__()` did.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from types import FrameType
from typing import Any

from .unix_events import Loop, is_usual

STOCK: Any = asyncio.SelectorEventLoop

_active = False
_named: set[tuple[str, str, int]] = set()
_MADE_AT = "_ferrio_made_at"


def begin() -> None:
    """From now on asyncio's loop class makes ferrio's loops."""
    global _active
    STOCK.__new__ = _new
    _active = True
    _named.clear()


def end() -> None:
    """Undo begin()."""
    global _active
    _active = False


def name(loop: asyncio.AbstractEventLoop) -> None:
    """Warn of a loop that is about to run; once for each class and place."""
    kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
    made_at = getattr(loop, "__dict__", {}).get(_MADE_AT)
    file, line = made_at or _place(sys._getframe(1))
    if (kind, file, line) in _named:
        return
    where = "made" if made_at else "run"
    text = f"an event loop of {kind}, {where} here, is not ferrio's: {_remedy(loop, made_at is not None)}"
    _named.add((kind, file, line))
    try:
        warnings.warn_explicit(text, RuntimeWarning, file, line)
    except RuntimeWarning:  # warnings are errors; but here one would leave a loop that seems to run (Python 3.14)
        warnings.showwarning(text, RuntimeWarning, file, line)


def named() -> bool:
    """Whether there was a loop to warn of."""
    return bool(_named)


def _new(cls: type, *args: Any, **kwargs: Any) -> Any:
    if _active and cls is STOCK and _asks_for_no_more(*args, **kwargs):
        return Loop.__new__(Loop)  # whose __init__() is called next, with the same arguments
    new: Any = super(STOCK, cls).__new__
    loop = new(cls) if new is object.__new__ else new(cls, *args, **kwargs)
    if _active and isinstance(loop, STOCK):
        loop.__dict__[_MADE_AT] = _place(sys._getframe(1))
    return loop


def _asks_for_no_more(selector: object = None, *others: object, **unknown: object) -> bool:
    return not others and not unknown and is_usual(selector)


def _place(frame: FrameType | None) -> tuple[str, int]:
    """The innermost place outside asyncio."""
    first = frame
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in ("asyncio", "ferrio"):
        frame = frame.f_back
    frame = frame or first
    return ("<unknown>", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _remedy(loop: asyncio.AbstractEventLoop, made_while_active: bool) -> str:
    if isinstance(loop, STOCK) and type(loop) is not STOCK:
        return "derive the class from ferrio.Loop"
    if isinstance(loop, STOCK):
        return "make it without a selector" if made_while_active else "make it after ferrio.install()"
    if type(loop).__module__.partition(".")[0] in ("uvloop", "rloop"):
        return "make it with ferrio.new_event_loop, or start the program by `ferrio run`, without --keep-uvloop"
    return "make it with ferrio.new_event_loop, or derive the class from ferrio.Loop"
