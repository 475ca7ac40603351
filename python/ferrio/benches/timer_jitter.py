"""How far off does a timer of 1 ms fire, on a loop that always has a callback of 10 us to run?

The difference between the time that passed and the millisecond, whichever way: a loop that rounds to its own tick fires
early, one that reads its clock once a turn late. Measured by the monotonic clock, because a loop's own may stand still
within a turn. `.p99` is the best of the worst 1 %.
"""

from __future__ import annotations

from itertools import repeat
from statistics import quantiles
from time import perf_counter

from .harness.bench import Bench
from .harness.row import Figures, Metric, Row

DELAY = 0.001
STEPS = 1000
"""Of a loop that does nothing: about 10 us."""
FIRINGS = 500


def measure(bench: Bench) -> Figures:
    loop = bench.loop
    call_later, call_soon = loop.call_later, loop.call_soon
    wanted, off = bench.scaled(FIRINGS, FIRINGS // 10), list[float]()
    armed = 0.0

    def work() -> None:
        for _ in repeat(None, STEPS):
            pass
        call_soon(work)

    def fire() -> None:
        nonlocal armed
        off.append(abs(perf_counter() - armed - DELAY))
        if len(off) > wanted:
            loop.stop()
            return
        armed = perf_counter()
        call_later(DELAY, fire)

    call_soon(work)
    armed = perf_counter()
    call_later(DELAY, fire)
    loop.run_forever()
    percentiles = quantiles(off[1:], n=100)
    return {"p50_us": percentiles[49] * 1e6, "p99_us": percentiles[98] * 1e6}


METRICS = tuple(Metric(f"{name}_us", "us", f".{name}", higher_is_better=False) for name in ("p50", "p99"))

ROWS = (Row("timer_jitter_1ms", METRICS, measure),)
