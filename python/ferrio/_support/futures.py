"""What native futures word as asyncio.futures does: their looks, and who awaits them.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

import asyncio
from asyncio import base_futures
from asyncio import futures as _futures
from asyncio.futures import Future as _Future  # asyncio's own, whatever is installed later
from typing import Any

from .. import _compat

future_repr = base_futures._future_repr  # type: ignore[attr-defined]  # private, hence without types


def convert_exception(error: BaseException) -> BaseException:
    """What a call on a thread raised, as asyncio hands it on."""
    converted: BaseException = _futures._convert_future_exc(error)  # type: ignore[attr-defined]  # private
    return converted


def stop_iteration(loop: asyncio.AbstractEventLoop, error: StopIteration) -> BaseException:
    """What a future makes of a StopIteration: releases differ, so asyncio's own future is asked."""
    asked: asyncio.Future[None] = _Future(loop=loop)
    asked.set_exception(error)
    return asked.exception() or error


_stock_awaited_by: Any = vars(_Future).get("_asyncio_awaited_by")
future_add_to_awaited_by = getattr(_futures, "future_add_to_awaited_by", None)
future_discard_from_awaited_by = getattr(_futures, "future_discard_from_awaited_by", None)


def awaited_by(awaited: asyncio.Future[Any], awaiting: list[asyncio.Task[Any]]) -> frozenset[Any] | None:
    """Who awaits a future: as native code knows, and as is noted in that future."""
    noted = _stock_awaited_by.__get__(awaited) if _compat.CALL_GRAPHS else None
    return frozenset(awaiting).union(noted or ()) or None


def child_failed(parent: Any, child: asyncio.Future[Any], error: BaseException) -> None:
    """Report what went wrong when a future told the one that waits for it and others."""
    child.get_loop().call_exception_handler(
        {"message": f"Exception when {child!r} was done", "exception": error, "future": parent}
    )
