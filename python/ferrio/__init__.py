"""ferrio: asyncio, in Rust.

    import ferrio

    ferrio.run(main())                                        # like asyncio.run()
    asyncio.run(main(), loop_factory=ferrio.new_event_loop)   # Python 3.12 or later
    ferrio.install()                                          # from now on asyncio makes ferrio's loops
    import ferrio as asyncio                                  # every public name of asyncio's is here

This module only gathers names; what they mean is in the modules they come from, which are called as asyncio's
are. Public names that ferrio has not got itself are asyncio's.
"""

import asyncio

# Exactly asyncio.__all__ of the Python that runs.
from asyncio import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from asyncio import TaskGroup, exceptions, subprocess  # the first is not in the __all__ of Python 3.11

from ._ferrio import Handle, TimerHandle, __version__
from .events import EventLoopPolicy, install, new_event_loop, uninstall
from .futures import Future, Task
from .limits import RateLimiter
from .runners import Runner, run
from .streams import (
    StreamReader,
    StreamReaderProtocol,
    StreamWriter,
    open_connection,
    open_unix_connection,
    start_server,
    start_unix_server,
)
from .tasks import show_native_tasks
from .unix_events import Loop

EventLoop = Loop  # as asyncio calls its best loop from Python 3.13 on

# What ferrio has of its own, in the place of asyncio's or beside it; the types are in __init__.pyi.
__all__ = [
    "EventLoop",
    "EventLoopPolicy",
    "Future",
    "Handle",
    "Loop",
    "RateLimiter",
    "Runner",
    "StreamReader",
    "StreamReaderProtocol",
    "StreamWriter",
    "Task",
    "TaskGroup",
    "TimerHandle",
    "__version__",
    "exceptions",
    "install",
    "new_event_loop",
    "open_connection",
    "open_unix_connection",
    "run",
    "start_server",
    "start_unix_server",
    "subprocess",
    "uninstall",
]
__all__ += [name for name in asyncio.__all__ if name not in __all__]

show_native_tasks()
