"""`run` and `Runner`: asyncio's, with a ferrio loop unless another is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, Unpack

from ._compat import Main
from .events import Options, configure, new_event_loop
from .unix_events import Loop

_T = TypeVar("_T")


class Runner(asyncio.Runner):  # type: ignore[misc]  # final to type checkers, who then cannot have one that differs
    """asyncio.Runner on a ferrio loop. The options are those of new_event_loop()."""

    def __init__(
        self,
        *,
        debug: bool | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        **options: Unpack[Options],
    ) -> None:
        def make() -> asyncio.AbstractEventLoop:
            loop = new_event_loop() if loop_factory is None else loop_factory()
            configure(loop, **options)
            return loop

        super().__init__(debug=debug, loop_factory=make)


def run(
    main: Main[_T],
    *,
    debug: bool | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    keep_tasks: bool = False,
    watchdog: float | None = None,
    nested: bool = False,
    dump_tasks_after: float | None = None,
) -> _T:
    """Run the coroutine `main` to its end on a new ferrio loop and return its result.

    As asyncio.run(): when `main` ends, remaining tasks are cancelled, asynchronous generators and the default
    executor are shut down and the loop is closed. It cannot be called while another loop runs in the same
    thread. What is ferrio's own:

    keep_tasks: keep each task until it is done, so that one to which nobody refers is not collected half-way.
    watchdog: log the stack of a callback that blocks the loop for so many seconds, while it does.
    nested: let run_until_complete() be called while the loop runs, and ferrio.run() too, which then runs `main`
    on the running loop instead of a new one.
    dump_tasks_after: write what every task waits for to stderr when one has waited for so many seconds.
    """
    running = asyncio._get_running_loop()
    if isinstance(running, Loop) and running.allows_nested():
        return running.run_until_complete(main)
    if running is not None:
        raise RuntimeError("ferrio.run() cannot be called from a running event loop")
    with Runner(
        debug=debug,
        loop_factory=loop_factory,
        keep_tasks=keep_tasks,
        watchdog=watchdog,
        nested=nested,
        dump_tasks_after=dump_tasks_after,
    ) as runner:
        return runner.run(main)
