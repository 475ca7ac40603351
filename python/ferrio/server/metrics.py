"""Figures for Prometheus, of all workers together: requests by status, durations, connections, the loop's lag.

Each process counts in a row of its own of one shared file (or of memory, where there is one process), and whoever is
asked adds the rows up. So counting is an addition, without a lock, and it does not matter which worker answers. One
that replaces another goes on with its row, since counters never go back.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from .asgi import ASGI3, Message, Receive, Scope, Send

ROWS = 256
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

# Places in a row: requests by status class (0 where none was sent), requests by duration, then single figures.
_STATUS, _BUCKETS = 0, 6
_SUM = _BUCKETS + len(BOUNDS) + 1
_CONNECTIONS, _BUSY, _LAG, _THERE = range(_SUM + 1, _SUM + 5)
WIDTH = _THERE + 1

LOOK = 0.5
"""Seconds between two looks at how late the loop is."""


class Metrics:
    """The rows, and the one that this process counts in."""

    def __init__(self, path: str | None, number: int = 0) -> None:
        if path is None:
            self._memory = mmap.mmap(-1, ROWS * WIDTH * 8)
        else:
            with open(path, "r+b") as file:
                self._memory = mmap.mmap(file.fileno(), ROWS * WIDTH * 8)
        self._all = memoryview(self._memory).cast("d")
        begin = number % ROWS * WIDTH
        self._row = self._all[begin : begin + WIDTH]
        self._row[_CONNECTIONS] = self._row[_BUSY] = self._row[_LAG] = 0.0
        self._row[_THERE] = 1.0

    def measured(self, app: ASGI3) -> ASGI3:
        """The application, with its requests counted."""
        row, clock = self._row, time.perf_counter

        async def measure(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            begin, status = clock(), 0

            def seen(message: Message) -> Any:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                return send(message)

            row[_BUSY] += 1
            try:
                await app(scope, receive, seen)
            except BaseException:
                status = status or 500
                raise
            finally:
                duration = clock() - begin
                row[_BUSY] -= 1
                row[_STATUS + status // 100 % 6] += 1
                row[_BUCKETS + bisect_left(BOUNDS, duration)] += 1
                row[_SUM] += duration

        return measure

    def on_path(self, app: ASGI3, path: str) -> ASGI3:
        """The application, and the figures on one of its paths."""

        async def choose(scope: Scope, receive: Receive, send: Send) -> None:
            is_ours = scope["type"] == "http" and scope["path"] == path
            await (self.answer if is_ours else app)(scope, receive, send)

        return choose

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An application that answers with the figures, whatever is asked."""
        text = self.text().encode()
        headers = [(b"content-type", CONTENT_TYPE), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def watch(self, connections: Callable[[], int]) -> Callable[[], None]:
        """From now on look at the loop's lag and the connections; what is returned ends it."""
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def look(due: float) -> None:
            nonlocal timer
            self._row[_LAG] = max(0.0, loop.time() - due)
            self._row[_CONNECTIONS] = connections()
            timer = loop.call_at(due + LOOK if due + LOOK > loop.time() else loop.time(), look, due + LOOK)

        def end() -> None:
            if timer is not None:
                timer.cancel()
            self._row[_CONNECTIONS] = self._row[_BUSY] = self._row[_LAG] = self._row[_THERE] = 0.0

        look(loop.time())
        return end

    def text(self) -> str:
        """What Prometheus reads."""
        rows = [self._all[begin : begin + WIDTH] for begin in range(0, ROWS * WIDTH, WIDTH)]
        rows = [row for row in rows if row[_THERE] or row[_SUM]]
        total = [float(sum(column)) for column in zip(*rows, strict=True)]
        lags = [(number, row[_LAG]) for number, row in enumerate(rows) if row[_THERE]]
        return "".join(
            [
                _family("requests_total", "counter", "Requests by status class; none: no answer was begun."),
                *(_line("requests_total", total[_STATUS + each], f'status="{_class(each)}"') for each in range(6)),
                _family("request_duration_seconds", "histogram", "From a request's head to the application's end."),
                *_histogram(total),
                _family("connections", "gauge", "Open connections."),
                _line("connections", total[_CONNECTIONS]),
                _family("requests_in_flight", "gauge", "Requests whose application has not ended."),
                _line("requests_in_flight", total[_BUSY]),
                _family("workers", "gauge", "Processes that serve."),
                _line("workers", total[_THERE]),
                _family("loop_lag_seconds", "gauge", "How late the last timer of the loop was."),
                *(_line("loop_lag_seconds", lag, f'worker="{number}"') for number, lag in lags),
            ]
        )


def shared_file() -> str:
    """A file for the rows of several processes, which the one that made it removes."""
    descriptor, path = tempfile.mkstemp(prefix="ferrio-metrics-")
    os.truncate(descriptor, ROWS * WIDTH * 8)
    os.close(descriptor)
    return path


def _histogram(total: list[float]) -> list[str]:
    lines, count = [], 0.0
    for bound, figure in zip((*BOUNDS, "+Inf"), total[_BUCKETS:_SUM], strict=True):
        count += figure
        lines.append(_line("request_duration_seconds_bucket", count, f'le="{bound}"'))
    lines += [_line("request_duration_seconds_sum", total[_SUM]), _line("request_duration_seconds_count", count)]
    return lines


def _class(number: int) -> str:
    return f"{number}xx" if number else "none"


def _family(name: str, kind: str, help_text: str) -> str:
    return f"# HELP ferrio_{name} {help_text}\n# TYPE ferrio_{name} {kind}\n"


def _line(name: str, value: float, label: str = "") -> str:
    shown = f"{value:.0f}" if value == int(value) else f"{value:.6f}"
    return f"ferrio_{name}{f'{{{label}}}' if label else ''} {shown}\n"
