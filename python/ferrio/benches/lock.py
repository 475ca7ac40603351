"""How many times a second can a lock be taken that nobody else wants?

`async with lock: pass`, a thousand times without giving way: no task has to wait, so none is switched.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

BATCH = 1000


async def run(window: Window) -> None:
    lock = asyncio.Lock()
    while not window.over(BATCH):
        for _ in repeat(None, BATCH):
            async with lock:
                pass


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("lock_uncontended", RATE, measure),)
