"""What the native loop words as asyncio.base_events and events do: failed and slow callbacks, the stack of a caller.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

import asyncio
import linecache
import sys
import traceback
from asyncio import base_events, format_helpers
from asyncio.log import logger
from typing import Any

from .._compat import callback_source


def caller() -> traceback.StackSummary:
    """The stack of the Python code that called a native method.

    Its sources are read at once: the report of a task that is destroyed when the interpreter ends shows them, when
    nothing can be imported any more, as reading needs.
    """
    stack = format_helpers.extract_stack(sys._getframe(1))
    for frame in stack:
        if not linecache.getlines(frame.filename):
            _ = frame.line  # kept as empty
    return stack


def callback_failed(handle: Any, error: BaseException) -> None:
    """Report what a handle's callback raised, as Handle._run() does."""
    source = callback_source(handle)
    context: dict[str, Any] = {
        "message": f"Exception in callback {source}",
        "exception": error,
        "handle": handle,
    }
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    handle._loop.call_exception_handler(context)


def turn_failed(thing: Any, error: BaseException) -> None:
    """Report what the loop did with a transport, a future or the like when its turn came, and what failed."""
    loop: Any = asyncio.get_running_loop()
    try:
        name = repr(thing)
    except Exception:
        name = object.__repr__(thing)
    loop.call_exception_handler({"message": f"Exception in callback of {name}", "exception": error})


def slow_turn(transport: object, seconds: float) -> None:
    """Debug mode: what a transport, a listener or a socket operation called took too long."""
    logger.warning("Executing callbacks of %r took %.3f seconds", transport, seconds)


def slow_callback(handle: Any, seconds: float) -> None:
    """Debug mode: a callback took longer than `loop.slow_callback_duration`."""
    text = base_events._format_handle(handle)  # type: ignore[attr-defined]  # private, hence without types
    logger.warning("Executing %s took %.3f seconds", text, seconds)


def create_task(loop: Any, *args: Any, **names: Any) -> asyncio.Task[Any]:
    """A task made by the loop's task factory, which releases call in ways of their own."""
    return base_events.BaseEventLoop.create_task(loop, *args, **names)


def keep_task(loop: Any, task: asyncio.Task[Any]) -> None:
    """Keep a task that is none of ours until it is done."""
    loop._keep_foreign(task)
