"""How many coroutines a second can gather() run, ten thousand at a time?

They return at once. What gather does for each is in the figure: a task, a callback, its place in the results.
"""

from __future__ import annotations

import asyncio

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window


async def number(value: int) -> int:
    return value


async def run(window: Window, children: int) -> None:
    while not window.over(children):
        results = await asyncio.gather(*map(number, range(children)))
        assert results[-1] == children - 1


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window, bench.scaled(10_000, 2_000)))
    return {"rate": window.rate()}


ROWS = (Row("gather_10k", RATE, measure),)
