"""The ways in: `run`, `new_event_loop` as a factory, `EventLoopPolicy`, `install` and `uninstall`.

What a way in does with a coroutine is asyncio's own Runner; here is what ferrio adds to it, and that the loop which
runs is ferrio's.
"""

from __future__ import annotations

import asyncio
import sys
import unittest

import ferrio
import pytest


async def kind():
    return type(asyncio.get_running_loop())


def test_run_gives_the_result_on_a_ferrio_loop_and_closes_it(aio):
    seen = []

    async def main():
        seen.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return 42

    assert aio.run(main()) == 42
    assert seen[0].is_closed()
    assert isinstance(seen[0], ferrio.Loop) is (aio is ferrio)


def test_run_raises_what_main_raises_and_cancels_what_is_left(aio):
    left = []

    async def forever():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            left.append("cancelled")
            raise

    async def main():
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        left.append(task)
        raise LookupError("from main")

    with pytest.raises(LookupError, match=r"^from main$"):
        aio.run(main())
    assert left[0].cancelled() and left[1] == "cancelled"


@pytest.mark.parametrize("debug", [True, False, None])
def test_run_sets_debug_mode(aio, debug):
    async def main():
        return asyncio.get_running_loop().get_debug()

    expected = sys.flags.dev_mode if debug is None else debug
    assert aio.run(main(), debug=debug) is expected


def test_run_refuses_what_is_no_coroutine(aio):
    for wrong in (None, 1, kind, lambda: None):
        with pytest.raises((ValueError, TypeError), match="coroutine"):
            aio.run(wrong)


def test_run_refuses_a_running_loop(aio):
    async def main():
        coroutine = kind()
        try:
            with pytest.raises(RuntimeError, match=r"run\(\) cannot be called from a running event loop"):
                aio.run(coroutine)
        finally:
            coroutine.close()

    aio.run(main())


def test_the_loop_is_a_factory_for_runners():
    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        assert runner.run(kind()) is ferrio.Loop
        assert runner.run(kind()) is ferrio.Loop
    if sys.version_info >= (3, 12):
        assert asyncio.run(kind(), loop_factory=ferrio.new_event_loop) is ferrio.Loop


def test_install_makes_asyncio_use_ferrio_until_uninstall(policy):
    ferrio.install()
    ferrio.install()  # twice does no harm
    if policy is not None:
        assert isinstance(asyncio.get_event_loop_policy(), ferrio.EventLoopPolicy)
    assert asyncio.run(kind()) is ferrio.Loop
    loop = asyncio.new_event_loop()
    assert type(loop) is ferrio.Loop
    loop.close()
    ferrio.uninstall()
    if policy is not None:
        assert asyncio.get_event_loop_policy() is policy
    assert not issubclass(asyncio.run(kind()), ferrio.Loop)
    ferrio.uninstall()  # and neither does this


def test_install_serves_test_cases_of_unittest(policy):
    class Case(unittest.IsolatedAsyncioTestCase):
        async def runTest(self):
            assert await kind() is ferrio.Loop

    ferrio.install()
    result = unittest.TestResult()
    Case().run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


@pytest.mark.skipif(not hasattr(asyncio, "get_event_loop_policy"), reason="up to Python 3.15 there are policies")
def test_the_policy_makes_and_keeps_a_loop_for_the_thread(policy):
    asyncio.set_event_loop_policy(ferrio.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    assert asyncio.get_event_loop_policy().get_event_loop() is loop
    assert type(loop) is ferrio.Loop
    asyncio.set_event_loop(None)
    loop.close()


def test_a_subclass_of_the_loop_is_a_loop():
    class Counting(ferrio.Loop):
        calls = 0

        def call_soon(self, callback, *args, context=None):
            Counting.calls += 1
            return super().call_soon(callback, *args, context=context)

    with asyncio.Runner(loop_factory=Counting) as runner:
        assert runner.run(kind()) is Counting
    assert Counting.calls > 0


def test_run_takes_a_loop_factory():
    for factory, expected in [(asyncio.SelectorEventLoop, asyncio.SelectorEventLoop), (None, ferrio.Loop)]:
        assert ferrio.run(kind(), loop_factory=factory) is expected
        with ferrio.Runner(loop_factory=factory) as runner:
            assert runner.run(kind()) is expected


def test_the_options_of_run_are_methods_of_the_loop():
    async def options():
        loop = asyncio.get_running_loop()
        return loop._keeps_tasks, loop._watchdog is not None, loop.allows_nested()

    assert ferrio.run(options()) == (False, False, False)
    assert ferrio.run(options(), keep_tasks=True) == (True, False, False)
    assert ferrio.run(options(), watchdog=60) == (False, True, False)
    assert ferrio.run(options(), nested=True) == (False, False, True)
    with ferrio.Runner(keep_tasks=True, nested=True) as runner:
        assert runner.run(options()) == (True, False, True)
    loop = ferrio.new_event_loop(nested=True)
    assert loop.allows_nested()
    loop.close()
