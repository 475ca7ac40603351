"""What native task groups word as asyncio.taskgroups does.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

from typing import Any

from .. import _compat


def refuse_task(group: Any, coro: Any) -> None:
    """Say why a group takes no task."""
    if _compat.CLOSES_REFUSED:
        coro.close()
    reason = "has not been entered"
    if group._entered:
        over = group._exiting and not group._tasks
        reason = "is finished" if over else "is shutting down"
    raise RuntimeError(f"TaskGroup {group!r} {reason}")
