"""How fast does one TLS connection carry bulk data, sent by the server or received by it, and at what CPU?

The protocols are those of bulk.py. The client counts the bytes, and has them to decrypt or to encrypt, too.
"""

from __future__ import annotations

from .bulk import Lines, Sink, Source
from .harness import tls
from .harness.bench import BULK, Bench, per_mebibyte
from .installed.harness.row import Figures, Row


def measure_send(bench: Bench) -> Figures:
    return per_mebibyte(tls.load(bench, "sink", tls.server(bench.loop, lambda: Source(bench.loop))))


def measure_writelines(bench: Bench) -> Figures:
    return per_mebibyte(tls.load(bench, "sink", tls.server(bench.loop, lambda: Lines(bench.loop))))


def measure_receive(bench: Bench) -> Figures:
    return per_mebibyte(tls.load(bench, "source", tls.server(bench.loop, Sink)))


ROWS = (
    Row("tls_bulk_send", BULK, measure_send, loaded=True, bare="source"),
    Row("tls_bulk_writelines", BULK, measure_writelines, loaded=True, bare="source"),
    Row("tls_bulk_receive", BULK, measure_receive, loaded=True, bare="sink"),
)
