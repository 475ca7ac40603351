"""How many times a second does one task give way to the next: a hundred of them, in turn, with sleep(0)?

A switch is a wait that is over at once: the task is put back into the queue, its context left, another entered. What
a coroutine and the interpreter cost by themselves is in every figure.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

TASKS = 100
TURNS = 100


async def give_way(window: Window) -> None:
    sleep = asyncio.sleep
    while not window.over(TURNS):
        for _ in repeat(None, TURNS):
            await sleep(0)


async def run(window: Window) -> None:
    loop = asyncio.get_running_loop()
    for task in [loop.create_task(give_way(window)) for _ in range(TASKS)]:
        await task


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("task_switch_x100", RATE, measure),)
