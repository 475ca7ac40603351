"""How many callbacks a second can be queued with call_soon and run, a thousand queued at a time?

Queueing and running are measured together: a loop may not hide the cost of one in the other.
The callback is an empty Python function, the same for all; its own ~40 ns are in every figure.
"""

from __future__ import annotations

from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row

BATCH = 1000


def nothing() -> None:
    pass


def measure(bench: Bench) -> Figures:
    loop, window = bench.loop, bench.window()
    call_soon = loop.call_soon

    def turn() -> None:
        if window.over(BATCH):
            loop.stop()
            return
        for _ in repeat(None, BATCH):
            call_soon(nothing)
        call_soon(turn)

    call_soon(turn)
    loop.run_forever()
    return {"rate": window.rate()}


ROWS = (Row("call_soon", RATE, measure),)
