"""The process in which programs run: `python -m tests.fuzz.child NAME FIRST COUNT SECONDS MODE`.

Says on its standard output, a line of JSON each, which seed begins and which differed; the parent (`__main__.py`)
takes a seed that began and did not end for one that crashed or hung. Whatever programs print goes to standard error.
"""

import asyncio
import faulthandler
import gc
import importlib
import json
import logging
import os
import random
import sys
import time
import traceback
import warnings
from types import ModuleType
from typing import Any

import ferrio

from .reduce import outcome, reduced


def difference(fuzzer: ModuleType, program: Any, verbose: bool) -> tuple[bool, str]:
    """Run a program on both; whether something differs, and if so the program and what came of it."""
    try:
        theirs, ours = (fuzzer.run(aio, program) for aio in (asyncio, ferrio))
    except BaseException:
        return True, f"\n{program}\nthe fuzzer itself failed:\n{traceback.format_exc()}"
    found = getattr(fuzzer, "compare", first_difference)(theirs, ours)
    if found is None and not verbose:
        return False, ""
    both = "".join(f"-- {name}:\n{lines(log)}" for name, log in (("asyncio", theirs), ("ferrio", ours)))
    return found is not None, f"\n{program}\n{both}-- {found or 'no difference'}"


def first_difference(theirs: list[Any], ours: list[Any]) -> str | None:
    """The first place where two lists are not equal."""
    for number, (one, other) in enumerate(zip(theirs, ours, strict=False)):
        if one != other:
            return f"line {number}:\n   asyncio: {one!r}\n   ferrio:  {other!r}"
    if len(theirs) != len(ours):
        longer, rest = ("asyncio", theirs) if len(theirs) > len(ours) else ("ferrio", ours)
        return f"{longer} has more: {rest[min(len(theirs), len(ours))]!r}"
    return None


def lines(log: list[Any]) -> str:
    return "".join(f"   {number}: {entry!r}\n" for number, entry in enumerate(log))


def smaller(fuzzer: ModuleType, program: Any) -> str:
    """The smallest program found that ends as this one does, and what comes of it if anything does."""
    small = reduced(program, lambda program: difference(fuzzer, program, False)[0])
    if small is None:
        return ""
    if outcome(small, lambda program: difference(fuzzer, program, False)[0]) == 1 << 8:
        return f"\nReduced:{difference(fuzzer, small, False)[1]}"
    return f"\nReduced:\n{small}"


def main(name: str, first: int, count: int, seconds: float, mode: str) -> None:
    """Run seeds until there are enough of them or the time is up."""
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda unraisable: None
    asyncio.set_event_loop(None)  # or asyncio makes one for whoever asks, which then stays
    fuzzer = importlib.import_module(f".{name}", __package__)
    gc.collect()
    gc.freeze()
    end = time.monotonic() + seconds
    for seed in range(first, first + count):
        if time.monotonic() > end:
            break
        report.write(json.dumps({"begin": seed}) + "\n")
        program = fuzzer.program(random.Random(seed))
        if mode == "reduce":
            report.write(json.dumps({"seed": seed, "differs": False, "text": smaller(fuzzer, program)}) + "\n")
            continue
        differs, text = difference(fuzzer, program, mode == "verbose")
        if differs or mode == "verbose":
            report.write(json.dumps({"seed": seed, "differs": differs, "text": text}) + "\n")
    report.write(json.dumps({"end": True}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
