"""How many children a second can a loop start and see end, and how long does it stand still meanwhile?

/bin/true by subprocess_exec, one after the other, each waited for and none with a pipe. `.stall` is the
longest time between two turns of a busy loop while that goes on; it is taken in a run of its own, because the
callbacks that make the loop busy would be in the rate. Starting children on another thread helps neither:
fork_exec() and posix_spawn() hold the interpreter's lock until the child has called exec.
"""

from __future__ import annotations

import asyncio
from functools import partial

from .harness.bench import Bench
from .harness.row import Figures, Metric, Row
from .harness.window import Stopwatch

METRICS = (Metric("rate", "child/s"), Metric("stall", "ms", ".stall", higher_is_better=False))


class Child(asyncio.SubprocessProtocol):
    def __init__(self, ended: asyncio.Future[None]) -> None:
        self._ended = ended

    def process_exited(self) -> None:
        self._ended.set_result(None)


class Turns:
    """The longest time between two turns."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.longest = 0.0
        self._loop = loop
        self._read = Stopwatch().read
        self._last = self._read()

    def turn(self) -> None:
        now = self._read()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self._loop.call_soon(self.turn)


async def children(bench: Bench) -> float:
    """Children a second."""
    loop, window = bench.loop, bench.window()
    while not window.over(1):
        ended = loop.create_future()
        child = partial(Child, ended)
        transport, _ = await loop.subprocess_exec(child, "/bin/true", stdin=None, stdout=None, stderr=None)
        await ended
        transport.close()
    return window.rate()


def measure(bench: Bench) -> Figures:
    loop = bench.loop
    rate = loop.run_until_complete(children(bench))
    turns = Turns(loop)
    turns.turn()
    loop.run_until_complete(children(bench))
    return {"rate": rate, "stall": turns.longest * 1e3}


ROWS = (Row("spawn", METRICS, measure),)
