"""The dashboard without its network: takes samples of the loop's lateness, keeps the last ones, hands them to viewers.

Knows nothing of HTTP: dashboard.py serves it by ferrio's server, dashboard_aiohttp.py by aiohttp. A viewer that reads
slowly loses the oldest samples, never the newest, and delays nobody.
"""

import asyncio
import json
import time
from collections import deque

PERIOD = 0.1  # seconds from one sample to the next
HISTORY = 300  # samples kept for those who come later
QUEUE = 50  # samples that may wait for one viewer
WORK_SECONDS = 0.3  # how long each of the buttons makes the server wait


class Viewer:
    """The samples on their way to one browser: at most QUEUE, the newest ones. None ends the stream."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[dict | None] = asyncio.Queue(QUEUE)

    def put(self, sample: dict | None) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(sample)

    async def next(self) -> dict | None:
        return await self._queue.get()


class Monitor:
    """Takes the samples, keeps the last ones and hands each to every viewer."""

    def __init__(self) -> None:
        self.samples: deque[dict] = deque(maxlen=HISTORY)
        self.viewers: set[Viewer] = set()
        self._working = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        busy, number = time.process_time(), 0
        while True:
            before = loop.time()
            await asyncio.sleep(PERIOD)
            took = loop.time() - before
            busy, busy_before = time.process_time(), busy
            number += 1
            self._publish(
                {
                    "number": number,
                    "late_ms": round(max(0.0, took - PERIOD) * 1000, 2),
                    "cpu_percent": round((busy - busy_before) / took * 100, 1),
                    "tasks": len(asyncio.all_tasks()),
                    "viewers": len(self.viewers),
                    "working": self._working,
                }
            )

    def since(self, seen: str) -> list[dict]:
        """The kept samples after that one. All of them if it is no number, or from before a restart: greater."""
        number = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else 0
        last = self.samples[-1]["number"] if self.samples else 0
        return [sample for sample in self.samples if sample["number"] > number or number > last]

    def end_streams(self) -> None:
        for viewer in self.viewers:
            viewer.put(None)

    async def work(self, how: str) -> None:
        """The same wait in three ways; the chart tells them apart."""
        self._working += 1
        try:
            match how:
                case "block":
                    time.sleep(WORK_SECONDS)  # wrong, on purpose: nothing else runs meanwhile
                case "await":
                    await asyncio.sleep(WORK_SECONDS)
                case "thread":
                    await asyncio.to_thread(time.sleep, WORK_SECONDS)
        finally:
            self._working -= 1

    def _publish(self, sample: dict) -> None:
        self.samples.append(sample)
        for viewer in self.viewers:
            viewer.put(sample)


def event(sample: dict) -> bytes:
    return f"id: {sample['number']}\ndata: {json.dumps(sample)}\n\n".encode()
