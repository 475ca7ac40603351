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
from collections.abc import Callable
from typing import Any

from . import contenders, lifetime
from .bench import Bench, Settings
from .catalogue import row_named
from .row import Figures

Specification = dict[str, Any]
"""Which row, on which loop, with which settings, and the process that asked."""


def measure(specification: Specification) -> dict[str, Any]:
    """One measurement: figures and notes, or that the loop does not have what it takes."""
    settings = Settings(**specification["settings"])
    bench = Bench(prepared(specification["loop"], settings), settings)
    row = row_named(specification["row"])
    return answered(bench, lambda: row.measure(bench))


def prepared(name: str, settings: Settings) -> asyncio.AbstractEventLoop:
    """The loop under test, on the CPU that was asked for."""
    if settings.server_cpu is not None:
        os.sched_setaffinity(0, {settings.server_cpu})
    loop = contenders.new_event_loop(name)
    asyncio.set_event_loop(loop)
    return loop


def answered(bench: Bench, measured: Callable[[], Figures]) -> dict[str, Any]:
    """What the runner hears of a measurement that came to its end."""
    try:
        return {"figures": measured(), "notes": bench.notes}
    except NotImplementedError as error:
        return {"unsupported": str(error) or "not implemented"}


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


def main(measure: Callable[[Specification], dict[str, Any]] = measure) -> None:
    """Answer with what `measure` says; never returns."""
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
