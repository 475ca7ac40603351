"""How much memory does an idle TLS connection cost the server, at 2,000 of them?

Each has echoed one message of 1 KiB and is quiet since. Growth of the process's own memory (PSS) from 100 connections
to all of them, divided by their number, as in idle_memory.py; OpenSSL's own state, the same for every loop, is in it.
"""

from __future__ import annotations

import asyncio
import threading

from .harness import build, client, tls
from .harness.bench import Bench
from .harness.servers import Echo
from .installed.harness.memory import held
from .installed.harness.row import Figures, Metric, Row

FIRST = 100
QUIET = 0.5
"""Seconds after the last message: for loops that give buffers back some time later."""


def measure(bench: Bench) -> Figures:
    total = bench.connections(bench.scaled(2_000, 500))
    to = tls.server(bench.loop, Echo)
    crowd = client.start(str(build.tls_client()), "hold", bench.settings.client_cpu, {"to": to, "connections": total})

    def grow(number: int) -> None:
        """Have the client open that many; on a thread, since the loop has to serve it meanwhile."""
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        crowd.stdin.write(f"{number}\n")
        crowd.stdin.flush()
        answers.append(crowd.stdout.readline())
        bench.loop.call_soon_threadsafe(bench.loop.stop)

    answers: list[str] = []
    before = 0
    for number in (FIRST, total):
        before = held("Pss")
        threading.Thread(target=grow, args=(number,), daemon=True).start()
        bench.loop.run_forever()
        if answers.pop() != "held\n":
            assert crowd.stderr is not None
            raise RuntimeError(crowd.stderr.read().strip() or "the load client died")
        bench.loop.run_until_complete(asyncio.sleep(QUIET))
    return {"pss": (held("Pss") - before) / (total - FIRST)}


METRICS = (Metric("pss", "B/conn", higher_is_better=False),)

ROWS = (Row("tls_idle_memory", METRICS, measure, rounds=2, loaded=True),)
