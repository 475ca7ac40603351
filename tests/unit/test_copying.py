"""Copies and pickles of locks and queues: asyncio's can be copied, and so can whatever has one."""

import asyncio
import copy
import pickle

import pytest
from helpers import on_loop

WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@on_loop
async def test_locks_can_be_copied(loop, aio, way):
    for locked in (False, True):
        lock = aio.Lock()
        if locked:
            await lock.acquire()
        lock.note = "note"
        copied = way(lock)
        assert type(copied) is type(lock)
        assert (copied.locked(), copied.note) == (locked, "note")
        if locked:
            copied.release()
            assert lock.locked()
        async with copied:
            assert copied.locked()
    event = aio.Event()
    event.set()
    assert way(event).is_set()
    assert not way(aio.Event()).is_set()
    semaphore = aio.Semaphore(2)
    await semaphore.acquire()
    assert way(semaphore)._value == 1
    bounded = aio.BoundedSemaphore(2)
    await bounded.acquire()
    copied = way(bounded)
    copied.release()
    with pytest.raises(ValueError, match="released too many times"):
        copied.release()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@on_loop
async def test_a_copied_condition_has_the_lock_that_was_copied_with_it(loop, aio, way):
    first = aio.Condition()
    condition, lock = way((first, first._lock)) if way is not copy.copy else (copy.copy(first), first._lock)
    assert condition._lock is lock

    async def waits():
        async with condition:
            await condition.wait()

    waiting = loop.create_task(waits())
    await asyncio.sleep(0)
    async with condition:
        assert lock.locked()
        condition.notify()
    await asyncio.wait_for(waiting, 5)
    assert await way(aio.Barrier(1)).wait() == 0


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
@on_loop
async def test_queues_can_be_copied(loop, aio, way, kind):
    queue = getattr(aio, kind)(3)
    for item in (2, 1, 3):
        queue.put_nowait(item)
    copied = way(queue)
    assert (copied.maxsize, copied.full(), copied._unfinished_tasks) == (3, True, 3)
    expected = {"Queue": [2, 1, 3], "LifoQueue": [3, 1, 2], "PriorityQueue": [1, 2, 3]}[kind]
    assert [await copied.get() for _ in range(3)] == expected
    assert queue.qsize() == (0 if way is copy.copy else 3)  # asyncio's shallow copy has the same store, too
    for _ in range(3):
        copied.task_done()
    await asyncio.wait_for(copied.join(), 5)


@on_loop
async def test_what_somebody_waits_for_cannot_be_pickled(loop, aio):
    lock = aio.Lock()
    await lock.acquire()
    waiting = loop.create_task(lock.acquire())
    await asyncio.sleep(0)
    for way in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            way(lock)
    lock.release()
    await waiting
