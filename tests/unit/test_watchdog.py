"""The watchdog: what it reports while it happens, and what it must not report."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
import warnings
import weakref

import ferrio
import pytest
from helpers import asyncio_log

LIMIT = 0.05
HANG = 20


def until_quiet(attempt):
    """Nothing is reported.

    A thread that is not given the processor for as long as the limit is blocked as far as anybody can tell, so a busy
    machine has two more attempts; what is wrongly taken for blocking is reported in every one of them.
    """
    reported = [attempt(Reports())]
    while reported[-1] and len(reported) < 3:
        reported.append(attempt(Reports()))
    assert reported[-1] == [], reported


def watchdogs():
    return [thread for thread in threading.enumerate() if thread.name == "ferrio-watchdog"]


class Reports(list):
    """Reports, and ways to block until they have come."""

    def __init__(self):
        super().__init__()
        self.changed = threading.Condition()

    def __call__(self, text):
        with self.changed:
            self.append(text)
            self.changed.notify_all()

    def block_until(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self) >= count, HANG)


def test_it_prints_the_stack_of_what_blocks_while_it_blocks():
    reports = Reports()

    def culprit():
        reports.block_until(1)

    async def main():
        asyncio.get_running_loop().start_watchdog(LIMIT, reports)
        await asyncio.sleep(0)
        culprit()

    ferrio.run(main())
    assert "has been blocking the event loop for 0." in reports[0]
    assert reports[0].startswith("task 'Task-")
    lines = reports[0].splitlines()
    assert lines[1].endswith("in main") and "culprit()" in reports[0] and "reports.block_until(1)" in reports[0]
    assert "run_forever" not in reports[0]


def test_a_plain_callback_has_no_task():
    reports = Reports()
    loop = ferrio.Loop()
    try:
        loop.start_watchdog(LIMIT, reports)
        loop.call_soon(reports.block_until, 1)
        loop.call_soon(loop.stop)
        loop.run_forever()
    finally:
        loop.close()
    assert reports[0].startswith("a callback has been blocking")


def test_again_at_doubling_intervals():
    reports = Reports()
    begin = time.monotonic()

    async def main():
        asyncio.get_running_loop().start_watchdog(LIMIT, reports)
        await asyncio.sleep(0)
        reports.block_until(3)

    ferrio.run(main())
    assert len(reports) == 3
    assert time.monotonic() - begin >= 4 * LIMIT


def test_each_block_is_a_new_one():
    reports = Reports()

    async def main():
        asyncio.get_running_loop().start_watchdog(LIMIT, reports)
        for count in (1, 2):
            await asyncio.sleep(0)
            reports.block_until(count)

    ferrio.run(main())
    assert len(reports) == 2


def test_waiting_is_not_blocking():
    async def main(reports):
        loop = asyncio.get_running_loop()
        loop.start_watchdog(LIMIT / 5, reports)
        await asyncio.sleep(LIMIT * 3)
        await asyncio.to_thread(time.sleep, LIMIT * 3)
        return reports

    until_quiet(lambda reports: ferrio.run(main(reports)))


def test_many_short_callbacks_are_not_blocking():
    async def main(reports):
        loop = asyncio.get_running_loop()
        loop.start_watchdog(LIMIT * 4, reports)
        done = loop.create_future()
        for _ in range(60):  # in one turn, which takes longer than the limit
            loop.call_soon(time.sleep, LIMIT / 10)
        loop.call_soon(done.set_result, None)
        await done
        return reports

    until_quiet(lambda reports: ferrio.run(main(reports)))


def test_a_loop_that_does_not_run_is_not_blocked():
    def attempt(reports):
        with contextlib.closing(ferrio.Loop()) as loop:
            loop.start_watchdog(LIMIT / 5, reports)
            time.sleep(LIMIT)
            loop.run_until_complete(asyncio.sleep(0))
            time.sleep(LIMIT)
        return reports

    until_quiet(attempt)


def test_run_logs_a_warning():
    async def main(log):
        end = time.monotonic() + HANG
        while not log and time.monotonic() < end:
            time.sleep(0.001)

    with asyncio_log() as log:
        ferrio.run(main(log), watchdog=LIMIT)
    assert log[0].levelname == "WARNING" and "in main" in log[0].getMessage()
    assert watchdogs() == []


def test_it_ends_with_the_loop_however_that_ends():
    loop = ferrio.new_event_loop(watchdog=60)
    assert len(watchdogs()) == 1
    loop.start_watchdog(30)  # in the place of the first
    assert len(watchdogs()) == 1
    loop.stop_watchdog()
    loop.stop_watchdog()
    assert watchdogs() == []
    loop.start_watchdog(60)
    loop.close()
    assert watchdogs() == []
    loop.start_watchdog(60)  # closed: there is nothing to watch
    assert watchdogs() == []


def test_a_loop_that_is_forgotten_takes_it_along():
    loop = ferrio.new_event_loop(watchdog=0.001)
    reference = weakref.ref(loop)
    (thread,) = watchdogs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the loop is not closed, which is the point
        del loop
        end = time.monotonic() + HANG
        while (reference() is not None or thread.is_alive()) and time.monotonic() < end:
            gc.collect()
            time.sleep(0.001)
    assert reference() is None
    thread.join(HANG)
    assert not thread.is_alive()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_seconds_must_be_positive(seconds):
    coroutine = asyncio.sleep(0)
    with pytest.raises(ValueError, match="seconds must be positive"):
        ferrio.run(coroutine, watchdog=seconds)
    coroutine.close()
    assert watchdogs() == []


def test_options_need_a_loop_of_ferrios():
    coroutine = asyncio.sleep(0)
    with pytest.raises(TypeError, match="need a loop of ferrio's"):
        ferrio.run(coroutine, loop_factory=asyncio.SelectorEventLoop, watchdog=1)
    coroutine.close()


def test_install_gives_every_loop_one(policy):
    async def main():
        loop = asyncio.get_running_loop()
        return loop._watchdog is not None, loop._keeps_tasks, loop.allows_nested()

    ferrio.install(watchdog=60, keep_tasks=True)
    assert asyncio.run(main()) == (True, True, False)
    ferrio.install(nested=True)
    assert asyncio.run(main()) == (False, False, True)
    ferrio.uninstall()
    assert watchdogs() == []
