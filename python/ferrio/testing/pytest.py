"""A pytest plugin: virtual clocks as fixtures. Enabled by `pytest_plugins = ["ferrio.testing.pytest"]`.

    async def test_retries(virtual_loop):       # runs on the loop of the fixture, by this plugin
        await asyncio.sleep(3600)
        assert virtual_loop.time() == 3600

    def test_cache(virtual_run):                # where another plugin has the coroutine functions
        virtual_run(check())

Other plugins have their own ways to take a loop: pytest-asyncio, which in its mode "auto" runs every coroutine
function itself, the hook `pytest_asyncio_loop_factories`, which may return `{"virtual": ferrio.testing.VirtualLoop}`,
or in earlier releases a fixture `event_loop_policy`, which may return `ferrio.testing.EventLoopPolicy()`; anyio a
fixture `anyio_backend`, which may return `("asyncio", {"loop_factory": ferrio.testing.VirtualLoop})`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from .clock import VirtualLoop


@pytest.fixture
def virtual_runner() -> Iterator[asyncio.Runner]:
    """A Runner on a loop with a virtual clock; closed after the test, with what is left on the loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


@pytest.fixture
def virtual_loop(virtual_runner: asyncio.Runner) -> VirtualLoop:
    """The loop of virtual_runner. A test that is a coroutine function and asks for it runs on it."""
    loop = virtual_runner.get_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


@pytest.fixture
def virtual_run(virtual_runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a loop with a virtual clock and gives its result."""
    return virtual_runner.run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the coroutine functions that ask for virtual_loop; leave all else to others."""
    values: dict[str, Any] = pyfuncitem.funcargs
    if "virtual_loop" not in values or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: values[name] for name in inspect.signature(pyfuncitem.obj).parameters if name in values}
    values["virtual_runner"].run(pyfuncitem.obj(**arguments))
    return True
