"""Coroutines, tasks and futures: what each is.

What it teaches: calling an `async def` runs nothing, it makes a coroutine; awaiting one runs it here and now. A task
runs a coroutine on its own, from the next turn of the loop on. A future is a result that is not there yet, to be
set by somebody, often by a callback; a task is a future whose result its coroutine sets.

    python examples/python/tasks_coroutines_futures.py
    ferrio run examples/python/tasks_coroutines_futures.py
"""

import asyncio
import time


async def main() -> None:
    print("a coroutine")
    coroutine = double(1)
    print("  made, and nothing ran")
    print("  awaited:", await coroutine)

    begin = time.perf_counter()
    first, second = double(2), double(3)
    print("  two, awaited one after the other:", await first, await second, f"{time.perf_counter() - begin:.2f} s")

    print("a task")
    begin = time.perf_counter()
    task, other = asyncio.create_task(double(4)), asyncio.create_task(double(5))
    await asyncio.sleep(0)  # one turn of the loop
    print("  both run already, done:", task.done(), other.done())
    print("  two, awaited one after the other:", await task, await other, f"{time.perf_counter() - begin:.2f} s")
    print("  again, at once, a task keeps its result:", await task)

    print("a future")
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.add_done_callback(lambda done: print("  a callback sees it:", done.result()))
    loop.call_later(0.1, future.set_result, "set by a timer")  # no coroutine, no task
    print("  the one who awaits gets it:", await future)

    print("a task is a future:", isinstance(task, asyncio.Future))
    print("cancelled, it raises where it waits")
    task = asyncio.create_task(double(6))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("  and here; cancelled:", task.cancelled())


async def double(number: int) -> int:
    print(f"  double({number}) runs")
    await asyncio.sleep(0.1)
    return 2 * number


if __name__ == "__main__":
    asyncio.run(main())
