"""How long do trees of tasks take: each node starts six children and waits for all, six levels deep?

The four workloads of pyperformance's async_tree, written anew for one loop a process: leaves that do nothing
(`none`), wait 50 ms (`io`), wait unless somebody asked the same before and it was remembered, as nine in ten of a
hundred things are (`memoization`), or compute, the one half, and wait, the other (`cpu_io_mixed`). Children are started
by gather(), or by a TaskGroup (`_tg`). 55,987 tasks a tree; a small one comes first, as warm-up. What leaves compute is
in the figure, the same for every loop.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from .harness.bench import Bench
from .harness.row import Figures, Metric, Row
from .harness.window import Stopwatch

BRANCHES = 6
LEVELS = 6
LATENCY = 0.05
KEYS = 100
FACTORIAL = 500
SEED = 1
REMEMBERED = 90

Leaf = Callable[[], Coroutine[Any, Any, None]]
Node = Callable[[int, Leaf], Coroutine[Any, Any, None]]


async def by_gather(levels: int, leaf: Leaf) -> None:
    """A node that waits for its children with gather()."""
    if levels == 0:
        return await leaf()
    await asyncio.gather(*[by_gather(levels - 1, leaf) for _ in range(BRANCHES)])


async def by_group(levels: int, leaf: Leaf) -> None:
    """A node that waits for its children with a TaskGroup."""
    if levels == 0:
        return await leaf()
    async with asyncio.TaskGroup() as group:
        for _ in range(BRANCHES):
            group.create_task(by_group(levels - 1, leaf))


class Leaves:
    """What leaves do; random choices are the same for every loop."""

    def __init__(self) -> None:
        self._random = random.Random(SEED)
        self._known: set[int] = set()

    async def none(self) -> None:
        pass

    async def io(self) -> None:
        await asyncio.sleep(LATENCY)

    async def memoization(self) -> None:
        key = self._random.randrange(KEYS)
        if key in self._known:
            return
        if key < REMEMBERED:
            self._known.add(key)
        await asyncio.sleep(LATENCY)

    async def cpu_io_mixed(self) -> None:
        if self._random.random() < 0.5:
            math.factorial(FACTORIAL)
        else:
            await asyncio.sleep(LATENCY)


def measure(bench: Bench, node: Node, leaf: str) -> Figures:
    bench.loop.run_until_complete(node(LEVELS // 2, getattr(Leaves(), leaf)))
    leaves = Leaves()
    stopwatch = Stopwatch()
    started = stopwatch.read()
    bench.loop.run_until_complete(node(bench.scaled(LEVELS, LEVELS - 1), getattr(leaves, leaf)))
    return {"time": (stopwatch.read() - started) * 1e3}


METRICS = (Metric("time", "ms", higher_is_better=False),)
WORKLOADS = ("none", "io", "memoization", "cpu_io_mixed")
NODES: tuple[tuple[str, Node], ...] = (("", by_gather), ("_tg", by_group))

ROWS = tuple(
    Row(f"async_tree_{leaf}{suffix}", METRICS, partial(measure, node=node, leaf=leaf), rounds=2)
    for suffix, node in NODES
    for leaf in WORKLOADS
)
