"""Rust futures in Python programs: what `into_awaitable` makes behaves as a coroutine does, on every loop."""

import asyncio
import collections.abc
import gc
import sys
import threading
import time
import warnings

import pytest
from ferrio.testing.clock import VirtualLoop


def test_a_future_gives_its_value(run, extension):
    async def main():
        return await extension.sleep_and_return(0.001, "tea")

    assert run(main()) == "tea"


@pytest.mark.parametrize("value", [(1, 2), (), None, StopIteration(7), ValueError, [1]])
def test_values_that_a_stop_iteration_could_mistake_arrive_whole(run, extension, value):
    async def main():
        return await extension.sleep_and_return(0, value)

    assert run(main()) is value


def test_asyncio_takes_it_for_a_coroutine(run, extension):
    assert asyncio.iscoroutine(awaitable := extension.sleep_and_return(0, 1))
    assert isinstance(awaitable, collections.abc.Coroutine)
    assert run(awaitable) == 1


def test_many_wait_at_once(run, extension):
    async def main():
        start = asyncio.get_running_loop().time()
        values = await asyncio.gather(*(extension.sleep_and_return(0.05, n) for n in range(200)))
        return values, asyncio.get_running_loop().time() - start

    values, taken = run(main())
    assert values == list(range(200))
    assert 0.05 <= taken < 5


def test_an_earlier_timer_overtakes_a_later_one(run, extension):
    async def main():
        order = []

        async def note(seconds):
            order.append(await extension.sleep_and_return(seconds, seconds))

        async with asyncio.TaskGroup() as group:
            for seconds in (0.06, 0.001, 0.03):
                group.create_task(note(seconds))
        return order

    assert run(main()) == [0.001, 0.03, 0.06]


def test_time_is_that_of_the_loop(extension):
    """On a virtual clock an hour passes at once."""

    async def main():
        await extension.sleep_and_return(3600, None)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == pytest.approx(3600, abs=1e-6)


def test_a_task_that_is_cancelled_drops_the_future(run, extension):
    async def main():
        log = []
        task = asyncio.create_task(extension.forever(log))
        await asyncio.sleep(0)
        assert log == []
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        return log, task.cancelled()

    assert run(main()) == (["dropped"], True)


def test_a_time_limit_drops_the_future(run, extension):
    async def main():
        log = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await extension.forever(log)
        return log

    assert run(main()) == ["dropped"]


def test_closing_a_loop_drops_what_still_waits(run, extension):
    log = []

    async def main():
        tasks.append(asyncio.create_task(extension.forever(log)))
        await asyncio.sleep(0)

    tasks = []
    run(main())
    assert log == ["dropped"]
    assert tasks[0].cancelled()


def test_a_thread_wakes_the_loop(run, extension):
    async def main():
        return [await extension.from_a_thread(n) for n in range(50)]

    assert run(main()) == list(range(50))


def test_a_call_runs_on_a_thread(run, extension):
    async def main():
        return await asyncio.gather(*(extension.on_a_thread(n) for n in (10, 100, 1000)))

    assert run(main()) == [45, 4950, 499500]


def test_a_connection_is_read_and_written(run, extension):
    async def shout(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(shout, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        answers = await asyncio.gather(*(extension.ask("127.0.0.1", port, f"line {n}") for n in range(20)))
        server.close()
        await server.wait_closed()
        with pytest.raises(OSError):
            await extension.ask("127.0.0.1", port, "nobody")
        return answers

    assert run(main()) == [f"LINE {n}" for n in range(20)]


def test_tasks_go_on_between_runs_of_python(run, extension):
    async def main():
        done = asyncio.get_running_loop().create_future()
        seen = []

        def tick(number):
            seen.append(number)
            if number == 5:
                done.set_result(None)

        extension.start_ticking(0.001, 5, tick)
        await done
        return seen

    assert run(main()) == [1, 2, 3, 4, 5]


def test_one_that_is_freed_while_an_exception_is_on_its_way(run, extension):
    log = []

    def raises():
        awaitable = extension.forever(log)
        awaitable.send(None)
        raise LookupError("kept")

    async def main():
        with pytest.raises(LookupError, match="kept"):
            raises()

    run(main())
    assert log == ["dropped"]


def test_a_panic_is_raised_and_ends_it(run, extension, capfd):
    async def main():
        awaitable = extension.sleep_and_return(-1, "never")  # no Duration of Rust's is negative
        with pytest.raises(BaseException, match="cannot convert float seconds to Duration") as raised:
            await awaitable
        assert type(raised.value).__name__ == "PanicException"
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await awaitable
        return await extension.sleep_and_return(0, "others go on")

    assert run(main()) == "others go on"
    assert "panicked" in capfd.readouterr().err


def test_without_a_running_loop_there_is_an_error(extension):
    with pytest.raises(RuntimeError, match="no running event loop"):
        extension.start_ticking(0, 1, print)
    awaitable = extension.sleep_and_return(0, 1)
    with pytest.raises(RuntimeError, match="no running event loop"):
        awaitable.send(None)
    awaitable.close()


class TestCoroutine:
    """The methods of a coroutine, called by hand, beside those of CPython's."""

    @pytest.fixture(params=["python", "rust"])
    def make(self, request, extension):
        async def forever():
            await asyncio.get_running_loop().create_future()

        return forever if request.param == "python" else lambda: extension.forever([])

    @pytest.fixture
    def stepped(self, run, make):
        """Calls something with a coroutine that waits."""

        def step(call):
            async def main():
                coroutine = make()
                future = coroutine.send(None)
                assert future._asyncio_future_blocking
                return call(coroutine)

            return run(main())

        return step

    def test_what_is_thrown_is_raised_and_ends_it(self, stepped):
        def call(coroutine):
            with pytest.raises(LookupError, match="here"):
                coroutine.throw(LookupError("here"))
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                coroutine.send(None)
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                coroutine.throw(LookupError)
            assert coroutine.close() is None

        stepped(call)

    def test_a_class_with_a_value_is_thrown(self, stepped):
        def call(coroutine):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                with pytest.raises(LookupError) as raised:
                    coroutine.throw(LookupError, ("no", "such"), None)
            assert raised.value.args == ("no", "such")

        stepped(call)

    @pytest.mark.parametrize("thrown", [7, int, "text"])
    def test_only_exceptions_can_be_thrown(self, stepped, thrown):
        def call(coroutine):
            with pytest.raises(TypeError, match="exceptions must be classes "):
                coroutine.throw(thrown)
            coroutine.close()

        stepped(call)

    def test_closing_ends_it_and_twice_is_once(self, stepped):
        def call(coroutine):
            assert coroutine.close() is None
            assert coroutine.close() is None
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                coroutine.send(None)

        stepped(call)

    def test_the_first_value_sent_is_none(self, make):
        coroutine = make()
        with pytest.raises(TypeError, match="can't send non-None value to a just-started coroutine"):
            coroutine.send(1)
        coroutine.close()

    def test_awaiting_twice_is_an_error(self, run, make):
        async def main():
            coroutine = make()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(coroutine, 0.001)
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                await coroutine

        run(main())

    def test_one_that_nobody_awaits_is_warned_of(self, make):
        coroutine = make()
        with pytest.warns(RuntimeWarning, match=rf"coroutine '.*{coroutine.__name__}' was never awaited"):
            del coroutine
            gc.collect()

    def test_it_has_a_name(self, make):
        coroutine = make()
        assert coroutine.__name__ == "forever" and coroutine.__qualname__.endswith("forever")
        assert coroutine.cr_running is False
        assert "forever" in repr(coroutine)
        coroutine.close()


def test_a_future_stays_on_its_thread(run, extension):
    """Made and begun here, it is asked for, and freed, elsewhere: an error, and it is dropped at home."""

    async def main():
        log, errors = [], []
        held = [extension.forever(log)]
        held[0].send(None)

        def elsewhere():
            try:
                held[0].send(None)
            except RuntimeError as error:
                errors.append(str(error))
            held.clear()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.001)
        limit = time.monotonic() + 60
        while not log and time.monotonic() < limit:
            await asyncio.sleep(0.001)
        return log, errors

    log, errors = run(main())
    assert log == ["dropped"]
    assert len(errors) == 1 and "was made on another thread" in errors[0]


def test_a_loop_in_each_thread(run, extension):
    results = []

    def thread_main(number):
        async def main():
            await extension.sleep_and_return(0.001, None)
            return await asyncio.gather(*(extension.on_a_thread(n) for n in range(number)))

        results.append((number, run(main())))

    threads = [threading.Thread(target=thread_main, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(n, [sum(range(each)) for each in range(n)]) for n in range(4)]


def test_a_thread_that_wakes_a_closed_loop_is_no_error(run, extension, capfd):
    async def main():
        for _ in range(20):
            task = asyncio.create_task(extension.on_a_thread(3_000_000))
            await asyncio.sleep(0)
            task.cancel()

    run(main())
    time.sleep(0.1)
    assert capfd.readouterr().err == ""


def test_eager_tasks_run_it_at_once(run, extension):
    if sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")

    async def main():
        task = asyncio.Task(extension.look_twice(variable, look), loop=asyncio.get_running_loop(), eager_start=True)
        return await task

    import contextvars

    variable = contextvars.ContextVar("variable", default="set")

    async def look():
        return variable.get()

    assert run(main()) == ("set", "set", "set")
