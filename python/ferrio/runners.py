"""`run`: asyncio.run() on a ferrio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .events import new_event_loop

_T = TypeVar("_T")


def run(main: Coroutine[Any, Any, _T], *, debug: bool | None = None) -> _T:
    """Run the coroutine `main` to its end on a new ferrio loop and return its result.

    As asyncio.run(): when `main` ends, remaining tasks are cancelled, asynchronous generators and the default
    executor are shut down and the loop is closed. It cannot be called while another loop runs in the same
    thread.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("ferrio.run() cannot be called from a running event loop")
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main)
