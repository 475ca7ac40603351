"""How much CPU does a sleep cost from its task's first step to its last, with 50,000 of them at once?

All are made in one go, wait for at least half a second, and wake within 50 ms in scrambled order. CPU time of the
process, because the waiting costs nothing. The task around each sleep is in the figure.
"""

from __future__ import annotations

import asyncio
from time import process_time

from .harness.bench import Bench
from .harness.row import Figures, Metric, Row

ASLEEP = 0.5
SPREAD = 0.05
DELAYS = [ASLEEP + SPREAD * (step * 40_503 % 65_536) / 65_536 for step in range(65_536)]
"""In scrambled order, the same for every loop."""


async def sleep_all(sleeps: int) -> None:
    loop = asyncio.get_running_loop()
    for task in [loop.create_task(asyncio.sleep(delay)) for delay in DELAYS[:sleeps]]:
        await task


def measure(bench: Bench) -> Figures:
    sleeps = bench.scaled(50_000, 10_000)
    bench.loop.run_until_complete(sleep_all(1000))
    started = process_time()
    bench.loop.run_until_complete(sleep_all(sleeps))
    return {"cpu": (process_time() - started) / sleeps * 1e6}


ROWS = (Row("sleeps_50k", (Metric("cpu", "us/sleep", higher_is_better=False),), measure),)
