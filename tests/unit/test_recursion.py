"""Chains that a program can make as long as it likes: each ends, or raises RecursionError, on a small stack, too.

Each case is a process of its own, which a stack that overflows would end; asyncio itself does not survive all of them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL, LENGTH = 512 * 1024, 20_000


async def chain_of_tasks(aio, loop):
    """Each awaits the one before."""

    async def awaits(awaited):
        await awaited

    first = task = loop.create_task(awaits(loop.create_future()))
    tasks = [task]
    for _ in range(LENGTH):
        tasks.append(task := loop.create_task(awaits(task)))
    await aio.sleep(0)
    await aio.sleep(0)
    try:
        return task.cancel()
    finally:
        first.cancel()
        await aio.wait(tasks)


async def gather_of_gather(aio, loop):
    first = future = aio.gather(loop.create_future())
    for _ in range(LENGTH):
        future = aio.gather(future)
    try:
        return future.cancel()
    finally:
        first.cancel()
        await aio.wait([future])


async def wait_for_of_wait_for(aio, loop):
    coroutine = aio.sleep(0)
    for _ in range(LENGTH):
        coroutine = aio.wait_for(coroutine, 10)
    await coroutine


async def shield_of_shield(aio, loop):
    first = future = loop.create_future()
    for _ in range(LENGTH):
        future = aio.shield(future)
    future.cancel()
    first.cancel()


async def tasks_that_await_each_other(aio, loop):
    box = []

    async def awaits():
        await box[0]

    async def awaits_that(task):
        await task

    first = loop.create_task(awaits())
    second = loop.create_task(awaits_that(first))
    box.append(second)
    await aio.sleep(0)
    await aio.sleep(0)
    first._log_destroy_pending = second._log_destroy_pending = False
    first.cancel()


async def eager_in_eager(aio, loop):
    loop.set_task_factory(aio.eager_task_factory)

    async def starts(left):
        if left:
            task = loop.create_task(starts(left - 1))
            task._log_destroy_pending = False
            await task

    try:
        await starts(LENGTH)
    finally:
        loop.set_task_factory(None)
        assert aio.all_tasks() == {aio.current_task()}  # or ferrio.run() would wait for one that never began


async def queues_in_queues(aio, loop):
    queue = aio.Queue()
    for _ in range(10 * LENGTH):
        outer = aio.Queue()
        outer.put_nowait(queue)
        queue = outer
    del queue, outer


async def results_in_results(aio, loop):
    future = None
    for _ in range(10 * LENGTH):
        outer = loop.create_future()
        outer.set_result(future)
        future = outer
    del future, outer


async def iterators_in_results(aio, loop):
    iterator = None
    for _ in range(10 * LENGTH):
        future = loop.create_future()
        future.set_result(iterator)
        iterator = iter(future)
    del iterator, future


CASES = {
    "chain_of_tasks": "RecursionError",
    "gather_of_gather": "RecursionError",
    "wait_for_of_wait_for": "RecursionError",
    "shield_of_shield": "ended",
    "tasks_that_await_each_other": "RecursionError",
    "eager_in_eager": "RecursionError",
    "queues_in_queues": "ended",
    "results_in_results": "ended",
    "iterators_in_results": "ended",
}
TASKS = ("wait_for_of_wait_for",)  # before 3.12, where each wait_for() runs in a task of its own
COUNTED = (
    "chain_of_tasks",
    "gather_of_gather",
)  # from 3.14 on the interpreter counts no calls, and these take no stack


@pytest.mark.parametrize("case", CASES)
def test_a_long_chain_ends_on_a_small_stack(case):
    if case == "eager_in_eager" and sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, case],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    passes = case in COUNTED if sys.version_info >= (3, 14) else case in TASKS and sys.version_info < (3, 12)
    expected = "ended" if passes else CASES[case]
    assert (done.returncode, done.stdout.split()[-1:]) == (0, [expected]), done.stderr[-2000:]


def run(case):
    import ferrio  # in the process of the case only

    loop = ferrio.new_event_loop()
    try:
        loop.run_until_complete(globals()[case](ferrio, loop))
        print("ended", flush=True)
    except RecursionError:
        print("RecursionError", flush=True)
    loop.close()


if __name__ == "__main__":
    import threading

    threading.stack_size(SMALL)
    thread = threading.Thread(target=run, args=(sys.argv[1],))
    thread.start()
    thread.join()
