"""Puts the tested loop in the place of asyncio's own, before a test module is imported.

`asyncio.new_event_loop()`, `asyncio.run()`, `asyncio.Runner()`, `policy.new_event_loop()` and
`unittest.IsolatedAsyncioTestCase` all end in `_loop_factory` of the default policy. That class attribute is replaced,
so it survives the `set_event_loop_policy(None)` which every test module runs when it is torn down.

`asyncio.SelectorEventLoop(selector)` and `asyncio.EventLoop()` are replaced by a stand-in class, which ignores the
selector, calls the factory, and answers `isinstance()` for the loops that the factory makes.

What stays: `TestCase.new_test_loop(gen)` makes a subclass of `BaseEventLoop` whose clock the test drives; no other loop
has such a clock, and these tests check tasks, futures and the like. `BaseEventLoop()` and mocks are CPython's own.
"""

import asyncio
import sys


class CountingFactory:
    """A loop factory which counts its calls."""

    def __init__(self, make):
        self.make = make
        self.calls = 0
        self.kind = None

    def __call__(self):
        loop = self.make()
        self.kind = type(loop)
        self.calls += 1
        return loop

    def loop_type(self):
        if self.kind is None:
            self.make().close()
            loop = self.make()
            self.kind = type(loop)
            loop.close()
        return self.kind


class StandIn(type):
    """The type of the class that stands where asyncio's loop classes stood; its class has the factory."""

    def __call__(cls, *args, **kwargs):
        return cls.factory()

    def __instancecheck__(cls, obj):
        return isinstance(obj, cls.factory.loop_type())


def swap_loop(factory):
    """Make asyncio hand out the loops of `factory`."""
    stand_in = StandIn("SelectorEventLoop", (), {"factory": factory})
    platform_module = sys.modules.get("asyncio.unix_events") or sys.modules["asyncio.windows_events"]
    for module in (asyncio, platform_module):
        for name in ("SelectorEventLoop", "EventLoop", "ProactorEventLoop"):
            if hasattr(module, name):
                setattr(module, name, stand_in)
    for name in (
        "_UnixDefaultEventLoopPolicy",
        "_DefaultEventLoopPolicy",
        "WindowsSelectorEventLoopPolicy",
        "WindowsProactorEventLoopPolicy",
        "_WindowsSelectorEventLoopPolicy",
        "_WindowsProactorEventLoopPolicy",
    ):
        policy = getattr(platform_module, name, None)
        if policy is not None:
            policy._loop_factory = staticmethod(factory)


def adapt_fixtures(test_utils):
    """Make the two helpers that read private attributes of the loop in every test bear with foreign loops."""
    test_utils.TestCase.close_loop = staticmethod(tolerant_close(test_utils.TestCase.close_loop))
    watcher = getattr(sys.modules.get("asyncio.unix_events"), "BaseChildWatcher", None)
    if watcher is not None:
        watcher.attach_loop = tolerant_attach(watcher.attach_loop)


def tolerant_close(original):
    """It reads loop._default_executor."""

    def close_loop(loop):
        if hasattr(loop, "_default_executor"):
            return original(loop)
        if not loop.is_closed():
            loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    return close_loop


def tolerant_attach(original):
    """It installs a handler of SIGCHLD, which belongs to a loop that watches child processes itself."""

    def foreign(loop):
        return loop is not None and not isinstance(loop, asyncio.base_events.BaseEventLoop)

    def attach_loop(self, loop):
        if foreign(loop) or foreign(self._loop):
            self._loop = loop
        else:
            original(self, loop)

    return attach_loop
