"""What native streams word as asyncio.streams does.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

import asyncio
from asyncio.log import logger
from typing import Any


def stream_rejected(protocol: Any, transport: asyncio.Transport) -> None:
    """Report a connection that comes for a stream which was collected meanwhile, and close it."""
    context = {
        "message": "An open stream was garbage collected prior to establishing network connection; "
        'call "stream.close()" explicitly.'
    }
    if protocol._source_traceback:
        context["source_traceback"] = protocol._source_traceback
    protocol._loop.call_exception_handler(context)
    transport.abort()


def watch_client(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, task: asyncio.Task[Any]) -> None:
    """Close the connection of a server's task that is cancelled or fails, and report what it raised."""

    def done(task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            message = "Unhandled exception in client_connected_cb"
            loop.call_exception_handler({"message": message, "exception": error, "transport": transport})
        if error is not None or task.cancelled():
            transport.close()

    task.add_done_callback(done)


def log_writing(protocol: asyncio.BaseProtocol, what: str) -> None:
    """Debug mode: a protocol is told to pause or resume writing."""
    logger.debug("%r %s writing", protocol, what)
