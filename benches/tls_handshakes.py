"""How many TLS connections a second can a server accept and close, and what does each cost it in CPU?

32 at once; each is a full handshake of TLS 1.3 (no session is resumed), one byte and its echo, and an orderly end that
the client begins. The server's key is of P-256, with which signing is cheap, so that what the loop does is not drowned
in arithmetic. Where the client needs longer than the server, its CPU is full first; `.cpu` does not depend on that.
"""

from __future__ import annotations

from .harness import tls
from .harness.bench import Bench, per_operation
from .harness.servers import Echo
from .installed.harness.row import Figures, Metric, Row

METRICS = (Metric("rate", "conn/s", is_spoiled=True), Metric("cpu", "us/conn", ".cpu", higher_is_better=False))


def measure(bench: Bench) -> Figures:
    return per_operation(tls.load(bench, "churn", tls.server(bench.loop, Echo), connections=32))


ROWS = (Row("tls_handshakes", METRICS, measure, loaded=True, bare="echo"),)
