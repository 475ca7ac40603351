"""`TaskGroup`: every test runs on asyncio, which is the oracle, and on ferrio."""

import asyncio
import sys

import pytest
from helpers import on_loop


async def failing(error, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    raise error


@on_loop
async def test_waits_for_all(loop, aio):
    async with aio.TaskGroup() as group:
        tasks = [group.create_task(aio.sleep(0.001 * n, n), name=f"n{n}") for n in range(4)]
        assert repr(group) == "<TaskGroup tasks=4 entered>"
        assert tasks[2].get_name() == "n2"
    assert [task.result() for task in tasks] == [0, 1, 2, 3]
    assert repr(group) == "<TaskGroup entered>"


@on_loop
async def test_an_empty_group(loop, aio):
    async with aio.TaskGroup() as group:
        pass
    coroutine = aio.sleep(0)
    with pytest.raises(RuntimeError, match="is finished"):
        group.create_task(coroutine)
    coroutine.close()


@on_loop
async def test_a_failure_cancels_the_others(loop, aio):
    with pytest.raises(BaseExceptionGroup, match="unhandled errors in a TaskGroup") as caught:
        async with aio.TaskGroup() as group:
            slow = group.create_task(aio.sleep(3600))
            group.create_task(failing(KeyError()))
            group.create_task(failing(ValueError()))
            await aio.sleep(3600)
    assert slow.cancelled()
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError]
    assert asyncio.current_task().cancelling() == 0


@on_loop
async def test_the_block_fails(loop, aio):
    with pytest.raises(BaseExceptionGroup) as caught:
        async with aio.TaskGroup() as group:
            slow = group.create_task(aio.sleep(3600))
            raise KeyError
    assert slow.cancelled()
    assert [type(error) for error in caught.value.exceptions] == [KeyError]


@on_loop
async def test_cancelled_from_outside(loop, aio):
    inner = []

    async def work():
        async with aio.TaskGroup() as group:
            inner.append(group.create_task(aio.sleep(3600)))
            await aio.sleep(3600)

    task = aio.create_task(work())
    await aio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner[0].cancelled()


@on_loop
async def test_tasks_may_start_others(loop, aio):
    done = []

    async def tree(group, depth):
        if depth:
            group.create_task(tree(group, depth - 1))
            group.create_task(tree(group, depth - 1))
        done.append(depth)

    async with aio.TaskGroup() as group:
        group.create_task(tree(group, 5))
    assert len(done) == 2**6 - 1


@on_loop
async def test_before_it_is_entered(loop, aio):
    group = aio.TaskGroup()
    coroutine = aio.sleep(0)
    with pytest.raises(RuntimeError, match="has not been entered"):
        group.create_task(coroutine)
    coroutine.close()
    async with group:
        pass
    with pytest.raises(RuntimeError, match="has already been entered"):
        async with group:
            pass


@on_loop
async def test_while_it_shuts_down(loop, aio):
    seen = []

    async def late(group):
        try:
            await aio.sleep(3600)
        finally:
            coroutine = aio.sleep(0)
            try:
                group.create_task(coroutine)
            except RuntimeError as error:
                seen.append(str(error))
            coroutine.close()

    with pytest.raises(BaseExceptionGroup):
        async with aio.TaskGroup() as group:
            group.create_task(late(group))
            group.create_task(failing(KeyError(), 2))
    assert len(seen) == 1
    assert "is shutting down" in seen[0]


@on_loop
async def test_what_ends_the_program_comes_out_alone(loop, aio):
    class Leave(SystemExit):
        pass

    group = aio.TaskGroup()
    with pytest.raises(Leave):
        async with group:
            raise Leave


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks")
def test_eager_tasks(new_loop, aio):
    loop = new_loop()
    loop.set_task_factory(asyncio.eager_task_factory)

    async def now(value):
        return value

    async def main():
        async with aio.TaskGroup() as group:
            first = group.create_task(now(1))
            assert first.done()
            second = group.create_task(aio.sleep(0, 2))
        return await aio.gather(now(0), first, second)

    assert loop.run_until_complete(main()) == [0, 1, 2]


@on_loop
async def test_a_group_is_left_with_exceptions_only(loop, aio):
    group = aio.TaskGroup()
    await group.__aenter__()
    with pytest.raises(AssertionError):
        await group.__aexit__(int, 5, None)
    with pytest.raises(ValueError, match="not an exception"):
        await (await aio.TaskGroup().__aenter__()).__aexit__(KeyError, None, None)


CANCELS = pytest.mark.skipif(sys.version_info < (3, 15), reason="TaskGroup.cancel() came with Python 3.15")


@CANCELS
@on_loop
async def test_cancelling_a_group_ends_its_tasks_and_its_block_without_an_error(loop, aio):
    order = []
    async with aio.TaskGroup() as group:
        slow = group.create_task(aio.sleep(3600))
        group.cancel()
        group.cancel()  # once more does no harm
        coroutine = aio.sleep(0)
        with pytest.raises(RuntimeError, match="is shutting down"):
            group.create_task(coroutine)
        coroutine.close()
        order.append("in the block")
        await aio.sleep(3600)
        order.append("not reached")
    group.cancel()  # and neither does this
    assert order == ["in the block"]
    assert slow.cancelled()
    assert asyncio.current_task().cancelling() == 0


@CANCELS
@on_loop
async def test_a_group_that_is_cancelled_from_elsewhere(loop, aio):
    async with aio.TaskGroup() as group:
        tasks = [group.create_task(aio.sleep(3600)) for _ in range(3)]
        loop.call_later(0.001, group.cancel)
        await aio.sleep(3600)
    async with aio.TaskGroup() as waited:
        tasks += [waited.create_task(aio.sleep(3600))]
        loop.call_later(0.001, waited.cancel)
    assert all(task.cancelled() for task in tasks)
    assert asyncio.current_task().cancelling() == 0


@CANCELS
@on_loop
async def test_a_group_that_is_cancelled_before_it_is_entered(loop, aio):
    group = aio.TaskGroup()
    group.cancel()
    reached = False
    async with group:
        await aio.sleep(0)
        reached = True
    assert not reached


@CANCELS
@on_loop
async def test_errors_come_out_of_a_group_that_is_cancelled(loop, aio):
    async def objects():
        try:
            await aio.sleep(3600)
        finally:
            raise KeyError

    with pytest.raises(BaseExceptionGroup) as caught:
        async with aio.TaskGroup() as group:
            group.create_task(objects())
            await aio.sleep(0)
            group.cancel()
    assert [type(error) for error in caught.value.exceptions] == [KeyError]


@CANCELS
@on_loop
async def test_a_cancellation_from_outside_is_not_lost_in_that_of_the_group(loop, aio):
    async def work():
        async with aio.TaskGroup() as group:
            group.create_task(aio.sleep(3600))
            group.cancel()
            loop.call_soon(asyncio.current_task().cancel, "from outside")
            await aio.sleep(3600)

    task = aio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@CANCELS
@on_loop
async def test_a_cancellation_while_a_failed_group_waits_is_not_lost(loop, aio):
    entered = []

    async def stubborn():
        try:
            await aio.sleep(3600)
        except asyncio.CancelledError:
            loop.call_soon(task.cancel)
            await aio.sleep(0.002)

    async def work():
        async with aio.TaskGroup() as group:
            group.create_task(stubborn())
            await aio.sleep(0)
            entered.append(group)
            group.cancel()

    task = aio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert entered and task.cancelling() == 1


@CANCELS
@on_loop
async def test_an_eager_task_that_cancels_its_group_is_cancelled(loop, aio):
    async def cancels():
        group.cancel()
        await aio.sleep(3600)

    async with aio.TaskGroup() as group:
        task = group.create_task(cancels(), eager_start=True)
    assert task.cancelled()


@CANCELS
@on_loop
async def test_an_asynchronous_generator_with_a_group_can_be_closed(loop, aio):
    async def numbers():
        async with aio.TaskGroup() as group:
            group.create_task(aio.sleep(3600))
            yield 1

    each = numbers()
    assert await anext(each) == 1
    await each.aclose()
    with pytest.raises(BaseExceptionGroup, match="unhandled errors"):
        async with aio.TaskGroup() as group:
            group.create_task(failing(KeyError(), 0))
            await aio.sleep(0)
            await aio.sleep(0)
            raise GeneratorExit
