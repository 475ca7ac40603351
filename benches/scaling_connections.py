"""How much more CPU does a round trip cost with 20,000 idle connections open than with 10?

Eight connections echo 1 KiB beside the idle ones. Both costs are taken in one process; the figure is their
ratio, 1.0 when idle connections do not matter.
"""

from __future__ import annotations

from .harness.bench import Bench
from .installed.harness.row import Figures, Metric, Row

FEW = 10
ACTIVE = 8


def measure(bench: Bench) -> Figures:
    many = bench.connections(bench.scaled(20_000, 4_000))
    crowd = bench.crowd(many)
    crowd.grow(FEW)
    few = bench.round_trips(crowd.target, size=1024, connections=ACTIVE)
    crowd.grow(many)
    crowded = bench.round_trips(crowd.target, size=1024, connections=ACTIVE)
    return {"cpu": crowded["cpu"] / few["cpu"], "rate": few["rate"] / crowded["rate"]}


METRICS = (Metric("cpu", "x", higher_is_better=False),)

ROWS = (Row("scaling_connections", METRICS, measure, rounds=1, loaded=True),)
