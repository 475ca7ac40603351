"""How long do trees of tasks take: each node starts six children and waits for all, six levels deep?

The trees of the installed pyperformance, its program bm_async_tree, one workload a process: leaves that do nothing
(`none`), wait 50 ms (`io`), wait each time for a tenth of the data and once for the rest (`memoization`), or
compute, the one half, and do as those, the other (`cpu_io_mixed`). Children are started by gather(), or by a TaskGroup
(`_tg`), and with `eager` by asyncio's eager task factory, which CPython has from 3.12 on. 55,987 tasks a tree.

Only how the time is taken differs from pyperformance: by the stopwatch, the mean of fresh trees, one after the other
until three windows are full, after one of half the levels. The mean, because a full collection of garbage costs as much
as a fast tree and falls into every second or third. What leaves compute is in the figure, the same for every loop.
"""

from __future__ import annotations

import asyncio
from functools import partial

from .harness.bench import Bench
from .harness.pyperformance import PACKAGE, program
from .installed.harness.row import Figures, Metric, Row
from .installed.harness.window import Stopwatch

WINDOWS = 3


def measure(bench: Bench, workload: str, in_groups: bool) -> Figures:
    if workload.startswith("eager") and not hasattr(asyncio, "eager_task_factory"):
        raise NotImplementedError("CPython 3.12")  # pyperformance's program would run without the factory
    trees = program("async_tree")
    tree, levels = trees.BENCHMARKS[workload], trees.NUM_RECURSE_LEVELS
    trees.NUM_RECURSE_LEVELS = levels // 2
    bench.loop.run_until_complete(tree(use_task_groups=in_groups).run())
    trees.NUM_RECURSE_LEVELS = bench.scaled(levels, levels - 1)
    stopwatch = Stopwatch()
    started = stopwatch.read()
    grown, elapsed = 0, 0.0
    while elapsed < WINDOWS * bench.settings.seconds:
        # A tree remembers what it did, and seeds the random choices when it is made.
        bench.loop.run_until_complete(tree(use_task_groups=in_groups).run())
        grown += 1
        elapsed = stopwatch.read() - started
    return {"time": elapsed / grown * 1e3}


METRICS = (Metric("time", "ms", higher_is_better=False),)
WORKLOADS = ("none", "io", "memoization", "cpu_io_mixed")
EAGER = ("eager", *(f"eager_{workload}" for workload in WORKLOADS[1:]))

ROWS = tuple(
    Row(
        f"async_tree_{workload}{'_tg' if in_groups else ''}",
        METRICS,
        partial(measure, workload=workload, in_groups=in_groups),
        rounds=2,
        needs=(PACKAGE,),
    )
    for workloads in (WORKLOADS, EAGER)
    for in_groups in (False, True)
    for workload in workloads
)
