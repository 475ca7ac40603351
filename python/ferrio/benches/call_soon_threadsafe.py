"""What does call_soon_threadsafe cost, from the loop's own thread and from another one?

`own`: like call_soon, a thousand a turn; a loop that writes to its wake-up descriptor each time pays for it
here. `other`: a second thread posts a thousand and sleeps until they ran, so the figure holds the wake-up
of a waiting loop and the hand-over of the interpreter lock, and no queue grows without bound.

asyncio runs each callback in a copy of the context of whoever posted it, and most of what a post costs is that
copy. A loop that leaves it out does another, lesser thing; it is found out and has no figure here.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row

BATCH = 1000


def nothing() -> None:
    pass


def demand_own_contexts(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse a loop whose posted callbacks share a context, or do not see their caller's."""
    place, seen = contextvars.ContextVar("place", default="nowhere"), []

    def look() -> None:
        seen.append(place.get())
        place.set("another callback")

    def post() -> None:
        place.set("the caller")
        loop.call_soon_threadsafe(look)
        loop.call_soon_threadsafe(look)
        loop.call_soon_threadsafe(loop.stop)

    loop.call_soon(post)
    loop.run_forever()
    if seen != ["the caller"] * 2:
        raise NotImplementedError("posted callbacks do not run in copies of the caller's context")


def measure_own(bench: Bench) -> Figures:
    demand_own_contexts(bench.loop)
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
    demand_own_contexts(bench.loop)
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
