"""How many callbacks a second, when one (or each of a hundred) re-arms itself with call_later(0)?

`x1` asks what a turn costs that is made for one timer, `x100` what a timer costs when turns are shared.
A loop may turn a delay of zero into call_soon; asyncio allows that, and so does this row.
"""

from __future__ import annotations

from functools import partial

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row

ROUNDS = 1000


def measure(bench: Bench, timers: int) -> Figures:
    loop, window = bench.loop, bench.window()
    call_later = loop.call_later
    left = ROUNDS

    def fire() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            left = ROUNDS
            if window.over(ROUNDS):
                loop.stop()
                return
        call_later(0, fire)

    for _ in range(timers):
        call_later(0, fire)
    loop.run_forever()
    return {"rate": window.rate()}


ROWS = (
    Row("timer_rounds_x1", RATE, partial(measure, timers=1)),
    Row("timer_rounds_x100", RATE, partial(measure, timers=100)),
)
