"""ferrio's pytest plugin, which pytest loads by entry point: `pytest --ferrio`, and virtual clocks as fixtures.

    pytest --ferrio                             # each test runs on ferrio; so does `ferrio = true` in pytest's settings

    async def test_retries(virtual_loop):       # runs on the loop of the fixture, by this plugin
        await asyncio.sleep(3600)
        assert virtual_loop.time() == 3600

    def test_cache(virtual_run):                # where another plugin has the coroutine functions
        virtual_run(check())

Other plugins have their own ways to take a loop with a virtual clock: pytest-asyncio, which in mode "auto" runs every
coroutine function itself, the hook `pytest_asyncio_loop_factories`, which may return `{"virtual":
ferrio.testing.VirtualLoop}`, or in earlier releases a fixture `event_loop_policy`, which may return
`ferrio.testing.EventLoopPolicy()`; anyio a fixture `anyio_backend`, which may return `("asyncio", {"loop_factory":
ferrio.testing.VirtualLoop})`. `--ferrio` leaves all of these.

What `--ferrio` does is in ferrio/testing/everywhere.py. This is no module of ferrio's, since importing one imports the
extension. Invariant: a run that asks for none of this imports nothing of ferrio's.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ferrio.testing import VirtualLoop

_runner_of = pytest.StashKey[asyncio.Runner]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, and the setting of the same meaning."""
    parser.getgroup("ferrio").addoption(
        "--ferrio",
        action="store_true",
        default=False,
        help="Run all tests on ferrio, whichever plugin makes their loops.",
    )
    parser.addini("ferrio", "As --ferrio does, in each run: true or false.", type="bool", default=False)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before a conftest.py imports the program, which may keep asyncio's functions by name."""
    _begin(early_config, early_config.known_args_namespace.ferrio)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Where the hook above is not called: the plugin was named by a conftest.py."""
    _begin(config, bool(config.getoption("ferrio")))


def _begin(config: pytest.Config, is_asked: bool) -> None:
    if (is_asked or config.getini("ferrio")) and not config.pluginmanager.has_plugin("ferrio.everywhere"):
        from ferrio.testing.everywhere import Everywhere

        config.pluginmanager.register(Everywhere(), "ferrio.everywhere")


@pytest.fixture
def virtual_runner() -> Iterator[asyncio.Runner]:
    """A Runner on a loop with a virtual clock; closed after the test, with what is left on the loop."""
    from ferrio.testing import VirtualLoop

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


@pytest.fixture
def virtual_loop(request: pytest.FixtureRequest, virtual_runner: asyncio.Runner) -> VirtualLoop:
    """The loop of virtual_runner. A test that is a coroutine function and asks for it runs on it."""
    request.node.stash[_runner_of] = virtual_runner
    return virtual_runner.get_loop()  # type: ignore[return-value]  # what the factory above has made


@pytest.fixture
def virtual_run(virtual_runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a loop with a virtual clock and gives its result."""
    return virtual_runner.run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the coroutine functions that ask for virtual_loop; leave all else to others."""
    runner = pyfuncitem.stash.get(_runner_of, None)
    if runner is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    values: dict[str, Any] = pyfuncitem.funcargs
    arguments = {name: values[name] for name in inspect.signature(pyfuncitem.obj).parameters if name in values}
    runner.run(pyfuncitem.obj(**arguments))
    return True
