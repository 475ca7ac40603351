"""Adds `Hosted...` test classes: tests that CPython runs on a loop of its own making, once more on the tested loop.

They reach what the suite proper does not: the order of overdue timers, `stop()`, task factories, debug checks. What
they subclass includes the `Alt...` classes, so those have to be there already.
"""

import asyncio

from .alternatives import add


class Hosts:
    def __init__(self, make):
        self.make = make  # makes a loop

    def extend(self, module):
        method = getattr(self, "host_" + module.__name__.rpartition(".")[2], None)
        if method is not None:
            method(module)

    def host_test_base_events(self, module):
        self.host_in_set_up(module, "BaseEventLoopTests", "BaseLoopSockSendfileTests")

    def host_test_pep492(self, module):
        self.host_in_set_up(module, "LockTests", "StreamReaderTests", "CoroutineTests")

    def host_test_futures(self, module):
        self.host_test_loop(
            module,
            "DuckTests",
            "CFutureTests",
            "CFutureDoneCallbackTests",
            "AltFutureTests",
            "AltFutureDoneCallbackTests",
        )

    def host_test_tasks(self, module):
        self.host_test_loop(
            module,
            "CTask_CFuture_Tests",
            "AltTask_AltFuture_Tests",
            "AltTask_AltFuture_SubclassTests",
            "FutureGatherTests",
            "CoroutineGatherTests",
        )

        def _run_loop(self, loop):  # the original asks loop._ready
            for _ in range(10):
                module.test_utils.run_briefly(loop)

        module.HostedFutureGatherTests._run_loop = _run_loop
        module.HostedCoroutineGatherTests._run_loop = _run_loop

    def host_test_runners(self, module):
        make = self.make

        def new_loop(self):
            loop = make()
            loop.shutdown_ag_run = False
            shutdown = loop.shutdown_asyncgens

            async def shutdown_asyncgens():
                await shutdown()
                loop.shutdown_ag_run = True

            loop.shutdown_asyncgens = shutdown_asyncgens
            return loop

        for name in "RunTests", "RunnerTests":
            host(module, name, new_loop=new_loop)

    def host_in_set_up(self, module, *names):
        """Replace self.loop once the original set-up is through."""
        make = self.make
        for name in names:
            base = getattr(module, name, None)
            if base is None:
                continue

            def set_up(self, base=base):
                base.setUp(self)
                self.loop = shield(make())
                self.set_event_loop(self.loop)

            host(module, name, setUp=set_up)

    def host_test_loop(self, module, *names):
        """Replace new_test_loop(), unless the test drives its clock."""
        make = self.make

        def new_test_loop(self, gen=None):
            if gen is not None:
                self.skipTest("the test drives the clock of its loop")
            loop = make()
            self.set_event_loop(loop)
            return loop

        for name in names:
            host(module, name, new_test_loop=new_test_loop)


def host(module, name, **attributes):
    """Subclass a test class; skip where the module has none so named."""
    if hasattr(module, name):
        add(module, "Hosted" + name, name, **attributes)


def shield(loop):
    """Keep the mocks of two private methods off a loop of CPython's own.

    Several tests mock them because their loop has no selector. A foreign loop does not mind; on CPython's, the mocks
    would break the wake-up.
    """

    def __setattr__(self, name, value):
        if name not in ("_process_events", "_write_to_self"):
            object.__setattr__(self, name, value)

    if isinstance(loop, asyncio.base_events.BaseEventLoop):
        loop.__class__ = type(type(loop).__name__, (type(loop),), {"__setattr__": __setattr__})
    return loop
