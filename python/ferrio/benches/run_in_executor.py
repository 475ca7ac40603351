"""How many calls a second can be made on the loop's default executor, one after the other?

The way there and back, as to_thread.py asks it, without the context and the coroutine that to_thread() adds; it is what
libraries call. Beside it stands what two threads of Rust reach.
"""

from __future__ import annotations

from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window
from .to_thread import SINGLE, nothing


async def run(bench: Bench, window: Window) -> None:
    run_in_executor = bench.loop.run_in_executor
    while not window.over(SINGLE):
        for _ in repeat(None, SINGLE):
            await run_in_executor(None, nothing)


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(bench, window))
    return {"rate": window.rate()}


ROWS = (Row("run_in_executor", RATE, measure, bare="handover"),)
