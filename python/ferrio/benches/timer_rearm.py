"""How much CPU does a timer cost that fires and re-arms itself with a delay of 1 ms, two hundred at once?

The delay decides how often they fire, so a rate would say nothing: this is the process's CPU time per firing,
waiting for the next deadline included. One millisecond, because some loops know nothing shorter.
"""

from __future__ import annotations

from time import process_time

from .harness.bench import Bench
from .harness.row import Figures, Metric, Row

TIMERS = 200
DELAY = 0.001


def measure(bench: Bench) -> Figures:
    loop, settings = bench.loop, bench.settings
    call_later = loop.call_later
    fired = 0
    marks: list[tuple[float, int]] = []

    def fire() -> None:
        nonlocal fired
        fired += 1
        call_later(DELAY, fire)

    def mark() -> None:
        marks.append((process_time(), fired))
        if len(marks) == 2:
            loop.stop()

    for number in range(TIMERS):
        call_later(DELAY * number / TIMERS, fire)
    call_later(settings.warmup, mark)
    call_later(settings.warmup + settings.seconds, mark)
    loop.run_forever()
    (cpu_before, fired_before), (cpu_after, fired_after) = marks
    firings = fired_after - fired_before
    return {"cpu": (cpu_after - cpu_before) / firings * 1e6, "rate": firings / settings.seconds}


ROWS = (Row("timer_rearm_1ms", (Metric("cpu", "us/timer", higher_is_better=False),), measure),)
