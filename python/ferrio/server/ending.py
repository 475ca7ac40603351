"""`shutting_down()`: how an application learns that its server is about to end. Must not know servers."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

_events: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def shutting_down() -> asyncio.Event:
    """The event that is set once a server on the running loop begins to shut down, before it waits for open answers.

    A stream without an end looks at it, or waits for it, and ends itself. Under servers that are not ferrio's it is
    never set.
    """
    return _events.setdefault(asyncio.get_running_loop(), asyncio.Event())


def begin() -> None:
    """A server starts: what one before it on this loop has set is over."""
    if shutting_down().is_set():
        del _events[asyncio.get_running_loop()]
