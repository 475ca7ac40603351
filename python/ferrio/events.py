"""Making loops, and making ferrio's the default: `new_event_loop`, `EventLoopPolicy`, `install`, `uninstall`.

Owns the policy that was in force before `install()`. Python 3.14 deprecates policies, but they are still how
a default is set, so what asyncio warns of there is silenced here: nobody who calls `install()` asked for a
policy.
"""

from __future__ import annotations

import asyncio
import warnings

from .unix_events import Loop


def new_event_loop() -> Loop:
    """Return a new ferrio event loop."""
    return Loop()


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    _DefaultPolicy: type[asyncio.AbstractEventLoopPolicy] = asyncio.DefaultEventLoopPolicy


class EventLoopPolicy(_DefaultPolicy):  # type: ignore[misc, valid-type]
    """asyncio's default policy with ferrio's loop."""

    _loop_factory = Loop


_before: list[asyncio.AbstractEventLoopPolicy] = []


def install() -> None:
    """Make ferrio's loop the one that asyncio makes from now on. Calling it twice does no harm."""
    if not _before:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            _before.append(asyncio.get_event_loop_policy())
            asyncio.set_event_loop_policy(EventLoopPolicy())


def uninstall() -> None:
    """Undo `install()`. Without one it does nothing."""
    if _before:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            asyncio.set_event_loop_policy(_before.pop())
