"""The measuring window of the rows that have no load client: warm up, then count for a fixed time.

The row reports batches as it goes; nothing is counted while warming up. The clock is read once a batch, so a
batch has to be long against the 50 ns that this takes. Time that other programs took from the measured thread
is not counted, so that a busy machine blurs a figure less; time that the loop chose to sleep is.
"""

from __future__ import annotations

import os
from time import perf_counter


class Stopwatch:
    """The wall clock of the thread that makes it, less the time it was ready to run and did not get a CPU."""

    def __init__(self) -> None:
        try:
            self._scheduler: int | None = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        except OSError:
            self._scheduler = None

    def read(self) -> float:
        """Seconds; about 4 us to read, 0.1 us where the kernel does not account for waiting."""
        if self._scheduler is None:
            return perf_counter()
        _, waited, _ = os.pread(self._scheduler, 64, 0).split()
        return perf_counter() - int(waited) * 1e-9


class Window:
    """Counts operations between the end of the warm-up and the end of the window."""

    def __init__(self, warmup: float, seconds: float) -> None:
        self._warmup = warmup
        self._seconds = seconds
        self._opens: float | None = None
        self._closes: float | None = None
        self._operations = 0
        self._elapsed = 0.0

    def over(self, operations: int) -> bool:
        """Note that many more operations since the last call; true once the window is over."""
        now = perf_counter()
        if self._opens is None:
            self._opens = now + self._warmup
            self._stopwatch = Stopwatch()
        if self._closes is None:
            if now >= self._opens:
                self._started = self._stopwatch.read()
                self._closes = now + self._seconds
            return False
        self._operations += operations
        if now < self._closes:
            return False
        self._elapsed = self._stopwatch.read() - self._started
        return True

    def rate(self) -> float:
        """Operations a second."""
        return self._operations / self._elapsed
