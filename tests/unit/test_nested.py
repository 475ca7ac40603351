"""Runs inside runs: what allow_nested() allows, and what it leaves as it was."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading

import ferrio
import pytest
from helpers import tcp_pair


def inside(coroutine):
    """What a library without await does: run the loop that runs."""
    return asyncio.get_running_loop().run_until_complete(coroutine)


async def value(result, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return result


def test_the_inner_run_gives_the_result():
    async def main():
        return inside(value(1)) + inside(asyncio.sleep(0.001, 2)) + await value(3)

    assert ferrio.run(main(), nested=True) == 6


def test_without_it_asyncios_error():
    async def main():
        coroutine = value(1)
        try:
            with pytest.raises(RuntimeError, match="already running"):
                inside(coroutine)
        finally:
            coroutine.close()

    ferrio.run(main())


def test_others_run_meanwhile_and_order_is_kept():
    seen = []

    async def other(name):
        for turn in range(3):
            seen.append((name, turn))
            await asyncio.sleep(0)

    async def main():
        tasks = [asyncio.create_task(other(name)) for name in "ab"]
        inside(value(None, turns=5))
        assert all(task.done() for task in tasks)
        assert seen == [(name, turn) for turn in range(3) for name in "ab"]

    ferrio.run(main(), nested=True)


def test_the_current_task_and_the_running_loop_are_put_back():
    async def inner():
        return asyncio.current_task()

    async def main():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        first = inside(inner())
        assert asyncio.current_task() is task is not first
        assert asyncio.get_running_loop() is loop and loop.is_running()
        with pytest.raises(LookupError):
            inside(failing())
        assert asyncio.current_task() is task
        async with asyncio.timeout(5):
            assert await value(2) == 2

    async def failing():
        raise LookupError

    ferrio.run(main(), nested=True)


def test_from_a_plain_callback():
    results = []

    async def main():
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def callback():
            assert asyncio.current_task() is None
            results.append(inside(value(1, turns=3)))
            assert asyncio.current_task() is None
            done.set_result(None)

        loop.call_soon(callback)
        await done

    ferrio.run(main(), nested=True)
    assert results == [1]


def test_an_outer_run_whose_future_is_done_waits_for_the_inner():
    loop = ferrio.new_event_loop(nested=True)
    ended = []

    def callback():
        loop.run_until_complete(asyncio.sleep(0.01))
        ended.append(outer.done())

    async def short():
        await asyncio.sleep(0.001)
        return "outer"

    try:
        outer = loop.create_task(short())
        loop.call_soon(callback)
        assert loop.run_until_complete(outer) == "outer"
        assert ended == [True]
        assert loop.run_until_complete(value("again")) == "again"
    finally:
        loop.close()


def test_both_may_wait_for_the_same_future():
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_later(0.001, future.set_result, 1)
        assert inside(future) == await future == inside(future) == 1

    ferrio.run(main(), nested=True)
    loop = ferrio.new_event_loop(nested=True)
    try:
        future = loop.create_future()
        loop.call_soon(lambda: seen.append(loop.run_until_complete(future)))
        loop.call_later(0.001, future.set_result, 2)
        seen = []
        assert loop.run_until_complete(future) == 2 and seen == [2]
    finally:
        loop.close()


def test_stop_ends_the_inner_run_with_asyncios_error_and_then_the_outer():
    loop = ferrio.new_event_loop(nested=True)
    seen = []

    def callback():
        loop.call_soon(loop.stop)
        never = loop.create_future()
        with pytest.raises(RuntimeError, match="stopped before Future completed"):
            loop.run_until_complete(never)
        seen.append("inner")

    try:
        loop.call_soon(callback)
        loop.run_forever()
        assert seen == ["inner"]
        loop.call_soon(loop.stop)
        loop.run_forever()
    finally:
        loop.close()


def test_stop_before_the_inner_run_is_for_the_outer():
    loop = ferrio.new_event_loop(nested=True)
    seen = []

    def callback():
        loop.stop()
        seen.append(loop.run_until_complete(asyncio.sleep(0.001, 1)))

    try:
        loop.call_soon(callback)
        loop.run_forever()
        assert seen == [1] and not loop.is_running()
    finally:
        loop.close()


def test_run_forever_inside_ends_with_its_own_stop():
    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        return await value("went on")

    assert ferrio.run(main(), nested=True) == "went on"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_leaves_a_loop_leaves_the_inner_run_too(error):
    async def leave():
        raise error

    async def main():
        with pytest.raises(error):
            inside(leave())
        return await value("caught")

    assert ferrio.run(main(), nested=True) == "caught"


def test_ferrio_run_inside_uses_the_running_loop():
    async def loop_of():
        return asyncio.get_running_loop()

    async def main():
        assert ferrio.run(loop_of()) is asyncio.get_running_loop()

    ferrio.run(main(), nested=True)


def test_depth_is_limited_and_the_loop_survives():
    async def deeper(depth):
        coroutine = deeper(depth + 1)
        try:
            return inside(coroutine)
        except RuntimeError as error:
            return depth, str(error)
        finally:
            coroutine.close()

    async def main():
        depth, text = inside(deeper(2))
        assert depth == 50 and "runs inside itself 50 times" in text
        return await value("alive")

    assert ferrio.run(main(), nested=True) == "alive"


def test_contexts_of_outer_callbacks_serve_inner_ones():
    variable = contextvars.ContextVar("variable", default="unset")

    async def main():
        variable.set("outer")
        shared = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def outer():
            variable.set("shared")
            inner = loop.create_future()
            loop.call_soon(lambda: inner.set_result(variable.get()), context=shared)
            done.set_result(loop.run_until_complete(inner))

        loop.call_soon(outer, context=shared)
        assert await done == "shared"
        assert variable.get() == "outer"

    ferrio.run(main(), nested=True)


def test_data_that_arrives_inside_a_protocol_method():
    class Reader(asyncio.Protocol):
        def __init__(self):
            self.seen, self.lost = [], asyncio.get_running_loop().create_future()

        def data_received(self, data):
            self.seen.append(data)
            if len(self.seen) == 1:
                far.sendall(b"second")
                inside(self.second())
                self.seen.append(b"back in the first")

        async def second(self):
            while len(self.seen) < 2:
                await asyncio.sleep(0)

        def connection_lost(self, error):
            self.lost.set_result(error)

    async def main(near):
        _, reader = await asyncio.get_running_loop().create_connection(Reader, sock=near)
        far.sendall(b"first")
        while len(reader.seen) < 3:
            await asyncio.sleep(0)
        far.close()
        assert await reader.lost is None
        assert reader.seen == [b"first", b"second", b"back in the first"]

    with tcp_pair() as (near, far):
        ferrio.run(main(near), nested=True)


def test_another_loop_or_thread_is_refused_as_ever():
    async def main():
        loop = asyncio.get_running_loop()
        other = ferrio.new_event_loop(nested=True)
        try:
            with pytest.raises(RuntimeError, match="while another loop is running"):
                other.run_forever()
        finally:
            other.close()
        errors = []

        def elsewhere():
            try:
                loop.run_forever()
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert errors == ["This event loop is already running"]

    ferrio.run(main(), nested=True)


def test_allowed_while_it_runs():
    async def main():
        loop = asyncio.get_running_loop()
        assert not loop.allows_nested()
        loop.allow_nested()
        assert loop.allows_nested()
        return inside(value(1))

    with ferrio.Runner() as runner:
        assert runner.run(main()) == 1
        assert runner.run(value(2)) == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_inside_an_eager_task():
    async def eager():
        task = asyncio.current_task()
        result = inside(value(1))
        assert asyncio.current_task() is task
        return result

    async def main():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        loop.set_task_factory(asyncio.eager_task_factory)
        assert asyncio.create_task(eager()).result() == 1
        assert asyncio.current_task() is task

    ferrio.run(main(), nested=True)


def test_nest_asyncio_finds_a_loop_that_needs_no_patch(monkeypatch):
    """What its apply() does: it swaps the classes, asks the loop whether it was patched, and patches if not."""
    for module, name in ((asyncio, "Task"), (asyncio.tasks, "Task"), (asyncio.tasks, "_CTask")):
        monkeypatch.setattr(module, name, asyncio.tasks._PyTask)
    for module, name in ((asyncio, "Future"), (asyncio.futures, "Future"), (asyncio.futures, "_CFuture")):
        monkeypatch.setattr(module, name, asyncio.futures._PyFuture)

    async def main():
        loop = asyncio.get_running_loop()
        assert not loop.allows_nested()
        assert hasattr(loop, "_nest_patched")
        assert loop.allows_nested() and inside(value(1)) == 1
        assert isinstance(asyncio.current_task(), asyncio.Task)
        assert isinstance(asyncio.current_task(), asyncio.tasks._CTask)
        assert isinstance(loop.create_future(), asyncio.Future)

    ferrio.run(main())


def test_a_patched_loop_of_asyncios_leaves_ferrios_alone(monkeypatch):
    """nest_asyncio patches the class of the loop that it is given, which ferrio's inherits from."""

    def patched(*_):
        raise AssertionError

    for name in ("run_forever", "run_until_complete", "_run_once"):
        monkeypatch.setattr(asyncio.SelectorEventLoop, name, patched)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "_check_running", lambda self: None)

    async def main():
        coroutine = value(1)
        with pytest.raises(RuntimeError, match="already running"):
            inside(coroutine)
        coroutine.close()
        return await value(2)

    assert ferrio.run(main()) == 2
