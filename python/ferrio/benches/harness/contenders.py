"""The event loops that are compared: how each is imported, made and named.

A contender is a loop and the interpreter that has it, so that two builds of one loop can be compared:
`before=ferrio@/path/to/another/python`. Availability and version are asked of that interpreter, never here.

ferrio is more than a loop, so its process is set up as `ferrio run` does it, and what a row takes from asyncio is
ferrio's; every other loop has asyncio's own tasks, locks and queues. Three variants of ferrio tell what is whose:

    ferrio         installed, and its loop keeps tasks: as with `ferrio run`
    ferrio-loop    its loop with its tasks and futures, the rest is asyncio's: as with a loop_factory
    ferrio-stock   its loop alone: asyncio's tasks, too, as those have which a program makes by itself
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOOPS = ("ferrio", "uvloop", "rloop", "rsloop", "zuvloop", "asyncio")
VARIANTS = ("ferrio-loop", "ferrio-stock")
SUBJECT = "ferrio"

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


@dataclass(frozen=True)
class Kind:
    """What is imported for a loop, how it is made then, and what pip has to install if that is more than one name."""

    package: str
    make: Callable[[Any], asyncio.AbstractEventLoop]
    install: str = ""


def kind_of(name: str) -> Kind:
    """How a loop of that name is had; one that KINDS lacks is a package with new_event_loop()."""
    return KINDS.get(name) or Kind(name, plain)


def new_event_loop(name: str) -> asyncio.AbstractEventLoop:
    """A loop of that package, as its own documentation says to make one, and the process prepared for it.

    Once a process, before a row looks anything up in asyncio.
    """
    kind = kind_of(name)
    return kind.make(importlib.import_module(kind.package))


def parse(text: str) -> tuple[str, str, str]:
    """`[LABEL=]LOOP[@PYTHON]` as label, loop and interpreter."""
    label, equals, rest = text.partition("=")
    loop, _, python = (rest if equals else text).partition("@")
    return (label if equals else loop), loop, python or sys.executable


def find(specifications: list[str]) -> tuple[list[Contender], dict[str, str]]:
    """The contenders that can be imported, and why the others cannot."""
    found: list[Contender] = []
    missing: dict[str, str] = {}
    for text in specifications:
        label, loop, python = parse(text)
        kind = kind_of(loop)
        # -P: never from the current folder, which the measuring process does not see.
        command = [python, "-P", "-c", _PROBE, kind.package]
        probe = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if probe.returncode == 0:
            found.append(Contender(label, loop, python, probe.stdout.strip()))
        else:
            reason = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
            is_missing = reason == f"ModuleNotFoundError: No module named '{kind.package}'"
            missing[label] = f"not installed: pip install {kind.install or kind.package}" if is_missing else reason
    return found, missing


def plain(package: Any) -> asyncio.AbstractEventLoop:
    """A loop of a package that is a loop and no more."""
    loop: asyncio.AbstractEventLoop = package.new_event_loop()
    return loop


def _installed(ferrio: Any) -> asyncio.AbstractEventLoop:
    ferrio.install(keep_tasks=True)
    return asyncio.new_event_loop()


def _with_stock_tasks(ferrio: Any) -> asyncio.AbstractEventLoop:
    loop = plain(ferrio)
    loop.set_task_factory(_stock_task)
    return loop


def _stock_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Future[Any]:
    return asyncio.Task(coroutine, loop=loop, **options)


KINDS = {
    "ferrio": Kind("ferrio", _installed),
    "ferrio-loop": Kind("ferrio", plain),
    "ferrio-stock": Kind("ferrio", _with_stock_tasks),
    "rsloop": Kind("rsloop", plain, "rsloop, from glibc 2.39 on"),
    "zuvloop": Kind("zuvloop", plain, "zuvloop, from CPython 3.14 on"),
}
"""The loops that are more than a package with new_event_loop()."""
