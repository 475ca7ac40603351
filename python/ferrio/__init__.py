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
from .taskgroups import TaskGroup
from .tasks import create_task, ensure_future, gather, shield, show_native_tasks, sleep, wait, wait_for
from .timeouts import Timeout, timeout, timeout_at
from .unix_events import Loop

__all__ = (
    "EventLoopPolicy",
    "Future",
    "Handle",
    "Loop",
    "Task",
    "TaskGroup",
    "Timeout",
    "TimerHandle",
    "__version__",
    "create_task",
    "ensure_future",
    "gather",
    "install",
    "new_event_loop",
    "run",
    "shield",
    "sleep",
    "timeout",
    "timeout_at",
    "uninstall",
    "wait",
    "wait_for",
)

show_native_tasks()
