"""Tasks of the loop, on both loops; and what only a native task has to prove.

CPython's own tests of tasks run on ferrio's class too (`make conformance`). Here is what they do not ask: mixtures,
memory, debug mode switched on half-way, loops with a `call_soon` of their own.
"""

import asyncio
import contextvars
import gc
import sys
import warnings
import weakref

import ferrio
import pytest
from helpers import collect_errors, on_loop


async def double(number):
    await asyncio.sleep(0)
    return number * 2


async def for_ever():
    await asyncio.get_running_loop().create_future()


@on_loop
async def test_steps_interleave_with_callbacks_in_the_order_of_scheduling(loop):
    order = []

    async def walk(name):
        for step in range(2):
            order.append(f"{name}{step}")
            await asyncio.sleep(0)

    loop.call_soon(order.append, "first")
    tasks = [loop.create_task(walk(name)) for name in "ab"]
    loop.call_soon(order.append, "between")
    await asyncio.gather(*tasks)
    assert order == ["first", "a0", "b0", "between", "a1", "b1"]


@on_loop
async def test_the_current_task_and_all_tasks(loop):
    seen = []

    async def look():
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    task = loop.create_task(look(), name="looking")
    loop.call_soon(lambda: seen.append(asyncio.current_task()))
    assert asyncio.all_tasks() == {task, asyncio.current_task()}
    await task
    assert seen == [task, None, task]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@on_loop
async def test_between_the_turns_of_a_busy_loop_no_task_is_the_current_one(loop):
    seen = []

    def look():
        seen.append(asyncio.current_task(loop))

    async def turn_over():
        for _ in range(300):
            await asyncio.sleep(0)

    others = [loop.create_task(turn_over()) for _ in range(2)]
    for _ in range(100):
        await asyncio.sleep(0)
    loop.call_soon(look)
    await asyncio.gather(*others)
    loop.call_later(0.001, look)
    await asyncio.sleep(0.01)
    assert seen == [None, None]


def test_after_a_run_no_task_is_the_current_one(new_loop):
    loop = new_loop()

    async def turn_over():
        for _ in range(300):
            await asyncio.sleep(0)

    task = loop.create_task(turn_over())
    loop.run_until_complete(task)
    assert asyncio.current_task(loop) is None
    again = loop.create_task(turn_over())
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert asyncio.current_task(loop) is None
    loop.run_until_complete(again)


@on_loop
async def test_cancelling_is_counted_refused_and_taken_back(loop):
    async def stubborn():
        try:
            await for_ever()
        except asyncio.CancelledError as error:
            assert asyncio.current_task().cancelling() == 2
            assert asyncio.current_task().uncancel() == 1
            return error.args

    task = loop.create_task(stubborn())
    await asyncio.sleep(0)
    assert task.cancel("first") and task.cancel("second")
    assert await task in [("first",), ("second",)]
    assert not task.cancel() and task.cancelling() == 1


@on_loop
async def test_a_task_takes_no_result_from_others(loop):
    task = loop.create_task(double(1))
    for method in (task.set_result, task.set_exception):
        with pytest.raises(RuntimeError, match=rf"^Task does not support {method.__name__} operation$"):
            method(None)
    assert await task == 2


@on_loop
async def test_what_a_coroutine_may_not_yield(loop):
    class Yields:
        def __init__(self, value):
            self.value = value

        def __await__(self):
            yield self.value

    future = loop.create_future()
    for value, text in (
        (5, "Task got bad yield: 5"),
        (future, "yield was used instead of yield from in task .* with <Future"),
        ((n for n in ()), "yield was used instead of yield from for generator in task"),
    ):

        async def run(value=value):
            await Yields(value)

        with pytest.raises(RuntimeError, match=text):
            await loop.create_task(run())


def test_tasks_of_another_kind(new_loop):
    """Either class of tasks, awaiting either class of futures and tasks, on either loop."""
    loop = new_loop()
    kinds = [(asyncio.tasks.Task, asyncio.futures.Future), (ferrio.Task, ferrio.Future)]

    async def outer(future, make):
        loop.call_soon(future.set_result, 4)
        return await future + await make(double(3), loop=loop)

    for make, _ in kinds:
        for inner, future in kinds:
            task = make(outer(future(loop=loop), inner), loop=loop)
            assert loop.run_until_complete(task) == 10
            assert task in (asyncio.all_tasks(loop) | {task}) and task.done()


def test_a_lost_task_is_reported_and_forgotten():
    loop = ferrio.new_event_loop()
    errors = collect_errors(loop)
    try:
        task = loop.create_task(for_ever())
        loop.run_until_complete(asyncio.sleep(0))
        gone = weakref.ref(task)
        del task
        gc.collect()
        assert [error["message"] for error in errors] == ["Task was destroyed but it is pending!"]
        assert asyncio.all_tasks(loop) == set()
        errors.clear()
        gc.collect()  # from Python 3.15 on, what the report kept alive has its weak references until then
        assert gone() is None
    finally:
        loop.close()


def test_a_replaced_call_soon_sees_every_step():
    calls = []

    class Counting(ferrio.Loop):
        def call_soon(self, callback, *args, context=None):
            calls.append(callback)
            return super().call_soon(callback, *args, context=context)

    loop = Counting()
    try:
        assert loop.run_until_complete(double(4)) == 8
        steps = [call for call in calls if isinstance(getattr(call, "__self__", None), asyncio.Task)]
        assert len(steps) == 2
    finally:
        loop.close()


def test_debug_mode_can_be_switched_half_way():
    loop = ferrio.new_event_loop()

    async def main():
        results = []
        for debug in (False, True, False, True):
            loop.set_debug(debug)
            results.append(await loop.create_task(double(1)))
            waiting = loop.create_future()
            loop.set_debug(not debug)
            loop.call_soon(waiting.set_result, 1)
            results.append(await waiting)
        return results

    try:
        assert loop.run_until_complete(main()) == [2, 1] * 4
    finally:
        loop.close()


def test_a_task_factory_is_asked(new_loop):
    loop, made = new_loop(), []

    def factory(loop, coroutine, **options):
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    assert loop.run_until_complete(double(2)) == 4
    assert made == ["double"]
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are of Python 3.12")
def test_eager_tasks(new_loop):
    loop = new_loop()
    loop.set_task_factory(asyncio.create_eager_task_factory(ferrio.Task))

    async def at_once():
        return asyncio.current_task()

    async def main():
        task = asyncio.create_task(at_once())
        assert task.done() and task.result() is task and task.get_coro() is None
        waiting = asyncio.create_task(double(2))
        assert not waiting.done() and waiting in asyncio.all_tasks()
        return await waiting

    assert loop.run_until_complete(main()) == 4


@pytest.mark.skipif(sys.version_info < (3, 14), reason="eager_start is of Python 3.14 for all that make tasks")
def test_any_task_may_start_eagerly(new_loop, aio):
    loop, seen = new_loop(), []

    async def child(name):
        seen.append((name, asyncio.current_task() in asyncio.all_tasks()))

    async def main():
        task = aio.create_task(child("eager"), eager_start=True)
        assert task.done() and not aio.create_task(child("late"), eager_start=False).done()
        assert loop.create_task(child("of the loop"), eager_start=True, name="n").get_name() == "n"
        async with aio.TaskGroup() as group:
            # The group hears of it at its turn, though it is done.
            assert group.create_task(child("of a group"), eager_start=True).done()
            assert repr(group) == "<TaskGroup tasks=1 entered>"
        with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
            aio.create_task(child("never"), no_such=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the last one is never awaited
        loop.run_until_complete(main())
    assert [name for name, _ in seen] == ["eager", "of the loop", "of a group", "late"]
    assert all(listed for _, listed in seen)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="task factories get whatever there is from Python 3.14 on")
def test_factories_get_arguments_of_their_own(new_loop, aio):
    loop, seen = new_loop(), []

    def factory(loop, coro, **names):
        seen.append(names)
        return asyncio.Task(coro, loop=loop)

    async def main():
        loop.set_task_factory(factory)
        await aio.create_task(double(1), colour="red", name=None)
        async with aio.TaskGroup() as group:
            group.create_task(double(2), colour="blue")

    loop.run_until_complete(main())
    assert seen == [{"colour": "red", "name": None}, {"colour": "blue"}]


def test_a_step_may_leave_no_running_loop_behind():
    """As some test suites do: nobody is the current task afterwards, and the loop goes on."""
    loop, current = ferrio.new_event_loop(), []

    async def leave():
        asyncio._set_running_loop(None)

    def look():
        asyncio._set_running_loop(loop)
        current.append(asyncio.current_task())

    try:
        tasks = [loop.create_task(leave()) for _ in range(2)]
        loop.call_soon(look)
        loop.call_soon(loop.stop)
        errors = collect_errors(loop)
        loop.run_forever()
        assert current == [None] and tasks[0].done()
        # From Python 3.14 on, no task can be entered where its loop does not run, in asyncio neither.
        refused = [str(context["exception"]) for context in errors]
        assert all("is not the running loop" in text for text in refused)
        assert len(refused) == (1 if sys.version_info >= (3, 14) else 0)
        assert tasks[1].done() or refused
        for task in tasks:
            task._log_destroy_pending = False
            if not task.done():
                task.get_coro().close()
    finally:
        loop.close()


def test_keyboard_interrupt_leaves_the_loop_and_the_task_has_it(new_loop):
    loop = new_loop()

    async def interrupt():
        raise KeyboardInterrupt

    task = loop.create_task(interrupt())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    assert isinstance(task.exception(), KeyboardInterrupt)


def test_tasks_leave_no_memory_behind():
    loop = ferrio.new_event_loop()

    async def fail():
        raise ValueError

    async def churn(times):
        for turn in range(times):
            task = loop.create_task((double(turn), fail(), for_ever())[turn % 3])
            if turn % 3 == 2:
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            if turn % 3 < 2:
                task.exception()

    def coroutines_are_closed(times):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # two of the three are made and not used
            loop.run_until_complete(churn(times))

    try:
        coroutines_are_closed(1500)
        gc.collect()
        before = sys.getallocatedblocks()
        coroutines_are_closed(9000)
        gc.collect()
        assert sys.getallocatedblocks() - before < 300
    finally:
        loop.close()


SINCE_3_15 = pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 checks and begins once")


@SINCE_3_15
@pytest.mark.parametrize("eager", [False, True])
@on_loop
async def test_a_task_takes_a_context_only(loop, aio, eager):
    errors = collect_errors(loop)
    for wrong in (1, "context", {}, object):
        coroutine = double(1)
        message = rf"^a contextvars\.Context was expected, got {type(wrong).__qualname__}$"
        with pytest.raises(TypeError, match=message):
            aio.Task(coroutine, loop=loop, context=wrong, eager_start=eager)
        with pytest.raises(TypeError, match=message):
            loop.create_task(coroutine, context=wrong, eager_start=eager)
        coroutine.close()
    gc.collect()
    assert errors == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


@SINCE_3_15
@on_loop
async def test_a_task_that_cannot_begin_at_once_dies_in_silence(loop, aio):
    errors = collect_errors(loop)
    context = contextvars.copy_context()
    coroutine = double(1)
    with pytest.raises(RuntimeError, match="cannot enter context"):
        context.run(lambda: aio.Task(coroutine, loop=loop, context=context, eager_start=True))
    coroutine.close()
    gc.collect()
    assert errors == []


@SINCE_3_15
@on_loop
async def test_a_task_is_initialised_once(loop, aio):
    task = aio.Task(double(2), loop=loop)
    again = double(3)
    with pytest.raises(RuntimeError, match=r"Task object is already initialized$"):
        task.__init__(again, loop=loop)
    again.close()
    assert await task == 4
