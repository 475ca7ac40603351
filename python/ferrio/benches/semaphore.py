"""How many times a second is a semaphore taken for which a hundred tasks queue?

Ten may hold it at once; each gives way once, with sleep(0), before it lets go. So nearly every acquire waits, is
woken, and is one switch dearer than the semaphore itself.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

TASKS = 100
PLACES = 10
TURNS = 100


async def take(semaphore: asyncio.Semaphore, window: Window) -> None:
    sleep = asyncio.sleep
    while not window.over(TURNS):
        for _ in repeat(None, TURNS):
            async with semaphore:
                await sleep(0)


async def run(window: Window) -> None:
    loop, semaphore = asyncio.get_running_loop(), asyncio.Semaphore(PLACES)
    for task in [loop.create_task(take(semaphore, window)) for _ in range(TASKS)]:
        await task


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("semaphore_contended", RATE, measure),)
