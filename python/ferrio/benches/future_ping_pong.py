"""How many times a second can one task wake another through a future, and be woken back?

Two tasks: each makes a future, resolves the other's, and waits for its own. A hand-over is one future made, resolved
and awaited.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from .harness.bench import Bench
from .harness.row import RATE, Figures, Row
from .harness.window import Window

EXCHANGES = 500


class Table:
    """The future that either side waits for."""

    ping: asyncio.Future[bool]
    pong: asyncio.Future[bool]


async def serve(table: Table, window: Window) -> None:
    new = asyncio.get_running_loop().create_future
    going = True
    while going:
        for _ in repeat(None, EXCHANGES):
            table.pong = new()
            table.ping.set_result(True)
            await table.pong
        going = not window.over(EXCHANGES * 2)
    table.ping.set_result(False)


async def answer(table: Table) -> None:
    new = asyncio.get_running_loop().create_future
    while await table.ping:
        table.ping = new()
        table.pong.set_result(True)


async def run(window: Window) -> None:
    loop, table = asyncio.get_running_loop(), Table()
    table.ping = loop.create_future()
    answering = loop.create_task(answer(table))
    await serve(table, window)
    await answering


def measure(bench: Bench) -> Figures:
    window = bench.window()
    bench.loop.run_until_complete(run(window))
    return {"rate": window.rate()}


ROWS = (Row("future_ping_pong", RATE, measure),)
