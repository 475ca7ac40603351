"""What native timeouts word as asyncio.timeouts does.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

from asyncio import timeouts

_insert_timeout_error = getattr(timeouts.Timeout, "_insert_timeout_error", None)


def insert_timeout_error(error: BaseException) -> None:
    """Show in the causes of an error that a timeout was behind it, in releases that do."""
    if _insert_timeout_error is not None:
        _insert_timeout_error(error)
        for each in error.exceptions if isinstance(error, ExceptionGroup) else ():
            _insert_timeout_error(each)


def timeout_repr(state: str, active: bool, when: float | None) -> str:
    """As asyncio shows a timeout."""
    if not active:
        return f"<Timeout [{state}]>"
    return f"<Timeout [{state}] when={None if when is None else round(when, 3)}>"
