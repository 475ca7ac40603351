"""How many timers a second, when a thousand of them fall due at the same moment?

Scheduling and firing are both in the figure; the wait between the two is not: it is spent in a busy loop that
ends 2 ms after the deadline, because loops that count in milliseconds round it up. Their order is not
checked: what a loop rounds, it may reorder.
"""

from __future__ import annotations

from itertools import repeat
from time import perf_counter

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Stopwatch

BATCH = 1000
AHEAD = 0.003
ROUNDING = 0.002


def measure(bench: Bench) -> Figures:
    loop, settings = bench.loop, bench.settings
    clock = Stopwatch().read
    busy, batches, left, begun = 0.0, 0, 0, 0.0
    measured_from = perf_counter() + settings.warmup
    ends = measured_from + settings.seconds

    def schedule() -> None:
        nonlocal begun, left
        left = BATCH
        entered = clock()
        deadline = loop.time() + AHEAD
        call_at = loop.call_at
        for _ in repeat(None, BATCH):
            call_at(deadline, fire)
        scheduled = clock()
        while loop.time() < deadline + ROUNDING:
            pass
        begun = clock() - (scheduled - entered)

    def fire() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            finish()

    def finish() -> None:
        nonlocal busy, batches
        if perf_counter() > measured_from:
            busy += clock() - begun
            batches += 1
        if perf_counter() < ends:
            loop.call_soon(schedule)
        else:
            loop.stop()

    loop.call_soon(schedule)
    loop.run_forever()
    return {"rate": batches * BATCH / busy}


ROWS = (Row("due_batch", RATE, measure),)
