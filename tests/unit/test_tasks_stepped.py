"""A task that is not done is queued, waits or runs: whatever goes wrong around a step, nobody is left waiting for ever.

Exceptions are odd on purpose: frozen dataclasses, properties in the place of attributes, operators that raise. Where
asyncio itself loses a task, the test says so and is about ferrio alone.
"""

import asyncio
import contextvars
import dataclasses
import gc
import sys

import ferrio
import pytest
from helpers import asyncio_log, collect_errors, on_loop


class NoSpecial(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(f"no {name}")


class Hidden(Exception):
    @property
    def __traceback__(self):
        raise LookupError("hidden")


class Unequal(Exception):
    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError("eq")


class Silent(Exception):
    def __repr__(self):
        raise RuntimeError("repr")

    __str__ = __repr__


class Disguised(Exception):
    @property
    def __class__(self):
        raise ZeroDivisionError


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    pass


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlots(Exception):
    pass


# In a group, asyncio itself fails on one that lies about its class.
ODD = [NoSpecial, Hidden, Unequal, Silent, Disguised, Frozen, FrozenSlots]


async def raises(kind):
    await asyncio.sleep(0)
    raise kind()


async def by_future(aio, kind):
    future = asyncio.get_running_loop().create_future()
    future.set_exception(kind())
    await future


async def by_group(aio, kind):
    async with aio.TaskGroup() as group:
        group.create_task(raises(kind))


async def by_timeout(aio, kind):
    async with aio.timeout(1):
        await raises(kind)


async def by_completion(aio, kind):
    for next_done in aio.as_completed([aio.create_task(raises(kind))]):
        await next_done


async def by_reader(aio, kind):
    reader = aio.StreamReader()
    asyncio.get_running_loop().call_soon(reader.set_exception, kind())
    await reader.read(1)


def thrown(kind):
    raise kind()


WAYS = {
    "task": lambda aio, kind: aio.create_task(raises(kind)),
    "wait_for": lambda aio, kind: aio.wait_for(raises(kind), 1),
    "gather": lambda aio, kind: aio.gather(raises(kind)),
    "shield": lambda aio, kind: aio.shield(raises(kind)),
    "thread": lambda aio, kind: aio.to_thread(thrown, kind),
    "future": by_future,
    "group": by_group,
    "timeout": by_timeout,
    "as_completed": by_completion,
    "reader": by_reader,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ODD)
def test_an_odd_exception_reaches_who_awaits(aio, new_loop, kind, way):
    if kind is Disguised and way == "group":
        pytest.skip("asyncio asks isinstance() of what a group's task raised, and fails")

    async def waits():
        await WAYS[way](aio, kind)

    async def main():
        task = aio.create_task(waits())
        await aio.wait([task], timeout=5)
        return type(task.exception())

    expected = {BaseExceptionGroup, ExceptionGroup} if way == "group" else {kind}
    assert new_loop().run_until_complete(main()) in expected


@on_loop
async def test_the_traceback_of_a_frozen_exception_does_not_grow(loop):
    future = loop.create_future()
    future.set_exception(Frozen())
    lengths = []
    for _ in range(3):
        try:
            await future
        except Frozen as error:
            trace, length = error.__traceback__, 0
            while trace is not None:
                trace, length = trace.tb_next, length + 1
            lengths.append(length)
    assert lengths[1] == lengths[2]


class Yields:
    """Awaiting it yields what is given."""

    def __init__(self, what):
        self.what = what

    def __await__(self):
        return (yield self.what)


class Foreign:
    """As much of a future as a task asks for, and one thing of it raises."""

    _asyncio_future_blocking = True

    def __init__(self, loop, broken):
        self.loop, self.broken = loop, broken

    def get_loop(self):
        return self.fail("get_loop") or self.loop

    def add_done_callback(self, callback, *, context=None):
        self.fail("add_done_callback")

    def fail(self, name):
        if name == self.broken:
            raise LookupError(name)

    def __repr__(self):
        self.fail("__repr__")
        return "Foreign"


class Stubborn(Foreign):
    """It refuses to have its flag reset."""

    def __setattr__(self, name, value):
        if name == "_asyncio_future_blocking":
            raise LookupError(name)
        super().__setattr__(name, value)


class Undecided:
    def __bool__(self):
        raise LookupError("bool")


def ferrio_only(function):
    """asyncio reports the error and never steps the task again: so this is about ferrio alone."""

    def test():
        loop = ferrio.new_event_loop()
        try:
            loop.run_until_complete(asyncio.wait_for(function(loop), 5))
        finally:
            loop.close()

    test.__name__ = function.__name__
    return test


@ferrio_only
async def test_what_goes_wrong_with_a_foreign_future_is_thrown(loop):
    stubborn, undecided = Stubborn(loop, ""), Foreign(loop, "")
    undecided._asyncio_future_blocking = Undecided()
    foreign = [Foreign(loop, name) for name in ("get_loop", "add_done_callback")]
    for awaited in (*foreign, stubborn, undecided):
        with pytest.raises(LookupError):
            await Yields(awaited)


@ferrio_only
async def test_a_bad_yield_that_cannot_be_shown_is_thrown(loop):
    class Dumb:
        def __repr__(self):
            raise LookupError("repr")

    with pytest.raises(LookupError):
        await Yields(Dumb())
    other = ferrio.new_event_loop()
    try:
        with pytest.raises(LookupError):
            await Yields(Foreign(other, "__repr__"))
    finally:
        other.close()


@ferrio_only
async def test_an_exception_that_leaves_the_loop_is_thrown_all_the_same(loop):
    class Leaves(Foreign):
        def get_loop(self):
            raise SystemExit(3)

    inner = ferrio.new_event_loop()
    caught = []

    async def main():
        try:
            await Yields(Leaves(inner, ""))
        except SystemExit as error:
            caught.append(error.code)

    def run():
        task = inner.create_task(main())
        with pytest.raises(SystemExit):
            inner.run_forever()
        inner.run_until_complete(task)
        inner.close()

    await asyncio.to_thread(run)
    assert caught == [3]


@pytest.mark.parametrize("debug", [False, True])
def test_a_step_whose_context_is_entered_already_ends_its_task(debug):
    """asyncio reports it, and the task waits for ever."""
    loop, context = ferrio.new_event_loop(), contextvars.copy_context()
    loop.set_debug(debug)
    coroutine = asyncio.sleep(0)

    async def main():
        task = loop.create_task(coroutine, context=context)
        await asyncio.wait([task], timeout=5)
        return task

    try:
        with asyncio_log() as records:
            task = context.run(loop.run_until_complete, main())
        assert "cannot enter context" in str(task.exception())
        assert any("cannot enter context" in str(record.exc_info) for record in records)
    finally:
        coroutine.close()
        loop.close()


def test_a_step_while_another_task_is_current_ends_its_task():
    """asyncio reports it, and the task waits for ever."""
    loop = ferrio.new_event_loop()
    errors, late = collect_errors(loop), asyncio.sleep(0)

    def turns(count):
        for _ in range(count):
            loop.call_soon(loop.stop)
            loop.run_forever()

    try:
        holder = loop.create_task(asyncio.sleep(0))
        turns(3)
        loop.call_soon(asyncio.tasks._enter_task, loop, holder)
        task = loop.create_task(late)
        loop.call_soon(asyncio.tasks._leave_task, loop, holder)
        turns(2)
        assert "Cannot enter into task" in str(task.exception())
        assert "Cannot enter into task" in str(errors[0]["exception"])
        assert len(errors) == 1
    finally:
        late.close()
        loop.close()


@on_loop
async def test_a_waiter_that_cannot_be_woken_keeps_no_other_asleep(loop):
    if not isinstance(loop, ferrio.Loop):
        pytest.skip("asyncio drops the callbacks that come after one which fails")
    future, woken = loop.create_future(), []
    future.add_done_callback(lambda future: woken.append(1))
    future.add_done_callback(lambda future: woken.append(2))
    call_soon, failing = loop.call_soon, [True]

    def once(callback, *args, **names):
        if failing and failing.pop():
            raise LookupError("call_soon")
        return call_soon(callback, *args, **names)

    loop.call_soon = once
    with pytest.raises(LookupError):
        future.set_result(None)
    del loop.call_soon
    await asyncio.sleep(0)
    assert woken == [2]


def test_a_step_that_turns_debug_mode_on_leaves_no_task_behind_as_the_current_one():
    """A task of asyncio's own is stepped next, which refuses to begin while another is current."""
    loop = ferrio.new_event_loop()

    async def native():
        loop.set_debug(True)

    async def main():
        task = loop.create_task(native())
        await asyncio.sleep(0)
        return task

    try:
        assert loop.run_until_complete(asyncio.wait_for(asyncio.tasks._CTask(main(), loop=loop), 5)).done()
    finally:
        loop.close()


@on_loop
async def test_what_a_future_raises_has_what_is_handled_as_its_context(loop):
    async def fails():
        raise ValueError

    task = loop.create_task(fails())
    await asyncio.wait([task])
    failed, cancelled = loop.create_future(), loop.create_future()
    failed.set_exception(ValueError())
    cancelled.cancel()
    calls = [task.result, failed.result, cancelled.result, cancelled.exception, loop.create_future().result]
    for call in calls:
        with pytest.raises((ValueError, asyncio.CancelledError, asyncio.InvalidStateError)) as caught:
            try:
                raise KeyError
            except KeyError:
                call()
        assert isinstance(caught.value.__context__, KeyError), call
    with pytest.raises(ValueError) as caught:
        try:
            raise KeyError
        except KeyError:
            await failed
    assert isinstance(caught.value.__context__, KeyError)


@on_loop
async def test_what_a_callback_raised_is_reported_with_its_traceback(loop):
    def fails(*args):
        raise ValueError

    errors = collect_errors(loop)
    future = loop.create_future()
    loop.call_soon(fails)
    loop.call_later(0, fails)
    future.add_done_callback(fails)
    future.set_result(None)
    await asyncio.sleep(0.01)
    tracebacks = [error["exception"].__traceback__ for error in errors]
    assert len(tracebacks) == 3
    assert all(trace is not None for trace in tracebacks)


@pytest.mark.parametrize("kind", ["wait", "gather", "completed"])
def test_who_waits_for_several_is_woken_when_asyncio_wakes_it(aio, new_loop, kind):
    """One is done already, and another ends before the turn of the first has come."""

    async def waits(module, futures):
        if kind == "wait":
            await module.wait(futures)
        elif kind == "gather":
            await module.gather(*futures)
        else:
            for future in module.as_completed(futures):
                await future

    async def main(module, loop):
        turns, seen = [0], []

        def tick():
            turns[0] += 1
            if turns[0] < 12:
                loop.call_soon(tick)

        done, other = loop.create_future(), loop.create_future()
        done.set_result(None)
        task = loop.create_task(waits(module, [done, other]))
        task.add_done_callback(lambda task: seen.append(turns[0]))
        loop.call_soon(other.set_result, None)
        tick()
        while turns[0] < 12:
            await module.sleep(0)
        return seen

    oracle = asyncio.SelectorEventLoop()
    try:
        expected = oracle.run_until_complete(main(asyncio, oracle))
    finally:
        oracle.close()
    loop = new_loop()
    assert loop.run_until_complete(main(aio, loop)) == expected


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
@pytest.mark.parametrize("keep", [False, True])
def test_an_eager_task_whose_first_step_cannot_be_made_is_over(keep, recwarn):
    """Its context is entered already. asyncio keeps it among the tasks, where `asyncio.run()` waits for it."""
    made = []

    class Remembered(ferrio.Task):
        def __init__(self, *args, **names):
            made.append(self)
            super().__init__(*args, **names)

    async def nothing():
        pass

    async def main():
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        loop.set_task_factory(ferrio.eager_task_factory)
        for make in (loop.create_task, lambda *args, **names: Remembered(*args, loop=loop, eager_start=True, **names)):
            with pytest.raises(RuntimeError, match="cannot enter context"):
                context.run(make, nothing(), context=context)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        with pytest.raises(RuntimeError, match="cannot enter context"):
            await asyncio.wait_for(made[0], 5)

    ferrio.run(main(), keep_tasks=keep)
    assert {str(warning.message) for warning in recwarn} == {f"coroutine '{nothing.__qualname__}' was never awaited"}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_task_that_could_not_be_queued_is_none(aio, new_loop, asyncio_errors):
    async def nothing():
        pass

    def refuses(*args, **names):
        raise LookupError("call_soon")

    def main(loop):
        call_soon = loop.call_soon
        loop.call_soon = refuses
        for make in (loop.create_task, lambda coroutine: aio.Task(coroutine, loop=loop)):
            with pytest.raises(LookupError, match="call_soon"):
                make(nothing())
        loop.call_soon = call_soon
        gc.collect()
        assert asyncio.all_tasks(loop) == set()

    loop = new_loop()
    if aio is ferrio:
        loop.keep_tasks()
    main(loop)
    assert {record.msg.partition("\n")[0] for record in asyncio_errors} == {"Task was destroyed but it is pending!"}
    asyncio_errors.clear()
