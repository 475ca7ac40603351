"""Measures while the CPUs of server and client are as near to each other as they have been seen to be.

A virtual machine's CPUs are moved about by its host, now and then to where they share no cache, for a second or a
minute; a round trip between them then costs a quarter more, on any loop. So a measurement waits a moment for them to
come back, and one at whose end they were apart is made again, whatever it showed. Must not know any row or figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from . import client

T = TypeVar("T")

APART = 2.5
"""Times the nearest: neighbours in one cache are within 1.5, the next cache is 4 times as far."""

CALM, PAUSE, TRIES = 0.5, 0.05, 3
"""Seconds to wait for the CPUs to be near, seconds between two looks, measurements at most."""


class Distance:
    """Between two CPUs, as the load client in Rust tells it."""

    def __init__(self, binary: str, cpu: int, other: int) -> None:
        self._binary, self._cpu, self._other = binary, cpu, other
        self._nearest = min(self._ask() for _ in range(10))
        self.apart = 0
        """Measurements that no try found near."""

    def near(self, measure: Callable[[], T]) -> T:
        """What is measured while they are near, or the last try's if they never were."""
        self._wait()
        answer, tries = measure(), 1
        while not (is_near := self._is_near()) and tries < TRIES:
            self._wait()
            answer, tries = measure(), tries + 1
        self.apart += not is_near
        return answer

    def _wait(self) -> None:
        ends = time.monotonic() + CALM
        while not self._is_near() and time.monotonic() < ends:
            time.sleep(PAUSE)

    def _is_near(self) -> bool:
        now = self._ask()
        self._nearest = min(self._nearest, now)
        return now <= self._nearest * APART

    def _ask(self) -> float:
        process = client.start(self._binary, "distance", self._cpu, {"other": self._other})
        figures, reason = client.report(process)
        client.finish(process)
        if reason:
            raise RuntimeError(reason)
        return figures["nanoseconds"]
