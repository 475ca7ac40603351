"""`VirtualLoop`: a loop on a virtual clock, whose time jumps to the next timer when nothing else is ready.

`loop.time()` begins at 0 and stands still while callbacks run, however long they take. So a test that sleeps for
an hour takes no time, and its times are exact. What the jump must not overtake:

* Descriptors: before a jump they are looked at, and what was sent on this machine is given a moment to arrive.
* Work of the loop's executors, name look-ups and child processes: while any is under way, the clock runs as real
  time does. So a timeout around such work still means what it says.
* Anything else from outside, such as another machine or a thread of the test's own: `with loop.real_time():`.

With nothing scheduled there is nowhere to jump to: the loop then waits for descriptors and other threads as any does,
and the clock stands still.
Invariant: `_held` counts what is under way, and is changed on the loop's thread only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .. import events
from ..base_subprocess import Transport
from ..unix_events import Loop

_T = TypeVar("_T")


class VirtualLoop(Loop):
    """A ferrio loop on a virtual clock."""

    _virtual_clock = True

    def __init__(self) -> None:
        super().__init__()
        self._running_children: set[Transport] = set()

    @contextlib.contextmanager
    def real_time(self) -> Iterator[None]:
        """Inside, the clock runs as real time does: for waiting on what the loop does not know of."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    # Inexact, since stubtest does not know a TypeVarTuple of a module's own.
    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """As any loop's; until it is done, or nobody waits for it any more, the clock does not jump."""
        future = super().run_in_executor(executor, func, *args)
        self._held += 1
        future.add_done_callback(self._let_go)
        return future

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        """As any loop's, with a timeout in real time."""
        with self.real_time():
            await super().shutdown_default_executor(*args, **options)

    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> Transport:
        with self.real_time():
            transport = await super()._make_subprocess_transport(*args, **options)
        if transport.get_extra_info("subprocess").returncode is None:
            self._held += 1
            self._running_children.add(transport)
        return transport

    def _child_watcher_callback(self, pid: int, returncode: int, transp: Transport) -> None:
        super()._child_watcher_callback(pid, returncode, transp)
        if transp in self._running_children:  # on whatever thread reaped it
            self._running_children.discard(transp)
            self.call_soon_threadsafe(self._let_go)

    def _let_go(self, _: object = None) -> None:
        self._held -= 1


class EventLoopPolicy(events.EventLoopPolicy):
    """A policy whose loops have virtual clocks, for tools that make their loops by the policy."""

    def _loop_factory(self) -> Loop:
        loop = VirtualLoop()
        events.configure(loop, **self._options)
        return loop
