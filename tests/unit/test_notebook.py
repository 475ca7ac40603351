"""`%load_ext ferrio` without IPython: what becomes of `asyncio.run()` and `ferrio.run()` where a loop runs already.

Notebooks themselves are in ecosystem/test_notebooks.py.
"""

import asyncio
import sys
import types

import ferrio
import pytest

pytestmark = pytest.mark.usefixtures("policy")


@pytest.fixture(autouse=True)
def unloaded():
    yield
    ferrio.unload_ipython_extension(None)


async def owner():
    await asyncio.sleep(0.001)
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def stock(main):
    """A notebook's cell: a callback of a loop that runs for ever."""
    loop = asyncio.SelectorEventLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


@pytest.mark.parametrize("name", ["asyncio", "ferrio"])
def test_a_run_in_a_foreign_loop_has_one_of_ferrios(name, capsys):
    async def cell():
        ferrio.load_ipython_extension(None)
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert sys.modules[name].run(owner()) == "ferrio"
        with pytest.raises(LookupError):
            sys.modules[name].run(fails())
        assert asyncio.get_running_loop() is loop and asyncio.current_task() is task
        return await owner()

    async def fails():
        raise LookupError

    assert stock(cell()) == "asyncio"
    assert "this kernel's own loop, which is asyncio's" in capsys.readouterr().out


def test_runs_inside_that_run_are_its_own():
    async def cell():
        ferrio.load_ipython_extension(None)
        return asyncio.run(outer())

    async def outer():
        loop = asyncio.get_running_loop()
        return asyncio.run(inner(loop)), await asyncio.sleep(0, "awaited")

    async def inner(loop):
        return asyncio.get_running_loop() is loop

    assert stock(cell()) == (True, "awaited")


def test_a_run_in_ferrios_loop_is_one_inside_it(capsys):
    async def cell():
        ferrio.load_ipython_extension(None)
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(owner())
        assert asyncio.run(running()) is loop and ferrio.run(running()) is loop
        assert asyncio.run(owner()) == "ferrio"
        return task.done(), await owner()

    async def running():
        return asyncio.get_running_loop()

    assert ferrio.run(cell()) == (True, "ferrio")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("outer", [ferrio.run, stock])
def test_an_interrupted_run_goes_no_further(outer):
    seen = []

    async def cell():
        ferrio.load_ipython_extension(None)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(endless())
        assert seen == ["cancelled"]
        return await owner()

    async def endless():
        asyncio.get_running_loop().call_soon(interrupt)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    def interrupt():
        raise KeyboardInterrupt

    outer(cell())


def test_outside_a_loop_it_is_as_ever():
    from ferrio import notebook

    notebook.enable()
    assert asyncio.run(owner()) == ferrio.run(owner()) == "ferrio"


def test_a_loop_of_the_programs_own_stays_what_it_is():
    from ferrio import notebook

    class Theirs(asyncio.SelectorEventLoop):
        __module__ = "theirs"

    notebook.enable()
    with pytest.warns(RuntimeWarning, match=r"theirs\..*Theirs, made here, is not ferrio's"):
        assert asyncio.run(owner(), loop_factory=Theirs) == "theirs"


def test_unloading_puts_everything_back():
    before = asyncio.run, asyncio.runners.run, ferrio.run, asyncio.sleep

    async def cell():
        ferrio.load_ipython_extension(None)
        ferrio.load_ipython_extension(None)
        assert asyncio.run is asyncio.runners.run is ferrio.run is not before[0]
        ferrio.unload_ipython_extension(None)
        assert (asyncio.run, asyncio.runners.run, ferrio.run, asyncio.sleep) == before
        coroutine = owner()
        with pytest.raises(RuntimeError, match="running event loop"):
            asyncio.run(coroutine)
        coroutine.close()

    stock(cell())


@pytest.fixture
def terminal(monkeypatch):
    """IPython at a terminal, where no loop runs between inputs; it keeps one."""
    kept = [asyncio.SelectorEventLoop()]

    def get_asyncio_loop():
        if kept[-1].is_closed():
            kept.append(asyncio.new_event_loop())
        return kept[-1]

    module = types.ModuleType("IPython.core.async_helpers")
    module.get_asyncio_loop = get_asyncio_loop
    for name in ("IPython", "IPython.core"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    yield get_asyncio_loop
    for loop in kept:
        loop.close()


def test_an_idle_loop_makes_room(terminal, capsys):
    ferrio.load_ipython_extension(None)
    assert isinstance(terminal(), ferrio.Loop) and terminal().run_until_complete(owner()) == "ferrio"
    ferrio.load_ipython_extension(None)
    assert isinstance(terminal(), ferrio.Loop) and capsys.readouterr().out == ""


def test_a_loop_with_tasks_stays(terminal, capsys):
    task = terminal().create_task(owner())
    ferrio.load_ipython_extension(None)
    assert "IPython's loop, which has tasks" in capsys.readouterr().out
    assert terminal().run_until_complete(task) == "asyncio"
