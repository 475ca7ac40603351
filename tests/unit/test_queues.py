"""Queues: asyncio's and ferrio's, each on both loops.

CPython's own tests run on ferrio's classes as well. Here is what they do not ask: `shutdown()` in releases whose
asyncio has none, subclasses, the store that programs reach into, memory; and long random programs, whose every step
has to be the same on asyncio's classes and on ferrio's.
"""

import asyncio
import collections
import gc
import random
import weakref

import ferrio.queues
import pytest
from helpers import on_loop

KINDS = {"asyncio": asyncio.queues, "ferrio": ferrio.queues}
NAMES = ("Queue", "PriorityQueue", "LifoQueue")


@pytest.fixture(params=KINDS)
def kind(request):
    """The module with the classes under test."""
    return KINDS[request.param]


@pytest.fixture(params=KINDS)
def kind_with_shutdown(request):
    """The same, where it has shutdown()."""
    module = KINDS[request.param]
    if not hasattr(module, "QueueShutDown"):
        pytest.skip("this release's asyncio has none")
    return module


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("name", "order"), [("Queue", [3, 1, 2]), ("PriorityQueue", [1, 2, 3]), ("LifoQueue", [2, 1, 3])]
)
@on_loop
async def test_the_order_of_items(loop, kind, name, order):
    queue = getattr(kind, name)()
    for item in (3, 1, 2):
        await queue.put(item)
    assert queue.qsize() == 3 and not queue.empty() and not queue.full()
    assert [await queue.get() for _ in range(2)] + [queue.get_nowait()] == order
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()


@pytest.mark.parametrize("item", [None, 0, (), (1, 2), StopIteration(1), ValueError(2), [3], True], ids=repr)
@on_loop
async def test_any_object_can_be_an_item(loop, kind, item):
    queue = kind.Queue()
    await queue.put(item)
    assert await queue.get() is item
    waiting = loop.create_task(queue.get())
    await turns(2)
    queue.put_nowait(item)
    assert await waiting is item


@on_loop
async def test_put_waits_for_room(loop, kind):
    queue, done = kind.Queue(2), []

    async def producer():
        for number in range(6):
            await queue.put(number)
            done.append(number)

    task = loop.create_task(producer())
    await turns(5)
    assert done == [0, 1] and queue.full()
    with pytest.raises(asyncio.QueueFull):
        queue.put_nowait(9)
    assert [await queue.get() for _ in range(6)] == list(range(6))
    await task


@on_loop
async def test_getters_are_served_in_order_and_a_cancelled_one_loses_no_item(loop, kind):
    queue, served = kind.Queue(), []

    async def getter(number):
        served.append((number, await queue.get()))

    tasks = [loop.create_task(getter(number)) for number in range(4)]
    await turns(2)
    queue.put_nowait("a")
    tasks[0].cancel()
    queue.put_nowait("b")
    await turns(4)
    assert served == [(1, "b"), (2, "a")] or served == [(1, "a"), (2, "b")]
    tasks[3].cancel()
    await asyncio.wait(tasks)
    assert queue.empty() and not queue._getters


@on_loop
async def test_join_and_task_done(loop, kind):
    queue = kind.Queue()
    await queue.join()
    queue.put_nowait(1)
    queue.put_nowait(2)
    joined = loop.create_task(queue.join())
    await turns(2)
    queue.get_nowait(), queue.task_done()
    await turns(2)
    assert not joined.done() and queue._unfinished_tasks == 1
    queue.get_nowait(), queue.task_done()
    assert await joined is None
    with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
        queue.task_done()
    queue.put_nowait(3)
    cancelled = loop.create_task(queue.join())
    await turns(2)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert cancelled.cancelled()


@on_loop
async def test_shutdown_lets_the_items_out_and_nothing_in(loop, kind_with_shutdown):
    kind = kind_with_shutdown
    queue = kind.Queue(1)
    queue.put_nowait("last")
    putter = loop.create_task(queue.put("late"))
    await turns(2)
    queue.shutdown()
    with pytest.raises(kind.QueueShutDown):
        await putter
    assert " shutdown" in repr(queue)
    assert await queue.get() == "last"
    for refused in (queue.get, lambda: queue.put(1)):
        with pytest.raises(kind.QueueShutDown):
            await refused()
    with pytest.raises(kind.QueueShutDown):
        queue.get_nowait()
    with pytest.raises(kind.QueueShutDown):
        queue.put_nowait(1)


@on_loop
async def test_shutdown_at_once_empties_it_and_ends_every_wait(loop, kind_with_shutdown):
    kind = kind_with_shutdown
    queue, empty = kind.LifoQueue(), kind.Queue()
    queue.put_nowait(1)
    joined = loop.create_task(queue.join())
    getters = [loop.create_task(empty.get()) for _ in range(2)]
    await turns(2)
    queue.shutdown(immediate=True)
    empty.shutdown(True)
    await joined
    for getter in getters:
        with pytest.raises(kind.QueueShutDown):
            await getter
    assert queue.empty()


def test_the_exceptions_are_asyncios():
    assert ferrio.QueueEmpty is asyncio.QueueEmpty and ferrio.QueueFull is asyncio.QueueFull
    assert ferrio.QueueShutDown is getattr(asyncio, "QueueShutDown", ferrio.queues.QueueShutDown)


@on_loop
async def test_a_subclass_with_a_store_of_its_own(loop, kind):
    class Unique(kind.Queue):
        def _init(self, maxsize):
            self._queue = collections.OrderedDict()

        def _put(self, item):
            self._queue[item] = None

        def _get(self):
            return self._queue.popitem(last=False)[0]

    class Doubling(kind.PriorityQueue):
        def _put(self, item):
            super()._put(item * 2)

    class Announcing(kind.LifoQueue):
        seen = ()

        def get_nowait(self):
            self.seen = (*self.seen, "get")
            return super().get_nowait()

        def full(self):
            return self.qsize() >= 2

    unique = Unique()
    for item in "abab":
        await unique.put(item)
    assert [await unique.get(), unique.get_nowait(), unique.empty()] == ["a", "b", True]
    doubling = Doubling()
    doubling.put_nowait(2)
    await doubling.put(1)
    assert [await doubling.get(), await doubling.get()] == [2, 4]
    announcing = Announcing()
    announcing.put_nowait(1)
    announcing.put_nowait(2)
    with pytest.raises(asyncio.QueueFull):
        announcing.put_nowait(3)
    assert (await announcing.get(), announcing.seen) == (2, ("get",))


@on_loop
async def test_programs_that_reach_into_the_store(loop, kind):
    queue = kind.Queue()
    for number in range(3):
        queue.put_nowait(number)
    assert queue._queue[0] == 0 and list(queue._queue) == [0, 1, 2]
    queue._queue.appendleft("first")
    assert await queue.get() == "first"
    queue.put_nowait(3)
    assert list(queue._queue) == [0, 1, 2, 3]
    queue._queue.clear()
    assert queue.empty()


@on_loop
async def test_items_that_cannot_be_compared(loop, kind):
    queue = kind.PriorityQueue()
    queue.put_nowait(1)
    with pytest.raises(TypeError):
        queue.put_nowait("a")
    with pytest.raises(TypeError):
        await queue.put(None)


def test_texts_and_classes(kind):
    queue = kind.Queue(3)
    queue.put_nowait(1)
    assert str(queue) == "<Queue maxsize=3 _queue=[1] tasks=1>"
    assert repr(queue) == f"<Queue at {id(queue):#x} maxsize=3 _queue=[1] tasks=1>"
    assert kind.Queue[int].__origin__ is kind.Queue
    assert kind.Queue(maxsize=float("inf")).maxsize == float("inf")
    assert kind.Queue(-1).full() is False
    with pytest.raises(AttributeError):
        queue.maxsize = 4


@pytest.mark.parametrize("name", NAMES)
def test_classes_count_as_each_other(name):
    ours, theirs = getattr(ferrio.queues, name), getattr(asyncio.queues, name)
    assert isinstance(ours(), theirs) and isinstance(theirs(), ours) and isinstance(ours(), ferrio.Queue)
    assert getattr(ferrio, name) is ours


class Item:
    pass


@on_loop
async def test_an_item_that_was_taken_is_not_kept(loop, kind):
    queue, item = kind.Queue(), Item()
    alive = weakref.ref(item)
    await queue.put(item)
    del item
    item = await queue.get()
    assert alive() is item
    del item
    assert alive() is None


def test_cycles_are_collected(new_loop, kind):
    async def main():
        queue = kind.Queue()
        item = Item()
        item.queue, item.waiting = queue, queue.get()
        item.waiting.send(None)
        queue._putters, queue.put_nowait(item)
        return weakref.ref(item)

    gone = new_loop().run_until_complete(main())
    gc.collect()
    assert gone() is None


def program(kind, seed):
    """A random program of producers and consumers that are cancelled at random: what happens, in order."""

    async def main():
        choose, trace = random.Random(seed), []
        queue = getattr(kind, choose.choice(NAMES))(choose.randrange(4))

        async def producer(number):
            try:
                for step in range(10):
                    await queue.put((number, step))
                    trace.append(("put", number, step, queue.qsize()))
                    await turns(choose.randrange(2))
            except asyncio.CancelledError:
                trace.append(("cancelled producer", number))

        async def consumer(number):
            try:
                while True:
                    trace.append(("got", number, await queue.get()))
                    queue.task_done()
                    await turns(choose.randrange(3))
            except asyncio.CancelledError:
                trace.append(("cancelled consumer", number))

        producers = [asyncio.ensure_future(producer(number)) for number in range(4)]
        consumers = [asyncio.ensure_future(consumer(number)) for number in range(4)]
        while not all(task.done() for task in producers):
            await turns(1 + choose.randrange(3))
            what = choose.randrange(12)
            if what == 0:
                trace.append(("cancel", choose.choice(consumers[1:] + producers).cancel()))
            elif what == 1 and not queue.full():
                queue.put_nowait((9, len(trace)))
        await queue.join()
        for task in consumers:
            task.cancel()
        await asyncio.wait(consumers)
        return [*trace, queue.qsize(), len(queue._getters), len(queue._putters)]

    return main()


@pytest.mark.parametrize("seed", range(25))
def test_random_programs_do_the_same_on_both(new_loop, seed):
    loop = new_loop()
    theirs = loop.run_until_complete(program(asyncio.queues, seed))
    ours = loop.run_until_complete(program(ferrio.queues, seed))
    assert ours == theirs
    assert ours[-3:] == [0, 0, 0]
