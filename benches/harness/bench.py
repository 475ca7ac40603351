"""What a row with connections is given in its own process: the loop under test, and the load to put on it.

While the load client runs, the server process does nothing but serve: one more thread sleeps in a blocking
read until the client is done, then stops the loop. Must not know any row.
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from ..installed.harness import bench
from ..installed.harness.row import Figures, Metric
from . import client, profiling
from .crowd import Crowd

ROUND_TRIPS = (
    Metric("rate", "rt/s", is_spoiled=True),
    Metric("cpu", "us/rt", ".cpu", higher_is_better=False),
)
BULK = (
    Metric("rate", "MiB/s", is_spoiled=True),
    Metric("cpu", "us/MiB", ".cpu", higher_is_better=False),
)


@dataclass(frozen=True, kw_only=True)
class Settings(bench.Settings):
    """What the command line decided, and the load client."""

    client: str
    client_cpu: int | None = None
    file_limit: int = 1024
    profile: bool = False


@dataclass
class Bench(bench.Bench):
    """The loop under test and the means to load it."""

    settings: Settings
    stand_in: str = ""
    """The bare server that is measured in this process's place; nobody then talks to the loop."""
    shares: Figures = field(default_factory=dict)
    """Where the CPU time went, if it is to be told (profiling.py)."""

    def connections(self, wanted: int) -> int:
        """That many connections, or what the limit of open files leaves (said in a note)."""
        possible = min(wanted, self.settings.file_limit - 200)
        if possible < wanted:
            self.notes.append(f"{possible:,} connections instead of {wanted:,}: limit of open files")
        return possible

    def load(self, mode: str, to: str, **options: Any) -> Figures:
        """Run the loop until the client has measured it; figures of the window as the client reports them."""
        settings = self.settings
        options = {"to": to, "warmup": settings.warmup, "seconds": settings.seconds, **options}
        if not self.stand_in:
            return self._loaded(mode, options, os.getpid())
        bare = client.Bare(settings.client, self.stand_in, settings.server_cpu, to)
        with bare as target:
            return self._loaded(mode, {**options, "to": target}, bare.pid)

    def watched(self, process: int) -> AbstractContextManager[None]:
        """While it lasts, that process is profiled, if it is to be."""
        return profiling.watched(process, self.shares) if self.settings.profile else nullcontext()

    def _loaded(self, mode: str, options: client.Options, server: int) -> Figures:
        with self.watched(server):
            return self._measured(mode, {**options, "server": server})

    def _measured(self, mode: str, options: client.Options) -> Figures:
        settings = self.settings
        process = client.start(settings.client, mode, settings.client_cpu, options)
        answers: list[tuple[Figures, str]] = []

        def wait() -> None:
            answers.append(client.report(process))
            self.loop.call_soon_threadsafe(self.loop.stop)

        threading.Thread(target=wait, daemon=True).start()
        self.loop.run_forever()
        figures, reason = answers[0] if answers else ({}, "the loop stopped by itself")
        client.finish(process)
        if reason:
            raise RuntimeError(reason)
        return figures

    def alone(self, mode: str) -> Figures:
        """What the client measures without any server."""
        settings = self.settings
        options: client.Options = {"warmup": settings.warmup, "seconds": settings.seconds, "server": 0}
        process = client.start(settings.client, mode, settings.server_cpu, options)
        figures, reason = client.report(process)
        client.finish(process)
        if reason:
            raise RuntimeError(reason)
        return figures

    def round_trips(self, to: str, **options: Any) -> Figures:
        """An echo load: round trips a second, and microseconds of the server's CPU for each."""
        answer = self.load("echo", to, **options)
        return answer | per_operation(answer)

    def crowd(self, limit: int) -> Crowd:
        """A server and up to that many idle connections to it."""
        return Crowd(self.loop, self.settings.client, self.settings.client_cpu, limit)


def per_operation(answer: Figures) -> Figures:
    """Of a client's report: rate, CPU microseconds an operation; shares of the time that others took from the server,
    and that server and client were at work (the client that speaks TLS does not tell its own).
    """
    if not answer["count"]:
        raise RuntimeError("nothing happened in the window")
    return {
        "rate": answer["count"] / answer["seconds"],
        "cpu": answer["cpu_seconds"] / answer["count"] * 1e6,
        "disturbed": answer["waited"] / answer["seconds"],
        "server_busy": answer["cpu_seconds"] / answer["seconds"],
        "client_busy": answer.get("client_seconds", 0.0) / answer["seconds"],
    }


def per_mebibyte(answer: Figures) -> Figures:
    """MiB a second, and CPU microseconds a MiB, of a client's report that counted bytes."""
    return per_operation(answer | {"count": answer["count"] / 2**20})
