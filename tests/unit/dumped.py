"""What tests of `ferrio.dump_tasks()` have in common: tasks by name, and what a report says of one of them."""

import asyncio
import contextlib
import io
import re

import ferrio


def dumped():
    file = io.StringIO()
    ferrio.dump_tasks(file)
    return file.getvalue()


async def settled(turns=5):
    for _ in range(turns):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def tasks_of(aio, **coroutines):
    """Tasks by these names, which have gone as far as they get; cancelled at the end."""
    tasks = [aio.create_task(coroutine, name=name) for name, coroutine in coroutines.items()]
    try:
        await settled()
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def entry(text, name):
    """What a report says of the task of this name: what it waits for, and where."""
    lines = text.splitlines()
    (index,) = [number for number, line in enumerate(lines) if re.match(rf"  '{name}' ", line)]
    places = [line.split() for line in lines[index + 1 :]]
    until = next((number for number, line in enumerate(lines[index + 1 :]) if not line.startswith("      ")), None)
    return " ".join(lines[index].split()), [" ".join(each) for each in places[:until]]


async def nothing():
    pass


async def awaits(gate):
    await gate
