"""Numbers that are no plain integers, wherever asyncio takes one: what it does with them is what ours do."""

import asyncio
import decimal
import fractions
import math
import re
import socket

import pytest
from helpers import collect_errors, connected, fill, noop, on_loop, until

DECIMAL, FRACTION = decimal.Decimal(2), fractions.Fraction(3, 2)


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ({"high": 1e6}, (250_000.0, 1e6)),
        ({"high": 1.5}, (0.0, 1.5)),
        ({"high": math.inf, "low": 1}, (1, math.inf)),
        ({"low": 2.5}, (2.5, 10.0)),
        ({"high": 2**70}, (2**68, 2**70)),
        ({"low": 2**62}, (2**62, 2**64)),
        ({"high": True}, (0, True)),
        ({"high": DECIMAL, "low": FRACTION}, (FRACTION, DECIMAL)),
    ],
    ids=str,
)
@on_loop
async def test_write_buffer_limits(loop, given, limits):
    async with connected(loop) as (transport, _, _):
        transport.set_write_buffer_limits(**given)
        assert repr(transport.get_write_buffer_limits()) == repr(limits)
        assert (transport._low_water, transport._high_water) == limits
        transport.set_write_buffer_limits(high=8, low=2)
        assert transport.get_write_buffer_limits() == (2, 8)


@pytest.mark.parametrize("high", [math.nan, -1, -1.5, "x", 1j, b""], ids=str)
@on_loop
async def test_write_buffer_limits_that_are_none(loop, high):
    async with connected(loop) as (transport, _, _):
        transport.set_write_buffer_limits(high=8, low=2)
        with pytest.raises((TypeError, ValueError)) as caught:
            transport.set_write_buffer_limits(high=high)
        if isinstance(high, float | int):
            low = high // 4
            text = f"high ({high!r}) must be >= low ({low!r}) must be >= 0"
            assert str(caught.value) == text
        assert transport.get_write_buffer_limits() == (2, 8)


@on_loop
async def test_odd_limits_pause_and_resume(loop):
    async with connected(loop) as (transport, log, _):
        transport.set_write_buffer_limits(high=math.inf, low=0)
        size = fill(transport)
        assert transport._buffer and "pause" not in log.events
        transport.set_write_buffer_limits(high=size + 0.5, low=0.5)
        assert "pause" not in log.events
        transport.set_write_buffer_limits(high=0.5)
        assert log.events[-1] == "pause"
        assert transport._protocol_paused


@pytest.mark.parametrize("high", [1e6, math.inf, 2**70, math.nan], ids=str)
@on_loop
async def test_write_buffer_limits_of_datagrams(loop, high):
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    if math.isnan(high):
        with pytest.raises(ValueError, match=r"^high \(nan\) must be >= low \(nan\) must be >= 0$"):
            transport.set_write_buffer_limits(high)
    else:
        transport.set_write_buffer_limits(high, 3)
        assert transport.get_write_buffer_limits() == (3, high)
    transport.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("maxsize", "full"),
    [
        (2**70, False),
        (-(2**70), False),
        (1.5, True),
        (-0.5, False),
        (math.inf, False),
        (math.nan, False),
        (True, True),
        (FRACTION, True),
        (DECIMAL, True),
        (decimal.Decimal(0), False),
    ],
    ids=str,
)
@on_loop
async def test_queue_maxsize(loop, aio, maxsize, full):
    for kind in (aio.Queue, aio.LifoQueue, aio.PriorityQueue):
        queue = kind(maxsize)
        assert queue.maxsize is maxsize
        queue.put_nowait(1)
        if maxsize is not True:
            queue.put_nowait(2)
        assert queue.full() is full
        if full:
            with pytest.raises(asyncio.QueueFull):
                queue.put_nowait(3)


@pytest.mark.parametrize("maxsize", [None, "x", 1j], ids=str)
@on_loop
async def test_queue_maxsize_that_is_no_number(loop, aio, maxsize):
    queue = aio.Queue(maxsize)
    text = re.escape(f"'<=' not supported between instances of '{type(maxsize).__name__}' and 'int'")
    for call in (queue.full, lambda: queue.put_nowait(1)):
        with pytest.raises(TypeError, match=f"^{text}$"):
            call()
    with pytest.raises(TypeError, match=f"^{text}$"):
        await queue.put(1)


@pytest.mark.parametrize("value", [2**70, 1.5, 2.0, math.inf, True, FRACTION, fractions.Fraction(2, 1)], ids=str)
@on_loop
async def test_semaphore_values(loop, aio, value):
    semaphore = aio.Semaphore(value)
    assert semaphore._value == value and not semaphore.locked()
    await semaphore.acquire()
    assert semaphore._value == value - 1
    assert semaphore.locked() == (value == 1)
    semaphore.release()
    assert semaphore._value == value
    if value == 2:
        await semaphore.acquire()
        await semaphore.acquire()
        assert semaphore.locked()
    bounded = aio.BoundedSemaphore(value)
    assert bounded._bound_value == value
    with pytest.raises(ValueError, match=r"^BoundedSemaphore released too many times$"):
        bounded.release()


@pytest.mark.parametrize("value", [None, "x", 1j], ids=str)
def test_semaphore_values_that_are_no_number(aio, value):
    kind = type(value).__name__
    with pytest.raises(TypeError, match=f"^'<' not supported between instances of '{kind}' and 'int'$"):
        aio.Semaphore(value)
    with pytest.raises(ValueError, match=r"^Semaphore initial value must be >= 0$"):
        aio.Semaphore(-0.5)


@on_loop
async def test_delays(loop, aio):
    unsupported = r"^unsupported operand type\(s\) for \+: 'float' and 'decimal.Decimal'$"
    assert await aio.sleep(fractions.Fraction(1, 1000), "result") == "result"
    assert await aio.sleep(decimal.Decimal(-1), "result") == "result"
    with pytest.raises(TypeError, match=unsupported):
        await aio.sleep(decimal.Decimal("0.001"))
    with pytest.raises(TypeError, match=unsupported):
        loop.call_later(DECIMAL, print)
    with pytest.raises(OverflowError):
        loop.call_later(10**400, print)
    for delay in (True, FRACTION, math.inf, 10**300):
        loop.call_later(delay, print).cancel()


@on_loop
async def test_times(loop):
    for when in (True, FRACTION, DECIMAL, math.inf, 10**400):
        handle = loop.call_at(when, print)
        assert repr(handle.when()) == repr(when)
        handle.cancel()
    seen = []
    for when in (-(10**400), decimal.Decimal(-1), fractions.Fraction(-1), -math.inf):
        loop.call_at(when, seen.append, when)
    await until(lambda: len(seen) == 4)


@on_loop
async def test_sock_recv(loop):
    """Whatever is wrong is said when the coroutine runs."""
    errors = collect_errors(loop)
    async with connected(loop) as (transport, _, _):
        for size, error in ((-1, ValueError), (1.5, TypeError), (None, TypeError), (2**70, OverflowError)):
            coroutine = loop.sock_recv(transport._sock, size)
            with pytest.raises(error):
                await coroutine
        for call, argument in ((loop.sock_recv_into, b"constant"), (loop.sock_sendall, "text")):
            coroutine = call(transport._sock, argument)
            with pytest.raises(TypeError):
                await coroutine
    assert not errors


@on_loop
async def test_notify_looks_at_the_lock_first_and_compares_any_number(loop, aio):
    condition = aio.Condition()
    with pytest.raises(RuntimeError):
        condition.notify("x")
    async with condition:
        condition.notify("x")  # nobody is there whose number is compared
    waiting = [loop.create_task(notified(condition)) for _ in range(3)]
    await asyncio.sleep(0)
    async with condition:
        with pytest.raises(TypeError):
            condition.notify("x")
        condition.notify(0.5)
    await aio.wait(waiting, return_when="FIRST_COMPLETED")
    assert [task.done() for task in waiting] == [True, False, False]
    async with condition:
        condition.notify(math.inf)
    await aio.gather(*waiting)


async def notified(condition):
    async with condition:
        await condition.wait()


@on_loop
async def test_a_semaphore_bounded_by_no_number_is_never_released_too_often(loop, aio):
    semaphore = aio.BoundedSemaphore(math.nan)
    semaphore.release()
    assert not semaphore.locked()


@on_loop
async def test_a_file_object_that_says_it_is_a_number(loop):
    near, far = socket.socketpair()
    with near, far:

        class Disguised:
            __class__ = property(lambda self: int)
            fileno = near.fileno

        for watch in (loop.add_reader, loop.add_writer):
            with pytest.raises(TypeError, match="'<' not supported between instances of 'Disguised' and 'int'"):
                watch(Disguised(), noop)
        Disguised.__lt__ = lambda self, other: near.fileno() < other
        Disguised.__eq__ = lambda self, other: near.fileno() == other
        Disguised.__hash__ = None
        with pytest.raises(TypeError, match="unhashable"):
            loop.add_reader(Disguised(), noop)
        Disguised.__hash__ = lambda self: hash(near.fileno())
        loop.add_reader(Disguised(), noop)
        assert loop.remove_reader(near.fileno())
        del Disguised.fileno
        with pytest.raises(TypeError, match=r"must be an int, or have a fileno\(\) method"):
            loop.add_reader(Disguised(), noop)
