"""The fresh process of one measurement; runner.py starts it.

Reads one JSON object from its argument, measures one row on one loop, prints one JSON line, or as its last words the
exception that the row ended with. Leaves by os._exit, because tearing down a million timers or 20,000 connections is
not part of any question, and what it might say of coroutines left behind would hide the exception.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from contextlib import nullcontext
from typing import Any

from . import contenders, lifetime
from .bench import Bench, Settings
from .catalogue import row_named


def measure(specification: dict[str, Any]) -> dict[str, Any]:
    """One measurement: figures and notes, or that the loop does not have what it takes."""
    settings = Settings(**specification["settings"])
    if settings.server_cpu is not None:
        os.sched_setaffinity(0, {settings.server_cpu})
    row = row_named(specification["row"])
    name: str = specification["loop"]
    if not contenders.has_part(name, row):
        return {"unsupported": ""}
    loop = contenders.new_event_loop(name)
    asyncio.set_event_loop(loop)
    bench = Bench(loop, settings, row.bare if name == contenders.LIMIT else "")
    try:
        # A row with a client has its server watched while the client is there, which may be another process.
        with nullcontext() if row.loaded else bench.watched(os.getpid()):
            figures = row.measure(bench)
    except NotImplementedError as error:
        return {"unsupported": str(error) or "not implemented"}
    return {"figures": figures | bench.shares, "notes": bench.notes}


def first_of(error: BaseException) -> BaseException:
    """What a TaskGroup's exception is about: the runner tells the last line, and a group ends in a drawn rule."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def season_heap() -> None:
    """Free one large block, as any program soon does.

    Until then glibc maps and unmaps every block above 128 KiB, which stock asyncio's 256 KiB reads pay with
    10 us each: the figure would depend on what the process did before, not on the loop.
    """
    block = bytearray(4 * 2**20)
    del block


def main() -> None:
    season_heap()
    specification = json.loads(sys.argv[1])
    lifetime.die_with_parent(specification["parent"])
    lifetime.raise_file_limit()
    try:
        print(json.dumps(measure(specification)), flush=True)
    except Exception as error:
        traceback.print_exc()
        print(*traceback.format_exception_only(first_of(error)), sep="", end="", file=sys.stderr)
        os._exit(1)
    os._exit(0)
