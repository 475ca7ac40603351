"""The same work one after the other, and all at once, timed.

What it teaches: `await` in a loop waits for each in turn, and the times add up. Started together, they take as
long as the longest. Nothing runs in parallel: while one waits, another gets its turn, in one thread.

    python examples/python/sequential_vs_concurrent.py
    ferrio run examples/python/sequential_vs_concurrent.py
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

ORDERS = {"soup": 0.15, "pasta": 0.25, "coffee": 0.05}  # seconds that the kitchen takes


async def main() -> None:
    sequential = await timed("sequential", one_after_the_other)
    concurrent = await timed("concurrent", all_at_once)
    print(f"the sum of the waits against the longest of them: {sequential / concurrent:.1f} x")


async def one_after_the_other() -> None:
    for dish in ORDERS:
        await serve(dish)  # the next is ordered only when this one is there


async def all_at_once() -> None:
    async with asyncio.TaskGroup() as group:  # its end waits for every task in it
        for dish in ORDERS:
            group.create_task(serve(dish))


async def serve(dish: str) -> None:
    print(f"  {dish} is ordered")
    await asyncio.sleep(ORDERS[dish])
    print(f"  {dish} is served")


async def timed(name: str, work: Callable[[], Awaitable[None]]) -> float:
    """Do the work; how many seconds it took."""
    print(f"{name}:")
    begin = time.perf_counter()
    await work()
    seconds = time.perf_counter() - begin
    print(f"  took {seconds:.2f} s")
    return seconds


if __name__ == "__main__":
    asyncio.run(main())
