"""Cold paths of the native loop: reports whose wording is the running asyncio's.

Called from Rust only, through `support.rs`, so a name that changes here changes there.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from asyncio import base_events, format_helpers
from asyncio.log import logger
from typing import Any


def caller() -> traceback.StackSummary:
    """The stack of the Python code that called a native method."""
    return format_helpers.extract_stack(sys._getframe(1))


def callback_failed(handle: asyncio.Handle, error: BaseException) -> None:
    """Report what a handle's callback raised, as Handle._run() does."""
    source = format_helpers._format_callback_source(handle._callback, handle._args or ())
    context: dict[str, Any] = {
        "message": f"Exception in callback {source}",
        "exception": error,
        "handle": handle,
    }
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    handle._loop.call_exception_handler(context)


def slow_callback(handle: asyncio.Handle, seconds: float) -> None:
    """Debug mode: a callback took longer than `loop.slow_callback_duration`."""
    logger.warning("Executing %s took %.3f seconds", base_events._format_handle(handle), seconds)
