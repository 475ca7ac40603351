"""How many HTTP requests a second does aiohttp's client make on the loop?

GET of thirteen bytes, 64 tasks in one session with a connection each, against the bare server in Rust, which answers
faster than any client here asks.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from itertools import repeat
from typing import Any

from .harness.bench import Bench
from .harness.client import Bare
from .installed.harness.row import Figures, Metric, Row
from .installed.harness.window import Window

CONNECTIONS = 64


async def run(url: str, window: Window) -> None:
    aiohttp: Any = import_module("aiohttp")
    is_over = False

    async def ask(session: Any) -> None:
        nonlocal is_over
        while not is_over:
            async with session.get(url) as response:
                await response.read()
            is_over = is_over or window.over(1)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(ask(session) for _ in repeat(None, CONNECTIONS)))


def measure(bench: Bench) -> Figures:
    window = bench.window()
    with Bare(bench.settings.client, "http", bench.settings.client_cpu, "") as target:
        bench.loop.run_until_complete(run(f"http://127.0.0.1:{target.partition(':')[2]}/", window))
    return {"rate": window.rate()}


ROWS = (Row("http_aiohttp_client", (Metric("rate", "req/s"),), measure, loaded=True, needs=("aiohttp",)),)
