"""How much memory does a task cost that waits: for a future of its own, or in sleep()?

Growth of the process's own memory (PSS) from 1,000 such tasks to all of them, divided by their number. The coroutine,
what it waits for, the timer of a sleep and the place in the list that holds the tasks are in the figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from .harness.bench import Bench
from .harness.memory import held
from .harness.row import Figures, Metric, Row

FIRST = 1_000
HOUR = 3600.0


async def pending() -> None:
    await asyncio.get_running_loop().create_future()


async def asleep() -> None:
    await asyncio.sleep(HOUR)


async def growth(total: int, wait: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Bytes that all but the first of them added, once each has begun to wait."""
    create_task = asyncio.get_running_loop().create_task
    tasks = [create_task(wait()) for _ in range(FIRST)]
    await asyncio.sleep(0)
    before = held("Pss")
    tasks += [create_task(wait()) for _ in range(total - FIRST)]
    await asyncio.sleep(0)
    return held("Pss") - before


def measure(bench: Bench, wait: Callable[[], Coroutine[Any, Any, None]]) -> Figures:
    total = bench.scaled(100_000, 20_000)
    return {"pss": bench.loop.run_until_complete(growth(total, wait)) / (total - FIRST)}


METRICS = (Metric("pss", "B/task", higher_is_better=False),)

ROWS = (
    Row("task_memory_pending", METRICS, partial(measure, wait=pending), rounds=2),
    Row("task_memory_asleep", METRICS, partial(measure, wait=asleep), rounds=2),
)
