"""`ferrio.testing`: when the virtual clock jumps, when it must not, and the ways to use it in a test suite."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import subprocess
import sys
import threading
import time
import unittest

import ferrio
import pytest
from ferrio.testing import EventLoopPolicy, IsolatedAsyncioTestCase, VirtualLoop

pytest_plugins = ["ferrio.testing.pytest"]

DAY = 86400


def run(main, **options):
    begin = time.monotonic()
    result = ferrio.run(main, loop_factory=VirtualLoop, **options)
    assert time.monotonic() - begin < 30, "this was meant to take no time"
    return result


def now():
    return asyncio.get_running_loop().time()


def test_sleeping_takes_no_time_and_is_exact():
    async def main():
        assert now() == 0
        await asyncio.sleep(100 * DAY)
        assert now() == 100 * DAY
        await asyncio.sleep(0.5)
        assert now() == 100 * DAY + 0.5

    run(main())


def test_timers_run_in_order_at_their_times():
    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        for when in (3, 1, 2, 1):
            loop.call_at(when, lambda when=when: seen.append((when, now())))
        loop.call_at(2, loop.call_later, 0.25, lambda: seen.append(("later", now())))
        await asyncio.sleep(5)
        assert seen == [(1, 1), (1, 1), (2, 2), ("later", 2.25), (3, 3)]

    run(main())


def test_time_stands_still_while_callbacks_run():
    async def main():
        time.sleep(0.01)
        for _ in range(10000):
            await asyncio.sleep(0)
        assert now() == 0

    run(main())


def test_timeouts():
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        assert now() == 3600
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.sleep(20), 10)
        assert now() == 3610
        async with asyncio.timeout(10):
            await asyncio.sleep(9)

    run(main())


def test_what_was_sent_arrives_before_the_jump():
    async def main():
        served = asyncio.Event()

        async def serve(reader, writer):
            while line := await reader.readline():
                writer.write(line)
            writer.close()
            served.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for n in range(100):
            async with asyncio.timeout(0.001):
                writer.write(b"%d\n" % n)
                assert await reader.readline() == b"%d\n" % n
        assert now() == 0
        await asyncio.sleep(DAY)
        assert now() == DAY
        writer.close()
        await writer.wait_closed()
        await served.wait()
        server.close()
        await server.wait_closed()

    run(main())


def test_work_on_threads_takes_its_real_time():
    async def main():
        async with asyncio.timeout(25):
            assert await asyncio.to_thread(time.sleep, 0.05) is None
        assert 0.03 <= now() < 25  # it stands still between the start and the wait
        with concurrent.futures.ThreadPoolExecutor() as pool:
            before = now()
            async with asyncio.timeout(25):
                await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 0.02)
            assert before + 0.01 <= now() < 25
        before = now()
        await asyncio.sleep(DAY)
        assert now() == pytest.approx(before + DAY)

    run(main())


def test_a_timeout_around_a_thread_is_a_real_one():
    release = threading.Event()

    async def main():
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.to_thread(release.wait)
        assert time.monotonic() - begin >= 0.05
        release.set()

    run(main())


def test_failing_work_lets_the_clock_go_again():
    async def main():
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        before = now()
        await asyncio.sleep(DAY)
        assert now() == pytest.approx(before + DAY)

    run(main())


def test_child_processes_take_their_real_time():
    async def main():
        code = "import time; time.sleep(0.05); print('child')"
        async with asyncio.timeout(25):
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
            output, _ = await child.communicate()
        assert output == b"child\n" and child.returncode == 0
        before = now()
        assert 0.03 <= before < 25
        await asyncio.sleep(DAY)
        assert now() == pytest.approx(before + DAY)
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("/nowhere/at/all")
        before = now()
        await asyncio.sleep(DAY)
        assert now() == pytest.approx(before + DAY)

    run(main())


def test_names_resolve_in_real_time():
    async def main():
        async with asyncio.timeout(25):
            assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert now() < 25

    run(main())


def test_real_time_for_what_the_loop_does_not_know():
    async def main():
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        thread = threading.Timer(0.05, loop.call_soon_threadsafe, [event.set])
        thread.start()
        with loop.real_time():
            async with asyncio.timeout(25):
                await event.wait()
        assert 0.03 <= now() < 25
        thread.join()

    run(main())


def test_without_a_timer_it_waits_for_other_threads():
    async def main():
        event = asyncio.Event()
        thread = threading.Timer(0.02, asyncio.get_running_loop().call_soon_threadsafe, [event.set])
        thread.start()
        await event.wait()
        thread.join()

    run(main())


def test_a_loop_that_was_closed_still_tells_its_time():
    loop = VirtualLoop()
    loop.run_until_complete(asyncio.sleep(7))
    loop.close()
    assert loop.time() == 7


def test_a_clock_of_the_tests_own_rules():
    loop = VirtualLoop()
    try:
        loop.time = itertools.count(step=10).__next__
        loop.run_until_complete(asyncio.sleep(5))
        first = loop.time()
        assert first > 5 and loop.time() == first + 10
    finally:
        loop.close()


def test_it_composes_with_the_options_of_run():
    async def main():
        loop = asyncio.get_running_loop()
        loop.run_until_complete(asyncio.sleep(DAY))
        assert now() == DAY and loop._keeps_tasks

    run(main(), nested=True, keep_tasks=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_policy_makes_virtual_loops(policy):
    async def main():
        await asyncio.sleep(DAY)
        return type(asyncio.get_running_loop()), now()

    asyncio.set_event_loop_policy(EventLoopPolicy())
    assert asyncio.run(main()) == (VirtualLoop, DAY)


def test_unittest():
    seen = []

    class Case(IsolatedAsyncioTestCase):
        async def asyncSetUp(self):
            await asyncio.sleep(DAY)

        async def test_sleep(self):
            self.assertEqual(now(), DAY)
            await asyncio.sleep(DAY)
            self.assertEqual(now(), 2 * DAY)
            seen.append("test")

        async def test_failure(self):
            await asyncio.sleep(DAY)
            self.fail("on purpose")

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, len(result.failures), result.errors, seen) == (2, 1, [], ["test"])


async def test_a_coroutine_function_runs_on_virtual_loop(virtual_loop):
    assert asyncio.get_running_loop() is virtual_loop
    await asyncio.sleep(DAY)
    assert virtual_loop.time() == DAY


@pytest.mark.parametrize("delay", [1, DAY])
def test_the_fixture_virtual_run(virtual_run, virtual_loop, delay):
    assert virtual_run(asyncio.sleep(delay, "slept")) == "slept"
    assert virtual_loop.time() == delay


def test_coroutine_functions_can_fail(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import asyncio\n"
        "pytest_plugins = ['ferrio.testing.pytest']\n"
        "async def test_bad(virtual_loop):\n"
        "    await asyncio.sleep(3600)\n"
        "    assert virtual_loop.time() == 0\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 1 and "assert 3600.0 == 0" in done.stdout
