"""ferrio: asyncio, in Rust.

    import ferrio

    ferrio.run(main())                                        # like asyncio.run()
    asyncio.run(main(), loop_factory=ferrio.new_event_loop)   # Python 3.12 or later
    ferrio.install()                                          # from now on asyncio makes ferrio's loops
    import ferrio as asyncio                                  # every public name of asyncio's is here

This module only gathers names; what they mean is in the modules they come from, which are called as asyncio's
are. Public names that ferrio has not got itself are asyncio's.

PYTEST_DONT_REWRITE: pytest looks for this word, or warns of a package with a plugin that was imported before it, as
`ferrio run -m pytest` does.
"""

import asyncio
import os
import sys

# Exactly asyncio.__all__ of the Python that runs.
from asyncio import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from asyncio import exceptions, subprocess

# First: on a release that is not known it says so, before anything else can fail there.
from . import _compat

try:
    from . import _ferrio
except ImportError as error:
    if "subinterpreter" not in str(error):
        raise
    raise ImportError(
        "ferrio works in the main interpreter of a process only: import it there (mod_wsgi: WSGIApplicationGroup "
        "%{GLOBAL}; uWSGI: single-interpreter = true), or start processes instead of interpreters"
    ) from None
from ._ferrio import Handle, TimerHandle, __version__
from .dump import dump_tasks
from .events import EventLoopPolicy, install, new_event_loop, uninstall
from .futures import Future, Task
from .limits import RateLimiter
from .locks import Barrier, BoundedSemaphore, BrokenBarrierError, Condition, Event, Lock, Semaphore
from .queues import LifoQueue, PriorityQueue, Queue, QueueEmpty, QueueFull, QueueShutDown
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
from .taskgroups import TaskGroup
from .tasks import as_completed, create_task, ensure_future, gather, shield, show_native_tasks, sleep, wait, wait_for
from .timeouts import Timeout, timeout, timeout_at
from .unix_events import Loop

if _compat.EAGER_TASKS:
    from .tasks import eager_task_factory as eager_task_factory

EventLoop = Loop  # as asyncio calls its best loop from Python 3.13 on

# What ferrio has of its own, in the place of asyncio's or beside it; the types are in __init__.pyi.
__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Event",
    "EventLoop",
    "EventLoopPolicy",
    "Future",
    "Handle",
    "LifoQueue",
    "Lock",
    "Loop",
    "PriorityQueue",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "QueueShutDown",
    "RateLimiter",
    "Runner",
    "Semaphore",
    "StreamReader",
    "StreamReaderProtocol",
    "StreamWriter",
    "Task",
    "TaskGroup",
    "Timeout",
    "TimerHandle",
    "__version__",
    "as_completed",
    "create_task",
    "dump_tasks",
    "ensure_future",
    "exceptions",
    "gather",
    "install",
    "new_event_loop",
    "open_connection",
    "open_unix_connection",
    "run",
    "shield",
    "sleep",
    "start_server",
    "start_unix_server",
    "subprocess",
    "timeout",
    "timeout_at",
    "uninstall",
    "wait",
    "wait_for",
]
__all__ += [name for name in asyncio.__all__ if name not in __all__]


def load_ipython_extension(ipython: object) -> None:
    """Called by IPython for `%load_ext ferrio`: see notebook.py, which nobody else need import."""
    from . import notebook

    notebook.load_ipython_extension(ipython)


def unload_ipython_extension(ipython: object) -> None:
    """Called by IPython for `%unload_ext ferrio`."""
    from . import notebook

    notebook.unload_ipython_extension(ipython)


if _compat.UNLISTED:
    # Where it need not be, it is not: the interpreter then takes 300 instructions more for each `ferrio.name`.
    def __getattr__(name: str) -> object:
        if name in _compat.UNLISTED:
            return getattr(asyncio, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


show_native_tasks()
if os.environ.get("FERRIO_INSPECTABLE"):
    from . import inspectable

    inspectable.make_inspectable()
_ferrio._look_up()
# Whoever deletes the package from sys.modules and imports it anew gets this one again.
_ferrio._package = sys.modules[__name__]
