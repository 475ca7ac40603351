"""Types of `import ferrio`: ferrio's own names, then asyncio's public names in the places that are left.

Only in a stub does a star pass names on to every type checker; it stands last, since the first import of a name is
the one that counts. And a type checker must see __all__ spelled out. Checked against the module by stubtest.
"""

# isort: skip_file
# ruff: noqa: E402, F403, F405  # the star stands last, and the list is as short as it can be

import sys

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

from asyncio import *  # type: ignore[assignment]
from asyncio import TaskGroup as TaskGroup, exceptions as exceptions, subprocess as subprocess

# fmt: off
__all__ = [  # noqa: RUF022
    "ALL_COMPLETED", "AbstractChildWatcher", "AbstractEventLoop", "AbstractEventLoopPolicy", "AbstractServer",
    "Barrier", "BaseEventLoop", "BaseProtocol", "BaseTransport", "BoundedSemaphore", "BrokenBarrierError",
    "BufferedProtocol", "CancelledError", "Condition", "DatagramProtocol", "DatagramTransport",
    "DefaultEventLoopPolicy", "Event", "EventLoop", "EventLoopPolicy", "FIRST_COMPLETED", "FIRST_EXCEPTION",
    "FastChildWatcher", "Future", "Handle", "IncompleteReadError", "InvalidStateError", "LifoQueue",
    "LimitOverrunError", "Lock", "Loop", "MultiLoopChildWatcher", "PidfdChildWatcher", "PriorityQueue", "Protocol",
    "Queue", "QueueEmpty", "QueueFull", "RateLimiter", "ReadTransport", "Runner", "SafeChildWatcher",
    "SelectorEventLoop", "Semaphore", "SendfileNotAvailableError", "Server", "StreamReader", "StreamReaderProtocol",
    "StreamWriter", "SubprocessProtocol", "SubprocessTransport", "Task", "TaskGroup", "ThreadedChildWatcher",
    "Timeout", "TimeoutError", "TimerHandle", "Transport", "WriteTransport", "__version__", "_enter_task",
    "_get_running_loop", "_leave_task", "_register_task", "_set_running_loop", "_unregister_task", "all_tasks",
    "as_completed", "create_subprocess_exec", "create_subprocess_shell", "create_task", "current_task",
    "ensure_future", "exceptions", "gather", "get_child_watcher", "get_event_loop", "get_event_loop_policy",
    "get_running_loop", "install", "iscoroutine", "iscoroutinefunction", "isfuture", "new_event_loop",
    "open_connection", "open_unix_connection", "run", "run_coroutine_threadsafe", "set_child_watcher",
    "set_event_loop", "set_event_loop_policy", "shield", "sleep", "start_server", "start_unix_server", "subprocess",
    "timeout", "timeout_at", "to_thread", "uninstall", "wait", "wait_for", "wrap_future",
]
if sys.version_info >= (3, 12):
    __all__ += [
        "create_eager_task_factory", "eager_task_factory",
    ]
if sys.version_info >= (3, 13):
    __all__ += [
        "QueueShutDown",
    ]
# fmt: on
