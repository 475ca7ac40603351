"""How many tasks a second can be made and awaited, one after the other?

asyncio.create_task() of a coroutine that returns at once: the task's life is all there is to it.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

BATCH = 1000


async def nothing() -> None:
    pass


async def run(window: Window) -> None:
    create_task = asyncio.create_task
    while not window.over(BATCH):
        for _ in repeat(None, BATCH):
            await create_task(nothing())


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("create_task", RATE, measure),)
