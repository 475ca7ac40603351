"""Frames for native coroutines, where somebody is to look into the program: `make_inspectable()`.

`python -m asyncio ps` and its like walk the frames of a task's coroutine. A native one has none, so they stop at it:
that a task sleeps is not said, and what runs under a `wait_for()` is not shown. Here each is wrapped in a coroutine of
Python's with the same name; `wait_for()` is asyncio's own, which awaits what it is given in its frame. That costs a
frame for every call, so it is done where it was asked for only: by `ferrio run --inspectable`, or by FERRIO_INSPECTABLE
in the environment. It comes before `install()`, and before anybody takes one of the names.
"""

from __future__ import annotations

import functools
import sys
from asyncio import tasks as stock
from collections.abc import Awaitable, Callable
from typing import Any

from . import locks, queues, streams, tasks, unix_events

_METHODS: dict[type, tuple[str, ...]] = {
    locks.Lock: ("acquire", "__aenter__"),
    locks.Event: ("wait",),
    locks.Semaphore: ("acquire", "__aenter__"),
    locks.Condition: ("wait", "__aenter__"),
    queues.Queue: ("get", "put", "join"),
    streams.StreamReader: ("read", "readline", "readexactly", "readuntil"),
    streams.StreamWriter: ("drain",),
    unix_events.Loop: ("sock_recv", "sock_recv_into", "sock_sendall"),
}


def make_inspectable() -> None:
    """Give the native coroutines of the package frames. Doing it again does no harm."""
    package = sys.modules["ferrio"]
    for name, function in (
        ("sleep", _framed(tasks.sleep, "sleep")),
        ("wait", _framed(tasks.wait, "wait")),
        ("wait_for", stock.wait_for),
    ):
        setattr(tasks, name, function)
        setattr(package, name, function)
    for owner, names in _METHODS.items():
        for name in names:
            setattr(owner, name, _framed(getattr(owner, name), f"{owner.__name__}.{name}"))


def _framed(native: Callable[..., Awaitable[Any]], qualified: str) -> Callable[..., Awaitable[Any]]:
    if hasattr(native, "__wrapped__"):
        return native

    async def frame(*args: Any, **names: Any) -> Any:
        return await native(*args, **names)

    functools.update_wrapper(frame, native)
    frame.__qualname__ = qualified
    frame.__code__ = frame.__code__.replace(co_name=qualified.rpartition(".")[2], co_qualname=qualified)
    return frame
