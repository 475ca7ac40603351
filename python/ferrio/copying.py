"""Copies and pickles of locks and queues, as of asyncio's, whose state is what their attributes are.

Part of the state is native here. `state_of()` is what `__getstate__()` gives, `put_state()` what `__setstate__()` does
once the native part has begun. Nobody waits for a copy: futures cannot be copied, so that one of a lock for which
somebody waits is an error, but for `copy.copy()`.
"""

from __future__ import annotations

from typing import Any

_WAITERS = ("_waiters", "_getters", "_putters")


def state_of(this: Any, *names: str) -> dict[str, Any]:
    """The attributes, and the native ones of these names."""
    state = {**vars(this), **{name: getattr(this, name) for name in names}}
    if this._loop is not None:
        state["_loop"] = this._loop
    return state


def put_state(this: Any, state: dict[str, Any], *names: str) -> None:
    """The reverse."""
    native = {name: state[name] for name in (*names, "_loop") if name in state}
    vars(this).update({name: value for name, value in state.items() if name not in native})
    for name, value in native.items():
        if name not in _WAITERS:
            setattr(this, name, value)
