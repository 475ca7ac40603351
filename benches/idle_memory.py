"""How much memory does an idle connection cost the server, at 10,000 of them?

Growth of the process's own memory (PSS) from 100 connections to all of them, divided by their number: what is
allocated once is not counted, garbage of accepting that was not collected is. The protocol has one slot. The
kernel's own socket memory, the same for every loop, is not in it.
"""

from __future__ import annotations

from .harness.bench import Bench
from .installed.harness.memory import held
from .installed.harness.row import Figures, Metric, Row

FIRST = 100


def measure(bench: Bench) -> Figures:
    total = bench.connections(bench.scaled(10_000, 2_000))
    crowd = bench.crowd(total)
    crowd.grow(FIRST)
    before = {name: held(name) for name in ("Pss", "Rss")}
    crowd.grow(total)
    grown = {name: held(name) - before[name] for name in before}
    return {"pss": grown["Pss"] / (total - FIRST), "rss": grown["Rss"] / (total - FIRST)}


METRICS = (Metric("pss", "B/conn", higher_is_better=False),)

ROWS = (Row("idle_memory", METRICS, measure, rounds=2, loaded=True),)
