"""What does an echo cost over a Unix socket?

1 KiB over 64 connections, a Protocol server. The kernel's share is far smaller than with TCP, so the loop's
own share shows best here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from .harness.bench import ROUND_TRIPS, Bench
from .harness.servers import BACKLOG, Echo
from .installed.harness.row import Figures, Row


def measure(bench: Bench) -> Figures:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = str(Path(folder, "echo"))
        bench.loop.run_until_complete(bench.loop.create_unix_server(Echo, path, backlog=BACKLOG))
        return bench.round_trips(f"unix:{path}", size=1024, connections=64)


ROWS = (Row("echo_unix_1k_x64", ROUND_TRIPS, measure, loaded=True, bare="echo"),)
