"""A program for tests that look at it from outside: `inspected.py asyncio|ferrio SCENARIO`.

Says "ready" on standard output once everything waits, and goes on until standard input ends. Whatever it does waits for
nothing that happens by itself, so that who looks twice sees the same.
"""

import asyncio
import contextlib
import gc
import importlib
import os
import sys
import threading

aio = importlib.import_module(sys.argv[1]) if __name__ == "__main__" else asyncio


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


async def forever():
    await asyncio.get_running_loop().create_future()


async def deep(depth):
    if depth:
        await deep(depth - 1)
    else:
        await forever()


async def awaits(other):
    await other


def start(coroutine, name):
    return asyncio.get_running_loop().create_task(coroutine, name=name)


async def plain(show):
    start(forever(), "leaf")
    await show()


async def names(show):
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(forever()) for _ in range(3)]
    renamed, odd = start(forever(), "before"), start(forever(), 4711)
    renamed.set_name("after")
    tasks[0].get_name()
    await show()
    return tasks, renamed, odd


async def created(show):
    """By every way there is to make a task."""
    tasks = [
        aio.create_task(forever(), name="create_task"),
        aio.ensure_future(forever()),
        aio.Task(forever(), loop=asyncio.get_running_loop(), name="Task()"),
    ]

    class Derived(aio.Task):
        pass

    tasks.append(Derived(forever(), loop=asyncio.get_running_loop(), name="Derived()"))
    await show()
    return tasks


async def eager(show):
    loop = asyncio.get_running_loop()
    loop.set_task_factory(aio.eager_task_factory)

    async def at_once():
        pass

    done = start(at_once(), "done at once")
    waits = start(deep(1), "eager")
    outer = start(awaits(waits), "outer")
    await show()
    return done, outer


async def chain(show):
    task = start(deep(2), "0")
    for number in range(1, 6):
        task = start(awaits(task), str(number))
    await show()


async def several_await_one(show):
    leaf = start(forever(), "leaf")
    for number in range(4):
        start(awaits(leaf), f"waits {number}")
    await show()


async def one_stops_awaiting(show):
    leaf = start(forever(), "leaf")
    waiting = [start(awaits(aio.shield(leaf)), f"waits {number}") for number in range(4)]
    await turns()
    for task in waiting[1:]:
        task.cancel()
    await turns()
    await show()


async def gather(show):
    async def inner():
        await aio.gather(forever(), deep(1))

    start(inner(), "inner")
    start(awaits(aio.gather(start(inner(), "one"), start(inner(), "two"))), "outer")
    await show()


async def gather_that_failed(show):
    survivor = start(forever(), "survivor")

    async def fails():
        await turns(2)
        raise ValueError

    async def outer():
        with contextlib.suppress(ValueError):
            await aio.gather(survivor, fails())
        await forever()

    start(outer(), "outer")
    await show()


async def groups(show):
    async def group(depth):
        async with aio.TaskGroup() as group_:
            group_.create_task(forever(), name=f"leaf {depth}")
            if depth:
                group_.create_task(group(depth - 1), name=f"group {depth}")
            # Not by leaving the block, which is not the same in both.
            await forever()

    start(group(2), "outermost")
    await show()


async def shield(show):
    inner = start(forever(), "inner")

    async def outer():
        await aio.shield(inner)

    start(outer(), "outer")
    await show()


async def timeouts(show):
    async def limited():
        async with aio.timeout(1000), aio.timeout(2000):
            await deep(1)

    start(limited(), "limited")
    await show()


async def wait_for_tasks(show):
    leaf = start(deep(1), "leaf")

    async def limited():
        await aio.wait_for(leaf, 1000)

    start(limited(), "limited")
    await show()


async def wait_for_coroutines(show):
    """What is under it can be seen where wait_for() is what the task runs."""
    start(aio.wait_for(deep(1), 1000), "limited")
    await show()


async def wait_within(show):
    async def limited():
        await aio.wait_for(deep(1), 1000)

    start(limited(), "limited")
    await show()


async def wait(show):
    async def outer():
        await aio.wait([start(forever(), "one"), start(deep(1), "two")])

    start(outer(), "outer")
    await show()


async def wait_that_timed_out(show):
    leaf = start(forever(), "leaf")

    async def outer():
        await aio.wait([leaf], timeout=0.001)
        await forever()

    start(outer(), "outer")
    await asyncio.sleep(0.05)
    await show()


async def as_completed(show):
    leaf = start(forever(), "leaf")

    async def outer():
        for each in aio.as_completed([leaf]):
            await each

    start(outer(), "outer")
    await show()


async def primitives(show):
    lock, event, queue = aio.Lock(), aio.Event(), aio.Queue()
    semaphore, condition = aio.Semaphore(0), aio.Condition()
    await lock.acquire()

    async def locked():
        await lock.acquire()

    async def waits():
        await event.wait()

    async def gets():
        await queue.get()

    async def acquires():
        await semaphore.acquire()

    async def is_told():
        async with condition:
            await condition.wait()

    async def sleeps():
        await aio.sleep(1000)

    for function in (locked, waits, gets, acquires, is_told, sleeps):
        start(function(), function.__name__)
    await show()


async def native_coroutines(show):
    """Tasks of which the whole coroutine is the library's."""
    queue, lock, event = aio.Queue(), aio.Lock(), aio.Event()
    await lock.acquire()
    for name, coroutine in (
        ("sleep", aio.sleep(1000)),
        ("get", queue.get()),
        ("acquire", lock.acquire()),
        ("event", event.wait()),
        ("wait", aio.wait([start(forever(), "leaf")])),
    ):
        start(coroutine, name)
    await show()


async def finished(show):
    """Only what is not done is there to be seen."""

    async def returns():
        pass

    async def fails():
        raise ValueError

    tasks = [start(returns(), "returned"), start(fails(), "failed"), start(forever(), "cancelled")]
    await turns()
    tasks[2].cancel()
    await turns()
    tasks[1].exception()
    await show()
    return tasks


async def forgotten(show):
    """Tasks that died without an end."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    for number in range(100):
        start(forever(), f"forgotten {number}")
    await turns()
    gc.collect()
    start(deep(1), "kept")
    await show()


async def mixed(show):
    """Tasks of asyncio's own, and ours if there are any, awaiting each other."""
    loop = asyncio.get_running_loop()
    leaf = start(forever(), "leaf")
    stock = asyncio.Task(awaits(leaf), loop=loop, name="stock")
    outer = start(awaits(stock), "outer")
    both = start(awaits(aio.gather(outer, asyncio.Task(forever(), loop=loop, name="stock leaf"))), "both")
    await show()
    return both


async def threads(show):
    """Loops of other threads."""
    running = threading.Barrier(3)

    async def elsewhere(name):
        start(deep(1), f"{name}: leaf")
        start(awaits(start(forever(), f"{name}: awaited")), f"{name}: outer")
        await turns()
        asyncio.get_running_loop().call_soon(running.wait)  # when this task waits, too
        await forever()

    def run(name):
        with aio.Runner(loop_factory=aio.new_event_loop) as runner:
            runner.run(elsewhere(name))

    for name in ("first", "second"):
        threading.Thread(target=run, args=(name,), daemon=True).start()
    running.wait()
    await show()


async def ended_threads(show):
    """Tasks whose thread is no more."""
    left = []

    def run():
        loop = aio.new_event_loop()
        left.extend((loop, loop.create_task(forever(), name="left"), loop.create_task(forever(), name="dropped")))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    left.pop()._log_destroy_pending = False
    await show()
    left.pop()._log_destroy_pending = False


async def forked(show):
    """A child, with the tasks that its parent had made."""
    start(awaits(start(forever(), "after")), "outer")
    await show()


async def before_the_fork():
    """Gives out what must be kept: if asyncio's own are collected in the child, its list loses tasks of the child."""
    outer = start(awaits(start(deep(1), "before")), "outer before")
    await turns()
    return outer


async def churn(show):
    """Tasks that come and go while somebody looks."""

    async def brief():
        await asyncio.sleep(0)
        return await aio.gather(short(), short(), return_exceptions=True)

    async def short():
        await asyncio.sleep(0)
        raise ValueError

    async def busy():
        while True:
            async with aio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(brief(), name=f"brief {number}" if number % 2 else None)

    task = aio.create_task(busy())
    await show()
    return task


async def main(scenario):
    loop = asyncio.get_running_loop()
    gone = loop.create_future()

    def read():
        if not os.read(0, 100):
            loop.remove_reader(0)
            gone.set_result(None)

    async def show():
        await turns()
        loop.add_reader(0, read)
        loop.call_soon(lambda: print("ready", os.getpid(), flush=True))
        await gone

    asyncio.current_task().set_name("main")
    await scenario(show)


if __name__ == "__main__":
    gc.disable()  # nobody holds most of the tasks but themselves, and a collection in between would take them away
    scenario = globals()[sys.argv[2]]
    with aio.Runner(loop_factory=aio.new_event_loop) as runner:
        if scenario is forked:
            loop = runner.get_loop()
            kept = loop.run_until_complete(before_the_fork())
            if child := os.fork():
                os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        runner.run(main(scenario))
