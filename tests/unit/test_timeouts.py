"""`timeout()` and `timeout_at()`: every test runs on asyncio, which is the oracle, and on ferrio."""

import asyncio
import gc
import sys
import weakref

import pytest
from helpers import on_loop


@on_loop
async def test_in_time(loop, aio):
    async with aio.timeout(10) as limit:
        await aio.sleep(0)
        assert repr(limit) == f"<Timeout [active] when={round(limit.when(), 3)}>"
    assert not limit.expired()
    assert repr(limit) == "<Timeout [finished]>"


@on_loop
async def test_late(loop, aio):
    with pytest.raises(TimeoutError) as caught:
        async with aio.timeout(0.001) as limit:
            await aio.sleep(3600)
    assert limit.expired()
    assert repr(limit) == "<Timeout [expired]>"
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert caught.value.__context__ is caught.value.__cause__
    assert asyncio.current_task().cancelling() == 0


@on_loop
async def test_never_and_at_once(loop, aio):
    async with aio.timeout(None) as limit:
        assert limit.when() is None
    with pytest.raises(TimeoutError):
        async with aio.timeout(-1):
            await aio.sleep(3600)
    with pytest.raises(TimeoutError):
        async with aio.timeout_at(loop.time()):
            await aio.sleep(3600)


@on_loop
async def test_reschedule(loop, aio):
    limit = aio.timeout(3600)
    with pytest.raises(RuntimeError, match="Timeout has not been entered"):
        limit.reschedule(None)
    with pytest.raises(TimeoutError):
        async with limit:
            limit.reschedule(None)
            limit.reschedule(loop.time() + 3600)
            limit.reschedule(loop.time() + 0.001)
            await aio.sleep(3600)
    with pytest.raises(RuntimeError, match="Cannot change state of expired Timeout"):
        limit.reschedule(None)
    with pytest.raises(RuntimeError, match="Timeout has already been entered"):
        async with limit:
            pass


@on_loop
async def test_nested_ones_end_from_the_inside(loop, aio):
    async with aio.timeout(3600) as outer:
        with pytest.raises(TimeoutError):
            async with aio.timeout(0.001):
                await aio.sleep(3600)
    assert not outer.expired()
    with pytest.raises(TimeoutError):
        async with aio.timeout(0.001) as outer, aio.timeout(3600) as inner:
            await aio.sleep(3600)
    assert (outer.expired(), inner.expired()) == (True, False)


@on_loop
async def test_a_cancellation_from_outside_is_no_timeout(loop, aio):
    async def work():
        async with aio.timeout(3600):
            await aio.sleep(3600)

    task = aio.create_task(work())
    await aio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_loop
async def test_other_errors_pass(loop, aio):
    with pytest.raises(KeyError) as caught:
        async with aio.timeout(0.001):
            try:
                await aio.sleep(3600)
            except asyncio.CancelledError:
                raise KeyError from None
    if sys.version_info >= (3, 13):
        assert isinstance(caught.value.__context__, TimeoutError)


def test_outside_a_task(new_loop, aio):
    loop = new_loop()
    errors = []

    def callback():
        step = aio.timeout(1).__aenter__()
        try:
            step.send(None)
        except RuntimeError as error:
            errors.append(str(error))
        loop.stop()

    loop.call_soon(callback)
    loop.run_forever()
    assert errors == ["Timeout should be used inside a task"]


@on_loop
async def test_weak_references(loop, aio):
    for make in (aio.timeout, aio.timeout_at):
        made = make(None)
        async with made:
            reference = weakref.ref(made)
            assert reference() is made
        del made
        gc.collect()
        assert reference() is None


@on_loop
async def test_a_class_may_replace_what_asyncio_calls_of_a_timeout(loop, aio):
    class Noted(aio.Timeout):
        def reschedule(self, when):
            seen.append(when)
            super().reschedule(when)

        def _on_timeout(self):
            seen.append("time")
            super()._on_timeout()

    seen = []
    async with Noted(None):
        pass
    with pytest.raises(TimeoutError):
        async with Noted(0):
            await asyncio.sleep(5)
    assert seen == [None, 0, "time"]
