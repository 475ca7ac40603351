"""How many connections a second can a server accept and close, and what does each cost it in CPU?

32 at once; the protocol closes in connection_made, the client sees the end and opens the next. Everything
that a loop does once per connection is in here: accept, transport, protocol, registration, tear-down.
"""

from __future__ import annotations

import asyncio
from typing import cast

from .harness.bench import Bench, per_operation
from .harness.servers import tcp_server
from .installed.harness.row import Figures, Metric, Row

METRICS = (Metric("rate", "conn/s", is_spoiled=True), Metric("cpu", "us/conn", ".cpu", higher_is_better=False))


class Hangup(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).close()


def measure(bench: Bench) -> Figures:
    return per_operation(bench.load("churn", tcp_server(bench.loop, Hangup), connections=32))


ROWS = (Row("connection_rate", METRICS, measure, loaded=True, bare="hangup"),)
