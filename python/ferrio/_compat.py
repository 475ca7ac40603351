"""What differs between releases of CPython: which are known, and facts and functions that are named for what they say.

The only file of the package that asks for the version (scripts/check_house.py), and the lowest: it imports nothing of
ferrio's. What asyncio simply has or has not is looked for instead. Native code has the same in
`crates/ferrio-python/src/compat/`. CONTRIBUTING.md says how a release is added.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import warnings
import weakref
from asyncio import format_helpers, streams, tasks
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any, TypeAlias, TypeVar

_T = TypeVar("_T")

# As in pyproject.toml, where pip looks.
OLDEST, NEWEST = (3, 11), (3, 15)

KNOWN = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)

if not OLDEST <= sys.version_info[:2] <= NEWEST:
    raise ImportError(
        f"ferrio is for CPython {KNOWN}, and this is {'{}.{}'.format(*sys.version_info[:2])}: run the program on one "
        "of those, or install a later ferrio that knows this one (pip install --upgrade ferrio)"
    )

_12, _13, _14, _15 = (sys.version_info >= (3, minor) for minor in (12, 13, 14, 15))

# Tasks may take their first step when they are made.
EAGER_TASKS = _12
# wait_for() makes no task of its own.
PLAIN_WAIT_FOR = _12
# A socket transport keeps what waits to be written in the pieces that it was given.
KEEPS_PIECES = _12

# A cancellation may be of a subclass, and what a group leaves of its parent's count of cancellations is exact.
EXACT_CANCELLATION = _13
# as_completed() returns an object that checks its arguments at once; before, it is a generator.
CHECKS_AT_ONCE = _13
# A task group that takes no task closes the coroutine.
CLOSES_REFUSED = _13
# Queues can be shut down.
SHUTS_QUEUES_DOWN = _13
# IsolatedAsyncioTestCase has an attribute `loop_factory`.
TEST_CASES_CHOOSE_LOOPS = _13
# Tracebacks show the lines of `python -c`.
SHOWS_COMMAND_LINES = _13

# asyncio.capture_call_graph() and its like show who awaits a future.
CALL_GRAPHS = _14
# Tasks are on a list that tools read in the memory of the process.
TASKS_ARE_LINKED = _14
# `__main__` has annotations only where it is asked for them.
LAZY_ANNOTATIONS = _14
# When a file's code has ended, its name goes before an exception is reported, and where it exits, too.
UNNAMES_FIRST = _14

# `__main__` and other modules have a `__cached__`.
CACHED_NAMES = not _15
# A server has a context, of which each connection gets a copy. `_start_serving()` and what makes transports take it.
SERVER_CONTEXTS = _15
# Groups have `cancel()`; where the only error is the block's own GeneratorExit, that leaves the group as it is.
CANCELS_GROUPS = _15
# A cancellation of a group's parent by others that comes while the group waits, being cancelled, is passed on.
KEEPS_OTHER_CANCELLATION = _15

# Public, but left out of asyncio.__all__ where asyncio warns of them.
UNLISTED = ("AbstractEventLoopPolicy", "DefaultEventLoopPolicy") if _14 else ()


@contextlib.contextmanager
def using_policies() -> Iterator[None]:
    """Where asyncio warns that policies will go, say nothing: whoever calls us asked for no policy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


with using_policies():
    DefaultPolicy: type[Any] = getattr(asyncio, "DefaultEventLoopPolicy", object)

# Python 3.16 has none: asyncio then makes its loops by `asyncio.events.new_event_loop()` alone.
HAS_POLICIES = DefaultPolicy is not object


# Type checkers understand these conditions.
if sys.version_info >= (3, 13):
    from asyncio.queues import QueueShutDown as QueueShutDown

    def callback_source(handle: Any) -> str:
        """How reports name a callback: with its arguments in debug mode only."""
        name: Any = format_helpers._format_callback_source
        text: str = name(handle._callback, handle._args or (), debug=handle._loop.get_debug())
        return text

    def detach(server: Any, transport: asyncio.BaseTransport) -> None:
        """Count a connection out."""
        server._detach(transport)

    def spawn(loop: Any, coro: Any, name: str | None, context: contextvars.Context | None) -> asyncio.Task[Any]:
        """A task by the loop's own method, as asyncio calls it."""
        names = {"name": name, "context": context}
        task: asyncio.Task[Any] = loop.create_task(coro, **{k: v for k, v in names.items() if v is not None})
        return task

else:

    class QueueShutDown(Exception):
        """Raised by put() and get() of a queue that was shut down."""

        __module__ = "ferrio.queues"

    def callback_source(handle: Any) -> str:
        """How reports name a callback."""
        return format_helpers._format_callback_source(handle._callback, handle._args or ())

    def detach(server: Any, transport: asyncio.BaseTransport) -> None:
        """Count a connection out."""
        server._detach()

    def spawn(loop: Any, coro: Any, name: str | None, context: contextvars.Context | None) -> asyncio.Task[Any]:
        """A task by the loop's own method, as asyncio calls it: the name comes afterwards."""
        task: asyncio.Task[Any]
        task = loop.create_task(coro) if context is None else loop.create_task(coro, context=context)
        if name is not None:
            task.set_name(name)
        return task


if sys.version_info >= (3, 14):
    from inspect import iscoroutinefunction

    # What run() and Runner.run() take.
    Main: TypeAlias = Awaitable[_T]

    def ended(transport: Any) -> Awaitable[int]:
        """A child's end, which a second cancellation does not make the wait for it end with."""
        return asyncio.shield(transport._wait())

    def take_early(protocol: Any) -> tuple[()] | tuple[bytes]:
        """What a stream at the server's side has received and not read: before it could read, the client spoke TLS."""
        is_stream = isinstance(protocol, streams.StreamReaderProtocol)
        reader = getattr(protocol, "_stream_reader", None) if is_stream else None
        buffer = None if reader is None else reader._buffer
        if not buffer:
            return ()
        early = bytes(buffer)
        buffer.clear()
        return (early,)

    def task_sets() -> list[Any]:
        """The weak sets of `_asyncio`, which has one and gives no name to it, and of asyncio in Python."""
        import _asyncio
        import gc

        registered = [each for each in gc.get_referents(_asyncio) if type(each) is weakref.WeakSet]
        assert registered
        return [*registered, vars(tasks)["_scheduled_tasks"]]

else:
    from asyncio import iscoroutinefunction

    Main: TypeAlias = Coroutine[Any, Any, _T]

    def ended(transport: Any) -> Awaitable[int]:
        """A child's end."""
        end: Awaitable[int] = transport._wait()
        return end

    def take_early(protocol: Any) -> tuple[()] | tuple[bytes]:
        """Nothing: what a stream received before the client spoke TLS stays where it is."""
        return ()

    def task_sets() -> list[Any]:
        """The weak set of the running asyncio."""
        return [vars(tasks)["_scheduled_tasks" if _12 else "_all_tasks"]]


def is_coroutine_function(function: object) -> bool:
    """Whether calling it gives a coroutine, as far as can be seen; what libraries mark as such is one, too."""
    return iscoroutinefunction(function)


if sys.version_info >= (3, 15):

    class CancelsGroup:
        """What a task group has besides."""

        __slots__ = ()

        def cancel(self: Any) -> None:
            """Cancel the tasks of the group and what runs in its block, and leave it without an error.

            Before the group is entered, it is cancelled when it is; again, or after it was left, nothing happens.
            """
            if not self._entered:
                self._cancel_on_enter = True
            elif not self._aborting and (self._tasks or not self._exiting):
                self._cancel_all()

else:

    class CancelsGroup:
        """What a task group has besides: nothing."""

        __slots__ = ()
