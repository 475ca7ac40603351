"""Five tasks at once, in a `TaskGroup`.

What it teaches: tasks start in the order in which they were made, as soon as the code that made them awaits
something, and end when their own waits end. If one fails, the group cancels the others and raises what went wrong.

    python examples/python/five_tasks.py
    ferrio run examples/python/five_tasks.py
"""

import asyncio
import time


async def main() -> None:
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(number, seconds=0.35 - 0.06 * number)) for number in range(1, 6)]
        print("five tasks made, none has started")
    print("results:", [task.result() for task in tasks])
    print(f"five waits took {time.perf_counter() - begin:.2f} s\n")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(1, seconds=10))
            group.create_task(fail(2, seconds=0.05))
    except* ValueError as errors:
        print("the group failed:", *errors.exceptions)


async def work(number: int, seconds: float) -> int:
    print(f"task {number} starts")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        print(f"task {number} was cancelled")
        raise  # always: whoever cancelled is waiting to see it end
    print(f"task {number} ends")
    return number * number


async def fail(number: int, seconds: float) -> None:
    print(f"task {number} starts")
    await asyncio.sleep(seconds)
    raise ValueError(f"task {number} had bad luck")


if __name__ == "__main__":
    asyncio.run(main())
