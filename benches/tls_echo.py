"""How many round trips a second does a Protocol server echo over TLS, and what does each cost it in CPU?

1 KiB over 1 and 64 connections, one message under way on each, TLS 1.3 with what OpenSSL chooses. Encryption costs
every loop the same; the rest is what lies between the socket, OpenSSL and the protocol.
"""

from __future__ import annotations

from functools import partial

from .harness import tls
from .harness.bench import ROUND_TRIPS, Bench, per_operation
from .harness.servers import Echo
from .installed.harness.row import Figures, Row


def measure(bench: Bench, connections: int) -> Figures:
    return per_operation(tls.load(bench, "echo", tls.server(bench.loop, Echo), size=1024, connections=connections))


ROWS = tuple(
    Row(f"tls_echo_1k_x{connections}", ROUND_TRIPS, partial(measure, connections=connections), loaded=True, bare="echo")
    for connections in (1, 64)
)
