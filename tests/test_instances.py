"""Dead coroutines and bound methods of ferrio's that stay objects until they are needed again: nobody may notice.

They can be found by `gc.get_objects()`, hold nothing, and are not given out while somebody holds them; nor when the
collector is about to clear them.
"""

import asyncio
import gc
import weakref

import ferrio
import pytest


def resting(name):
    """Instances that nobody uses: what there is of the type when no test holds any."""
    gc.collect()
    return [found for found in gc.get_objects() if type(found).__name__ == name]


def finish(coro):
    with pytest.raises(StopIteration):
        coro.send(None)


async def use(lock, count=3):
    for _ in range(count):
        async with lock:
            pass


def test_what_rests_holds_nothing():
    class Held(ferrio.Lock):
        """One that can be referred to weakly."""

    lock = Held()
    seen = weakref.ref(lock)
    method = lock.__aenter__
    coro = lock.acquire()
    finish(coro)
    del lock
    assert seen() is not None  # by its method
    del method, coro
    assert seen() is None
    for name in ("Wait", "bound_coroutine_method"):
        assert resting(name)
        assert {referent for found in resting(name) for referent in gc.get_referents(found)} == {type(resting(name)[0])}


def test_a_coroutine_at_rest_does_no_harm():
    coro = ferrio.Lock().acquire()
    finish(coro)
    del coro
    assert resting("Wait")
    for found in resting("Wait"):
        for act in (lambda coro: coro.send(None), next, lambda coro: coro.throw(KeyError())):
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                act(found)
        found.close()
        assert found.cr_await is None and repr(found)


def test_a_bound_method_at_rest_does_no_harm():
    lock = ferrio.Lock()
    hash(lock.__aenter__)
    found, *_ = resting("bound_coroutine_method")
    assert found.__self__ is found.__func__ is None and found == found and hash(found) == hash(found)
    assert found != lock.__aenter__
    for act in (lambda: found(), lambda: repr(found), lambda: found.__doc__, found.__reduce__):
        with pytest.raises(ReferenceError, match="not bound"):
            act()
    with pytest.raises(AttributeError, match="nothing"):
        _ = found.nothing


def test_what_somebody_found_is_not_given_out():
    lock = ferrio.Lock()
    finish(lock.acquire())
    lock.release()
    found = resting("Wait") + resting("bound_coroutine_method")
    assert len(found) >= 2
    addresses = {id(one) for one in found}
    new = [lock.acquire() for _ in found] + [lock.__aenter__ for _ in found]
    assert addresses.isdisjoint(map(id, new))
    for coro in new[: len(found)]:
        coro.close()
    del found, new, coro
    asyncio.run(use(lock))


def test_more_than_are_kept_die_at_once():
    lock = ferrio.Lock()
    methods = [lock.__aexit__ for _ in range(1000)]
    coros = [lock.acquire() for _ in range(1000)]
    for coro in coros:
        coro.close()
    del methods, coros, coro
    assert len(resting("Wait")) <= 256 and len(resting("bound_coroutine_method")) <= 64
    asyncio.run(use(lock))


def test_coroutines_that_nobody_awaited_warn_once_each():
    lock = ferrio.Lock()
    for _ in range(3):
        with pytest.warns(RuntimeWarning, match="never awaited") as warnings:
            lock.acquire()
        assert len(warnings) == 1


class LastWord:
    """Calls something when it dies."""

    def __init__(self, call):
        self.call = call

    def __del__(self):
        self.call()


def leave_garbage(lock, last):
    """A list of itself and dead coroutines, and of what calls `last` in the middle of its being cleared."""
    cycle = []
    # More than are kept: most are made now, and so come after their list in the collector's order.
    dead = [lock.acquire() for _ in range(600)]
    for coro in dead:
        coro.close()
    # What is made by a finalizer is no garbage yet. So it dies when the list is cleared, which goes backwards: right
    # after the coroutines.
    cycle += [cycle, LastWord(lambda: cycle.insert(2, LastWord(last))), *dead]


def test_what_is_being_collected_is_not_given_out():
    """A coroutine that dies as part of a cycle is on the collector's list of what it will clear: who got it while the
    collector is at work would be cleared with it."""
    lock = ferrio.Lock()
    taken = []

    def take_many():
        for _ in range(300):
            coro = lock.acquire()
            coro.send(None)  # it has to wait
            taken.append(coro)

    async def main():
        await lock.acquire()
        leave_garbage(lock, take_many)
        assert not taken
        gc.collect()
        assert len(taken) == len(lock._waiters) == 300
        assert all(coro.cr_await in lock._waiters for coro in taken)
        for coro in taken:
            coro.close()
        assert not lock._waiters

    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        runner.run(main())
