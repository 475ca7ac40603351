"""What the tests of the ecosystem share: `run`, `closes_later`, and certificates made on the spot.

Each file is about one library, or two that belong together, and is skipped where that is not installed.
tests/conftest.py does the rest: every test runs on stock asyncio and on ferrio, and may neither leave a
descriptor open nor log an error of asyncio's. All traffic is on loopback or Unix sockets.
"""

import asyncio
import gc
import os
import ssl
import time

import pytest

LIMIT = 30


@pytest.fixture
def run(new_loop):
    """Run a coroutine on a new loop, with a limit on its time."""

    def run(case):
        loop = new_loop()
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(asyncio.wait_for(case, LIMIT))
        finally:
            asyncio.set_event_loop(None)

    return run


@pytest.fixture
def closes_later():
    """For a library whose own threads close descriptors when it is done: waits for that, after the loop was closed.

    To be asked for before `run`.
    """
    before = len(os.listdir("/dev/fd"))
    yield
    deadline = time.monotonic() + LIMIT
    while len(os.listdir("/dev/fd")) > before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.005)


@pytest.fixture(scope="session")
def authority():
    trustme = pytest.importorskip("trustme", reason="trustme is not installed: make ecosystem")
    return trustme.CA()


@pytest.fixture
def server_tls(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
