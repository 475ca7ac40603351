"""Fire and forget, done right: tasks that nobody awaits are kept, logged, and drained at the end.

What it teaches: the loop keeps only a weak reference to a task, so one that nobody holds may vanish while it waits;
an error in it is told when it is collected, if ever; and `asyncio.run` cancels whatever still runs when main() ends.
`Background` takes care of the three.

    python examples/python/fire_and_forget.py
    ferrio run examples/python/fire_and_forget.py
"""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("background")


class Background:
    """Tasks in the background of an `async with` block, whose end gives them some time to finish."""

    def __init__(self, patience: float) -> None:
        self.patience = patience  # seconds
        self.tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> "Background":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.drain()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Start it, and go on at once."""
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)  # kept, until it is done
        task.add_done_callback(self.finished)

    def finished(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if task.cancelled():
            log.warning("%s was cancelled", task.get_name())
        elif error := task.exception():
            log.error("%s failed: %r", task.get_name(), error)
        else:
            log.info("%s is done", task.get_name())

    async def drain(self) -> None:
        """Wait for those that are left, then cancel what takes too long."""
        if not self.tasks:
            return
        log.info("waiting for %s", ", ".join(sorted(task.get_name() for task in self.tasks)))
        _done, late = await asyncio.wait(self.tasks, timeout=self.patience)
        for task in late:
            task.cancel()
        # Cancelling is asking: they still have to run, to clean up after themselves.
        await asyncio.gather(*late, return_exceptions=True)


async def main() -> None:
    async with Background(patience=0.4) as background:
        background.start(send("the welcome mail", seconds=0.05), "mail")
        background.start(send("the invoice", seconds=0.2), "invoice")
        background.start(send("the report", seconds=3600), "report")
        background.start(break_down(), "statistics")
        print("the answer is on its way, nobody waits for mail")
        await asyncio.sleep(0.1)  # the program goes on with something else
        print("main has nothing more to do")
    print("the end")


async def send(what: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    print(f"sent {what}")


async def break_down() -> None:
    raise ConnectionError("no statistics today")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stdout)
    asyncio.run(main())
