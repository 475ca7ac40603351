"""`ferrio.dump_tasks()`: what the report says of tasks that wait for several others, as by `wait()` and `gather()`."""

import asyncio
import re
import sys

import pytest
from dumped import awaits, dumped, entry, nothing, settled, tasks_of


@pytest.fixture
def run(new_loop):
    return lambda main: new_loop().run_until_complete(main)


def test_gather_waits_for_those_that_are_left(run, aio):
    async def parent(gate):
        await aio.gather(aio.create_task(awaits(gate), name="child"), nothing(), gate)

    async def main():
        gate = asyncio.get_running_loop().create_future()
        async with tasks_of(aio, parent=parent(gate)):
            return dumped()

    what, _ = entry(run(main()), "parent")
    assert "waits for gather()" in what
    assert what.endswith("of 1 task: 'child', and 1 future")


WAITS = {
    "all": (lambda wait, some: wait(some), "wait() of 2 tasks: 'one', 'two'"),
    "first": (
        lambda wait, some: wait(some, return_when=asyncio.FIRST_COMPLETED),
        "wait() for the first of 2 tasks: 'one', 'two'",
    ),
    "failure": (
        lambda wait, some: wait(some, timeout=60, return_when=asyncio.FIRST_EXCEPTION),
        "wait() for all, or the first that fails, of 2 tasks: 'one', 'two'",
    ),
}


@pytest.mark.parametrize("way", WAITS)
def test_wait_names_those_that_are_left(run, aio, way):
    make, expected = WAITS[way]

    async def main():
        gate = asyncio.get_running_loop().create_future()
        async with tasks_of(aio, one=awaits(gate), two=awaits(gate)) as children:
            done = aio.create_task(nothing())
            await done
            some = [*children, done] if way == "all" else children
            async with tasks_of(aio, waits=make(aio.wait, some)):
                return dumped()

    assert entry(run(main()), "waits")[0].endswith(f"waits for {expected}")


def test_wait_counts_futures(run, aio):
    async def main():
        futures = [asyncio.get_running_loop().create_future() for _ in range(2)]
        async with (
            tasks_of(aio, one=awaits(futures[0])) as children,
            tasks_of(aio, only=aio.wait(futures), both=aio.wait([*futures, *children])),
        ):
            return dumped()

    text = run(main())
    assert entry(text, "only")[0].endswith("waits for wait() of 2 futures")
    assert entry(text, "both")[0].endswith("waits for wait() of 1 task: 'one', and 2 futures")


def test_as_completed(run, aio):
    async def main():
        async def takes(some):
            for answer in aio.as_completed(some):
                await answer

        gate = asyncio.get_running_loop().create_future()
        async with (
            tasks_of(aio, one=awaits(gate), two=awaits(gate)) as children,
            tasks_of(aio, takes=takes(children)),
        ):
            return dumped()

    what = entry(run(main()), "takes")[0]
    hidden = aio is asyncio and sys.version_info < (3, 13)  # a generator's own variable
    assert what.endswith("as_completed() for the next" + ("" if hidden else " of 2 tasks: 'one', 'two'"))


@pytest.mark.parametrize(
    ("make", "stuck"),
    [
        (lambda wait, some, gate: wait(some), True),
        (lambda wait, some, gate: wait(some, return_when=asyncio.FIRST_COMPLETED), False),
        (lambda wait, some, gate: wait(some[:1], return_when=asyncio.FIRST_COMPLETED), True),
        (lambda wait, some, gate: wait([some[0], gate], return_when=asyncio.FIRST_COMPLETED), False),
        (lambda wait, some, gate: wait(some, timeout=60), False),
    ],
    ids=["all", "first", "first of one", "first, or a future", "at most a minute"],
)
def test_a_wait_for_a_task_that_needs_what_the_waiter_holds(run, aio, make, stuck):
    async def waiter(lock, gate, free):
        async with lock:
            some = [aio.create_task(child(lock), name="child"), free]
            await make(aio.wait, some, gate)

    async def child(lock):
        async with lock:
            pass

    async def main():
        lock, gate = aio.Lock(), asyncio.get_running_loop().create_future()
        async with tasks_of(aio, free=awaits(gate)) as (free,):
            async with tasks_of(aio, waiter=waiter(lock, gate, free)):
                text = dumped()
            await settled()
            return text

    assert ("deadlock:" in run(main())) == stuck


def test_what_was_gathered_and_is_not_awaited_is_not_waited_for(run, aio):
    async def parent(lock, gate, some):
        async with lock:
            aio.gather(*some)
            await gate

    async def main():
        lock, gate = aio.Lock(), aio.Event()

        async def child():
            async with lock:
                pass

        task = aio.create_task(child(), name="child")
        async with tasks_of(aio, parent=parent(lock, gate.wait(), [task])):
            text = dumped()
        await task
        return text

    text = run(main())
    assert re.search(r"waits for Event at 0x\w+ not set$", entry(text, "parent")[0])
    assert "deadlock:" not in text
