"""Types of `import ferrio`: ferrio's own names, then asyncio's public names in the places that are left.

What has asyncio's interface to the letter is asyncio's to a type checker: `ferrio.Task` is `asyncio.Task`. Loops,
libraries and `asyncio.subprocess` say that they give the latter, and isinstance() takes the one for the other, too;
were ferrio's types of their own, right programs would be refused. What can do more has a type of its own.

Spelled out, since type checkers differ on which import of a name counts, and want to read __all__. Checked against the
module by stubtest.
"""

# isort: skip_file
# ruff: noqa: E402  # what is ferrio's own stands first

import sys

from ._ferrio import __version__ as __version__
from .dump import dump_tasks as dump_tasks
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

def load_ipython_extension(ipython: object) -> None: ...
def unload_ipython_extension(ipython: object) -> None: ...

# fmt: off
from asyncio import (
    ALL_COMPLETED as ALL_COMPLETED,
    AbstractEventLoop as AbstractEventLoop,
    AbstractServer as AbstractServer,
    Barrier as Barrier,
    BaseEventLoop as BaseEventLoop,
    BaseProtocol as BaseProtocol,
    BaseTransport as BaseTransport,
    BoundedSemaphore as BoundedSemaphore,
    BrokenBarrierError as BrokenBarrierError,
    BufferedProtocol as BufferedProtocol,
    CancelledError as CancelledError,
    Condition as Condition,
    DatagramProtocol as DatagramProtocol,
    DatagramTransport as DatagramTransport,
    Event as Event,
    FIRST_COMPLETED as FIRST_COMPLETED,
    FIRST_EXCEPTION as FIRST_EXCEPTION,
    Future as Future,
    Handle as Handle,
    IncompleteReadError as IncompleteReadError,
    InvalidStateError as InvalidStateError,
    LimitOverrunError as LimitOverrunError,
    Lock as Lock,
    Protocol as Protocol,
    QueueEmpty as QueueEmpty,
    QueueFull as QueueFull,
    ReadTransport as ReadTransport,
    SelectorEventLoop as SelectorEventLoop,
    Semaphore as Semaphore,
    SendfileNotAvailableError as SendfileNotAvailableError,
    Server as Server,
    StreamReader as StreamReader,
    StreamReaderProtocol as StreamReaderProtocol,
    StreamWriter as StreamWriter,
    SubprocessProtocol as SubprocessProtocol,
    SubprocessTransport as SubprocessTransport,
    Task as Task,
    TaskGroup as TaskGroup,
    Timeout as Timeout,
    TimeoutError as TimeoutError,
    TimerHandle as TimerHandle,
    Transport as Transport,
    WriteTransport as WriteTransport,
    _enter_task as _enter_task,
    _get_running_loop as _get_running_loop,
    _leave_task as _leave_task,
    _register_task as _register_task,
    _set_running_loop as _set_running_loop,
    _unregister_task as _unregister_task,
    all_tasks as all_tasks,
    as_completed as as_completed,
    create_subprocess_exec as create_subprocess_exec,
    create_subprocess_shell as create_subprocess_shell,
    create_task as create_task,
    current_task as current_task,
    ensure_future as ensure_future,
    gather as gather,
    get_event_loop as get_event_loop,
    get_running_loop as get_running_loop,
    iscoroutine as iscoroutine,
    isfuture as isfuture,
    open_connection as open_connection,
    open_unix_connection as open_unix_connection,
    run_coroutine_threadsafe as run_coroutine_threadsafe,
    set_event_loop as set_event_loop,
    shield as shield,
    sleep as sleep,
    start_server as start_server,
    start_unix_server as start_unix_server,
    timeout as timeout,
    timeout_at as timeout_at,
    to_thread as to_thread,
    wait as wait,
    wait_for as wait_for,
    wrap_future as wrap_future,
    exceptions as exceptions,
    subprocess as subprocess,
)

if sys.version_info >= (3, 13):
    from asyncio import (
        LifoQueue as LifoQueue,
        PriorityQueue as PriorityQueue,
        Queue as Queue,
        QueueShutDown as QueueShutDown,
    )
else:
    # They can do shutdown() here, too.
    from .queues import (
        LifoQueue as LifoQueue,
        PriorityQueue as PriorityQueue,
        Queue as Queue,
        QueueShutDown as QueueShutDown,
    )

if sys.version_info >= (3, 12):
    from asyncio import (
        create_eager_task_factory as create_eager_task_factory,
        eager_task_factory as eager_task_factory,
    )

if sys.version_info < (3, 16):
    from asyncio import (
        get_event_loop_policy as get_event_loop_policy,
        iscoroutinefunction as iscoroutinefunction,
        set_event_loop_policy as set_event_loop_policy,
    )

if sys.version_info >= (3, 14):
    from asyncio import (
        FrameCallGraphEntry as FrameCallGraphEntry,
        FutureCallGraph as FutureCallGraph,
        capture_call_graph as capture_call_graph,
        format_call_graph as format_call_graph,
        future_add_to_awaited_by as future_add_to_awaited_by,
        future_discard_from_awaited_by as future_discard_from_awaited_by,
        print_call_graph as print_call_graph,
    )
else:
    from asyncio import (
        AbstractChildWatcher as AbstractChildWatcher,
        AbstractEventLoopPolicy as AbstractEventLoopPolicy,
        DefaultEventLoopPolicy as DefaultEventLoopPolicy,
        FastChildWatcher as FastChildWatcher,
        MultiLoopChildWatcher as MultiLoopChildWatcher,
        PidfdChildWatcher as PidfdChildWatcher,
        SafeChildWatcher as SafeChildWatcher,
        ThreadedChildWatcher as ThreadedChildWatcher,
        get_child_watcher as get_child_watcher,
        set_child_watcher as set_child_watcher,
    )

__all__ = [  # noqa: RUF022
    "ALL_COMPLETED", "AbstractEventLoop", "AbstractServer", "Barrier", "BaseEventLoop", "BaseProtocol",
    "BaseTransport", "BoundedSemaphore", "BrokenBarrierError", "BufferedProtocol", "CancelledError", "Condition",
    "DatagramProtocol", "DatagramTransport", "Event", "EventLoop", "EventLoopPolicy", "FIRST_COMPLETED",
    "FIRST_EXCEPTION", "Future", "Handle", "IncompleteReadError", "InvalidStateError", "LifoQueue",
    "LimitOverrunError", "Lock", "Loop", "PriorityQueue", "Protocol", "Queue", "QueueEmpty", "QueueFull",
    "QueueShutDown", "RateLimiter", "ReadTransport", "Runner", "SelectorEventLoop", "Semaphore",
    "SendfileNotAvailableError", "Server", "StreamReader", "StreamReaderProtocol", "StreamWriter",
    "SubprocessProtocol", "SubprocessTransport", "Task", "TaskGroup", "Timeout", "TimeoutError", "TimerHandle",
    "Transport", "WriteTransport", "__version__", "_enter_task", "_get_running_loop", "_leave_task", "_register_task",
    "_set_running_loop", "_unregister_task", "all_tasks", "as_completed", "create_subprocess_exec",
    "create_subprocess_shell", "create_task", "current_task", "dump_tasks", "ensure_future", "exceptions", "gather",
    "get_event_loop", "get_running_loop", "install", "iscoroutine", "isfuture", "new_event_loop", "open_connection",
    "open_unix_connection", "run", "run_coroutine_threadsafe", "set_event_loop", "shield", "sleep", "start_server",
    "start_unix_server", "subprocess", "timeout", "timeout_at", "to_thread", "uninstall", "wait", "wait_for",
    "wrap_future",
]
if sys.version_info >= (3, 12):
    __all__ += [
        "create_eager_task_factory", "eager_task_factory",
    ]
if sys.version_info < (3, 16):
    __all__ += ["get_event_loop_policy", "iscoroutinefunction", "set_event_loop_policy"]
if sys.version_info >= (3, 14):
    __all__ += [
        "FrameCallGraphEntry", "FutureCallGraph", "capture_call_graph", "format_call_graph",
        "future_add_to_awaited_by", "future_discard_from_awaited_by", "print_call_graph",
    ]
else:
    __all__ += [
        "AbstractChildWatcher", "AbstractEventLoopPolicy", "DefaultEventLoopPolicy", "FastChildWatcher",
        "MultiLoopChildWatcher", "PidfdChildWatcher", "SafeChildWatcher", "ThreadedChildWatcher", "get_child_watcher",
        "set_child_watcher",
    ]
# fmt: on
