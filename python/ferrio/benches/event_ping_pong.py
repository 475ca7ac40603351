"""How many times a second can one task wake another through an Event, and be woken back?

Two tasks and two events: set the other's, wait for one's own, clear it. A hand-over is one set, one wait and one
clear.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

EXCHANGES = 500


async def serve(ping: asyncio.Event, pong: asyncio.Event, window: Window) -> None:
    while not window.over(EXCHANGES * 2):
        for _ in repeat(None, EXCHANGES):
            ping.set()
            await pong.wait()
            pong.clear()


async def answer(ping: asyncio.Event, pong: asyncio.Event) -> None:
    while True:
        await ping.wait()
        ping.clear()
        pong.set()


async def run(window: Window) -> None:
    ping, pong = asyncio.Event(), asyncio.Event()
    answering = asyncio.create_task(answer(ping, pong))
    await serve(ping, pong, window)
    answering.cancel()


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("event_ping_pong", RATE, measure),)
