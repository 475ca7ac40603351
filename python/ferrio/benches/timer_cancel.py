"""How many timers a second can be scheduled and cancelled again, as every time-out that does not fire is?

A thousand a turn, ten seconds ahead, and a turn of the loop after each thousand, so that deferred clean-up of
cancelled timers is paid inside the window.
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
    call_later = loop.call_later

    def turn() -> None:
        if window.over(BATCH):
            loop.stop()
            return
        for _ in repeat(None, BATCH):
            call_later(10, nothing).cancel()
        loop.call_soon(turn)

    loop.call_soon(turn)
    loop.run_forever()
    return {"rate": window.rate()}


ROWS = (Row("timer_cancel", RATE, measure),)
