"""Who gets which connection of a pool, in which order; what becomes of those that end, are cancelled, grow old."""

import asyncio

import pytest
from client_support import head_of, on_both, saying, scripted, until
from ferrio import _ferrio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def answering(reader, writer, number):
    while True:
        await head_of(reader)
        writer.write(OK)


def line(peer, key="a"):
    """A task in line for a connection."""

    async def wait():
        return await peer.pool.acquire(key)

    return asyncio.ensure_future(wait())


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


@on_both
async def test_the_last_one_that_came_back_is_the_first_to_go():
    async with scripted(answering) as peer:
        connections = [await peer.acquire() for _ in range(3)]
        for connection in connections:
            connection.send(answer := _ferrio.HttpAnswer(), b"GET", b"/", [(b"host", b"a")])
            await (await answer._wait()).read()
        assert (peer.pool.idle, peer.pool.used) == (3, 0)
        assert peer.pool.idle_of("a") == connections
        assert peer.pool.idle_of("b") == []
        assert [peer.pool.take("a") for _ in range(4)] == [*reversed(connections), None]
        assert (peer.pool.idle, peer.pool.used) == (0, 3)


@on_both
async def test_keys_are_apart():
    async with scripted(answering) as peer:
        await (await peer.ask(key=("a", 1))).read()
        assert peer.pool.take(("a", 2)) is None
        assert peer.pool.take(("a", 1)) is not None
        with pytest.raises(TypeError):
            peer.pool.take([])


@on_both
async def test_who_came_first_is_served_first():
    async with scripted(answering, limit=2) as peer:
        held = [await peer.acquire("a"), await peer.acquire("b")]
        tasks = [line(peer, key) for key in ("b", "a", "b", "c", "a")]
        await turns()
        assert (peer.pool.used, peer.pool.waiting) == (2, 5)
        held.pop(0).close()
        await turns()
        assert [task.done() for task in tasks] == [True, False, False, False, False]
        assert tasks[0].result() is None  # Room to make one.
        peer.pool.give_up("b")
        await turns()
        assert [task.done() for task in tasks] == [True, True, False, False, False]
        held.pop(0).close()
        for number in (2, 3, 4):
            await turns()
            assert tasks[number].done()
            peer.pool.give_up("b")
        assert peer.pool.waiting == 0


@on_both
async def test_a_limit_for_each_host_does_not_keep_others_waiting():
    async with scripted(answering, limit=3, limit_per_host=1) as peer:
        first = await peer.acquire("a")
        waiting = line(peer, "a")
        await turns()
        assert await peer.acquire("b") is not None
        assert not waiting.done()
        first.close()
        assert await waiting is None
        assert peer.pool.used == 2


@on_both
async def test_a_connection_goes_to_who_waits_for_its_key():
    async with scripted(answering, limit=1) as peer:
        answer = _ferrio.HttpAnswer()
        connection = await peer.acquire()
        waiting = line(peer)
        await turns()
        connection.send(answer, b"GET", b"/", [(b"host", b"a")])
        await (await answer._wait()).read()
        assert await waiting is connection
        assert (peer.pool.used, peer.pool.idle) == (1, 0)


@on_both
@pytest.mark.parametrize("late", [False, True], ids=["in line", "served"])
async def test_who_is_cancelled_keeps_nothing(late):
    async with scripted(answering, limit=1) as peer:
        held = await peer.acquire()
        first, second = line(peer), line(peer)
        await turns()
        if late:
            held.close()  # Serves the first, whose task has not run yet.
            first.cancel()
        else:
            first.cancel()
            await turns()
            assert peer.pool.waiting == 1
            held.close()
        assert await second is None
        with pytest.raises(asyncio.CancelledError):
            await first
        peer.pool.give_up("a")
        assert (peer.pool.used, peer.pool.waiting) == (0, 0)


@on_both
async def test_a_thousand_who_give_up_leave_nothing_behind():
    async with scripted(answering, limit=1) as peer:
        held = await peer.acquire()
        for _ in range(20):
            tasks = [line(peer) for _ in range(50)]
            await turns()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert peer.pool.waiting == 0
        last = line(peer)
        held.close()
        assert await last is None


@on_both
async def test_closing():
    async with scripted(answering, limit=1) as peer:
        held = await peer.acquire()
        waiting = line(peer)
        await turns()
        peer.pool.close(ConnectionError("closed"))
        with pytest.raises(ConnectionError, match="closed"):
            await waiting
        assert not held.usable
        with pytest.raises(RuntimeError, match="the pool is closed"):
            await peer.pool.acquire("a")


@on_both
async def test_idle_ones_grow_old():
    async with scripted(answering, keep_alive=5) as peer:
        await (await peer.ask()).read()
        connection = peer.pool.idle_of("a")[0]
        peer.pool._sweep()
        assert peer.pool.idle == 1
        now = peer.loop.time()
        peer.loop.time = lambda: now + 6
        try:
            peer.pool._sweep()
        finally:
            del peer.loop.time
        assert (peer.pool.idle, connection.usable) == (0, False)
        await until(lambda: connection.transport is None)


@on_both
async def test_a_child_forgets_what_is_its_parents():
    async with scripted(answering) as peer:
        await (await peer.ask()).read()
        connection = peer.pool.idle_of("a")[0]
        transport = connection.transport
        peer.pool.abandon()
        assert (peer.pool.idle, peer.pool.used, peer.pool.take("a")) == (0, 0, None)
        assert not transport.is_closing()
        transport.abort()


@on_both
async def test_a_stale_connection_says_so():
    async def script(reader, writer, number):
        await saying(OK, end=False)(reader, writer, number) if number > 1 else await stale(reader, writer)

    async def stale(reader, writer):
        await head_of(reader)
        writer.write(OK)
        await head_of(reader)

    async with scripted(script) as peer:
        await (await peer.ask()).read()
        connection = peer.pool.idle_of("a")[0]
        with pytest.raises(Exception, match="disconnected"):
            await peer.ask()
        assert (connection.stale, connection.reused) == (True, True)
