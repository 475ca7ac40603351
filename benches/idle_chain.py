"""Does a chain of callbacks run as fast with 250 idle connections open as without?

The connections are accepted, silent and watched for reading: what a turn costs may not depend on them.
Compare with call_soon_chain, which is the same without them.
"""

from __future__ import annotations

from .harness.bench import Bench
from .installed import call_soon_chain
from .installed.harness.row import RATE, Figures, Row

CONNECTIONS = 250


def measure(bench: Bench) -> Figures:
    bench.crowd(CONNECTIONS).grow(CONNECTIONS)
    return call_soon_chain.measure(bench)


ROWS = (Row("chain_250_idle", RATE, measure, loaded=True),)
