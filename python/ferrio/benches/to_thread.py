"""How many calls a second can be made on a thread with to_thread()?

`to_thread`: one after the other, so the figure is the way there and back, with a wake-up at each end.
`to_thread_bulk`: a thousand at a time through gather(), so that neither side has to wait for long. The function is
empty, and the loop and the threads share the interpreter's lock. Beside `to_thread` stands what two threads of Rust
reach who hand over through a condition variable there and an eventfd back.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

SINGLE = 10
BULK = 1000


def nothing() -> None:
    pass


async def run(window: Window, at_once: int) -> None:
    to_thread = asyncio.to_thread
    while True:
        if at_once == 1:
            for _ in repeat(None, SINGLE):
                await to_thread(nothing)
        else:
            await asyncio.gather(*(to_thread(nothing) for _ in repeat(None, at_once)))
        if window.over(max(at_once, SINGLE)):
            return


def measure(bench: Bench, at_once: int) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window, at_once))
    return {"rate": window.rate()}


ROWS = (
    Row("to_thread", RATE, partial(measure, at_once=1), bare="handover"),
    Row("to_thread_bulk", RATE, partial(measure, at_once=BULK)),
)
