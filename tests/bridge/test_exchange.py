"""Python awaitables in Rust futures, and what tasks of both languages share: queues, events, cancellation, contexts."""

import asyncio
import contextvars
import gc
import weakref

import pytest


def test_a_rust_future_gets_from_a_queue_of_asyncio(run, extension):
    async def main():
        queue = asyncio.Queue(1)

        async def produce():
            for number in range(10):
                await queue.put(number)
            await queue.join()

        total, _ = await asyncio.gather(extension.total(queue, 10), produce())
        return total

    assert run(main()) == 45


def test_a_coroutine_gets_what_a_rust_task_puts(run, extension):
    async def main():
        channel = extension.Channel(2)
        channel.count_up(10)
        items = []
        with pytest.raises(EOFError):
            while True:
                items.append(await channel.get())
        return items

    assert run(main()) == list(range(10))


def test_a_rust_future_gets_what_a_coroutine_puts(run, extension):
    async def main():
        channel = extension.Channel(1)
        total = asyncio.create_task(channel.sum())
        for number in range(10):
            await channel.put(number)
            assert len(channel) <= 1
        channel.close()
        return await total

    assert run(main()) == 45


def test_items_come_in_order_to_whoever_waits_longest(run, extension):
    async def main():
        channel = extension.Channel(0)
        getters = [asyncio.create_task(channel.get()) for _ in range(4)]
        await asyncio.sleep(0)
        for number in range(4):
            await channel.put(number)
        return await asyncio.gather(*getters)

    assert run(main()) == [0, 1, 2, 3]


def test_a_get_that_is_cancelled_loses_no_item(run, extension):
    async def main():
        channel = extension.Channel(0)
        gone, stays = asyncio.create_task(channel.get()), asyncio.create_task(channel.get())
        await asyncio.sleep(0)
        await channel.put(7)
        gone.cancel()
        await asyncio.wait([gone, stays])
        return gone.cancelled(), stays.result()

    assert run(main()) == (True, 7)


def test_a_rust_future_waits_for_an_event_of_asyncio(run, extension):
    async def main():
        event = asyncio.Event()
        waiting = asyncio.create_task(extension.when_set(event, "set"))
        await asyncio.sleep(0.001)
        assert not waiting.done()
        event.set()
        return await waiting

    assert run(main()) == "set"


def test_a_coroutine_waits_for_an_event_that_a_rust_task_sets(run, extension):
    async def main():
        first, second = extension.Flag(), extension.Flag()
        first.then_set(second)
        waiting = asyncio.create_task(second.wait())
        await asyncio.sleep(0.001)
        assert not waiting.done()
        first.set()
        return await waiting

    assert run(main()) is True


def test_an_exception_comes_through_both_ways(run, extension):
    async def fails():
        await asyncio.sleep(0)
        raise LookupError("in Python")

    async def main():
        await extension.first_of([fails()])

    with pytest.raises(LookupError, match="in Python"):
        run(main())


def test_dropping_a_rust_future_cancels_the_task_it_awaits(run, extension):
    async def main():
        log = []

        async def waits(name):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                log.append(f"{name} cancelled")
                raise

        async def wins():
            await asyncio.sleep(0.001)
            return "won"

        won = await extension.first_of([waits("loser"), wins()])
        await asyncio.sleep(0)
        both = asyncio.create_task(extension.first_of([waits("one"), waits("other")]))
        await asyncio.sleep(0.001)
        both.cancel()
        await asyncio.wait([both])
        await asyncio.sleep(0)
        return won, sorted(log), both.cancelled()

    assert run(main()) == ("won", ["loser cancelled", "one cancelled", "other cancelled"], True)


def test_a_task_that_others_cancel_is_an_error_in_rust(run, extension):
    async def main():
        inner = asyncio.create_task(asyncio.sleep(60))
        outer = asyncio.create_task(extension.first_of([inner]))
        await asyncio.sleep(0)
        inner.cancel("by others")
        with pytest.raises(asyncio.CancelledError, match="by others"):
            await outer
        return outer.cancelled()

    assert run(main()) is True


def test_what_is_no_awaitable_is_an_error(run, extension):
    async def main():
        with pytest.raises(TypeError, match="coroutine or an awaitable is required"):
            await extension.first_of([7])

    run(main())


def test_a_future_of_asyncio_and_a_future_of_rust_are_awaited_in_rust(run, extension):
    async def main():
        future = asyncio.get_running_loop().create_future()
        future.set_result("done before")
        assert await extension.first_of([future]) == "done before"
        assert await extension.first_of([extension.sleep_and_return(0.001, "rust")]) == "rust"

    run(main())


def test_context_variables_are_those_of_the_task_that_awaits(run, extension):
    variable = contextvars.ContextVar("variable")

    async def look():
        return variable.get()

    async def one(value):
        variable.set(value)
        return await extension.look_twice(variable, look)

    async def main():
        return await asyncio.gather(*(one(value) for value in "abc"))

    assert run(main()) == [(value,) * 3 for value in "abc"]


def test_a_task_of_ferrio_has_the_context_of_whoever_created_it(run, extension):
    """A copy, as a task of asyncio's has: what is set later, on either side, the other does not see."""
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    async def one(name):
        variable.set(name)
        ended = asyncio.get_running_loop().create_future()

        def tick(number):
            seen.append((name, variable.get()))
            variable.set(f"{name} {number}")
            if number == 3:
                ended.set_result(variable.get())

        extension.start_ticking(0.001, 3, tick)
        variable.set("later")
        return await ended, variable.get()

    async def main():
        return await asyncio.gather(one("a"), one("b")), variable.get()

    assert run(main()) == ([("a 3", "later"), ("b 3", "later")], "unset")
    assert sorted(seen) == [(name, name + after) for name in "ab" for after in ("", " 1", " 2")]


def test_what_a_task_of_ferrio_starts_has_its_context(run, extension):
    variable = contextvars.ContextVar("variable", default="unset")

    async def main():
        seen = asyncio.Queue()
        variable.set("outer")

        def start(_):
            variable.set("of the task")
            extension.start_ticking(0.001, 1, lambda _: seen.put_nowait(variable.get()))

        extension.start_ticking(0, 1, start)
        return await seen.get()

    assert run(main()) == "of the task"


def test_a_cleanup_has_the_context_of_the_task_that_was_dropped(run, extension):
    variable = contextvars.ContextVar("variable", default="unset")

    async def main():
        seen = asyncio.get_running_loop().create_future()
        variable.set("of the task")
        task = extension.start_forever(lambda: seen.set_result(variable.get()))
        variable.set("of who cancels")
        await asyncio.sleep(0.001)
        task.cancel()
        return await seen

    assert run(main()) == "of the task"


def test_a_context_does_not_keep_a_task_that_has_ended(run, extension):
    class Value:
        pass

    variable = contextvars.ContextVar("variable")

    async def start(ended):
        value = Value()
        variable.set(value)
        extension.start_ticking(0, 1, lambda _: ended.set_result(None))
        return weakref.ref(value)

    async def main():
        ended = asyncio.get_running_loop().create_future()
        value = await asyncio.create_task(start(ended))
        await ended
        await asyncio.sleep(0.001)
        gc.collect()
        return value()

    assert run(main()) is None
