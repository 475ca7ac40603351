"""How many items a second go through a queue from one task to another?

The queue holds a single item, so the two take turns: for each item the producer waits for room or the consumer for
the item. With more room both would mostly find what they want and not wait at all.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

BATCH = 1000


async def produce(queue: asyncio.Queue[bool], window: Window) -> None:
    while not window.over(BATCH):
        for _ in repeat(None, BATCH):
            await queue.put(True)
    await queue.put(False)


async def consume(queue: asyncio.Queue[bool]) -> None:
    while await queue.get():
        pass


async def run(window: Window) -> None:
    queue: asyncio.Queue[bool] = asyncio.Queue(1)
    consumer = asyncio.create_task(consume(queue))
    await produce(queue, window)
    await consumer


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("queue_pair", RATE, measure),)
