"""How much more do 1,000,000 sleeping tasks cost than 10,000, each?

`time`: CPU from making a task to the end of its sleep; `work`: the same less what the garbage collector took, which
goes over all that is alive again and again, and takes most of the time of the many. `memory`: growth of the process's
own memory (PSS) with all of them asleep. Each per task, as the ratio of the many to the few, 1.0 when the number does
not matter. Ten rounds of the few, so that the collector has its turn there, too. That all slept at once is checked.

`alone`: the time of bare coroutines without a loop, all of them begun, then all resumed by hand. That is what the
interpreter and its collector take of `time`, whatever the loop.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator
from contextlib import suppress
from statistics import fmean
from time import process_time
from types import coroutine

from .harness.bench import Bench
from .harness.memory import held
from .harness.row import Figures, Metric, Row

FEW = 10_000
ROUNDS = 10
AWAKE = 8e-6
"""Seconds a task: none may wake before the last one sleeps, and stock asyncio puts a task to sleep in 3 us."""

APART = 1e-6
"""Seconds between two that wake, in the few and the many: less than it takes, so that no loop waits in between."""

ORDER = [(step * 40_503 % 65_536) / 65_536 for step in range(65_536)]
"""Scrambled, the same for every loop."""


class Collector:
    """CPU seconds that the garbage collector has taken."""

    def __init__(self) -> None:
        self.took, self._began = 0.0, 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = process_time()
        else:
            self.took += process_time() - self._began


class Cost:
    """Of one crowd of sleepers: bytes while all of them sleep, CPU seconds over their whole life, each."""

    def __init__(self, number: int) -> None:
        self.number, self.memory, self.time, self.work = number, 0.0, 0.0, 0.0
        self._woken = 0

    async def _sleep(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self._woken += 1

    async def take(self, empty: int, collector: Collector) -> None:
        """Measure it against the memory of an empty process."""
        create_task = asyncio.get_running_loop().create_task
        shortest, spread = 0.2 + self.number * AWAKE, self.number * APART
        started, collected = process_time(), collector.took
        tasks = [create_task(self._sleep(shortest + spread * ORDER[each % len(ORDER)])) for each in range(self.number)]
        await asyncio.sleep(0)
        fell_asleep = process_time()
        self.memory = (held("Pss") - empty) / self.number
        if self._woken:
            raise RuntimeError(f"{self._woken:,} of {self.number:,} woke before the last one slept")
        resumed = process_time()
        for task in tasks:
            await task
        self.time = (fell_asleep - started + process_time() - resumed) / self.number
        self.work = self.time - (collector.took - collected) / self.number


@coroutine
def pause() -> Generator[None]:
    """Once."""
    yield


async def waits_once() -> None:
    await pause()


def alone(number: int) -> float:
    """CPU seconds that each of so many coroutines takes that nobody but us steps."""
    started = process_time()
    coroutines = [waits_once() for _ in range(number)]
    for each in coroutines:
        each.send(None)
    for each in coroutines:
        with suppress(StopIteration):
            each.send(None)
    return (process_time() - started) / number


async def compare(many: int, few: int) -> Figures:
    """The many over the few."""
    interpreter = alone(many) / fmean(alone(few) for _ in range(ROUNDS))
    empty, collector = held("Pss"), Collector()
    small, large = [Cost(few) for _ in range(ROUNDS)], Cost(many)
    for cost in [*small, large]:
        await cost.take(empty, collector)
    return {
        "time": large.time / fmean(cost.time for cost in small),
        "work": large.work / fmean(cost.work for cost in small),
        "memory": large.memory / small[0].memory,
        "alone": interpreter,
        "us": large.time * 1e6,
        "bytes": large.memory,
    }


def measure(bench: Bench) -> Figures:
    return bench.loop.run_until_complete(compare(bench.scaled(1_000_000, 100_000), bench.scaled(FEW, FEW // 10)))


METRICS = (
    Metric("time", "x", ".time", higher_is_better=False),
    Metric("work", "x", ".work", higher_is_better=False),
    Metric("memory", "x", ".memory", higher_is_better=False),
    Metric("alone", "x", ".alone", higher_is_better=False),
)
ROWS = (Row("scaling_tasks", METRICS, measure, rounds=1),)
