"""The event loops that are compared: how each is imported, made and named.

A contender is a loop and the interpreter that has it, so that two builds of one loop can be compared:
`before=ferrio@/path/to/another/python`. Availability and version are asked of that interpreter, never here.

ferrio is more than a loop, so its process is set up as `ferrio run` does it, and what a row takes from asyncio is
ferrio's; every other loop has asyncio's own tasks, locks and queues. Three variants of ferrio tell what is whose:

    ferrio         installed, and its loop keeps tasks: as with `ferrio run`
    ferrio-loop    its loop with its tasks and futures, the rest is asyncio's: as with a loop_factory
    ferrio-stock   its loop alone: asyncio's tasks, too, as those have which a program makes by itself

And two of others: `uvloop+aiofastnet`, patched as aiofastnet documents it, is the closest rival in TLS, measured where
there are connections; `rsloop-streams` has asyncio's own streams, which rsloop replaces when it is imported, and is
measured where there are streams.

`epoll` is not a loop and no peer, but the limit: a bare server in Rust, which the same client loads.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .row import Row

LIMIT = "epoll"
PATCHED = "uvloop+aiofastnet"
STOCK_STREAMS = "rsloop-streams"
LOOPS = ("ferrio", "uvloop", PATCHED, "rloop", "rsloop", STOCK_STREAMS, "zuvloop", "asyncio", LIMIT)
VARIANTS = ("ferrio-loop", "ferrio-stock")
SUBJECT = "ferrio"
PACKAGES = {
    PATCHED: "uvloop aiofastnet",
    "zuvloop": "zuvloop, from CPython 3.14 on",
    "rsloop": "rsloop, from glibc 2.39 on",
}
"""What pip has to install, where that is not the loop's name alone."""
STREAMS = {
    name: getattr(asyncio, name)
    for name in ("open_connection", "open_unix_connection", "start_server", "start_unix_server")
}
"""As they are before anybody replaces them."""

_PROBE = """
import importlib, importlib.metadata, sys
name = sys.argv[1]
module = importlib.import_module(name)
make = getattr(module, "new_event_loop", None) or module.loop_factory()
make().close()
try:
    version = "stock" if name == "asyncio" else importlib.metadata.version(name)
    print(f"{version} ({module._ferrio.__build__})" if name == "ferrio" else version)
except importlib.metadata.PackageNotFoundError:
    print(getattr(module, "__version__", "of unknown version"))
"""


@dataclass(frozen=True)
class Contender:
    """One column of the table."""

    label: str
    loop: str
    python: str
    version: str


def package_of(name: str) -> str:
    """What is imported for that loop."""
    if name == LIMIT:
        return "asyncio"
    if name == PATCHED:
        return "aiofastnet"
    return name.partition("-")[0] if name in (*VARIANTS, STOCK_STREAMS) else name


def has_part(name: str, row: Row) -> bool:
    """Whether there is anything to measure: a bare server, patched connections, other streams."""
    if name == LIMIT:
        return bool(row.bare)
    if name == STOCK_STREAMS:
        return row.streams
    return row.loaded or row.streams or name != PATCHED


def new_event_loop(name: str) -> asyncio.AbstractEventLoop:
    """A loop of that package, as its own documentation says to make one, and the process prepared for it.

    Once a process, before a row looks anything up in asyncio.
    """
    loop: asyncio.AbstractEventLoop = _MAKERS.get(name, _plain)(importlib.import_module(package_of(name)))
    return loop


def parse(text: str) -> tuple[str, str, str]:
    """`[LABEL=]LOOP[@PYTHON]` as label, loop and interpreter."""
    label, equals, rest = text.partition("=")
    loop, _, python = (rest if equals else text).partition("@")
    return (label if equals else loop), loop, python or sys.executable


def find(specifications: list[str], no_limit: str = "") -> tuple[list[Contender], dict[str, str]]:
    """The contenders that can be imported, and why the others cannot; `no_limit`: why there is no bare server."""
    found: list[Contender] = []
    missing: dict[str, str] = {}
    for text in specifications:
        label, loop, python = parse(text)
        if loop == LIMIT:
            if no_limit:
                missing[label] = no_limit
            else:
                found.append(Contender(label, loop, python, "bare, in Rust"))
            continue
        # -P: never from the current folder, which the measuring process does not see.
        command = [python, "-P", "-c", _PROBE, package_of(loop)]
        probe = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if probe.returncode == 0:
            found.append(Contender(label, loop, python, probe.stdout.strip()))
        else:
            reason = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
            package = "rsloop" if loop == STOCK_STREAMS else loop
            is_missing = reason == f"ModuleNotFoundError: No module named '{package_of(loop)}'"
            missing[label] = f"not installed: pip install {PACKAGES.get(package, package)}" if is_missing else reason
    return found, missing


def _plain(package: Any) -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = package.new_event_loop()
    return loop


def _installed(ferrio: Any) -> asyncio.AbstractEventLoop:
    ferrio.install(keep_tasks=True)
    return asyncio.new_event_loop()


def _with_stock_tasks(ferrio: Any) -> asyncio.AbstractEventLoop:
    loop = _plain(ferrio)
    loop.set_task_factory(_stock_task)
    return loop


def _patched(aiofastnet: Any) -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = aiofastnet.loop_factory(importlib.import_module("uvloop").new_event_loop)()
    return loop


def _with_stock_streams(rsloop: Any) -> asyncio.AbstractEventLoop:
    for module in (asyncio, asyncio.streams):
        vars(module).update(STREAMS)
    return _plain(rsloop)


def _stock_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Future[Any]:
    return asyncio.Task(coroutine, loop=loop, **options)


_MAKERS: dict[str, Callable[[Any], asyncio.AbstractEventLoop]] = {
    "ferrio": _installed,
    "ferrio-stock": _with_stock_tasks,
    PATCHED: _patched,
    STOCK_STREAMS: _with_stock_streams,
}
