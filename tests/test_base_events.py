"""The loop itself: what runs when, in which context, how it starts and ends, and the loop as an object.

Knows nothing of sockets (test_selector_events.py), handles (test_events.py), debug mode and errors
(test_debug.py).

Clocks are replaced, never slept on.

Over 500 lines because asyncio's base_events is one subject.
"""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import sys
import threading
import warnings
import weakref

import pytest
from helpers import collect_errors, noop, turn

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


# Running, stopping, closing


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.call_soon(noop),
        lambda loop: loop.call_soon_threadsafe(noop),
        lambda loop: loop.call_later(1, noop),
        lambda loop: loop.call_at(1, noop),
        lambda loop: loop.run_forever(),
        lambda loop: loop.run_until_complete(loop.create_future()),
        lambda loop: loop.run_in_executor(None, noop),
        lambda loop: loop.create_task(None),
        lambda loop: loop.add_signal_handler(10, noop),
    ],
)
def test_a_closed_loop_refuses(new_loop, call):
    loop = new_loop()
    loop.close()
    loop.close()
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
        call(loop)


def test_close_drops_what_was_scheduled(new_loop):
    loop, seen = new_loop(), []
    loop.call_soon(seen.append, 1)
    timer = loop.call_later(-1, seen.append, 2)
    loop.close()
    timer.cancel()
    assert seen == [] and timer.cancelled()


def test_a_running_loop_cannot_be_closed_or_run_again(new_loop):
    loop, other = new_loop(), new_loop()

    async def main():
        assert loop.is_running() and asyncio.get_running_loop() is loop
        with pytest.raises(RuntimeError, match=r"^Cannot close a running event loop$"):
            loop.close()
        with pytest.raises(RuntimeError, match=r"^This event loop is already running$"):
            loop.run_until_complete(done)
        with pytest.raises(RuntimeError, match=r"^Cannot run the event loop while another loop is running$"):
            other.run_until_complete(done)
        if sys.version_info[:3] != (
            3,
            13,
            0,
        ):  # there a refused run_forever() ends the running one: gh-125472
            with pytest.raises(RuntimeError, match=r"^This event loop is already running$"):
                loop.run_forever()
            with pytest.raises(RuntimeError, match=r"^Cannot run the event loop while another loop is running$"):
                other.run_forever()
        assert asyncio.get_running_loop() is loop
        return "fine"

    done = loop.create_future()
    done.set_result(1)
    assert loop.run_until_complete(main()) == "fine"
    assert not loop.is_running() and not other.is_running()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_run_until_complete_takes_futures_coroutines_and_awaitables(new_loop):
    loop = new_loop()

    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "awaited"

    async def coroutine():
        return "returned"

    async def failing():
        raise LookupError("failed")

    future = loop.create_future()
    loop.call_soon(future.set_result, "future")
    assert loop.run_until_complete(future) == "future"
    assert loop.run_until_complete(future) == "future"
    assert loop.run_until_complete(Awaitable()) == "awaited"
    assert loop.run_until_complete(coroutine()) == "returned"
    with pytest.raises(LookupError, match=r"^failed$"):
        loop.run_until_complete(failing())
    with pytest.raises(TypeError, match=r"^An asyncio.Future, a coroutine or an awaitable is required$"):
        loop.run_until_complete(noop)


def test_run_until_complete_tells_a_stopped_loop_and_a_foreign_future(new_loop):
    loop, other = new_loop(), new_loop()
    loop.call_soon(loop.stop)
    future = loop.create_future()
    with pytest.raises(RuntimeError, match=r"^Event loop stopped before Future completed\.$"):
        loop.run_until_complete(future)
    future.set_result(2)
    turn(loop)
    assert loop.run_until_complete(future) == 2
    with pytest.raises(ValueError, match=r"^The future belongs to a different loop than the one specified as the loop"):
        loop.run_until_complete(other.create_future())


def test_run_until_complete_cancelled(new_loop):
    loop = new_loop()

    async def main():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(main())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_exits_leave_the_loop_usable_and_closable(new_loop, error):
    loop, seen = new_loop(), []

    def leave():
        raise error(7)

    async def main():
        raise error(8)

    loop.call_soon(leave)
    loop.call_soon(seen.append, "rest of the batch")
    with pytest.raises(error):
        loop.run_forever()
    assert not loop.is_running() and seen == []
    turn(loop)
    assert seen == ["rest of the batch"]
    with pytest.raises(error):
        loop.run_until_complete(main())
    loop.close()
    assert loop.is_closed()


# Asynchronous generators


def test_asyncgen_hooks_are_set_while_running_and_restored(new_loop):
    loop, before = new_loop(), sys.get_asyncgen_hooks()

    async def hooks():
        return sys.get_asyncgen_hooks()

    inside = loop.run_until_complete(hooks())
    assert inside.firstiter is not None and inside.finalizer is not None and inside != before
    assert sys.get_asyncgen_hooks() == before


def test_asyncgens_are_closed_by_shutdown_and_by_collection(new_loop):
    loop, seen = new_loop(), []
    contexts = collect_errors(loop)

    async def generator(name):
        try:
            yield name
        finally:
            await asyncio.sleep(0)
            seen.append(name)
            if name == "raising":
                raise LookupError(name)

    async def main():
        collected = generator("collected")
        await anext(collected)
        del collected
        gc.collect()
        while not seen:
            await asyncio.sleep(0)
        kept = [generator("kept"), generator("raising")]
        for agen in kept:
            await anext(agen)
        await loop.shutdown_asyncgens()
        with pytest.warns(ResourceWarning, match=r"was scheduled after loop\.shutdown_asyncgens\(\) call"):
            late = generator("late")
            await anext(late)
        await late.aclose()
        return kept[1]

    raising = loop.run_until_complete(main())
    assert seen[0] == "collected" and sorted(seen[1:3]) == ["kept", "raising"]
    (context,) = contexts
    assert context["message"] == f"an error occurred during closing of asynchronous generator {raising!r}"
    assert isinstance(context["exception"], LookupError) and context["asyncgen"] is raising


# Futures, tasks, executors


def test_create_future_and_task(new_loop):
    loop, given = new_loop(), contextvars.Context()

    async def main():
        VAR.set("task's")
        return asyncio.current_task().get_name()

    future = loop.create_future()
    assert isinstance(future, asyncio.Future) and future.get_loop() is loop
    task = loop.create_task(main(), name="its name", context=given)
    assert isinstance(task, asyncio.Task)
    assert loop.run_until_complete(task) == "its name"
    assert given[VAR] == "task's"
    assert loop.run_until_complete(loop.create_task(main())).startswith("Task-")
    with pytest.raises(TypeError, match=r"a coroutine was expected, got 5"):
        loop.create_task(5)


def test_task_factories(new_loop):
    loop, seen = new_loop(), []

    def factory(loop, coro, **kwargs):
        seen.append(kwargs)
        return asyncio.Task(coro, loop=loop, **kwargs)

    async def main():
        return asyncio.current_task().get_name()

    assert loop.get_task_factory() is None
    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    given = contextvars.Context()
    assert loop.run_until_complete(loop.create_task(main(), name="n", context=given)) == "n"
    loop.run_until_complete(main())
    # The name is for the factory, too, from Python 3.14 on; there is a 3.13 that did the same.
    assert seen in ([{"context": given}, {}], [{"name": "n", "context": given}, {}])
    with pytest.raises(TypeError, match=r"^task factory must be a callable or None$"):
        loop.set_task_factory(5)
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks(new_loop):
    loop, seen = new_loop(), []
    loop.set_task_factory(asyncio.eager_task_factory)

    async def child(name):
        seen.append(name)

    async def main():
        child_task = loop.create_task(child("eager"))
        seen.append("created")
        assert child_task.done()

    loop.run_until_complete(main())
    assert seen == ["eager", "created"]


def test_executors(new_loop):
    loop = new_loop()

    async def main():
        assert await loop.run_in_executor(None, pow, 2, 10) == 1024
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)
        with concurrent.futures.ThreadPoolExecutor(1, "mine") as pool:
            name = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
            assert name.startswith("mine")
        assert await loop.run_in_executor(None, lambda: threading.current_thread().name) == "asyncio_0"
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match=r"^Executor shutdown has been called$"):
            loop.run_in_executor(None, noop)

    loop.run_until_complete(main())
    with pytest.raises(TypeError, match=r"^executor must be ThreadPoolExecutor instance$"):
        loop.set_default_executor(object())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="3.12 waits for the threads before it looks at the timeout")
def test_shutdown_default_executor_gives_up_after_its_timeout(new_loop):
    loop, release = new_loop(), threading.Event()

    async def main():
        work = loop.run_in_executor(None, release.wait)
        with pytest.warns(RuntimeWarning, match=r"did not finishing joining its threads within 0\.005 seconds"):
            await loop.shutdown_default_executor(0.005)
        release.set()
        await work

    loop.run_until_complete(main())


def test_a_replaced_default_executor_is_used_and_shut_down(new_loop):
    loop, pool = new_loop(), concurrent.futures.ThreadPoolExecutor(1, "replaced")
    loop.set_default_executor(pool)
    name = loop.run_until_complete(loop.run_in_executor(None, lambda: threading.current_thread().name))
    assert name.startswith("replaced")
    loop.close()
    with pytest.raises(RuntimeError, match=r"cannot schedule new futures after shutdown"):
        pool.submit(noop)


# The loop object


def test_the_loop_takes_attributes_weak_references_and_subclasses(new_loop):
    loop = new_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop) and isinstance(loop, asyncio.AbstractEventLoop)
    loop.anything = "kept"
    assert loop.anything == "kept" and weakref.ref(loop)() is loop and loop in {loop}

    class Mine(type(loop)):
        def __init__(self, *args):
            super().__init__(*args)
            self.calls = 0

        def call_soon(self, callback, *args, context=None):
            self.calls += 1
            return super().call_soon(callback, *args, context=context)

    async def main():
        await asyncio.sleep(0)

    with contextlib.closing(Mine()) as mine:
        mine.run_until_complete(main())
        assert mine.calls >= 2
        assert repr(mine) == "<Mine running=False closed=False debug=False>"


def test_repr_of_the_loop(new_loop):
    loop = new_loop()
    name = type(loop).__name__
    assert repr(loop) == f"<{name} running=False closed=False debug=False>"
    loop.set_debug(True)
    seen = []
    loop.call_soon(lambda: seen.append(repr(loop)))
    turn(loop)
    loop.close()
    assert seen == [f"<{name} running=True closed=False debug=True>"]
    assert repr(loop) == f"<{name} running=False closed=True debug=True>"


def test_an_unclosed_loop_warns_and_closes_itself(new_loop):
    kind = type(new_loop())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind()
        gc.collect()
    messages = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
    assert f"unclosed event loop <{kind.__name__} running=False closed=False debug=False>" in messages
