"""`ferrio` in the place of asyncio: its names, and how `ferrio.names` puts them there and takes them away again."""

from __future__ import annotations

import asyncio
import asyncio.staggered
import gc
import importlib
import inspect
import pickle
import subprocess
import sys
import threading
import types
import warnings
import weakref
from unittest import mock

import ferrio
import pytest
from ferrio import names

ENTRIES = [(module, name) for module, some in names.OWN.items() for name in some]


def snapshot():
    """Every attribute of every module of asyncio's."""
    return {
        (module, attribute): value
        for module, loaded in list(sys.modules.items())
        if module.split(".")[0] == "asyncio"
        for attribute, value in vars(loaded).items()
        if not attribute.startswith("__")
    }


def differences(before):
    now = snapshot()
    return {place for place in {*before, *now} if now.get(place) is not before.get(place)}


@pytest.fixture
def dummies(monkeypatch):
    """Modules of ferrio's with names of their own, and the table that says so."""

    async def sleep(delay, result=None):
        return "ours", result

    tasks = types.ModuleType("ferrio.tasks")
    tasks.sleep = sleep
    tasks.Task = type("Task", (asyncio.Task,), {})
    queues = types.ModuleType("ferrio.queues")
    queues.Queue = type("Queue", (asyncio.Queue,), {})
    queues.NewInALaterRelease = object()
    monkeypatch.setitem(sys.modules, "ferrio.tasks", tasks)
    monkeypatch.setitem(sys.modules, "ferrio.queues", queues)
    return {"tasks": ("sleep", "Task"), "queues": ("Queue", "NewInALaterRelease")}


def test_every_public_name_of_asyncio_is_there():
    for name in (*asyncio.__all__, "TaskGroup", "exceptions", "subprocess"):
        assert hasattr(ferrio, name) and name in ferrio.__all__, name
    assert len(ferrio.__all__) == len(set(ferrio.__all__))
    own = [name for name in asyncio.__all__ if getattr(ferrio, name) is not getattr(asyncio, name)]
    assert {"run", "Runner", "new_event_loop", "Handle", "TimerHandle"} <= set(own)


# What installing does by itself (the policy makes the loops, loops make the handles), and the names of loop and policy.
NOT_REPLACED = {"EventLoop", "Handle", "Runner", "TimerHandle", "new_event_loop", "run"}


def test_install_puts_in_place_whatever_ferrio_has_of_its_own():
    own = {name for name in asyncio.__all__ if getattr(ferrio, name) is not getattr(asyncio, name)}
    assert own - NOT_REPLACED <= {name for _, name in ENTRIES}


# Entered by `async with` and nothing else; asyncio's Timeout is final.
NOT_DERIVED = {"TaskGroup", "Timeout"}


def test_what_ferrio_has_of_its_own_takes_what_asyncio_takes():
    for name in asyncio.__all__:
        ours, theirs = getattr(ferrio, name), getattr(asyncio, name)
        if ours is not theirs and inspect.isclass(theirs) and name not in NOT_DERIVED:
            assert issubclass(ours, theirs), name


def test_a_program_that_imports_ferrio_as_asyncio():
    program = """
import ferrio as asyncio

async def main():
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0, "slept"))
    code = "print('child')"
    child = await asyncio.create_subprocess_exec(
        __import__("sys").executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except asyncio.exceptions.TimeoutError:
        return type(asyncio.get_running_loop()).__module__, task.result(), output

print(asyncio.run(main(), debug=False))
with asyncio.Runner() as runner:
    print(runner.run(main()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "('ferrio.unix_events', 'slept', b'child\\n')\n" * 2, done.stderr


@pytest.mark.parametrize(("module", "name"), ENTRIES)
def test_the_table_names_what_exists(module, name):
    ours = getattr(importlib.import_module(f"ferrio.{module}"), name, None)
    theirs = importlib.import_module(f"asyncio.{module}")
    if hasattr(theirs, name):
        assert ours is not None
        # Of wait_for there is none of ferrio's own before Python 3.12.
        assert getattr(theirs, name) is not ours or (name == "wait_for" and sys.version_info < (3, 12))
    if name in asyncio.__all__:
        assert getattr(ferrio, name) is ours


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="since Python 3.12")
def test_who_looks_for_the_factory_of_eager_tasks_finds_it():
    """anyio knows it by its code, and takes the class of its tasks out of its closure."""
    original, ours = asyncio.eager_task_factory, ferrio.eager_task_factory
    assert ours is not original and ours.__code__ is original.__code__
    assert ours.__closure__[0].cell_contents is original.__closure__[0].cell_contents
    assert ferrio.gather.__closure__ is None


def test_replace_reaches_every_copy_and_restore_undoes_it_all(dummies):
    before = snapshot()
    ours = {name: getattr(sys.modules[f"ferrio.{module}"], name) for module, some in dummies.items() for name in some}
    replaced = names.replace(dummies)
    try:
        changed = {place: value for place, value in snapshot().items() if before.get(place) is not value}
        assert changed == {
            ("asyncio", "sleep"): ours["sleep"],
            ("asyncio.tasks", "sleep"): ours["sleep"],
            ("asyncio.streams", "sleep"): ours["sleep"],
            ("asyncio", "Task"): ours["Task"],
            ("asyncio.tasks", "Task"): ours["Task"],
            ("asyncio", "Queue"): ours["Queue"],
            ("asyncio.queues", "Queue"): ours["Queue"],
        }
        assert asyncio.tasks._CTask is before["asyncio.tasks", "Task"]
    finally:
        names.restore(replaced)
    assert snapshot() == before


def test_the_real_table_comes_and_goes(policy):
    before = snapshot()
    ferrio.install()
    ferrio.install()
    for module, name in ENTRIES:
        theirs = importlib.import_module(f"asyncio.{module}")
        if hasattr(theirs, name):
            assert getattr(theirs, name) is getattr(importlib.import_module(f"ferrio.{module}"), name)
    ferrio.uninstall()
    assert differences(before) <= {("asyncio.events", "_event_loop_policy")}


def test_nothing_is_replaced_when_a_name_is_missing(dummies):
    before = snapshot()
    with pytest.raises(AttributeError, match="gather"):
        names.replace({**dummies, "tasks": ("sleep", "gather")})
    assert snapshot() == before


def test_modules_imported_in_between_are_restored_too(dummies):
    before = asyncio.sleep
    late = types.ModuleType("asyncio.late")
    replaced = names.replace(dummies)
    sys.modules["asyncio.late"] = late
    try:
        late.sleep = asyncio.sleep
        late.mine = asyncio.sleep
    finally:
        names.restore(replaced)
        del sys.modules["asyncio.late"]
    assert late.sleep is before


def test_what_somebody_else_replaced_meanwhile_stays(dummies):
    before = asyncio.sleep
    replaced = names.replace(dummies)
    stranger = asyncio.sleep = object()
    try:
        names.restore(replaced)
        assert asyncio.sleep is stranger and asyncio.tasks.sleep is before
    finally:
        asyncio.sleep = before


def test_modules_that_imported_before_go_on_with_the_old(dummies):
    early = types.ModuleType("early")
    exec("from asyncio import sleep, Queue\nimport asyncio", vars(early))
    late = types.ModuleType("late")

    async def main(queue):
        queue.put_nowait(await early.sleep(0, 1))
        queue.put_nowait(await early.asyncio.sleep(0, 2))
        return [queue.get_nowait(), queue.get_nowait()]

    replaced = names.replace(dummies)
    try:
        exec("from asyncio import sleep, Queue", vars(late))
        assert early.sleep is not late.sleep and early.Queue is not late.Queue
        assert ferrio.run(main(early.Queue())) == ferrio.run(main(late.Queue())) == [1, ("ours", 2)]
    finally:
        names.restore(replaced)


def test_threads_may_install_and_uninstall_at_once(policy, dummies, monkeypatch):
    monkeypatch.setattr(names, "OWN", dummies)
    monkeypatch.setattr(names.replace, "__defaults__", (dummies,))
    before = snapshot()
    start = threading.Barrier(4)

    def work():
        start.wait()
        for _ in range(20):
            ferrio.install()
            ferrio.uninstall()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if policy is not None:
        assert asyncio.get_event_loop_policy() is policy
    assert differences(before) <= {("asyncio.events", "_event_loop_policy")}


def test_import_costs_little_more_than_asyncio():
    program = "import asyncio, sys; before = set(sys.modules); import ferrio; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    foreign = {name for name in done.stdout.split() if name.split(".")[0] != "ferrio"}
    # What only gc finds: some of asyncio's tasks, and what a coroutine holds.
    expected = {"__future__", "concurrent.futures.thread", "gc", "queue", "_queue"}
    # asyncio does without typing from Python 3.14 on.
    assert foreign <= expected | ({"_typing", "typing"} if sys.version_info >= (3, 14) else set())
    assert not any(name.startswith("ferrio.testing") for name in done.stdout.split())


COROUTINE_METHODS = [
    *(("StreamReader", name) for name in ("read", "readexactly", "readline", "readuntil")),
    ("StreamWriter", "drain"),
    ("StreamWriter", "wait_closed"),
    ("Condition", "wait"),
    ("Condition", "wait_for"),
    *((owner, name) for owner in ("Lock", "Semaphore", "Timeout", "TaskGroup") for name in ("__aenter__", "__aexit__")),
    ("Queue", "join"),
    ("PriorityQueue", "join"),
]


def passes(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        passes = not hasattr(asyncio, "iscoroutinefunction") or asyncio.iscoroutinefunction(function)
    return passes and (sys.version_info < (3, 12) or inspect.iscoroutinefunction(function))


@pytest.mark.parametrize(("owner", "name"), COROUTINE_METHODS)
def test_methods_that_pass_for_coroutine_functions(aio, owner, name):
    method = getattr(getattr(aio, owner), name)
    assert passes(method)
    assert method.__name__ == name and method.__qualname__.endswith(f".{name}")
    with mock.patch.object(getattr(aio, owner), name) as replaced:
        assert isinstance(replaced, mock.AsyncMock)


def test_bound_ones_too(aio, new_loop):
    loop = new_loop()
    reader = aio.StreamReader(loop=loop)
    for method in (reader.read, aio.Queue().join, loop.sock_recv, loop.sock_recv_into, loop.sock_sendall):
        assert passes(method) and inspect.ismethod(method) and inspect.isroutine(method)
        assert passes(method.__func__) and method.__func__.__get__(None, type(reader)) is method.__func__
    assert not passes(reader.feed_data) and not passes(loop.call_soon)
    reader.feed_data(b"abc")
    assert loop.run_until_complete(reader.read(n=1)) == b"a"
    assert loop.run_until_complete(aio.StreamReader.read(reader, 1)) == b"b"
    with pytest.raises(TypeError):
        aio.StreamReader.read()
    with pytest.raises((TypeError, AttributeError)):
        loop.run_until_complete(aio.StreamReader.read(1))


@pytest.mark.parametrize("name", ["__aenter__", "__aexit__"])
def test_the_borders_of_a_block_are_bound_methods(aio, name):
    """They are bound by a descriptor and made of a type of their own, but look like anybody's."""
    lock, other = aio.Lock(), aio.Lock()
    method, function = getattr(lock, name), getattr(aio.Lock, name)
    assert passes(method) and inspect.ismethod(method) and inspect.isroutine(method)
    assert method.__self__ is lock and method.__func__ is function and method.__doc__ == function.__doc__
    assert method == getattr(lock, name) and hash(method) == hash(getattr(lock, name))
    assert method not in (getattr(other, name), lock.acquire, None) and (method != getattr(other, name)) is True
    assert method.__name__ == name and repr(method) == f"<bound method {function.__qualname__} of {lock!r}>"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = method.nothing
    with pytest.raises(TypeError):
        _ = method < method


def test_the_borders_of_a_block_called_by_hand(aio, new_loop):
    async def main():
        lock = aio.Lock()
        enter, leave = lock.__aenter__, lock.__aexit__
        assert await enter() is None and lock.locked()
        assert await leave(exc_type=None, exc=None, tb=None) is None and not lock.locked()
        await aio.Lock.__aenter__(lock)
        await leave(*(None,) * 3)
        for wrong in (lambda: enter(1), lambda: leave(None), lambda: leave(1, 2, 3, 4), lambda: enter(no=1)):
            with pytest.raises(TypeError):
                await wrong()
        assert not lock.locked()
        bound = aio.Lock.__aenter__.__get__(7)
        with pytest.raises((TypeError, AttributeError)):
            await bound()

    new_loop().run_until_complete(main())


def test_a_bound_border_keeps_its_lock_and_nothing_else(aio):
    class Named(aio.Lock):
        """One that can have attributes."""

    lock = Named()
    seen = weakref.ref(lock)
    lock.enter = lock.__aenter__
    del lock
    assert seen() is not None
    gc.collect()
    assert seen() is None


def test_a_method_is_pickled_by_name(aio):
    join = aio.Queue.join
    assert pickle.loads(pickle.dumps(join)) is join
    assert "join" in repr(join)
