"""How many times a second can work be given a time limit that it does not exceed?

`timeout`: an empty `async with asyncio.timeout(60)`: one timer set and taken back. `wait_for`: asyncio.wait_for() of
a coroutine that gives way once, with sleep(0), as one limited piece of work does. A turn of the loop ends each batch,
so that loops which sweep out cancelled timers later do it inside the figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import repeat
from typing import Any

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

BATCH = 1000
LIMIT = 60.0


async def run_timeout(window: Window) -> None:
    timeout = asyncio.timeout
    while not window.over(BATCH):
        for _ in repeat(None, BATCH):
            async with timeout(LIMIT):
                pass
        await asyncio.sleep(0)


async def run_wait_for(window: Window) -> None:
    sleep, wait_for = asyncio.sleep, asyncio.wait_for
    while not window.over(BATCH):
        for _ in repeat(None, BATCH):
            await wait_for(sleep(0), LIMIT)


def measure(bench: Bench, run: Callable[[Window], Coroutine[Any, Any, None]]) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (
    Row("timeout", RATE, partial(measure, run=run_timeout)),
    Row("wait_for", RATE, partial(measure, run=run_wait_for)),
)
