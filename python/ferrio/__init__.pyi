"""Types of `import ferrio`: ferrio's own names, then asyncio's public names in the places that are left.

Only in a stub does a star pass names on to every type checker; it stands last, since the first import of a name is
the one that counts. Checked against the module by stubtest.
"""

# isort: skip_file

from ._ferrio import Handle as Handle, TimerHandle as TimerHandle, __version__ as __version__
from .events import (
    EventLoopPolicy as EventLoopPolicy,
    install as install,
    new_event_loop as new_event_loop,
    uninstall as uninstall,
)
from .limits import RateLimiter as RateLimiter
from .runners import Runner as Runner, run as run
from .unix_events import Loop as Loop

EventLoop = Loop

from asyncio import *  # type: ignore[assignment]  # noqa: E402, F403
from asyncio import exceptions as exceptions, subprocess as subprocess  # noqa: E402
