"""The extension of examples/rust/extension, built once a run for the Python that runs, and the loops it is tried on."""

import asyncio
import contextlib
import gc
import importlib
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from types import ModuleType
from typing import Any

import ferrio
import pytest
from bridge_support import ROOT, install


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    site = str(install(ROOT / "examples" / "rust" / "extension", tmp_path_factory.mktemp("extension")))
    sys.path.insert(0, site)
    yield importlib.import_module("extension")
    sys.path.remove(site)


@pytest.fixture
def extension(built: ModuleType) -> ModuleType:
    if os.environ.get("FERRIO_POLLER") == "poll":
        pytest.skip("poll(2) has no descriptor that another loop could watch; test_poller.py has what happens then")
    return built


@pytest.fixture(scope="session")
def factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Who makes a loop. libuv opens what it keeps for the whole process with the first of its own."""
    made = {"asyncio": asyncio.new_event_loop, "ferrio": ferrio.new_event_loop}
    with contextlib.suppress(ImportError):
        made["uvloop"] = importlib.import_module("uvloop").new_event_loop
    for make in made.values():
        make().close()
    return made


@pytest.fixture(params=["asyncio", "ferrio", "uvloop"])
def run(
    request: pytest.FixtureRequest, factories: dict[str, Callable[[], asyncio.AbstractEventLoop]]
) -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Runs a coroutine on a loop of its own: stock asyncio's, ferrio's, uvloop's where that is installed."""
    if request.param not in factories:
        pytest.skip(f"{request.param} is not installed")
    before = len(os.listdir("/dev/fd"))

    def runs(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=factories[request.param]) as runner:
            return runner.run(coroutine)

    yield runs
    # Cycles of Python hold what a future had. A thread that woke the loop a moment ago may still have its bell.
    gc.collect()
    limit = time.monotonic() + 60
    while len(os.listdir("/dev/fd")) > before and time.monotonic() < limit:
        time.sleep(0.001)
