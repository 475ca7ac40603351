"""A plugin of pytest's for uvicorn's own tests of protocols: they get ferrio's, and may fail where the table says why.

`-p uvicorns_plugin`, in the folder of uvicorn's source distribution. Its tests are not changed: fixtures that name a
protocol are replaced before pytest reads them, and the loop that those without sockets stand on gets a clock. What has
nothing to do with a protocol is left out.
"""

import importlib
from pathlib import Path

import pytest
from sdists import mark_differences

TABLE = Path(__file__).with_name("uvicorns_differences.txt")
CLASSES = {"http_protocol_cls": "UvicornHttp", "ws_protocol_cls": "UvicornWebSocket"}


def replacement(name):
    # The name goes into the test's own, so that the table can be read beside uvicorn's.
    @pytest.fixture(name=name, params=[pytest.param(CLASSES[name], id="ferrio")])
    def fixture(request):
        return getattr(importlib.import_module("ferrio.server"), request.param)

    return fixture


@pytest.hookimpl(tryfirst=True)
def pytest_plugin_registered(plugin):
    """Before the fixtures of a conftest.py are read."""
    for name in CLASSES:
        if hasattr(plugin, name) and getattr(plugin, "__file__", "").endswith("conftest.py"):
            setattr(plugin, name, replacement(name))


def pytest_collection_modifyitems(config, items):
    kept = [item for item in items if CLASSES.keys() & set(item.fixturenames)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    mark_differences(TABLE, items)
    for item in items:
        if loop := getattr(item.module, "MockLoop", None):
            give_clock(loop)
        if transport := getattr(item.module, "MockTransport", None):
            transport.get_write_buffer_size = lambda self: 0  # as every transport of asyncio's has it


def give_clock(loop):
    """ferrio asks the loop for the time, where uvicorn has a timer for each connection."""
    if hasattr(loop, "time"):
        return
    loop.now = 0.0
    loop.time = lambda self: self.now
    loop.call_soon = lambda self, callback, *args: callback(*args)
    loop.run_later = run_later


def run_later(loop, with_delay):
    loop.now += with_delay
    due = [handle for handle in loop._later if with_delay >= handle.delay]
    loop._later = [handle for handle in loop._later if handle not in due]
    for handle in due:
        handle.callback(*handle.args)
