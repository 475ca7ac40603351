"""A plugin of pytest's for aiohttp's own tests of its client: they get ferrio's, and may fail where the table says why.

`-p aiohttps_plugin`, in the folder of the tests of aiohttp's source distribution, which are not changed. Their servers
stay aiohttp's: what those stand on was imported before names are replaced.
"""

import gc
import importlib
import signal
from pathlib import Path

import aiohttp.pytest_plugin
import aiohttp.test_utils
import aiohttp.web
import ferrio.http
import pytest
from sdists import mark_differences

TABLE = Path(__file__).with_name("aiohttps_differences.txt")
PATIENCE = 8
CLIENTS = """
    aiohttp aiohttp.client aiohttp.client_exceptions aiohttp.client_middleware_digest_auth
    aiohttp.client_middlewares aiohttp.client_reqrep aiohttp.client_ws aiohttp.connector aiohttp.cookiejar
    aiohttp.formdata aiohttp.helpers aiohttp.http aiohttp.payload aiohttp.resolver aiohttp.test_utils
    aiohttp.tracing
"""
# What aiohttp's server looks up when it answers, and what tests give it.
SERVERS = {"JsonPayload", "PAYLOAD_REGISTRY", "Payload", "hdrs", "payload_type", "web"}

# What many of the tests look at to see whether a connection was kept.
LOOKS = {
    "_acquired": lambda connector: range(connector._pool.used),
    "_conns": lambda connector: {"": [None] * connector._pool.idle} if connector._pool.idle else {},
}


def replace():
    for name, look in LOOKS.items():
        setattr(ferrio.http.BaseConnector, name, property(look))
    ferrio.http.TraceConfig._on_connection_reuseconn = property(lambda config: config.on_connection_reuseconn)
    for place in CLIENTS.split():
        module = importlib.import_module(place)
        for name in set(dir(module)) & set(dir(ferrio.http)) - SERVERS:
            theirs, ours = getattr(module, name), getattr(ferrio.http, name)
            if getattr(theirs, "__module__", "").startswith("aiohttp") and callable(ours):
                setattr(module, name, ours)


def share_enumerations():
    """Tests compare what both sides say by `is`."""
    frames, socket = ferrio.http.http_websocket, importlib.import_module("ferrio.http.websocket")
    for module in (frames, socket, ferrio.http):
        module.WSMsgType, module.WSCloseCode = aiohttp.WSMsgType, aiohttp.WSCloseCode
    for name in ("CLOSED", "CLOSING"):
        message = frames.WSMessage(aiohttp.WSMsgType[name], None, None)
        setattr(frames, name, message)
        setattr(socket, name, message)


share_enumerations()
replace()


def pytest_collection_modifyitems(items):
    mark_differences(TABLE, items, is_whole=len({item.path for item in items}) > 1)


def pytest_collection_finish():
    """aiohttp's fixtures collect at each test's end. What pytest itself has need not be looked at each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A test that hangs ends."""

    def over(number, frame):
        pytest.fail(f"no end after {PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(PATIENCE)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
