"""How many turns a second, when every callback schedules the next one and nothing else is to do?

A chain runs one callback a turn, so this asks what a turn itself costs: a loop that polls the kernel on every
turn pays a system call for each link.
"""

from __future__ import annotations

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row

LINKS = 1000


def measure(bench: Bench) -> Figures:
    loop, window = bench.loop, bench.window()
    call_soon = loop.call_soon
    left = LINKS

    def link() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            left = LINKS
            if window.over(LINKS):
                loop.stop()
                return
        call_soon(link)

    call_soon(link)
    loop.run_forever()
    return {"rate": window.rate()}


ROWS = (Row("call_soon_chain", RATE, measure),)
