"""`ferrio.dump_tasks()`: what the report says of tasks that wait, on ferrio's loop and on asyncio's own."""

import asyncio
import io
import os
import re
import sys
import threading
import time

import ferrio
import pytest
from dumped import awaits, dumped, entry, nothing, settled, tasks_of
from ferrio import dump, waiting


@pytest.fixture
def run(new_loop):
    return lambda main: new_loop().run_until_complete(main)


@pytest.mark.parametrize("aexit", [True, False])
def test_two_locks_in_the_wrong_order(run, aio, aexit):
    async def hold(first, second, both):
        async with first:
            await both.wait()
            if aexit:
                async with second:
                    pass
            else:
                await second.acquire()

    async def main():
        one, two, both = aio.Lock(), aio.Lock(), aio.Barrier(2)
        async with tasks_of(aio, A=hold(one, two, both), B=hold(two, one, both)):
            await settled()
            return dumped(), id(one), id(two)

    text, one, two = run(main())
    circle = text.splitlines()[1:3]
    assert sorted(line.removeprefix("deadlock:").strip() for line in circle) == [
        f"task 'A' waits for Lock at {two:#x}, held by task 'B'",
        f"task 'B' waits for Lock at {one:#x}, held by task 'A'",
    ]
    assert circle[0].startswith("deadlock: ") and circle[1].startswith(" ")
    assert text.count("deadlock:") == 1
    what, places = entry(text, "A")
    assert f"waits for Lock at {two:#x}, held by task 'B'" in what
    source = "async with second:" if aexit else "await second.acquire()"
    assert len(places) == 1 and places[0].endswith(source) and "test_dump.py:" in places[0]


def test_a_task_that_takes_its_lock_twice(run, aio):
    async def twice(lock):
        async with lock, lock:
            pass

    async def main():
        lock = aio.Lock()
        async with tasks_of(aio, again=twice(lock)):
            return dumped(), lock

    text, lock = run(main())
    assert f"\ndeadlock: task 'again' waits for Lock at {id(lock):#x}, held by itself\n" in text


def test_a_child_that_needs_what_its_parent_holds(run, aio):
    async def parent(lock):
        async with lock, aio.TaskGroup() as group:
            group.create_task(child(lock), name="child")

    async def child(lock):
        async with lock:
            pass

    async def main():
        async with tasks_of(aio, parent=parent(aio.Lock())):
            return dumped()

    text = run(main())
    circle = "".join(text.splitlines(keepends=True)[1:3])
    assert "task 'parent' waits for TaskGroup of 1 task: 'child'" in circle
    assert "held by task 'parent'" in circle


def test_a_condition_that_was_notified_waits_for_its_lock(run, aio):
    async def waits(condition):
        async with condition:
            await condition.wait()

    async def notifies(condition):
        async with condition:
            condition.notify()
            await asyncio.sleep(60)

    async def main():
        condition = aio.Condition()
        async with tasks_of(aio, waits=waits(condition)):
            before = dumped()
            async with tasks_of(aio, notifies=notifies(condition)):
                return before, dumped()

    before, after = run(main())
    assert "waits for Condition" in entry(before, "waits")[0] and "held" not in before
    assert entry(after, "waits")[0].endswith("held by task 'notifies'")
    assert "deadlock:" not in after


def test_a_semaphore_that_somebody_gives_back_is_no_deadlock(run, aio):
    async def hold(semaphore, lock):
        async with semaphore, lock:
            await asyncio.sleep(60)

    async def main():
        semaphore, lock = aio.Semaphore(2), aio.Lock()
        async with tasks_of(aio, free=hold(semaphore, lock), stuck=hold(semaphore, lock), late=hold(semaphore, lock)):
            return dumped()

    text = run(main())
    assert "deadlock:" not in text
    assert "waits for Semaphore at" in entry(text, "late")[0]
    assert entry(text, "late")[0].endswith("held by tasks 'free', 'stuck'")


WAYS = {
    "queue": (lambda aio, queue, gate: queue.get(), r"Queue.get\(\) at 0x\w+ 0 items"),
    "full": (lambda aio, queue, gate: put_two(aio.Queue(1)), r"Queue.put\(\) at 0x\w+ 1 of 1 items"),
    "event": (lambda aio, queue, gate: aio.Event().wait(), r"Event at 0x\w+ not set"),
    "future": (lambda aio, queue, gate: awaits(gate), r"Future at 0x\w+"),
    "sleep": (lambda aio, queue, gate: aio.sleep(60), r"sleep of 60 s(, [\d.]+ s left)?"),
    "time-out": (lambda aio, queue, gate: aio.wait_for(queue.get(), 60), r"(Queue.get\(\)|task 'Task).*"),
    "barrier": (lambda aio, queue, gate: aio.Barrier(3).wait(), r"Barrier at 0x\w+ 1 of 3 are there"),
    "generator": (lambda aio, queue, gate: iterates(queue), r"Queue.get\(\) at 0x\w+ 0 items"),
    "semaphore": (lambda aio, queue, gate: aio.Semaphore(0).acquire(), r"Semaphore at 0x\w+"),
}


async def put_two(queue):
    await queue.put(1)
    await queue.put(2)


async def generates(queue):
    yield await queue.get()


async def iterates(queue):
    async for _ in generates(queue):
        pass


@pytest.mark.parametrize("way", WAYS)
def test_what_is_waited_for(run, aio, way):
    make, expected = WAYS[way]

    async def main():
        async def wrap(coroutine):
            await coroutine

        gate = asyncio.get_running_loop().create_future()
        async with tasks_of(aio, waits=wrap(make(aio, aio.Queue(), gate))):
            return dumped()

    what, places = entry(run(main()), "waits")
    assert re.fullmatch(rf"'waits' (\d\S* s )?waits for {expected}", what)
    assert places[0].endswith("await coroutine")
    assert all("dump" in place for place in places)


def test_a_stream_with_nothing_to_read(run, aio):
    async def main():
        server = await aio.start_server(serve, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        reader, writer = await aio.open_connection(*address)
        async with tasks_of(aio, reads=read(reader)):
            text = dumped()
        writer.close()
        await served.wait()
        server.close()
        return text, address

    async def serve(reader, writer):
        await reader.read()
        writer.close()
        served.set()

    async def read(reader):
        await reader.readline()

    served = aio.Event()
    text, address = run(main())
    assert entry(text, "reads")[0].endswith(f"waits for stream to read from 127.0.0.1:{address[1]}")


def test_a_thread_and_where_it_is(run, aio):
    gate = threading.Event()

    def in_the_thread():
        gate.wait()

    async def main():
        async def calls():
            await aio.to_thread(in_the_thread)

        async with tasks_of(aio, calls=calls()):
            while "gate.wait()" not in (text := dumped()):
                await asyncio.sleep(0.001)
        gate.set()
        return text

    text = run(main())
    assert "waits for thread that runs test_a_thread_and_where_it_is" in entry(text, "calls")[0]
    assert "  'asyncio_0'\n" in text.partition("\nthreads\n")[2]  # beside those that others have left running


def test_a_child_process(run, aio):
    async def main():
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)

        async def ends():
            await process.wait()

        async with tasks_of(aio, ends=ends()):
            text = dumped()
        process.stdin.close()
        await process.wait()
        return text, process.pid

    text, pid = run(main())
    assert entry(text, "ends")[0].endswith(f"waits for process {pid} to end")


def test_a_thousand_equal_tasks_are_one_entry(run, aio):
    async def worker(queue):
        await queue.get()

    async def main():
        queue = aio.Queue()
        async with tasks_of(aio, **{f"w{number}": worker(queue) for number in range(1000)}):
            return dumped()

    text = run(main())
    (line,) = [line for line in text.splitlines() if line.startswith("  1,000 tasks  ")]
    assert line.endswith(" 0 items: 'w0' and 999 more")
    assert text.startswith("ferrio: 1,001 tasks on 1 loop of process ")
    assert len(text.partition("\nthreads\n")[0].splitlines()) < 12


def test_a_task_that_runs_or_is_about_to(run, aio):
    async def main():
        later = aio.create_task(nothing(), name="later")
        soon = aio.create_task(asyncio.sleep(0), name="soon")
        await asyncio.sleep(0)
        new = aio.create_task(nothing(), name="new")
        text = dumped()
        await asyncio.wait([later, soon, new])
        return text

    text = run(main())
    assert "has not begun" in entry(text, "new")[0]
    assert "is about to go on" in entry(text, "soon")[0]
    assert "later" not in text
    assert re.search(
        r"in thread 'MainThread': runs a callback\n +.*test_dump.py:\d+ in .*main +text = dumped\(\)", text
    )


@pytest.mark.parametrize("kind", ["raises", "huge", "exits"])
def test_odd_objects_do_no_harm(run, aio, kind):
    class Odd:
        def __await__(self):
            return self

        def __iter__(self):
            return self

        def __next__(self):
            return asyncio.get_running_loop().create_future()

        def __repr__(self):
            if kind == "raises":
                raise ValueError("no repr")
            if kind == "exits":
                raise SystemExit(3)
            return "x" * 10_000_000

        @property
        def cr_await(self):
            return repr(self)

    class Lock(aio.Lock):
        __repr__ = Odd.__repr__

        def locked(self):
            return bool(repr(self))

    async def holds(lock):
        async with lock:
            await lock.acquire()

    async def main():
        odd = Odd()
        async with tasks_of(aio, odd=holds(Lock()), **{"x" * 1000: awaits(aio.get_running_loop().create_future())}):
            task = aio.create_task(awaits(odd))
            text = dumped()
            task.cancel()
            await settled()
            return text

    text = run(main())
    assert "'odd'" in text and len(text) < 4000
    assert max(map(len, text.splitlines())) <= dump.WIDTH


def test_tasks_of_loops_in_other_threads():
    stop, names = threading.Event(), ("one", "two")

    async def main():
        await asyncio.to_thread(stop.wait)

    async def named(name):
        asyncio.current_task().set_name(name)
        await main()

    def finish(name):
        ferrio.run(named(name))

    threads = [threading.Thread(target=finish, args=(name,), name=f"thread {name}") for name in names]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60
    expected = "sleeps until something happens", "waits for thread that runs Event.wait"
    while any((text := dumped()).count(each) < 2 for each in expected) and time.monotonic() < end:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    for name in names:
        assert f"in thread 'thread {name}': sleeps until something happens" in text
        assert entry(text, name)[0].endswith("waits for thread that runs Event.wait")


def test_tasks_that_change_while_they_are_looked_at():
    over = threading.Event()
    failures = []

    def look():
        while not over.is_set():
            try:
                dumped()
            except Exception as error:
                failures.append(error)

    async def churn(depth=3):
        if depth:
            await ferrio.gather(*(churn(depth - 1) for _ in range(4)))
        await asyncio.sleep(0)

    async def main():
        thread = threading.Thread(target=look)
        thread.start()
        for _ in range(40):
            await churn()
        over.set()
        await asyncio.to_thread(thread.join)

    ferrio.run(main())
    assert failures == []


def test_since_when_a_task_waits():
    async def main():
        loop = asyncio.get_running_loop()
        async with tasks_of(ferrio, waits=awaits(loop.create_future())) as (task,):
            now = loop.time()
            await asyncio.sleep(0.05)
            (standing,) = [waiting.look(task)]
            assert standing.since == pytest.approx(loop.time() - now, abs=0.04)
            assert re.search(r"0\.\d s", entry(dumped(), "waits")[0])

    ferrio.run(main())


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, Broken(), object()])
def test_a_broken_stderr_is_nobodys_problem(monkeypatch, capfd, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    ferrio.dump_tasks()
    monkeypatch.undo()
    assert capfd.readouterr().err.startswith("ferrio: 0 tasks on 0 loops of process ")


def test_a_file_that_is_named_may_complain():
    with pytest.raises(BrokenPipeError):
        ferrio.dump_tasks(Broken())


def test_a_task_of_a_loop_that_does_not_run(new_loop, aio):
    async def waits(gate):
        await gate

    loop = new_loop()
    task = loop.create_task(waits(loop.create_future()), name="left")
    loop.run_until_complete(settled())
    text = dumped()
    if aio is ferrio or sys.version_info < (3, 14):
        assert f"at {id(loop):#x}: does not run" in text
        assert "waits for Future" in entry(text, "left")[0]
    task.cancel()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (61, "61 s"), (150, "2 min"), (7000, "1 h"), (1e6, "11 days")],
)
def test_durations(seconds, text):
    assert dump.duration(seconds) == text


def test_more_than_is_looked_at(monkeypatch):
    monkeypatch.setattr(dump, "MOST_TASKS", 3)

    async def main():
        async with tasks_of(ferrio, **{f"w{number}": asyncio.sleep(60) for number in range(9)}):
            return dumped()

    assert "  and 7 tasks more, which were not looked at\n" in ferrio.run(main())


def test_files_of_the_folder_are_named_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert dump._file(os.path.join(os.getcwd(), "app.py")) == "app.py"
    assert dump._file("/elsewhere/app.py") == "/elsewhere/app.py"
