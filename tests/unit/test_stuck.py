"""`dump_tasks_after`: what is reported of tasks that wait for long, once, and what never is."""

import asyncio
import contextlib
import gc
import threading
import weakref

import ferrio
import pytest
from ferrio import stuck
from ferrio.testing.clock import VirtualLoop

LIMIT = 5


class Reports(list):
    def __call__(self, text):
        self.append(text)


@contextlib.contextmanager
def virtual():
    """A loop on a virtual clock whose watch is asked by hand: its own thread looks once a minute of real time."""
    reports = Reports()
    with contextlib.closing(VirtualLoop()) as loop:
        loop.dump_tasks_after(240, reports)
        loop._stuck._seconds = LIMIT
        yield loop, reports


def watches():
    return [thread for thread in threading.enumerate() if thread.name == "ferrio-stuck"]


def after(seconds, *coroutines):
    """What is reported when these have waited for so long, and the watch has looked twice."""

    async def main():
        tasks = [ferrio.create_task(coroutine, name=f"task {n}") for n, coroutine in enumerate(coroutines)]
        for _ in range(2):
            await ferrio.sleep(seconds)
            loop._stuck.look(loop)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    with virtual() as (loop, reports):
        loop.run_until_complete(main())
    return reports


async def get(queue):
    await queue.get()


async def get_elsewhere(queue):
    await queue.get()


async def cross(first, second):
    async with first:
        await ferrio.sleep(0.001)
        async with second:
            pass


def test_what_waits_for_long_is_reported_once():
    (report,) = after(LIMIT, get(ferrio.Queue()))
    assert "process" in report and report.splitlines()[0].endswith(": task 'task 0' has waited for 5.0 s")
    assert "await queue.get()" in report


def test_what_waits_for_less_is_not():
    assert after(LIMIT * 0.4, get(ferrio.Queue())) == []


def test_a_place_is_reported_once_however_many_tasks_are_there():
    assert len(after(LIMIT, *(get(ferrio.Queue()) for _ in range(9)))) == 1

    async def main():
        tasks = []
        for which in (get, get, get_elsewhere, get):
            tasks.append(ferrio.create_task(which(ferrio.Queue())))
            await ferrio.sleep(LIMIT + 1)
            loop._stuck.look(loop)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    with virtual() as (loop, reports):
        loop.run_until_complete(main())
    assert len(reports) == 2


def test_what_waits_for_time_data_or_another_task_is_well():
    async def child(other):
        await other

    async def idle():
        accepted = []
        server = await ferrio.start_server(lambda reader, writer: accepted.append(writer), "127.0.0.1", 0)
        async with server:
            reader, writer = await ferrio.open_connection(*server.sockets[0].getsockname())
            asyncio.get_running_loop().real_time().__enter__()
            try:
                await ferrio.gather(reader.read(), server.serve_forever(), child(ferrio.sleep(1000)))
            finally:
                for each in [writer, *accepted]:  # for both the server waits, on Python 3.12
                    each.close()

    async def main():
        task = ferrio.create_task(idle())
        await ferrio.sleep(0.05)
        for each in asyncio.all_tasks():
            assert each is asyncio.current_task() or each._waits_since is not None
        loop._stuck._seconds = 0.01
        loop._stuck.look(loop)
        task.cancel()
        await asyncio.wait([task])

    with virtual() as (loop, reports):
        loop.run_until_complete(main())
    assert reports == []


def test_who_waits_for_futures_that_are_no_tasks_is_reported():
    async def waits():
        await ferrio.wait([asyncio.get_running_loop().create_future()], return_when=asyncio.FIRST_COMPLETED)

    (report,) = after(LIMIT, waits())
    assert "waits for wait() for the first of 1 future\n" in report


def test_a_circle_is_reported_once_though_its_place_is_known():
    async def main():
        locks = [ferrio.Lock(), ferrio.Lock()]
        async with locks[0]:
            victim = ferrio.create_task(cross(ferrio.Lock(), locks[0]))
            await ferrio.sleep(LIMIT + 1)
            loop._stuck.look(loop)
        await victim
        assert len(reports) == 1 and "deadlock:" not in reports[0]
        pair = [ferrio.create_task(cross(*locks)), ferrio.create_task(cross(*reversed(locks)))]
        for _ in range(3):
            await ferrio.sleep(LIMIT + 1)
            loop._stuck.look(loop)
        for task in pair:
            task.cancel()
        await asyncio.wait(pair)

    with virtual() as (loop, reports):
        loop.run_until_complete(main())
    assert len(reports) == 2 and "\ndeadlock: " in reports[1]


def test_a_holder_that_called_acquire_is_known_while_somebody_watches():
    async def holds(lock):
        await lock.acquire()
        await ferrio.sleep(1000)

    async def ends(lock):
        await lock.acquire()

    async def wants(lock):
        await lock.acquire()

    async def rents(semaphore, seconds):
        await semaphore.acquire()
        await ferrio.sleep(seconds)
        semaphore.release()

    one, other, semaphore = ferrio.Lock(), ferrio.Lock(), ferrio.Semaphore(2)
    waits = [rents(semaphore, then) for then in (0.1, 99, 99, 99)]
    report, *_ = after(LIMIT, holds(one), wants(one), ends(other), wants(other), *waits)
    assert f"waits for Lock at {id(one):#x}, held by task 'task 0'\n" in report
    assert f"waits for Semaphore at {id(semaphore):#x}, held by tasks 'task 5', 'task 6'\n" in report


def test_a_holder_that_has_ended_is_said_to_have():
    async def ends(lock):
        await lock.acquire()

    async def wants(lock):
        await lock.acquire()

    lock = ferrio.Lock()
    (report,) = after(LIMIT, ends(lock), wants(lock))
    assert f"waits for Lock at {id(lock):#x}, held by task 'task 0', which has ended\n" in report


def test_what_is_given_back_is_forgotten_also_when_nobody_watches_any_more():
    async def main(loop):
        lock, semaphore = ferrio.Lock(), ferrio.Semaphore(3)
        await lock.acquire()
        await semaphore.acquire()
        await semaphore.acquire()
        assert lock._holders == [asyncio.current_task()]
        loop.stop_dumping_tasks()
        lock.release()
        semaphore.release()
        assert (lock._holders, len(semaphore._holders)) == ([], 1)
        await lock.acquire()
        assert lock._holders == []

    with virtual() as (loop, _):
        loop.run_until_complete(main(loop))


def test_the_thread_looks_by_itself():
    reported = threading.Event()

    async def main():
        asyncio.get_running_loop().dump_tasks_after(0.05, lambda text: reported.set())
        task = ferrio.create_task(get(ferrio.Queue()))
        await asyncio.to_thread(reported.wait, 60)
        task.cancel()
        return reported.is_set()

    assert ferrio.run(main())
    assert watches() == []


def test_it_ends_with_the_loop_however_that_ends():
    loop = ferrio.new_event_loop(dump_tasks_after=60)
    assert len(watches()) == 1
    loop.dump_tasks_after(30)  # in the place of the first
    assert len(watches()) == 1
    loop.stop_dumping_tasks()
    loop.stop_dumping_tasks()
    assert watches() == []
    loop.dump_tasks_after(60)
    loop.close()
    assert watches() == []
    loop.dump_tasks_after(60)  # closed: there is nothing to watch
    assert watches() == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_is_forgotten_takes_it_along():
    loop = ferrio.new_event_loop(dump_tasks_after=0.001)
    reference = weakref.ref(loop)
    (thread,) = watches()
    del loop
    for _ in range(2000):
        gc.collect()
        thread.join(0.01)
        if not thread.is_alive():
            break
    assert reference() is None and not thread.is_alive()
    assert not stuck._watching


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_seconds_must_be_positive(seconds):
    coroutine = asyncio.sleep(0)
    with pytest.raises(ValueError, match="seconds must be positive"):
        ferrio.run(coroutine, dump_tasks_after=seconds)
    coroutine.close()


def test_it_needs_a_loop_of_ferrios():
    coroutine = asyncio.sleep(0)
    with pytest.raises(TypeError, match="need a loop of ferrio's"):
        ferrio.run(coroutine, loop_factory=asyncio.SelectorEventLoop, dump_tasks_after=1)
    coroutine.close()
