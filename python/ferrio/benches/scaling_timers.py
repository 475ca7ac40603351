"""How much more does a timer cost with 1,000,000 timers pending than with 1,000?

Both costs are taken in one process; the figure is their ratio, 1.0 when the number pending does not matter.
`cancel`: schedule at a random moment among those pending, and cancel. Its count is a little over what is
pending, so that a loop which sweeps cancelled timers out in bulk sweeps inside the figure. `fire`:
call_later(0) that re-arms itself, a hundred at once: these come before all that are pending.
"""

from __future__ import annotations

from itertools import repeat

from .harness.bench import Bench
from .harness.row import Figures, Metric, Row
from .harness.window import Stopwatch

FEW = 1_000
TURN = 1_000
FIRINGS = 100_000
FIRING_AT_ONCE = 100
DELAYS = [60 + 3540 * (step * 40_503 % 65_536) / 65_536 for step in range(65_536)]
"""Spread over an hour in scrambled order (40,503 is odd, so every step occurs once), the same for every
loop.
"""


def nothing() -> None:
    pass


def add(bench: Bench, number: int) -> None:
    """That many more pending timers."""
    for index in range(number):
        bench.loop.call_later(DELAYS[index % len(DELAYS)], nothing)


def cancel_cost(bench: Bench, operations: int) -> float:
    """Seconds to schedule and cancel one timer, a thousand a turn."""
    loop, left = bench.loop, operations

    def turn() -> None:
        nonlocal left
        start = left % len(DELAYS)
        for index in range(start, start + TURN):
            loop.call_later(DELAYS[index % len(DELAYS)], nothing).cancel()
        left -= TURN
        loop.call_soon(turn if left > 0 else loop.stop)

    loop.call_soon(turn)
    stopwatch = Stopwatch()
    started = stopwatch.read()
    loop.run_forever()
    return (stopwatch.read() - started) / operations


def fire_cost(bench: Bench) -> float:
    """Seconds to schedule and fire one timer that is due at once."""
    loop, left = bench.loop, FIRINGS

    def fire() -> None:
        nonlocal left
        left -= 1
        if left > 0:
            loop.call_later(0, fire)
        elif left == 0:
            loop.stop()

    for _ in repeat(None, FIRING_AT_ONCE):
        loop.call_later(0, fire)
    stopwatch = Stopwatch()
    started = stopwatch.read()
    loop.run_forever()
    return (stopwatch.read() - started) / FIRINGS


def measure(bench: Bench) -> Figures:
    many = bench.scaled(1_000_000, 100_000)
    operations = many + many // 10
    add(bench, FEW)
    fire_cost(bench)
    few_fire, few_cancel = fire_cost(bench), cancel_cost(bench, operations)
    add(bench, many - FEW)
    many_fire, many_cancel = fire_cost(bench), cancel_cost(bench, operations)
    return {"fire": many_fire / few_fire, "cancel": many_cancel / few_cancel}


METRICS = (
    Metric("cancel", "x", ".cancel", higher_is_better=False),
    Metric("fire", "x", ".fire", higher_is_better=False),
)
ROWS = (Row("scaling_timers", METRICS, measure, rounds=1),)
