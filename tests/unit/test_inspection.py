"""What `python -m asyncio ps` and `pstree` show, from Python 3.14 on: of ferrio what they show of asyncio."""

import asyncio
import collections
import contextlib
import gc
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import ferrio
import inspected
import pytest
from ferrio import _ferrio

pytestmark = [
    pytest.mark.skipif(sys.version_info < (3, 14), reason="`python -m asyncio ps` is new in Python 3.14"),
    pytest.mark.skipif(
        sys.platform != "linux", reason="where reading another process takes no more than its permission"
    ),
]

PROGRAM = Path(inspected.__file__)
SCENARIOS = [
    inspected.plain,
    inspected.names,
    inspected.created,
    inspected.eager,
    inspected.chain,
    inspected.several_await_one,
    inspected.one_stops_awaiting,
    inspected.gather,
    inspected.gather_that_failed,
    inspected.groups,
    inspected.shield,
    inspected.timeouts,
    inspected.wait_for_tasks,
    inspected.wait_for_coroutines,
    inspected.wait,
    inspected.wait_that_timed_out,
    inspected.as_completed,
    inspected.primitives,
    inspected.native_coroutines,
    inspected.finished,
    inspected.forgotten,
    inspected.mixed,
    inspected.threads,
    inspected.ended_threads,
    inspected.forked,
]


@contextlib.contextmanager
def running(module, scenario, **environment):
    """The program, at the point where everything waits; its process id. It has to end well, too."""
    command = [sys.executable, str(PROGRAM), module, scenario.__name__]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    try:
        word, number = process.stdout.readline().split()
        assert word == "ready"
        allowed(int(number))
        yield int(number)
        process.stdin.close()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def allowed(pid):
    """Skips where the system does not let us look."""
    try:
        with open(f"/proc/{pid}/mem", "rb"):
            pass
    except PermissionError as error:
        pytest.skip(f"the memory of another process cannot be read here: {error}")


def look(pid):
    """What all of the tools are made from."""
    from asyncio import tools

    for _ in range(20):  # who reads a process that runs may see something half-way
        try:
            return tools.get_all_awaited_by(pid)
        except (RuntimeError, OSError, ValueError):
            time.sleep(0.01)
    return tools.get_all_awaited_by(pid)


def own(stack):
    """The functions of the program itself."""
    return tuple(frame.funcname for frame in stack if frame.filename == str(PROGRAM))


def every(stack):
    """All functions but asyncio's inner ones, such as what runs under `wait()`."""
    return tuple(frame.funcname for frame in stack if not frame.funcname.startswith("_"))


def table(seen, frames=own):
    """Of every thread the tasks: name, stack, and by whom and where each is awaited; without ids."""
    names = {task.task_id: task.task_name for thread in seen for task in thread.awaited_by}
    threads = []
    for thread in seen:
        rows = collections.Counter()
        for task in thread.awaited_by:
            (coroutine,) = task.coroutine_stack
            awaiters = sorted((names[by.task_name], frames(by.call_stack)) for by in task.awaited_by)
            rows[as_numbered(task.task_name), frames(coroutine.call_stack), *awaiters] += 1
        if rows:
            threads.append(sorted(rows.items()))
    return sorted(threads)


def as_numbered(name):
    """How far the count has come may differ."""
    return re.sub(r"^Task-\d+$", "Task-#", name)


def tree(seen):
    """What `pstree` draws, without frames that are not the program's."""
    from asyncio import tools

    lines = [line for one in tools.build_async_tree(seen) for line in one]
    kept = [line for line in lines if "(T)" in line or str(PROGRAM) in line]
    return sorted(as_numbered(re.sub(r"^[\s│├└─]+(\(T\))?\s*", "", line).split(" /")[0]) for line in kept)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_tasks_are_shown(scenario):
    shown = {}
    for module in ("asyncio", "ferrio"):
        with running(module, scenario) as pid:
            seen = look(pid)
        shown[module] = table(seen), tree(seen)
    (stock, stock_tree), (ours, our_tree) = shown["asyncio"], shown["ferrio"]
    assert stock
    assert ours == stock
    assert our_tree == stock_tree


@pytest.mark.parametrize("scenario", [*SCENARIOS, inspected.wait_within])
def test_where_it_was_asked_for_native_coroutines_have_frames(scenario):
    if scenario is inspected.as_completed:
        pytest.skip("what as_completed() gives out has none in either way")
    shown = {}
    for module in ("asyncio", "ferrio"):
        with running(module, scenario, FERRIO_INSPECTABLE="1") as pid:
            shown[module] = table(look(pid), every)
    assert shown["ferrio"] == shown["asyncio"]


def test_what_waits_within_a_native_coroutine_is_hidden_otherwise():
    with running("ferrio", inspected.wait_within) as pid:
        assert ("limited", ("wait_within.<locals>.limited",)) in [row for rows in table(look(pid)) for row, _ in rows]


@pytest.mark.parametrize("command", ["ps", "pstree"])
def test_the_commands(command):
    said = {}
    for module in ("asyncio", "ferrio"):
        with running(module, inspected.groups) as pid:
            done = subprocess.run(
                [sys.executable, "-m", "asyncio", command, str(pid)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert (done.returncode, done.stderr) == (0, "")
        said[module] = [re.sub(r"0x[0-9a-f]+|\b\d{3,}\b|\s+", "", line) for line in done.stdout.splitlines()]
    assert "outermost" in "".join(said["asyncio"])
    assert said["ferrio"] == said["asyncio"]


LOOKS = """
import sys, time
from asyncio import tools

end = time.monotonic() + 3
while time.monotonic() < end:
    try:
        seen = tools.get_all_awaited_by(int(sys.argv[1]))
    except (RuntimeError, OSError, ValueError):
        continue
    print(*(task.task_name.partition(" ")[0] for thread in seen for task in thread.awaited_by), flush=True)
"""


def test_looking_at_tasks_that_come_and_go():
    """Nothing that is read may be freed memory: the program must not notice, and goes on.

    Who looks may crash: the reader keeps pages that it read at different times, in which two tasks can await each
    other, and follows them without an end.
    """
    seen, sought = set(), {"main", "brief"}
    with running("ferrio", inspected.churn) as pid:
        # Most looks at tasks that change come to nothing: on a busy machine it takes more of them.
        for _ in range(10):
            command = [sys.executable, "-c", LOOKS, str(pid)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode in (0, -signal.SIGSEGV), done.stderr
            seen.update(done.stdout.split())
            if sought <= seen:
                break
    assert sought <= seen


def layout_of_debug_section():
    """What asyncio says itself about its struct: of an ELF file the words in the section .AsyncioDebug."""
    import _asyncio
    import struct

    for path in (getattr(_asyncio, "__file__", None), sys.executable, *shared_libraries()):
        if path is None:
            continue
        data = Path(path).read_bytes()
        (start,), (size, count, names) = struct.unpack_from("<Q", data, 40), struct.unpack_from("<HHH", data, 58)
        headers = [struct.unpack_from("<IIQQQQ", data, start + number * size) for number in range(count)]
        for name, _, _, _, offset, length in headers:
            begin = headers[names][4] + name
            if data[begin : data.index(b"\0", begin)] == b".AsyncioDebug":
                return struct.unpack_from(f"<{length // 8}Q", data, offset)
    return None


def shared_libraries():
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sorted({line.split()[-1] for line in lines if "libpython" in line})


@pytest.mark.skipif(sys.byteorder != "little" or sys.maxsize < 2**32, reason="reads ELF files of the usual kind")
def test_the_places_found_are_those_that_asyncio_names():
    assert _ferrio._task_layout()
    section = layout_of_debug_section()
    if section is None:
        pytest.skip("this interpreter came without the section")
    _, name, awaited_by, is_task, is_set, coroutine, node, *_, running_loop, running_task, head = section
    found = {"name": name, "awaited_by": awaited_by, "is_task": is_task, "is_set": is_set, "coroutine": coroutine}
    found |= {"node": node, "head": head, "running_loop": running_loop, "running_task": running_task}
    assert _ferrio._task_layout() == found


async def forever():
    await asyncio.get_running_loop().create_future()


def test_asyncios_own_methods_read_what_tools_read(new_loop):
    """Of its struct, unbound and past those that are overridden."""
    loop = new_loop()

    async def main():
        coroutine = forever()
        task = loop.create_task(coroutine, name="one")
        stock = asyncio.tasks._CTask
        assert stock.get_coro(task) is coroutine
        assert stock.get_name(task) == "one"
        task.set_name("two")
        assert stock.get_name(task) == task.get_name() == "two"
        unnamed = loop.create_task(forever())
        assert stock.get_name(unnamed) == unnamed.get_name()
        native = loop.create_task(ferrio.sleep(1))
        if isinstance(native, ferrio.Task) and type(native) is ferrio.Task:
            assert stock.get_coro(native) is None
        for each in (task, unnamed, native):
            each.cancel()

    loop.run_until_complete(main())


def test_every_task_is_there_once(new_loop, aio):
    loop = new_loop()

    async def main():
        tasks = [loop.create_task(forever()) for _ in range(10)] + [aio.Task(forever(), loop=loop)]
        found = asyncio.all_tasks()
        assert sorted(map(id, found)) == sorted(map(id, [*tasks, asyncio.current_task()]))
        asyncio._unregister_task(tasks[0])
        assert asyncio.all_tasks() == found - {tasks[0]}
        asyncio._register_task(tasks[0])
        asyncio._register_task(tasks[1])
        assert asyncio.all_tasks() == found
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    loop.run_until_complete(main())


@pytest.mark.parametrize("derived", [False, True])
def test_the_number_of_a_task_is_not_given_away(new_loop, derived):
    """It lies in the task's own memory, and must not be had beyond its life."""

    class Derived(ferrio.Task):
        pass

    loop = new_loop()
    task = (Derived if derived else ferrio.Task)(asyncio.sleep(0), loop=loop)
    known = gc.get_referents(task)
    assert loop in known
    assert not [each for each in known if isinstance(each, int)]
    loop.run_until_complete(task)
