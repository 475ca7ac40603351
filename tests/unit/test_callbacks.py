"""What runs when and in which context: callbacks and timers, cancelled ones, and those of other threads.

The loop itself, how it starts and ends, is in test_base_events.py, handles in test_events.py. Clocks are replaced,
never slept on.
"""

import asyncio
import contextlib
import contextvars
import gc
import sys
import threading
import weakref

import pytest
from helpers import noop, on_loop, turn

VAR = contextvars.ContextVar("VAR", default="unset")


# Order


def test_call_soon_is_fifo_and_takes_any_number_of_arguments(new_loop):
    loop, seen = new_loop(), []
    for n in range(8):
        loop.call_soon(lambda *args: seen.append(args), *range(n))
    turn(loop)
    assert seen == [tuple(range(n)) for n in range(8)]


def test_a_batch_is_what_was_ready_when_it_began(new_loop):
    loop, seen = new_loop(), []

    def outer(n):
        seen.append(n)
        loop.call_soon(seen.append, n + 10)
        loop.call_soon_threadsafe(seen.append, n + 20)

    loop.call_soon(outer, 0)
    loop.call_soon(outer, 1)
    turn(loop)
    assert seen == [0, 1]
    turn(loop)
    assert seen == [0, 1, 10, 20, 11, 21]


def test_stop_ends_with_the_running_pass(new_loop):
    loop, seen = new_loop(), []
    loop.call_soon(seen.append, "before")
    loop.call_soon(loop.stop)
    loop.call_soon(loop.call_soon, seen.append, "next run")
    loop.call_soon(seen.append, "after")
    loop.run_forever()
    assert seen == ["before", "after"]
    turn(loop)
    assert seen == ["before", "after", "next run"]


def test_stop_twice_stops_one_run(new_loop):
    loop, seen = new_loop(), []
    loop.stop()
    loop.stop()
    loop.run_forever()
    loop.call_soon(loop.call_soon, loop.call_soon, lambda: (seen.append(1), loop.stop()))
    loop.run_forever()
    assert seen == [1]


def test_timers_run_after_ready_callbacks_in_when_order(new_loop):
    loop, seen, now = new_loop(), [], [100.0]
    loop.time = lambda: now[0]
    for when in (105, 103, 109, 101, 104):
        loop.call_at(when, seen.append, when)
    for tie in "abc":
        loop.call_at(102, seen.append, tie)
    now[0] = 106.0
    loop.call_soon(seen.append, "ready")
    turn(loop)
    assert seen == ["ready", 101, "a", "b", "c", 103, 104, 105]
    now[0] = 110.0
    turn(loop)
    assert seen[-1] == 109


def test_many_ties_run_in_scheduling_order_on_ferrio():
    """asyncio calls the order of ties undefined (its heap is not stable from four on); ferrio defines it."""
    import ferrio

    with contextlib.closing(ferrio.new_event_loop()) as loop:
        seen, now = [], [0.0]
        loop.time = lambda: now[0]
        for n in range(500):
            loop.call_at(1.0, seen.append, n)
        now[0] = 2.0
        turn(loop)
        assert seen == list(range(500))


def test_a_timer_made_by_a_callback_waits_for_the_next_pass(new_loop):
    loop, seen = new_loop(), []
    loop.call_soon(loop.call_later, -1, seen.append, "late")
    turn(loop)
    assert seen == []
    turn(loop)
    assert seen == ["late"]


def test_negative_delays_are_due_at_once_and_keep_their_order(new_loop):
    loop, seen = new_loop(), []
    loop.call_later(0, seen.append, "zero")
    loop.call_later(-1, seen.append, "minus one")
    loop.call_later(-2, seen.append, "minus two")
    turn(loop)
    assert seen == ["minus two", "minus one", "zero"]


@pytest.mark.parametrize("delay", [0.003, 0])
def test_a_real_timer_is_never_early(new_loop, delay):
    loop, seen = new_loop(), []
    begun = loop.time()
    loop.call_later(delay, lambda: (seen.append(loop.time() - begun), loop.stop()))
    loop.run_forever()
    assert seen[0] >= delay - 1e-6


def test_time_patched_on_the_instance_fast_forwards_timers(new_loop):
    loop, now = new_loop(), [5.0]
    loop.time = lambda: now[0]
    assert loop.call_later(3600, noop).when() == 3605.0

    async def main():
        asyncio.get_running_loop().call_soon(now.__setitem__, 0, 1e6)
        await asyncio.sleep(7200)
        return loop.time()

    assert loop.run_until_complete(main()) == 1e6


def test_time_overridden_in_a_subclass_fast_forwards_timers(new_loop):
    class Fast(type(new_loop())):
        skew = 0.0

        def time(self):
            return super().time() + self.skew

    async def main(loop):
        begun = loop.time()
        loop.call_soon(setattr, loop, "skew", 10_000.0)
        await asyncio.sleep(9_000)
        return loop.time() - begun

    with contextlib.closing(Fast()) as loop:
        assert 10_000 <= loop.run_until_complete(main(loop)) < 10_010


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda loop: loop.call_later(None, noop), "delay must not be None"),
        (lambda loop: loop.call_at(None, noop), "when cannot be None"),
    ],
)
def test_timers_refuse_none(new_loop, call, message):
    with pytest.raises(TypeError, match=rf"^{message}$"):
        call(new_loop())


# Cancelling


def test_a_cancelled_handle_does_not_run_and_lets_go(new_loop):
    class Arg:
        pass

    loop, seen, arg = new_loop(), [], Arg()
    gone = weakref.ref(arg)
    handle = loop.call_soon(seen.append, arg)
    del arg
    assert not handle.cancelled()
    handle.cancel()
    handle.cancel()
    assert handle.cancelled()
    gc.collect()
    assert gone() is None
    turn(loop)
    assert seen == []


def test_a_callback_can_cancel_a_later_one_of_its_own_batch(new_loop):
    loop, seen = new_loop(), []
    loop.call_soon(lambda: later.cancel())
    later = loop.call_soon(seen.append, "cancelled")
    loop.call_soon(seen.append, "kept")
    turn(loop)
    assert seen == ["kept"]


def test_a_callback_can_cancel_a_timer_of_its_own_batch(new_loop):
    loop, seen = new_loop(), []
    timer = loop.call_later(-1, seen.append, "cancelled")
    loop.call_soon(timer.cancel)
    turn(loop)
    assert seen == []
    assert timer.cancelled()


def test_cancel_after_the_run_changes_nothing(new_loop):
    loop, seen = new_loop(), []
    handle, timer = loop.call_soon(seen.append, 1), loop.call_later(-1, seen.append, 2)
    turn(loop)
    assert not handle.cancelled() and not timer.cancelled()
    handle.cancel()
    timer.cancel()
    turn(loop)
    assert seen == [1, 2]


def test_mass_cancellation_frees_the_timers_and_keeps_the_rest(new_loop):
    loop, seen, now = new_loop(), [], [0.0]
    loop.time = lambda: now[0]
    timers = [loop.call_at(1 + n, seen.append, n) for n in range(1000)]
    for timer in timers[::4] + timers[1::4] + timers[2::4]:
        timer.cancel()
    gone = [weakref.ref(timer) for timer in timers if timer.cancelled()]
    del timers, timer
    turn(loop)
    gc.collect()
    assert len(gone) == 750 and not any(ref() for ref in gone)
    now[0] = 2000.0
    turn(loop)
    assert seen == list(range(3, 1000, 4))


# Contexts


@pytest.mark.parametrize(
    "schedule",
    [
        lambda loop, *args, **kw: loop.call_soon(*args, **kw),
        lambda loop, *args, **kw: loop.call_soon_threadsafe(*args, **kw),
        lambda loop, *args, **kw: loop.call_later(-1, *args, **kw),
        lambda loop, *args, **kw: loop.call_at(0, *args, **kw),
    ],
    ids=["soon", "threadsafe", "later", "at"],
)
def test_callbacks_run_in_their_context(new_loop, schedule):
    loop, seen = new_loop(), []
    given = contextvars.Context()
    given.run(VAR.set, "given")

    def callback():
        seen.append(VAR.get())
        VAR.set("inner")

    def in_copy():
        VAR.set("scheduled")
        schedule(loop, callback)
        VAR.set("changed since")

    contextvars.copy_context().run(in_copy)
    schedule(loop, callback, context=given)
    schedule(loop, callback, context=given)
    turn(loop)
    assert sorted(seen) == ["given", "inner", "scheduled"]
    assert given[VAR] == "inner"
    assert VAR.get() == "unset"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Handle.get_context came with 3.12")
def test_handles_tell_their_context(new_loop):
    loop, given = new_loop(), contextvars.Context()
    assert loop.call_soon(noop, context=given).get_context() is given
    assert loop.call_later(1, noop, context=given).get_context() is given
    assert isinstance(loop.call_soon(noop).get_context(), contextvars.Context)


# Threads


def test_threadsafe_keeps_its_place_among_call_soon_on_the_loops_own_thread(new_loop):
    loop, seen = new_loop(), []

    def inside():
        for n in range(0, 10, 2):
            loop.call_soon(seen.append, n)
            loop.call_soon_threadsafe(seen.append, n + 1)

    inside()
    turn(loop)
    loop.call_soon(inside)
    turn(loop)
    turn(loop)
    assert seen == list(range(10)) * 2


def test_threadsafe_wakes_a_loop_that_waits(new_loop):
    loop = new_loop()
    timer = loop.call_later(3600, noop)
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(loop.stop,))
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    timer.cancel()


# What is put in the place of a loop's method while it runs


@pytest.mark.parametrize("on_class", [False, True])
@on_loop
async def test_a_method_replaced_while_the_loop_runs_is_called(loop, on_class):
    owner = type("Own", (type(loop),), {}) if on_class else loop
    if on_class:
        loop.__class__ = owner
    seen = []

    def counting(name):
        original = getattr(loop, name)

        def call(*args, **names):
            seen.append(name)
            return original(*args[on_class:], **names)

        return call

    async def idle():
        pass

    for name in ("call_soon", "call_later", "create_future", "create_task"):
        before = len(seen)
        setattr(owner, name, counting(name))
        try:
            await asyncio.sleep(0.001)
            await asyncio.create_task(idle())
        finally:
            delattr(owner, name)
        assert name in seen[before:]
        after = len(seen)
        await asyncio.sleep(0.001)
        await asyncio.create_task(idle())
        assert len(seen) == after


@on_loop
async def test_call_later_goes_by_a_call_at_of_the_programs_own(loop):
    seen, original = [], loop.call_at

    def call_at(when, callback, *args, context=None):
        seen.append(args)
        return original(when, callback, *args, context=context)

    loop.call_at = call_at
    try:
        loop.call_later(1000, noop, 1, 2).cancel()
    finally:
        del loop.call_at
    loop.call_later(1000, noop, 3).cancel()
    assert seen == [(1, 2)]
