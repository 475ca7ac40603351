"""KeyboardInterrupt loses nothing: wherever it comes, what was queued still runs, once; the loop runs again, or closes.

A callback that is interrupted counts as run. The interrupt comes in two ways: at the n-th instruction of Python code,
for every n, which finds each place there is; and from a signal's handler at random times, which finds the poller and
native code too. asyncio promises this inside callbacks and coroutines only: between taking a callback off its queue and
calling it, it loses that one. There the tests are of ferrio alone.
"""

import asyncio
import gc
import random
import signal
import sys
import time
from itertools import count

import ferrio
import pytest

CALLBACKS = 8
TIMERS = 2
PATIENCE = 5.0


class Interrupt:
    """Raises at the n-th instruction, once, counting those in files for which `wanted` holds."""

    def __init__(self, number, wanted=lambda name: True):
        self.left, self.wanted, self.stack = number, wanted, None

    def during(self, function):
        """Call it; says whether the interrupt came."""
        try:
            self.begin()
            function()
        except KeyboardInterrupt:
            pass
        finally:
            self.end()
        return self.stack is not None

    def count(self, frame):
        if frame.f_code.co_qualname.startswith("Interrupt.") or not self.wanted(frame.f_code.co_filename):
            return
        if self.left == 0 and self.stack is None:
            self.stack = interrupted(frame)
            raise KeyboardInterrupt
        self.left -= 1

    if sys.version_info >= (3, 12):
        # Not sys.settrace(): in 3.13.0 it sees the instructions of every other run only.
        def begin(self):
            monitoring = sys.monitoring
            monitoring.use_tool_id(monitoring.DEBUGGER_ID, __name__)
            monitoring.register_callback(
                monitoring.DEBUGGER_ID,
                monitoring.events.INSTRUCTION,
                lambda code, offset: self.count(sys._getframe(1)),
            )
            monitoring.set_events(monitoring.DEBUGGER_ID, monitoring.events.INSTRUCTION)

        def end(self):
            monitoring = sys.monitoring
            monitoring.set_events(monitoring.DEBUGGER_ID, 0)
            monitoring.register_callback(monitoring.DEBUGGER_ID, monitoring.events.INSTRUCTION, None)
            monitoring.free_tool_id(monitoring.DEBUGGER_ID)

    else:

        def begin(self):
            sys.settrace(self.trace)

        def trace(self, frame, event, arg):
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            if event == "opcode":
                self.count(frame)
            return self.trace

        def end(self):
            sys.settrace(None)


def interrupted(frame):
    """The callbacks on the stack, as numbers; the one that completes the future is `set`."""
    callbacks = []
    while frame:
        if frame.f_code is Work.callback.__code__:
            callbacks.append(frame.f_locals["number"])
        if frame.f_code is Work.complete.__code__:
            callbacks.append("set")
        frame = frame.f_back
    return callbacks


class Work:
    """Callbacks, timers and tasks of all kinds on a loop, and what became of them."""

    def __init__(self, loop):
        self.loop, self.ran, self.done = loop, [], []
        self.future = loop.create_future()
        self.tasks = [loop.create_task(self.wait()) for _ in range(3)]
        self.tasks += [loop.create_task(self.give_way()) for _ in range(2)]
        half = CALLBACKS // 2
        for number in range(half):
            loop.call_soon(self.callback, number)
        loop.call_soon(self.complete)
        for number in range(half, CALLBACKS):
            loop.call_soon(self.callback, number)
        for number in range(TIMERS):
            loop.call_later(0.00005 * number, self.callback, CALLBACKS + number)
        self.end = loop.call_later(0.0003, loop.stop)

    def callback(self, number):
        self.ran.append(number)

    def complete(self):
        self.ran.append("set")
        if not self.future.done():
            self.future.set_result(None)

    async def wait(self):
        await self.future
        self.done.append(1)

    async def give_way(self):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.done.append(1)

    def finish(self, excused):
        """Run the loop again: everything that did not run yet does now."""
        self.end.cancel()
        if "set" in excused:
            self.complete()
        wanted = {*range(CALLBACKS + TIMERS), "set"}
        limit = time.monotonic() + PATIENCE

        def look():
            left = wanted - {*self.ran, *excused} or not all(task.done() for task in self.tasks)
            if left and time.monotonic() < limit:
                self.loop.call_later(0.0001, look)
            else:
                self.loop.stop()

        self.loop.call_soon(look)
        self.loop.run_forever()
        twice = [each for each in self.ran if self.ran.count(each) > 1 and each not in excused]
        lost = wanted - {*self.ran, *excused}
        pending = sum(not task.done() for task in self.tasks)
        for task in self.tasks:
            task._log_traceback = False
            task._log_destroy_pending = False
        return {key: value for key, value in (("twice", twice), ("lost", lost), ("pending", pending)) if value}


def every(step, new_loop, debug, wanted=lambda name: True):
    """Interrupt a run at each `step`-th instruction."""
    for number in count(0, step):
        loop = new_loop()
        loop.set_debug(debug)
        loop.slow_callback_duration = PATIENCE
        work, interrupt = Work(loop), Interrupt(number, wanted)
        came = interrupt.during(loop.run_forever)
        wrong = work.finish(interrupt.stack or ())
        loop.close()
        assert not wrong and loop.is_closed(), f"at instruction {number}: {wrong}"
        if not came:
            return number // step
    raise AssertionError


# What is interrupted half-way leaves things behind: a coroutine that it was about to await, a loop.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def no_collections():
    """A finalizer that is interrupted cannot raise, and the test would not see it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("debug", [False, True])
def test_in_callbacks_and_coroutines(aio, debug):
    assert every(1, aio.new_event_loop, debug, lambda name: name == __file__) > 50


@pytest.mark.parametrize(("debug", "step", "fewest"), [(False, 1, 100), (True, 61, 100)])
def test_anywhere(debug, step, fewest):
    """In the loop's own Python code, too, of which there is much in debug mode."""
    assert every(step, ferrio.new_event_loop, debug) > fewest


def test_while_the_loop_is_closed():
    for number in count():
        loop = ferrio.new_event_loop(keep_tasks=True)
        loop.run_until_complete(loop.run_in_executor(None, int))
        interrupt = Interrupt(number)
        came = interrupt.during(loop.close)
        loop.close()
        assert loop.is_closed()
        if not came:
            break
    assert number > 20


class Alarm:
    """Raises KeyboardInterrupt from a signal's handler, after so many seconds, once."""

    def __init__(self):
        self.armed, self.stack = False, None

    def __call__(self, number, frame):
        if self.armed:
            self.armed = False
            self.stack = interrupted(frame)
            raise KeyboardInterrupt

    def during(self, seconds, function):
        self.armed, self.stack = True, None
        try:
            self.wait(seconds, function)
        except KeyboardInterrupt:
            pass
        finally:
            self.armed = False
        return self.stack or ()

    def wait(self, seconds, function):
        """In a frame of its own: a jump at the end of a `try` block may be outside of what that covers."""
        signal.setitimer(signal.ITIMER_REAL, seconds)
        function()
        while self.armed:  # the function was faster
            time.sleep(0.0001)


@pytest.fixture
def alarm():
    alarm = Alarm()
    before = signal.signal(signal.SIGALRM, alarm)
    yield alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("debug", "rounds"), [(False, 2500), (True, 500)])
def test_signals_at_random_times(alarm, debug, rounds):
    chance = random.Random(14)
    for number in range(rounds):
        loop = ferrio.new_event_loop()
        loop.set_debug(debug)
        loop.slow_callback_duration = PATIENCE
        work = Work(loop)
        stack = alarm.during(chance.uniform(1e-6, 0.004 if debug else 0.0005), loop.run_forever)
        wrong = work.finish(stack)
        loop.close()
        assert not wrong, f"in round {number}: {wrong}"


def test_a_runner_goes_on_after_each_interrupt(aio):
    """Its own handler of SIGINT cancels the main task, wherever the loop is."""
    chance = random.Random(14)
    seen = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(chance.uniform(0, 0.0005), signal.raise_signal, signal.SIGINT)
        while True:
            loop.call_soon(seen.append, 1)
            await asyncio.sleep(chance.choice((0, 0.0001)))

    with aio.Runner() as runner:
        for _ in range(100):
            with pytest.raises(KeyboardInterrupt):
                runner.run(main())
            assert not runner.get_loop().is_running()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("early", [True, False])
def test_debug_mode_ends_with_the_run(enabled, early):
    """Where coroutines come from is tracked by a method in Python: a signal's handler may interrupt it at any line."""

    class Interrupted(ferrio.Loop):
        calls = 0

        def _set_coroutine_origin_tracking(self, wanted):
            interrupted = wanted is enabled and not self.calls
            self.calls += interrupted
            if interrupted and early:
                raise KeyboardInterrupt
            super()._set_coroutine_origin_tracking(wanted)
            if interrupted:
                raise KeyboardInterrupt

    loop = Interrupted()
    loop.set_debug(True)
    loop.call_soon(loop.stop)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert sys.get_coroutine_origin_tracking_depth() == 0
    assert not loop.is_running()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


def test_an_exception_of_the_clock_loses_no_callback():
    """In debug mode the loop asks for the time before each callback."""

    class Clocked(ferrio.Loop):
        raising = 0

        def time(self):
            self.raising -= 1
            if self.raising == 0:
                raise KeyboardInterrupt
            return super().time()

    for number in range(1, 30):
        loop = Clocked()
        loop.set_debug(True)
        ran = []
        for each in range(5):
            loop.call_soon(ran.append, each)
        loop.call_soon(loop.stop)
        loop.raising = number
        try:
            loop.run_forever()
        except KeyboardInterrupt:
            loop.call_soon(loop.stop)
            loop.run_forever()
        assert ran == [0, 1, 2, 3, 4]
        loop.close()
