"""The head of every table: on what, with what, under which conditions the figures came about."""

from __future__ import annotations

import gc
import os
import platform
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from .contenders import Contender


def processor() -> str:
    """The processor's name as the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def interpreter() -> str:
    """Version and how it was configured, which moves every figure by ten per cent or more. A distributor may have
    built it with more than it says.
    """
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    flags = {"PGO": "--enable-optimizations", "LTO": "--with-lto"}
    build = "configured with " + (", ".join(name for name in flags if flags[name] in arguments) or "no PGO, no LTO")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        build += ", free-threaded"
    return f"{platform.python_implementation()} {platform.python_version()} ({build})"


def heading(
    contenders: list[Contender], missing: dict[str, str], conditions: str, load: Iterable[str] = ()
) -> list[str]:
    """The lines above the table; `load`: those about what loads the servers."""
    busy = os.getloadavg()[0]
    columns = (f"{each.label} {each.version}" for each in contenders)
    lines = [
        f"machine:    {processor()}, {os.cpu_count()} CPUs, load {busy:.2f} before the start",
        f"system:     {platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        f"python:     {interpreter()}, garbage collection as by default {gc.get_threshold()}",
        f"loops:      {', '.join(columns)}",
        *load,
        f"conditions: {conditions}",
    ]
    if busy > 0.5 * (os.cpu_count() or 1):
        lines.append("warning:    the machine was busy before the start; wait, or do not trust the spread")
    lines += [f"absent:     {label}: {reason}" for label, reason in missing.items()]
    return lines
