"""Which names ferrio has in the place of asyncio's, and putting them there: `OWN`, `replace`, `restore`.

A module of ferrio's is called as asyncio's is, so the table needs the names alone: with `"tasks": ("sleep",)`,
`ferrio.tasks.sleep` takes the place of `asyncio.tasks.sleep`, of `asyncio.sleep`, and of every copy that one
module of asyncio's has imported from another under that name. What a release of Python lacks is left out.
Who imported a name before keeps the old object: the two must get on with each other. Names such as
`asyncio.tasks._CTask`, by which CPython tells its own implementations apart, stay what they are.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

OWN: Mapping[str, tuple[str, ...]] = {
    "futures": ("Future",),
    "locks": ("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore"),
    "queues": ("LifoQueue", "PriorityQueue", "Queue"),
    "streams": (
        "StreamReader",
        "StreamReaderProtocol",
        "StreamWriter",
        "open_connection",
        "open_unix_connection",
        "start_server",
        "start_unix_server",
    ),
    "taskgroups": ("TaskGroup",),
    "tasks": (
        "Task",
        "as_completed",
        "create_task",
        "eager_task_factory",
        "ensure_future",
        "gather",
        "shield",
        "sleep",
        "wait",
        "wait_for",
    ),
    "timeouts": ("Timeout", "timeout", "timeout_at"),
}


class Replaced(NamedTuple):
    """One attribute of one module of asyncio's: what it was, and what it is now."""

    module: ModuleType
    name: str
    theirs: Any
    ours: Any


def replace(own: Mapping[str, Iterable[str]] = OWN) -> list[Replaced]:
    """Put ferrio's objects in the place of asyncio's; gives what restore() needs. All of them or, on error, none."""
    return put(_pairs(own))


def put(pairs: Iterable[tuple[str, Any, Any]]) -> list[Replaced]:
    """The same for triples of a name, what it is now, and what it shall be."""
    replaced = [
        Replaced(module, name, theirs, ours)
        for name, theirs, ours in list(pairs)
        for module in _modules()
        if vars(module).get(name) is theirs
    ]
    for each in replaced:
        setattr(each.module, each.name, each.ours)
    return replaced


def restore(replaced: Iterable[Replaced]) -> None:
    """Undo replace(). What somebody else has put in the place of ours since then stays."""
    theirs_of = {(each.name, id(each.ours)): each.theirs for each in replaced}
    for module in _modules():  # those too that were imported meanwhile
        for name, value in list(vars(module).items()):
            if (name, id(value)) in theirs_of:
                setattr(module, name, theirs_of[name, id(value)])


def _pairs(own: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, Any, Any]]:
    for module, names in own.items():
        theirs = importlib.import_module(f"asyncio.{module}")
        ours = importlib.import_module(f"ferrio.{module}")
        for name in names:
            if hasattr(theirs, name):
                yield name, getattr(theirs, name), getattr(ours, name)


def _modules() -> list[ModuleType]:
    loaded = list(sys.modules.items())
    return [module for name, module in loaded if module and (name == "asyncio" or name.startswith("asyncio."))]
