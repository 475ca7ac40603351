"""What every test gets: the two implementations to run on, and guards that no test can forget.

A test that asks for `new_loop` (or `aio`) runs twice: on stock asyncio, which is the oracle, and on ferrio. A
test about ferrio alone imports ferrio and makes its own loop.

The guards, for all tests: debug mode is off; an error on the logger "asyncio" fails the test unless
it takes the record out of `asyncio_errors`; a file descriptor left open fails the test, and so does debug mode's
tracking of coroutines left on; a test taking more than HANG seconds has its stacks dumped and ends the run.
"""

import asyncio
import contextlib
import faulthandler
import gc
import importlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from types import ModuleType
from typing import Any

import ferrio
import pytest

# An assertion in there then says what it compared, as one in a test does.
pytest.register_assert_rewrite("helpers", "tls_support", "cli_commands")

# A shell that starts a run in the background has it ignore Ctrl-C, and then so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A test that hangs does so for ever, and the longest takes some ten seconds: with others on all cores that is a minute.
# Some build with cargo, whose builds wait for each other: four minutes were too few beside three parts of the suite.
HANG = float(os.environ.get("FERRIO_TEST_HANG", "600"))
failed = pytest.StashKey[bool]()
terminal = -1  # the standard error of the run itself, which pytest does not capture


@pytest.fixture(params=["asyncio", "ferrio"])
def aio(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test: asyncio, then ferrio."""
    return importlib.import_module(request.param)


@pytest.fixture
def new_loop(aio: ModuleType) -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    """A factory of loops; what it made is closed after the test, with the tasks that are still pending."""
    loops: list[asyncio.AbstractEventLoop] = []

    def make() -> asyncio.AbstractEventLoop:
        loops.append(aio.new_event_loop())
        return loops[-1]

    with contextlib.ExitStack() as stack:
        yield make
        for loop in loops:
            stack.callback(shut, loop)


def shut(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop the way asyncio.Runner does, unless the test did."""
    if loop.is_closed():
        return
    try:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


@pytest.fixture
def policy() -> Iterator[Any]:
    """The policy in force, or None, put back afterwards whatever a test does; ferrio is then not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        there_are = hasattr(asyncio, "get_event_loop_policy")  # up to Python 3.15
        before = asyncio.get_event_loop_policy() if there_are else None
        yield before
        ferrio.uninstall()
        if there_are:
            asyncio.set_event_loop_policy(before)


@pytest.fixture
def asyncio_errors() -> Iterator[list[logging.LogRecord]]:
    """Errors on the logger "asyncio". A test takes out what it expects; the rest fails it."""
    records: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Collect(logging.ERROR)
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


@pytest.fixture(scope="module", autouse=True)
def settled() -> None:
    """What was there before a file's first test is no test's garbage: no need to look at it after each of them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def guard(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, asyncio_errors: list[logging.LogRecord]
) -> Iterator[None]:
    """Set up before every other fixture of the test, so its checks come after their tear-down."""
    monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)
    before = open_files()
    yield
    if request.node.stash.get(failed, False):
        return  # its traceback keeps objects alive, and one report is enough
    gc.collect()
    left = [f"{fd} ({target})" for fd, target in open_files().items() if before.get(fd) != target]
    logged = [logging.Formatter().format(record) for record in asyncio_errors]
    assert not logged, "errors on the logger asyncio:\n" + "\n".join(logged)
    assert not left, "file descriptors left open: " + ", ".join(left)
    assert not sys.get_coroutine_origin_tracking_depth(), (
        "a loop in debug mode goes on tracking where coroutines come from"
    )


def open_files() -> dict[int, Any]:
    """Each open file descriptor, and something that tells when a number came to mean another file."""
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    files: dict[int, Any] = {}
    for fd in map(int, os.listdir(folder)):
        with contextlib.suppress(OSError):  # the one that listdir itself had open
            status = os.fstat(fd)
            files[fd] = os.readlink(f"{folder}/{fd}") if sys.platform == "linux" else (status.st_dev, status.st_ino)
    return files


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[failed] = item.stash.get(failed, False) or report.failed
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The hang guard, around set-up and tear-down too."""
    faulthandler.dump_traceback_later(HANG, exit=True, file=terminal)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_configure() -> None:
    global terminal
    terminal = os.dup(2)


def pytest_unconfigure() -> None:
    gc.unfreeze()
    os.close(terminal)
