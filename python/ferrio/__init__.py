"""ferrio: asyncio, in Rust.

    import ferrio

    ferrio.run(main())                                        # like asyncio.run()
    asyncio.run(main(), loop_factory=ferrio.new_event_loop)   # Python 3.12 or later
    ferrio.install()                                          # from now on asyncio makes ferrio's loops

This module only gathers names; what they mean is in the modules they come from, which are called as asyncio's
are.
"""

from ._ferrio import Handle, TimerHandle, __version__
from .events import EventLoopPolicy, install, new_event_loop, uninstall
from .futures import Future, Task
from .runners import run
from .tasks import show_native_tasks
from .unix_events import Loop

__all__ = (
    "EventLoopPolicy",
    "Future",
    "Handle",
    "Loop",
    "Task",
    "TimerHandle",
    "__version__",
    "install",
    "new_event_loop",
    "run",
    "uninstall",
)

show_native_tasks()
