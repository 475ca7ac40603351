"""Runs tests of one file of CPython's suite and sends what became of each to the driver, one JSON object a line.

The hook is called first, then the loop is swapped, then the test module is imported and extended, so that the
unmodified tests meet what is tested: they look names up in `asyncio` when they use them. A hook which does no more than
set a policy is undone by the first test that sets another one: such a run needs a loop factory as well.

A test *touches* what is tested when the loop factory was called while it ran, or when its class is an added one. With a
hook alone every test may meet the replaced names, and none is counted.
"""

import asyncio
import contextlib
import faulthandler
import importlib
import json
import os
import signal
import sys
import time
import traceback
import unittest

from . import PACKAGE, clip
from .alternatives import Alternatives
from .hosted import Hosts
from .swap import CountingFactory, adapt_fixtures, swap_loop


def main(fd, config):
    settle_process()
    reporter = Reporter(fd)
    try:
        factory, module = prepare(config)
    except unittest.SkipTest as exc:
        reporter.send("module-skipped", reason=str(exc))
        return
    except BaseException:
        reporter.send("module-failed", message=traceback.format_exc())
        raise
    tests = collect(module, config["only"])
    reporter.send("plan", ids=[short_id(test) for test in tests])
    if config["list"]:
        return
    outcome = Outcome(reporter)
    unittest.TestCase.__call__ = watched_call(outcome, factory)
    unittest.TestSuite(tests).run(outcome)
    reporter.send("done")
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads or processes left by a failed test must not hold the run up.
    os._exit(0)


class Reporter:
    """Sends events to the driver."""

    def __init__(self, fd):
        self.fd = fd
        self.pid = os.getpid()

    def send(self, event, **fields):
        if os.getpid() != self.pid:  # a child forked by a test
            return
        fields["event"] = event
        data = (json.dumps(fields) + "\n").encode()
        while data:
            data = data[os.write(self.fd, data) :]


class Outcome(unittest.TestResult):
    """Keeps the outcome of the test that runs, for watched_call()."""

    def __init__(self, reporter):
        super().__init__()
        self.reporter = reporter
        self.begin()

    def begin(self):
        self.outcome = None
        self.messages = []

    def note(self, test, outcome, message=""):
        if isinstance(test, unittest.suite._ErrorHolder):
            self.reporter.send("fixture", name=test.description, outcome=outcome, message=clip(message))
            return
        if self.outcome is None or self.outcome in ("passed", "skipped"):
            self.outcome = outcome
        if message:
            self.messages.append(message)

    def addSuccess(self, test):
        self.note(test, "passed")

    def addFailure(self, test, err):
        self.note(test, "failed", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        self.note(test, "error", self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        self.note(test, "skipped", reason)

    def addExpectedFailure(self, test, err):
        self.note(test, "passed")

    def addUnexpectedSuccess(self, test):
        self.note(test, "failed", "unexpected success")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            outcome = "failed" if issubclass(err[0], test.failureException) else "error"
            self.note(test, outcome, f"{subtest}\n{self._exc_info_to_string(err, test)}")


def settle_process():
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable(all_threads=True)
    # A shell starts background jobs with SIGINT ignored; the tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])


def prepare(config):
    """Swap in what is tested; return the loop factory, if the loop was named, and the test module."""
    sys.path[:0] = config["path"]
    stock_maker = asyncio.new_event_loop
    if config["install"]:
        resolve(config["install"])()
    factory = None
    if config["loop"]:
        factory = CountingFactory(resolve(config["loop"]))
        swap_loop(factory)
    alternatives = named_alternatives(config)
    test_utils = importlib.import_module(PACKAGE + ".utils")
    if not config["raw_fixtures"]:
        adapt_fixtures(test_utils)
    module = importlib.import_module(PACKAGE + "." + config["file"])
    alternatives.extend(module)
    if config["hosted"]:
        make = factory or installed_maker(config, stock_maker)
        if make is not None:
            Hosts(make).extend(module)
    return factory, module


def named_alternatives(config):
    task = resolve(config["tasks"]) if config["tasks"] else None
    future = resolve(config["futures"]) if config["futures"] else None
    if config["api"]:
        api = importlib.import_module(config["api"])
    else:
        api = sys.modules.get(task.__module__) if task else None
    return Alternatives(task, future, api)


def installed_maker(config, stock_maker):
    """What makes loops after the hook was called: a function in the place of asyncio's, or a policy."""
    if asyncio.new_event_loop is not stock_maker:
        return asyncio.new_event_loop
    return asyncio.get_event_loop_policy().new_event_loop if config["install"] else None


def resolve(dotted):
    """Return the object a dotted name such as 'package.module.name' names."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        try:
            obj = importlib.import_module(module)
        except ModuleNotFoundError as exc:
            if exc.name and (module + ".").startswith(exc.name + "."):
                continue
            raise
        for name in parts[cut:]:
            obj = getattr(obj, name)
        return obj
    raise ImportError(f"no module in the dotted name {dotted!r}")


def short_id(test):
    return test.id().removeprefix(PACKAGE + ".")


def collect(module, only):
    """The tests of a module, or those of them whose ids are in `only`."""
    wanted = None if only is None else set(only)
    tests = []

    def visit(items):
        for item in items:
            if isinstance(item, unittest.TestSuite):
                visit(item)
            elif wanted is None or short_id(item) in wanted:
                tests.append(item)

    visit(unittest.defaultTestLoader.loadTestsFromModule(module))
    return tests


def watched_call(result, factory):
    """What stands in the place of TestCase.__call__(): runs one test, and whatever it raises becomes its outcome."""
    running_loop, set_running_loop = asyncio._get_running_loop, asyncio._set_running_loop

    def call(test, *args, **kwargs):
        result.begin()
        name = short_id(test)
        calls = factory.calls if factory is not None else 0
        result.reporter.send("start", id=name)
        started = time.monotonic()
        try:
            test.run(*args, **kwargs)
        except BaseException:
            result.note(test, "error", traceback.format_exc())
        seconds = time.monotonic() - started
        with contextlib.suppress(Exception):
            if running_loop() is not None:
                set_running_loop(None)  # left behind: do not pass it on
                result.messages.append("note: a running loop was left set")
        made_loop = factory is not None and factory.calls > calls
        result.reporter.send(
            "end",
            id=name,
            outcome=result.outcome or "error",
            seconds=round(seconds, 4),
            touched=getattr(type(test), "_alternative", False) or made_loop,
            message=clip("\n".join(result.messages)),
        )

    return call
