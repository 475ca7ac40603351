"""Blocking calls and CPU work beside a loop: threads and processes.

What it teaches: a blocking call stops the whole loop, so it goes to a thread: `ThreadPoolExecutor.map` where there
is no loop, `run_in_executor` and `asyncio.to_thread` where there is one. Threads do not make Python code faster,
since one runs at a time; what computes goes to a process pool. All the while the loop is free, and a ticker proves it.

    python examples/python/executors.py
    ferrio run examples/python/executors.py
"""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

PARTS = [(1, 20_000), (20_000, 40_000), (40_000, 60_000)]


def main() -> None:
    begin = time.perf_counter()
    with ThreadPoolExecutor(max_workers=3) as pool:
        lengths = list(pool.map(read_slowly, ["a", "bb", "ccc"]))  # in the order of the arguments
    print(f"ThreadPoolExecutor.map: {lengths} in {time.perf_counter() - begin:.2f} s")
    primes = asyncio.run(on_a_loop())
    print("the same as counted here:", primes == count_primes(PARTS[0][0], PARTS[-1][1]))


async def on_a_loop() -> int:
    loop = asyncio.get_running_loop()

    with ThreadPoolExecutor(max_workers=3) as pool:
        async with ticking("run_in_executor"):
            calls = [loop.run_in_executor(pool, read_slowly, name) for name in ("a", "bb", "ccc")]
            print("run_in_executor:", await asyncio.gather(*calls))

    async with ticking("to_thread"):
        print("to_thread:", await asyncio.to_thread(read_slowly, "dddd"))

    # "spawn" starts fresh interpreters. Forking a process that has threads can copy a lock that is held.
    with ProcessPoolExecutor(max_workers=2, mp_context=multiprocessing.get_context("spawn")) as pool:
        async with ticking("the process pool"):
            primes = await asyncio.gather(*(loop.run_in_executor(pool, count_primes, *part) for part in PARTS))
    print("primes, counted by processes:", primes, "together", sum(primes))
    return sum(primes)


def read_slowly(name: str) -> int:
    """A blocking call, such as a driver that knows no asyncio."""
    time.sleep(0.1)
    return len(name)


def count_primes(first: int, end: int) -> int:
    """CPU work. It must be a function of a module, so that another process can find it by name."""
    return sum(number > 1 and all(number % by for by in range(2, int(number**0.5) + 1)) for number in range(first, end))


@contextlib.asynccontextmanager
async def ticking(what: str) -> AsyncIterator[None]:
    """Whether the loop went on while the block waited."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    print(f"  the loop went on during {what}: {ticks > 1}")


if __name__ == "__main__":  # also what keeps a spawned process, which imports this file, from starting over
    main()
