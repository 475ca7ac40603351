"""Locks, events, semaphores, conditions and barriers: asyncio's and ferrio's, each on both loops.

CPython's own tests run on ferrio's classes as well. Here is what they do not ask: the coroutines themselves,
subclasses, memory, classes; and long random programs, whose every step has to be the same on asyncio's classes and on
ferrio's.
"""

import asyncio
import collections.abc
import gc
import random
import re
import sys
import warnings
import weakref

import ferrio.locks
import pytest
from helpers import on_loop

KINDS = {"asyncio": asyncio.locks, "ferrio": ferrio.locks}
NAMES = ("Lock", "Event", "Semaphore", "BoundedSemaphore", "Condition", "Barrier")
ARGUMENTS = {"Barrier": (2,)}


@pytest.fixture(params=KINDS)
def kind(request):
    """The module with the classes under test."""
    return KINDS[request.param]


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


def address_free(text):
    return re.sub(r"<(ferrio|asyncio)\.locks\.|0x[0-9a-f]+", "", text)


@pytest.mark.parametrize("name", ["Lock", "Semaphore"])
@on_loop
async def test_first_come_first_served(loop, kind, name):
    lock, order = getattr(kind, name)(), []

    async def worker(number):
        async with lock:
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(worker, range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert not lock.locked()


@pytest.mark.parametrize("name", ["Lock", "Semaphore"])
@on_loop
async def test_who_is_cancelled_after_it_was_told_passes_its_turn_on(loop, kind, name):
    lock = getattr(kind, name)()
    await lock.acquire()
    first, second = (loop.create_task(lock.acquire()) for _ in range(2))
    await turns(2)
    lock.release()
    first.cancel()
    assert await second is True
    with pytest.raises(asyncio.CancelledError):
        await first
    lock.release()
    assert not lock.locked()


@on_loop
async def test_nobody_overtakes(loop, kind):
    lock = kind.Lock()
    await lock.acquire()
    waiter = loop.create_task(lock.acquire())
    await turns(2)
    lock.release()
    late = loop.create_task(lock.acquire())
    await turns(3)
    assert (waiter.done(), late.done()) == (True, False)
    lock.release()
    assert await late is True


@on_loop
async def test_an_event_lets_all_go_on_though_it_is_cleared_at_once(loop, kind):
    event = kind.Event()
    waiters = [loop.create_task(event.wait()) for _ in range(3)]
    await turns(2)
    event.set()
    event.clear()
    assert await asyncio.gather(*waiters) == [True] * 3
    assert not event.is_set()


@on_loop
async def test_a_condition_and_a_barrier(loop, kind):
    condition, barrier, seen = kind.Condition(), kind.Barrier(3), []

    async def consumer(number):
        async with condition:
            await condition.wait()
            seen.append(number)
        return await barrier.wait()

    tasks = [loop.create_task(consumer(number)) for number in range(3)]
    await turns(3)
    async with condition:
        condition.notify(2)
    await turns(5)
    assert seen == [0, 1]
    async with condition:
        condition.notify_all()
    assert sorted(await asyncio.gather(*tasks)) == [0, 1, 2]
    broken = loop.create_task(barrier.wait())
    await turns(2)
    await barrier.abort()
    with pytest.raises(asyncio.BrokenBarrierError):
        await broken


@on_loop
async def test_timeouts_leave_nothing_behind(loop, kind):
    lock, event, semaphore = kind.Lock(), kind.Event(), kind.Semaphore(0)
    await lock.acquire()
    for wait in (lock.acquire, event.wait, semaphore.acquire):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wait(), 0.001)
    assert not (lock._waiters or event._waiters or semaphore._waiters)


@on_loop
async def test_mistakes_and_their_texts(loop, kind):
    with pytest.raises(RuntimeError, match=r"^Lock is not acquired\.$"):
        kind.Lock().release()
    with pytest.raises(ValueError, match=r"^Semaphore initial value must be >= 0$"):
        kind.Semaphore(-1)
    bounded = kind.BoundedSemaphore(1)
    with pytest.raises(ValueError, match=r"^BoundedSemaphore released too many times$"):
        bounded.release()
    with pytest.raises(TypeError, match=r"Lock\.__init__\(\) got an unexpected keyword argument 'loop'"):
        kind.Lock(loop=loop)
    with pytest.raises(TypeError):
        kind.Lock().acquire(1)


def test_a_lock_belongs_to_the_loop_of_its_first_wait(new_loop, kind):
    lock = kind.Lock()

    async def contend():
        await lock.acquire()
        return await asyncio.wait_for(lock.acquire(), 0.001)

    with pytest.raises(asyncio.TimeoutError):
        new_loop().run_until_complete(contend())
    with pytest.raises(
        RuntimeError, match=r"Lock object at 0x[0-9a-f]+ \[locked\]> is bound to a different event loop$"
    ):
        lock.release() or new_loop().run_until_complete(contend())


@on_loop
async def test_repr(loop, kind):
    async def states():
        for name in NAMES:
            yield repr(getattr(kind, name)(*ARGUMENTS.get(name, ())))
        lock = kind.Lock()
        await lock.acquire()
        task = loop.create_task(lock.acquire())
        await turns(2)
        yield repr(lock)
        lock.release()
        await task
        semaphore = kind.Semaphore(3)
        await semaphore.acquire()
        yield repr(semaphore)

    assert [address_free(text) async for text in states()] == [
        "Lock object at  [unlocked]>",
        "Event object at  [unset]>",
        "Semaphore object at  [unlocked, value:1]>",
        "BoundedSemaphore object at  [unlocked, value:1]>",
        "Condition object at  [unlocked]>",
        "Barrier object at  [filling, waiters:0/2]>",
        "Lock object at  [locked, waiters:1]>",
        "Semaphore object at  [unlocked, value:2]>",
    ]


@on_loop
async def test_the_value_of_a_semaphore_may_be_read_and_set(loop, kind):
    semaphore = kind.Semaphore(2)
    semaphore._value -= 1
    await semaphore.acquire()
    assert semaphore.locked() and semaphore._value == 0
    unlimited = kind.Semaphore(float("inf"))
    for _ in range(100):
        await unlimited.acquire()
    assert not unlimited.locked()


@on_loop
async def test_subclasses_and_their_methods(loop, kind):
    calls = []

    class Noting(kind.Lock):
        async def acquire(self):
            calls.append("acquire")
            return await super().acquire()

        def release(self):
            calls.append("release")
            super().release()

    class Counting(kind.Semaphore):
        def __init__(self, name):
            super().__init__(2)
            self.name = name

    lock = Noting()
    async with lock:
        assert lock.locked()
    assert calls == ["acquire", "release"] and not lock.locked()
    counting = Counting("two")
    async with counting, counting:
        assert counting.locked()
    assert (counting.name, counting._value) == ("two", 2)
    assert weakref.ref(lock)() is lock


def test_a_coroutine_that_nobody_awaits_is_reported(kind):
    lock = kind.Lock()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lock.acquire()
        kind.Event().wait()
        kind.Semaphore().acquire()
        gc.collect()
    names = ["Lock.acquire", "Event.wait", "Semaphore.acquire"]
    assert [str(one.message) for one in caught] == [f"coroutine '{name}' was never awaited" for name in names]
    assert not lock.locked()


def test_one_in_a_cycle_is_reported_too(kind):
    lock = kind.Lock()
    lock.acquired = lock.acquire()
    with pytest.warns(RuntimeWarning, match=r"^coroutine 'Lock\.acquire' was never awaited$"):
        del lock
        gc.collect()


def test_a_coroutine_driven_by_hand(kind):
    lock = kind.Lock()
    coroutine = lock.acquire()
    assert asyncio.iscoroutine(coroutine) and isinstance(coroutine, collections.abc.Coroutine)
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value is True
    with pytest.raises(RuntimeError, match=r"^cannot reuse already awaited coroutine$"):
        coroutine.send(None)
    coroutine.close()
    fresh = lock.acquire()
    with pytest.raises(KeyError, match="mine"):
        fresh.throw(KeyError("mine"))
    assert (coroutine.__qualname__, coroutine.__name__) == ("Lock.acquire", "acquire")


@on_loop
async def test_a_wait_that_is_closed_leaves_the_queue(loop, kind):
    lock = kind.Lock()
    await lock.acquire()
    for end in ("close", "throw", "drop"):
        waiting = lock.acquire()
        assert asyncio.isfuture(waiting.send(None)) and len(lock._waiters) == 1
        if end == "close":
            waiting.close()
        elif end == "throw":
            with pytest.raises(KeyError):
                waiting.throw(KeyError)
        del waiting
        assert not lock._waiters


@pytest.mark.parametrize("name", ["Lock", "Event", "Semaphore"])
def test_cycles_are_collected(new_loop, kind, name):
    class Owner:
        pass

    async def main():
        owner = Owner()
        owner.lock = getattr(kind, name)(*((0,) if name == "Semaphore" else ()))
        if name == "Lock":
            await owner.lock.acquire()
        owner.lock.owner = owner
        owner.waiting = owner.lock.wait() if name == "Event" else owner.lock.acquire()
        owner.waiting.send(None)
        return weakref.ref(owner)

    gone = new_loop().run_until_complete(main())
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name", NAMES)
def test_classes_count_as_each_other(name):
    ours, theirs = getattr(ferrio.locks, name), getattr(asyncio.locks, name)
    arguments = ARGUMENTS.get(name, ())
    assert isinstance(ours(*arguments), theirs) and isinstance(theirs(*arguments), ours)
    assert issubclass(ours, theirs) and getattr(ferrio, name) is ours

    class Mine(ours):
        pass

    assert not isinstance(ours(*arguments), Mine)


def program(kind, seed):
    """A random program of tasks that lock, count, wait and are cancelled: what happens, in order."""

    async def main():
        choose, trace = random.Random(seed), []
        lock, semaphore, event = kind.Lock(), kind.Semaphore(2), kind.Event()

        async def worker(number):
            try:
                for step in range(6):
                    what = choose.randrange(4)
                    if what == 0:
                        async with lock:
                            trace.append((number, step, "lock"))
                            await turns(choose.randrange(3))
                    elif what == 1:
                        async with semaphore:
                            trace.append((number, step, "semaphore", semaphore._value))
                            await turns(choose.randrange(3))
                    elif what == 2:
                        trace.append((number, step, "event", await asyncio.wait_for(event.wait(), 10)))
                    else:
                        event.set()
                        await asyncio.sleep(0)
                        event.clear()
            except asyncio.CancelledError:
                trace.append((number, "cancelled"))
            finally:
                trace.append((number, lock.locked(), semaphore.locked()))

        tasks = [asyncio.ensure_future(worker(number)) for number in range(8)]
        while not all(task.done() for task in tasks):
            await turns(1 + choose.randrange(3))
            event.set()
            event.clear()
            if choose.randrange(4) == 0:
                trace.append(("cancel", choose.choice(tasks).cancel()))
        trace.append((lock.locked(), semaphore._value, bool(lock._waiters), bool(event._waiters)))
        return trace

    return main()


@pytest.mark.parametrize("seed", range(25))
def test_random_programs_do_the_same_on_both(new_loop, seed):
    loop = new_loop()
    theirs = loop.run_until_complete(program(asyncio.locks, seed))
    ours = loop.run_until_complete(program(ferrio.locks, seed))
    assert ours == theirs
    assert ours[-1] == (False, 2, False, False)


def conditional_program(kind, seed):
    """As `program`, about a condition whose waiters are cancelled while they wait to be notified, or for the lock."""

    async def main():
        choose, trace = random.Random(seed), []
        condition = kind.Condition()

        async def waiter(number):
            try:
                for step in range(4):
                    async with condition:
                        trace.append((number, step, "waits"))
                        await condition.wait()
                        trace.append((number, step, "notified", condition.locked()))
                        await turns(choose.randrange(2))
            except asyncio.CancelledError as error:
                trace.append((number, "cancelled", str(error)))

        tasks = [asyncio.ensure_future(waiter(number)) for number in range(6)]
        while not all(task.done() for task in tasks):
            await turns(choose.randrange(3))
            async with condition:
                if choose.randrange(3):
                    condition.notify(choose.randrange(3))
                else:
                    condition.notify_all()
                await turns(choose.randrange(4))
            for _ in range(2):
                if choose.randrange(4) == 0:
                    trace.append(("cancel", choose.choice(tasks).cancel(f"{len(trace)}")))
                await turns(choose.randrange(3))
        return [*trace, condition.locked(), len(condition._waiters)]

    return main()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="asyncio's condition lost notifications before")
@pytest.mark.parametrize("seed", range(25))
def test_random_programs_with_a_condition_do_the_same_on_both(new_loop, seed):
    loop = new_loop()
    theirs = loop.run_until_complete(conditional_program(asyncio.locks, seed))
    ours = loop.run_until_complete(conditional_program(ferrio.locks, seed))
    assert ours == theirs
    assert ours[-2:] == [False, 0]


@on_loop
async def test_a_condition_around_another_lock(loop, kind):
    class Noting(kind.Lock):
        calls = ()

        def release(self):
            self.calls = (*self.calls, "release")
            super().release()

    async def wait(condition):
        async with condition:
            return await condition.wait()

    for lock in (kind.Lock(), Noting(), asyncio.locks.Lock()):
        condition = kind.Condition(lock)
        waiter = loop.create_task(wait(condition))
        await turns(3)
        async with lock:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(condition.wait(), 0.001)
            assert condition.locked() and lock.locked()
            condition.notify(5)
            assert not waiter.done()
        assert await waiter is True
        with pytest.raises(RuntimeError, match=r"^cannot wait on un-acquired lock$"):
            await condition.wait()
        with pytest.raises(RuntimeError, match=r"^cannot notify on un-acquired lock$"):
            condition.notify_all()
    lock = Noting()
    async with kind.Condition(lock):
        assert lock.locked()
    assert lock.calls == ("release",)


@on_loop
async def test_leaving_what_was_not_acquired_fails_when_it_is_awaited(loop, aio):
    for lock in (aio.Lock(), aio.Condition(), aio.BoundedSemaphore()):
        leaving = lock.__aexit__(None, None, None)
        with pytest.raises((RuntimeError, ValueError)):
            await leaving


@on_loop
async def test_leaving_by_a_release_of_ones_own_calls_it_when_awaited(loop, aio):
    calls = []

    class Own(aio.Lock):
        def release(self):
            calls.append("release")
            super().release()

    lock = Own()
    await lock.__aenter__()
    leaving = lock.__aexit__(None, None, None)
    assert not calls and lock.locked()
    await leaving
    assert calls == ["release"] and not lock.locked()


@on_loop
async def test_a_class_may_have_an_opinion_of_its_own_on_whether_a_semaphore_is_locked(loop, aio):
    class Paused(aio.Semaphore):
        paused = True

        def locked(self):
            return self.paused or super().locked()

    semaphore = Paused(2)
    waiting = loop.create_task(semaphore.acquire())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    semaphore.paused = False
    semaphore.release()
    assert await waiting
    assert semaphore._value == 2


@on_loop
async def test_a_lock_is_what_a_program_says_it_is(loop, aio):
    lock = aio.Lock()
    lock._locked = True
    assert lock.locked()
    lock.release()
    assert not lock.locked()
