"""How many children a second can a TaskGroup start and see end, a thousand at a time?

They return at once, and nobody else waits for them.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

CHILDREN = 1000


async def nothing() -> None:
    pass


async def run(window: Window) -> None:
    while not window.over(CHILDREN):
        async with asyncio.TaskGroup() as group:
            for _ in repeat(None, CHILDREN):
                group.create_task(nothing())


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("task_group_1k", RATE, measure),)
