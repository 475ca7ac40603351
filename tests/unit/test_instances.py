"""Dead coroutines and bound methods of ferrio's, which are kept for the next: nobody may notice."""

import asyncio
import gc
import subprocess
import sys
import weakref

import ferrio
import pytest


def finish(coro):
    with pytest.raises(StopIteration):
        coro.send(None)


def test_what_is_dead_holds_nothing():
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


@pytest.mark.parametrize(
    "make", [lambda lock: lock.acquire(), lambda lock: lock.__aexit__], ids=["coroutine", "method"]
)
def test_what_is_dead_is_not_found(make):
    lock = ferrio.Lock()
    kind = type(make_and_end(make, lock))
    found = sum(type(each) is kind for each in gc.get_objects())
    some = [make_and_end(make, lock) for _ in range(1000)]
    assert sum(type(each) is kind for each in gc.get_objects()) == found + 1000
    del some
    assert sum(type(each) is kind for each in gc.get_objects()) == found


def make_and_end(make, lock):
    made = make(lock)
    if hasattr(made, "close"):
        made.close()
    return made


def test_coroutines_that_nobody_awaited_warn_once_each():
    lock = ferrio.Lock()
    for _ in range(3):
        with pytest.warns(RuntimeWarning, match="never awaited") as warnings:
            lock.acquire()
        assert len(warnings) == 1


def test_what_is_used_again_after_gc_freeze_is_collected():
    """The collector never looks at what there was before: what is given out later must not count as such."""
    program = """if True:
        import asyncio, ferrio, gc, weakref

        class Owner(ferrio.Lock):
            pass

        async def use(lock):
            async with lock:
                pass

        async def main():
            coros = [Owner().acquire() for _ in range(10)]
            for coro in coros:
                coro.close()
            del coros, coro
            await use(Owner())
            gc.collect()
            gc.freeze()
            for attribute in "acquire", "__aenter__":
                lock = Owner()
                lock.kept = getattr(lock, attribute)
                if attribute == "acquire":
                    lock.kept = lock.kept()
                    lock.kept.close()
                    lock.other = lock.acquire()
                    await lock.acquire()
                    lock.other.send(None)  # it waits
                seen = weakref.ref(lock)
                del lock
                assert seen() is not None
                gc.collect()
                assert seen() is None, attribute

        with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
            runner.run(main())
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


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
