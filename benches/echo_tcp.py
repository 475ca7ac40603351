"""How many round trips a second does a Protocol server echo over TCP, and what does each cost it in CPU?

1, 10 and 100 KiB over 1, 8, 64 and 512 connections, one message under way on each. The rate is what a user sees
and holds the client's and the kernel's time too; `.cpu` is the server process alone, and on a machine with
few cores the steadier of the two. The load client is native, so no Python runs but the server's.
"""

from __future__ import annotations

from functools import partial

from .harness.bench import ROUND_TRIPS, Bench
from .harness.servers import Echo, tcp_server
from .installed.harness.row import Figures, Row


def measure(bench: Bench, size: int, connections: int) -> Figures:
    return bench.round_trips(tcp_server(bench.loop, Echo), size=size, connections=connections)


ROWS = tuple(
    Row(
        f"echo_{size}k_x{connections}",
        ROUND_TRIPS,
        partial(measure, size=size * 1024, connections=connections),
        loaded=True,
        bare="echo",
    )
    for size in (1, 10, 100)
    for connections in (1, 8, 64, 512)
)
