"""Tasks that the loop keeps: one to which nobody refers is not collected half-way, whoever made it and however."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import ferrio
import pytest


class Cycle:
    """What a task waits for that only the task knows."""


async def forgotten(done):
    future = asyncio.get_running_loop().create_future()
    here = Cycle()
    here.future, future.here = future, here
    try:
        await future
    except asyncio.CancelledError:
        done.append("cancelled")
        raise


async def start_and_forget(create, done):
    reference = weakref.ref(create(forgotten(done)))
    await asyncio.sleep(0)
    gc.collect()
    return reference


FACTORIES = {"none": None, "own": lambda loop, coro, **options: asyncio.Task(coro, loop=loop, **options)}
if sys.version_info >= (3, 12):
    FACTORIES["eager"] = asyncio.eager_task_factory


class Forgettable(asyncio.Future):
    """A future that can have attributes, hence be part of a cycle."""


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("create", [lambda coro: asyncio.create_task(coro), asyncio.ensure_future])
def test_a_forgotten_task_is_kept_until_it_is_done(factory, create, monkeypatch):
    done = []
    monkeypatch.setattr(ferrio.Loop, "create_future", lambda self: Forgettable(loop=self))

    async def main():
        asyncio.get_running_loop().set_task_factory(FACTORIES[factory])
        reference = await start_and_forget(create, done)
        assert reference() is not None and not done
        reference().cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        assert reference() is None and done == ["cancelled"]

    ferrio.run(main(), keep_tasks=True)


def test_without_it_the_task_is_lost(monkeypatch, asyncio_errors):
    """The test above would pass for nothing if this one failed."""
    monkeypatch.setattr(ferrio.Loop, "create_future", lambda self: Forgettable(loop=self))

    async def main():
        done = []
        assert (await start_and_forget(asyncio.create_task, done))() is None
        assert done == []

    ferrio.run(main())
    assert [record.getMessage().partition("\n")[0] for record in asyncio_errors] == [
        "Task was destroyed but it is pending!"
    ]
    asyncio_errors.clear()


def test_names_and_contexts_pass_through():
    async def main():
        task = asyncio.get_running_loop().create_task(asyncio.sleep(0, 1), name="this one")
        assert task.get_name() == "this one"
        assert await task == 1

    ferrio.run(main(), keep_tasks=True)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_a_task_that_ends_at_once_is_not_kept():
    async def nothing():
        return 1

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        task = asyncio.create_task(nothing())
        assert task.done() and not loop._foreign_tasks
        gone = weakref.ref(task)
        del task
        assert gone() is None

    ferrio.run(main(), keep_tasks=True)


def test_nothing_is_kept_after_the_loop():
    loop = ferrio.Loop()
    loop.keep_tasks()
    loop.keep_tasks()
    task = loop.create_task(asyncio.sleep(3600))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    reference = weakref.ref(loop)
    loop.close()
    loop.keep_tasks()
    with pytest.raises(RuntimeError, match="closed"):
        coroutine = asyncio.sleep(0)
        try:
            loop.create_task(coroutine)
        finally:
            coroutine.close()
    del loop, task
    gc.collect()
    assert reference() is None


def test_a_forgotten_loop_takes_the_tasks_along_that_it_keeps():
    """Each such task holds on to itself, and to the loop: neither was ever collected."""

    async def main():
        return await start_and_forget(asyncio.create_task, [])

    loop = ferrio.new_event_loop(keep_tasks=True)
    loop.set_exception_handler(lambda loop, context: None)
    task, there = loop.run_until_complete(main()), weakref.ref(loop)
    gc.collect()
    assert task() is not None
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del loop
        gc.collect()
    assert task() is None and there() is None
