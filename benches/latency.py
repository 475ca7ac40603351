"""How long does a client wait for its echo when requests come at a fixed rate that every loop can serve?

10,000 requests a second of 1 KiB, spread evenly over 64 connections: about a fifth of what stock asyncio can do. A
latency counts from the time the request was meant to be sent, so one that had to queue behind a stall of the loop is as
late as its user would find it (no coordinated omission). `.p99` and `.p999`: the best of the worst 1 % and 0.1 %.
"""

from __future__ import annotations

from . import echo_streams
from .harness.bench import Bench
from .harness.servers import Echo, tcp_server
from .installed.harness.row import Figures, Metric, Row

RATE = 10_000
LONG_ENOUGH = 1.0
"""Seconds: the worst 0.1 % are then ten requests."""

METRICS = tuple(
    Metric(f"{name}_us", "us", f".{name}", higher_is_better=False, is_spoiled=True) for name in ("p50", "p99", "p999")
)


def measure_protocol(bench: Bench) -> Figures:
    return waited(bench, tcp_server(bench.loop, Echo))


def measure_streams(bench: Bench) -> Figures:
    server = bench.loop.run_until_complete(echo_streams.listen())
    return waited(bench, f"tcp:{server.sockets[0].getsockname()[1]}")


def waited(bench: Bench, target: str) -> Figures:
    seconds = bench.settings.seconds if bench.settings.quick else LONG_ENOUGH
    return bench.round_trips(target, size=1024, connections=64, rate=RATE, seconds=seconds)


ROWS = (
    Row("latency_protocol", METRICS, measure_protocol, loaded=True, bare="echo"),
    Row("latency_streams", METRICS, measure_streams, loaded=True, streams=True, bare="echo"),
)
