"""How many literal addresses a second can be looked up with loop.getaddrinfo(), one after the other?

`("127.0.0.1", 80)`: what connecting to a number, a proxy or a database by address does. There is nothing to ask anybody
for; a loop that asks a thread for it pays two hand-overs.
"""

from __future__ import annotations

import socket
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

BATCH = 10


async def run(bench: Bench, window: Window) -> None:
    look_up = bench.loop.getaddrinfo
    while not window.over(BATCH):
        for _ in repeat(None, BATCH):
            await look_up("127.0.0.1", 80, type=socket.SOCK_STREAM)


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(bench, window))
    return {"rate": window.rate()}


ROWS = (Row("getaddrinfo_literal", RATE, measure),)
