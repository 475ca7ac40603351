"""What does call_soon_threadsafe cost, from the loop's own thread and from another one?

`own`: like call_soon, a thousand a turn; a loop that writes to its wake-up descriptor each time pays for it
here. `other`: a second thread posts a thousand and sleeps until they ran, so the figure holds the wake-up
of a waiting loop and the hand-over of the interpreter lock, and no queue grows without bound.
"""

from __future__ import annotations

import threading
from itertools import repeat

from benches.harness.bench import Bench
from benches.harness.row import RATE, Figures, Row

BATCH = 1000


def nothing() -> None:
    pass


def measure_own(bench: Bench) -> Figures:
    loop, window = bench.loop, bench.window()
    post = loop.call_soon_threadsafe

    def turn() -> None:
        if window.over(BATCH):
            loop.stop()
            return
        for _ in repeat(None, BATCH):
            post(nothing)
        post(turn)

    post(turn)
    loop.run_forever()
    return {"rate": window.rate()}


def measure_other(bench: Bench) -> Figures:
    loop, window = bench.loop, bench.window()
    post = loop.call_soon_threadsafe
    ran = threading.Event()

    def produce() -> None:
        while not window.over(BATCH):
            for _ in repeat(None, BATCH):
                post(nothing)
            post(ran.set)
            ran.wait()
            ran.clear()
        post(loop.stop)

    producer = threading.Thread(target=produce, daemon=True)
    loop.call_soon(producer.start)
    loop.run_forever()
    producer.join()
    return {"rate": window.rate()}


ROWS = (Row("threadsafe_own", RATE, measure_own), Row("threadsafe_other", RATE, measure_other))
