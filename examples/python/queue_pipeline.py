"""A data pipeline: stages joined by queues, with back-pressure.

What it teaches: each stage is a task, or several, that takes from one queue and puts into the next. A bounded
queue makes a fast producer wait for a slow consumer, so that memory stays bounded however long the input is. The end
travels through the queues as a last item.

    read -> 4 lines -> parse (3 workers) -> 4 records -> total

    python examples/python/queue_pipeline.py
    ferrio run examples/python/queue_pipeline.py
"""

import asyncio
import time
from collections import Counter

LINES = [f"{('apples', 'pears', 'plums')[number % 3]} {number}" for number in range(1, 61)] + ["oops"]
ROOM = 4  # items that a queue holds
WORKERS = 3
END = None

Record = tuple[str, int]


async def main() -> None:
    lines: asyncio.Queue[str | None] = asyncio.Queue(ROOM)
    records: asyncio.Queue[Record | None] = asyncio.Queue(ROOM)
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:  # an error in a stage ends all, rather than leaving the rest waiting
        reading = group.create_task(read(lines))
        rejected = group.create_task(parse_all(lines, records))
        totals = group.create_task(total(records))
    for name, amount in sorted(totals.result().items()):
        print(f"{name:>8} {amount}")
    print("rejected:", rejected.result())
    print(f"the reader never was ahead by more than {ROOM} lines, and waited for room: {reading.result()}")
    print(f"{len(LINES)} lines took {time.perf_counter() - begin:.2f} s")


async def read(lines: asyncio.Queue[str | None]) -> bool:
    """The source, faster than what follows; whether it had to wait."""
    waited = False
    for line in LINES:
        waited = waited or lines.full()
        await lines.put(line)  # waits while the queue is full: that is the back-pressure
    await lines.put(END)
    return waited


async def parse_all(lines: asyncio.Queue[str | None], records: asyncio.Queue[Record | None]) -> list[str]:
    """The slow stage, so it has several workers; the lines that made no sense."""
    rejected: list[str] = []

    async def parse() -> None:
        while (line := await lines.get()) is not END:
            await asyncio.sleep(0.01)  # a look-up in some other place
            try:
                name, amount = line.split()
                await records.put((name, int(amount)))
            except ValueError:
                rejected.append(line)
        await lines.put(END)  # for the next worker

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(parse())
    await records.put(END)
    return rejected


async def total(records: asyncio.Queue[Record | None]) -> Counter[str]:
    """The sink: how much of each."""
    totals: Counter[str] = Counter()
    while (record := await records.get()) is not END:
        name, amount = record
        totals[name] += amount
    return totals


if __name__ == "__main__":
    asyncio.run(main())
