"""Two counters in one thread, interleaved.

What it teaches: a task runs until it awaits something that is not there yet, and only then another gets its turn.
`asyncio.sleep(0)` hands over for one turn; a counter that never awaits lets nobody in.

    python examples/python/interleaved_counters.py
    ferrio run examples/python/interleaved_counters.py
"""

import asyncio


async def main() -> None:
    print("no await, so each counts to its end:")
    await asyncio.gather(greedy("a", 3), greedy("b", 3))

    print("sleep(0), so they take turns:")
    await asyncio.gather(polite("a", 3), polite("b", 3))

    print("a every 0.1 s, b every 0.25 s, so the clock decides:", end="")
    await asyncio.gather(steady("a", 4, 0.1), steady("b", 2, 0.25))
    print()


async def greedy(name: str, limit: int) -> None:
    for number in range(1, limit + 1):
        print(f"  {name}{number}")


async def polite(name: str, limit: int) -> None:
    for number in range(1, limit + 1):
        print(f"  {name}{number}")
        await asyncio.sleep(0)


async def steady(name: str, limit: int, period: float) -> None:
    for number in range(1, limit + 1):
        await asyncio.sleep(period)
        print(f" {name}{number}", end="", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
