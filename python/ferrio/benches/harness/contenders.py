"""The event loops that are compared: how each is imported, made and named.

A contender is a loop and the interpreter that has it, so that two builds of one loop can be compared:
`before=ferrio@/path/to/another/python`. Availability and version are asked of that interpreter, never here.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from dataclasses import dataclass

LOOPS = ("ferrio", "uvloop", "rloop", "rsloop", "asyncio")
SUBJECT = "ferrio"

_PROBE = """
import importlib, importlib.metadata, sys
name = sys.argv[1]
module = importlib.import_module(name)
module.new_event_loop().close()
try:
    print("stock" if name == "asyncio" else importlib.metadata.version(name))
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


def new_event_loop(name: str) -> asyncio.AbstractEventLoop:
    """A loop of that package, as its own documentation says to make one."""
    loop: asyncio.AbstractEventLoop = importlib.import_module(name).new_event_loop()
    return loop


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
        # -P: never from the current folder, which the measuring process does not see.
        command = [python, "-P", "-c", _PROBE, loop]
        probe = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if probe.returncode == 0:
            found.append(Contender(label, loop, python, probe.stdout.strip()))
        else:
            missing[label] = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
    return found, missing
