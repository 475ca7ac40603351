"""wait_n: n random waits at once, each one's time measured.

What it teaches: `asyncio.as_completed` hands out results as they come, so the waits come sorted without anybody
sorting them; and how much later than asked each one ended, which is what a busy loop shows in.

    python examples/python/wait_n.py
    ferrio run examples/python/wait_n.py
    ferrio run examples/python/wait_n.py 1000
"""

import asyncio
import random
import sys
import time

LONGEST = 0.6  # seconds
SHOWN = 10


async def main(count: int) -> None:
    begin = time.perf_counter()
    waits = await wait_n(count, LONGEST)
    total = time.perf_counter() - begin
    for number, asked, measured in waits[:SHOWN]:
        print(f"wait {number:<4} asked for {asked:.2f} s, took {measured:.4f} s")
    lengths = [asked for _, asked, _ in waits]
    print("the shortest came first:", lengths == sorted(lengths))
    print(f"the latest was late by {1000 * max(measured - asked for _, asked, measured in waits):.2f} ms")
    print(f"{count} waits of {sum(lengths):.2f} s took {total:.2f} s")


async def wait_n(count: int, longest: float) -> list[tuple[int, float, float]]:
    """`count` random waits at once: number, asked, measured of each, in the order in which they ended."""
    choice = random.Random(48)  # seeded, for the same waits in every run
    waits = [wait_random(number, round(choice.uniform(0, longest), 2)) for number in range(1, count + 1)]
    return [await each for each in asyncio.as_completed(waits)]


async def wait_random(number: int, seconds: float) -> tuple[int, float, float]:
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    return number, seconds, time.perf_counter() - begin


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
