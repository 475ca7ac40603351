#!/usr/bin/env python3
"""Run CPython's own asyncio test suite against ferrio, or any other event loop.

Over 500 lines because it is one program that needs nothing but itself and an interpreter: the driver starts
this same file again as the worker, and a third of it is the catalogue of what CPython's tests test.

The suite is ``test.test_asyncio`` of the interpreter that runs this script; no
test code is copied here.  Before a test module is imported, the objects the
tests take their loop from are replaced, so the unmodified tests run on the
loop named on the command line::

    python cpython_asyncio.py                              # stock asyncio
    python cpython_asyncio.py --loop ferrio.new_event_loop
    python cpython_asyncio.py --loop uvloop.new_event_loop --files test_events
    python cpython_asyncio.py --install ferrio.install       # whole replacement
    python cpython_asyncio.py --tasks ferrio.Task --futures ferrio.Future \\
            --files test_tasks,test_futures,test_eager_task_factory

How the tests get their loop, and what is replaced
--------------------------------------------------

``asyncio.new_event_loop()``, ``asyncio.run()``, ``asyncio.Runner()``,
``policy.new_event_loop()`` and ``unittest.IsolatedAsyncioTestCase``
    all end in ``DefaultEventLoopPolicy._loop_factory``.  That class attribute
    is replaced, so it survives the ``set_event_loop_policy(None)`` which every
    test module runs when it is torn down.

``asyncio.SelectorEventLoop(selector)`` and ``asyncio.EventLoop()``
    are replaced by a stand-in class which ignores the selector, calls the
    factory, and answers ``isinstance()`` for the loops the factory makes.

``TestCase.new_test_loop(gen)``
    makes a ``test.test_asyncio.utils.TestLoop``: a subclass of
    ``asyncio.base_events.BaseEventLoop`` with a clock the test drives.  It
    stays as it is, because no other loop has such a clock: these tests check
    tasks, futures, gather and so on, not the loop.

``BaseEventLoop()``, ``BaseSelectorEventLoop()`` and mocks
    are CPython's own internals and stay as they are.

``Hosted...``
    classes are added beside some of the classes of these last two kinds; they
    run the same tests once more with the tested loop in the place of the
    test's own (``--no-hosted`` leaves them out).

``Task`` and ``Future``
    are class attributes of the test classes in test_tasks, test_futures,
    test_futures2 and test_eager_task_factory.  ``--tasks`` and ``--futures``
    add further parametrisations (classes whose name holds ``Alt``) beside the
    C and the Python ones, including mixed ones: an Alt task which awaits a C
    future, a C task which awaits an Alt future, and subclasses of both.

everything else
    is looked up in the ``asyncio`` package when it is used, so the hook named
    by ``--install`` may replace it.  The hook is called first, before the loop
    is swapped and before any test module is imported.  A hook which does no
    more than set a policy is undone by the first test that sets another one:
    give ``--loop`` as well.

Two helpers of the suite read private attributes of the loop in every test and
are made tolerant for foreign loops: ``TestCase.close_loop`` (reads
``loop._default_executor``) and ``attach_loop`` of the deprecated child
watchers (installs a SIGCHLD handler, which belongs to a loop that watches
child processes itself).  ``--raw-fixtures`` leaves both alone.

Sets of tests
-------------

``behaviour``   tests of documented behaviour; a replacement must pass them.
``internal``    tests of how CPython's loop is built (mocked sockets, private
                methods, private modules); a foreign loop cannot pass them, or
                they never meet it.
``duplicate``   the same test bodies once more for another selector or child
                watcher of CPython; on a foreign loop they are repetitions.

``--set`` says which of them run (default: behaviour; ``all`` for everything).
The lists are in the table CATALOGUE below.

A test *touches* what is tested when the loop factory was called while it ran,
or when its class is an ``Alt...`` one; the report counts those apart, because
a test that never met the loop says nothing of it.  (With ``--install`` alone
every test may meet the replaced names, and none is counted.)

Isolation
---------

Each file runs in a process of its own, in an empty working directory.  A test
that runs longer than ``--timeout`` is killed (its stacks are kept), one that
takes the process down is noted with its signal, and a new process continues
with the test after it.  Tests which failed or crashed are run again, each
alone in a fresh process (``--retries``), and those that hung as well with
``--retry-hung``; one which passes there counts as passed and is listed as
unstable.

The exit status is 0 when every test that did not pass is listed in the file
given by ``--expected-failures``, else 1; 2 for a wrong call.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import fnmatch
import functools
import importlib
import json
import os
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PACKAGE = "test.test_asyncio"
OUTCOMES = ("passed", "failed", "error", "skipped", "crashed", "hung")
BAD = ("failed", "error", "crashed", "hung")
MESSAGE_LIMIT = 4000


# ---------------------------------------------------------------------------
# The catalogue: which tests no foreign loop can be asked to pass, and why.
# ---------------------------------------------------------------------------

# Tests outside the set 'behaviour': (pattern of "file.Class.method", set,
# why).  The first match wins; a test that matches none is 'behaviour'.
_MOCKED = "mocks a module or method which CPython's loop calls inside"
_PRIVATE = "uses private methods or attributes of CPython's loop"
_OWN = "builds a loop or transport class of CPython's own"
_WATCHER = "tests the deprecated child watchers"
_LOGGER = "expects messages on the name asyncio.base_events.logger"

CATALOGUE = (
    [
        # -- repetitions of the same bodies for another selector or watcher
        ("test_*.PollEventLoopTests.*", "duplicate", "of EPollEventLoopTests"),
        ("test_*.SelectEventLoopTests.*", "duplicate", "of EPollEventLoopTests"),
        ("test_*.KqueueEventLoopTests.*", "duplicate", "of EPollEventLoopTests"),
        ("test_subprocess.SubprocessSafeWatcherTests.*", "duplicate", "of SubprocessThreadedWatcherTests"),
        ("test_subprocess.SubprocessFastWatcherTests.*", "duplicate", "of SubprocessThreadedWatcherTests"),
        ("test_subprocess.SubprocessPidfdWatcherTests.*", "duplicate", "of SubprocessThreadedWatcherTests"),
        (
            "test_subprocess.SubprocessMultiLoopWatcherTests.*",
            "duplicate",
            "of SubprocessThreadedWatcherTests",
        ),
        # -- whole files and classes about CPython's implementation
        ("test_selector_events.*", "internal", _OWN),
        ("test_proactor_events.*", "internal", _OWN),
        ("test_windows_*", "internal", "Windows only"),
        ("test_base_events.BaseEventTests.*", "internal", "tests private functions of asyncio.base_events"),
        (
            "test_base_events.TestSelectorUtils.*",
            "internal",
            "tests private functions of asyncio.base_events",
        ),
        (
            "test_base_events.BaseEventLoopTests.*",
            "internal",
            _OWN + "; HostedBaseEventLoopTests runs the same tests",
        ),
        (
            "test_base_events.BaseLoopSockSendfileTests.*",
            "internal",
            _OWN + "; HostedBaseLoopSockSendfileTests runs the same tests",
        ),
        (
            "test_sslproto.SslProtoHandshakeTests.*",
            "internal",
            "drives asyncio.sslproto.SSLProtocol over mocks",
        ),
        ("test_subprocess.SubprocessTransportTests.*", "internal", _OWN),
        ("test_unix_events.UnixReadPipeTransportTests.*", "internal", _OWN),
        ("test_unix_events.UnixWritePipeTransportTests.*", "internal", _OWN),
        ("test_unix_events.AbstractChildWatcherTests.*", "internal", _WATCHER),
        ("test_unix_events.BaseChildWatcherTests.*", "internal", _WATCHER),
        ("test_unix_events.SafeChildWatcherTests.*", "internal", _WATCHER),
        ("test_unix_events.FastChildWatcherTests.*", "internal", _WATCHER),
        ("test_unix_events.PolicyTests.*", "internal", _WATCHER),
        ("test_subprocess.MultiLoopChildWatcherTests.*", "internal", _WATCHER),
        ("test_subprocess.GenericWatcherTests.*", "internal", _WATCHER),
        (
            "test_unix_events.SelectorEventLoopUnixSockSendfileTests.*",
            "internal",
            _PRIVATE + " (_sock_sendfile_native)",
        ),
        (
            "test_unix_events.SelectorEventLoopSignalTests.test_add_signal_handler_coroutine_error",
            "behaviour",
            "",
        ),
        (
            "test_unix_events.SelectorEventLoopSignalTests.*",
            "internal",
            _MOCKED + " (asyncio.unix_events.signal)",
        ),
        (
            "test_events.TestPyGetEventLoop.*",
            "internal",
            "puts the Python versions of get_running_loop and co. into "
            "asyncio.events, which only a loop written in Python notices",
        ),
        (
            "test_graph.TestCallStackPy.*",
            "internal",
            "puts the Python versions of Task, current_task and co. into asyncio, which only a loop that makes "
            "such tasks notices",
        ),
        (
            "test_free_threading.Test*PyFreeThreading.*",
            "internal",
            "puts the Python versions of Task, current_task and co. into asyncio, which only a loop that makes "
            "such tasks notices",
        ),
        ("test_events.*.test_call_soon_threadsafe_handle_*", "internal", _PRIVATE + " (events._ThreadSafeHandle)"),
        ("test_subprocess.*.test_watcher_implementation", "internal", _PRIVATE + " (_watcher)"),
        ("test_subprocess.*.test_pid_not_reaped_before_exit_published", "internal", _PRIVATE + " (_watcher)"),
        # -- single tests: mocks
        (
            "test_base_events.BaseEventLoopWithSelectorTests.test_accept_connection*",
            "internal",
            _PRIVATE + " (_accept_connection)",
        ),
        (
            "test_base_events.BaseEventLoopWithSelectorTests.test_getnameinfo",
            "internal",
            _MOCKED + " (socket.getnameinfo)",
        ),
        ("test_base_events.BaseEventLoopWithSelectorTests.test_log_slow_callbacks", "internal", _LOGGER),
    ]
    + [
        (
            "test_base_events.BaseEventLoopWithSelectorTests.test_create_" + name,
            "internal",
            _MOCKED + " (socket, loop.getaddrinfo, loop.sock_connect)",
        )
        for name in (
            "connection_bluetooth",
            "connection_connect_err",
            "connection_ip_addr",
            "connection_ipv6_scope",
            "connection_multiple*",
            "connection_no_getaddrinfo",
            "connection_no_inet_pton",
            "connection_no_local_addr",
            "connection_service_name",
            "connection_ssl_server_hostname_default",
            "connection_timeout",
            "datagram_endpoint_cant_bind",
            "datagram_endpoint_connect_err",
            "datagram_endpoint_ip_addr",
            "datagram_endpoint_no_addrinfo",
            "datagram_endpoint_nosoreuseport",
            "datagram_endpoint_setblk_err",
            "datagram_endpoint_socket_err",
            "server_cant_bind",
            "server_empty_host",
            "server_no_getaddrinfo",
            "server_nosoreuseport",
            "server_soreuseport_only_defined",
        )
    ]
    + [
        ("test_events.*.test_create_server_multiple_hosts_*", "internal", _MOCKED),
        (
            "test_events.*.test_create_connection_local_addr_*_family",
            "internal",
            _MOCKED + " (loop.getaddrinfo)",
        ),
        ("test_events.*.test_internal_fds", "internal", _PRIVATE),
        ("test_events.*.test_prompt_cancellation", "internal", _PRIVATE + " (_stop_serving)"),
        ("test_events.*.test_timeout_rounding", "internal", _PRIVATE + " (_run_once)"),
        (
            "test_sendfile.*.test_sendfile_force_unsupported_native",
            "internal",
            _MOCKED + " (loop._sendfile_native)",
        ),
        (
            "test_sendfile.*.test_sendfile_no_fallback_for_fallback_transport",
            "internal",
            "mocks a transport with private attributes",
        ),
        ("test_ssl.*.test_flush_before_shutdown", "internal", _PRIVATE + " (transport._ssl_protocol)"),
        (
            "test_ssl.*.test_remote_shutdown_receives_trailing_data",
            "internal",
            _PRIVATE + " (transport._test__append_write_backlog)",
        ),
        ("test_subprocess.*.test_pause_reading", "internal", _MOCKED + " (loop.connect_read_pipe)"),
        ("test_subprocess.*.test_popen_error*", "internal", _MOCKED + " (subprocess.Popen)"),
        ("test_subprocess.*.test_close_kill_running", "internal", _MOCKED + " (Popen.kill)"),
        ("test_transports.*.test_flowcontrol_mixin_set_write_limits", "internal", _OWN),
        (
            "test_unix_events.*.test_create_unix_server_bind_error",
            "internal",
            _MOCKED + " (asyncio.unix_events.socket)",
        ),
        ("test_*.test_env_var_debug", "internal", "starts an interpreter, which has stock asyncio"),
        # -- single tests of the Hosted classes
        ("test_base_events.Hosted*.test__add_callback*", "internal", _PRIVATE),
        ("test_base_events.Hosted*.test__run_once*", "internal", _PRIVATE),
        ("test_base_events.Hosted*.test__sock_sendfile_*", "internal", _PRIVATE),
        ("test_base_events.Hosted*.test_call_later", "internal", _PRIVATE + " (_scheduled)"),
        ("test_base_events.Hosted*.test_call_soon", "internal", _PRIVATE + " (_ready)"),
        ("test_base_events.Hosted*.test_create_task", "internal", _OWN),
        (
            "test_base_events.Hosted*.test_custom_run_forever*",
            "internal",
            _PRIVATE + " (_run_forever_setup, _run_once)",
        ),
        ("test_base_events.Hosted*.test_default_exc_handler*", "internal", _LOGGER),
        ("test_base_events.Hosted*.test_not_implemented", "internal", _PRIVATE),
        ("test_base_events.Hosted*.test_run_forever_pre_stopped", "internal", _PRIVATE + " (_selector)"),
        ("test_base_events.Hosted*.test_set_exc_handler_broken", "internal", _PRIVATE + " (_run_once)"),
        ("test_base_events.Hosted*.test_set_exc_handler_custom", "internal", _PRIVATE + " (_run_once)"),
        ("test_base_events.Hosted*.test_single_selecter_event*", "internal", _PRIVATE + " (_selector)"),
        (
            "test_base_events.Hosted*.test_sock_sendfile_no_fallback",
            "internal",
            "expects a loop without native sendfile",
        ),
        ("test_futures.Hosted*.test_future_exception_never_retrieved*", "internal", _LOGGER),
        ("test_futures.Hosted*.test_tb_logger_*", "internal", _LOGGER),
        (
            "test_runners.Hosted*.test_asyncio_run_debug",
            "internal",
            _MOCKED + " (asyncio.coroutines._is_debug_mode)",
        ),
        ("test_tasks.Hosted*.test_error_in_call_soon", "internal", _LOGGER),
        (
            "test_tasks.Hosted*.test_issue46672",
            "internal",
            _MOCKED + " (BaseEventLoop.call_exception_handler)",
        ),
        ("test_tasks.Hosted*.test_log_destroyed_pending_task", "internal", _PRIVATE + " (_run_once)"),
        ("test_tasks.Hosted*.test_tb_logger_*", "internal", _LOGGER),
    ]
)


def classify(test_id):
    """Return (set, reason) of a test id such as 'test_x.Class.method'."""
    for pattern, kind, reason in CATALOGUE:
        if fnmatch.fnmatchcase(test_id, pattern):
            return kind, reason
    return "behaviour", ""


# ---------------------------------------------------------------------------
# Worker: the process in which the tests of one file run.
# ---------------------------------------------------------------------------


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


class _StandInMeta(type):
    def __call__(cls, *args, **kwargs):
        return cls.factory()

    def __instancecheck__(cls, obj):
        return isinstance(obj, cls.factory.loop_type())


def swap_loop(factory):
    """Make asyncio hand out the loops of ``factory``."""
    import asyncio

    stand_in = _StandInMeta("SelectorEventLoop", (), {"factory": factory})
    platform_module = sys.modules.get("asyncio.unix_events")
    if platform_module is None:
        platform_module = sys.modules["asyncio.windows_events"]
    for module in (asyncio, platform_module):
        for name in ("SelectorEventLoop", "EventLoop", "ProactorEventLoop"):
            if hasattr(module, name):
                setattr(module, name, stand_in)
    policies = [
        getattr(platform_module, name, None)
        for name in (
            "_UnixDefaultEventLoopPolicy",
            "_DefaultEventLoopPolicy",
            "WindowsSelectorEventLoopPolicy",
            "WindowsProactorEventLoopPolicy",
            "_WindowsSelectorEventLoopPolicy",
            "_WindowsProactorEventLoopPolicy",
        )
    ]
    for policy in policies:
        if policy is not None:
            policy._loop_factory = staticmethod(factory)


def adapt_fixtures(test_utils):
    """Make the suite's own set-up and tear-down bear with foreign loops."""
    from asyncio.base_events import BaseEventLoop

    original_close = test_utils.TestCase.close_loop

    def close_loop(loop):
        if hasattr(loop, "_default_executor"):
            return original_close(loop)
        if not loop.is_closed():
            loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    test_utils.TestCase.close_loop = staticmethod(close_loop)

    def foreign(loop):
        return loop is not None and not isinstance(loop, BaseEventLoop)

    watcher = getattr(sys.modules.get("asyncio.unix_events"), "BaseChildWatcher", None)
    if watcher is not None:
        original_attach = watcher.attach_loop

        def attach_loop(self, loop):
            if foreign(loop) or foreign(self._loop):
                self._loop = loop
            else:
                original_attach(self, loop)

        watcher.attach_loop = attach_loop


def shield(loop):
    """Keep the mocks of two private methods off a loop of CPython's own.

    Several tests mock them because their loop has no selector.  A foreign
    loop does not mind; on CPython's, the mocks would break the wake-up.
    """
    from asyncio.base_events import BaseEventLoop

    def __setattr__(self, name, value):
        if name not in ("_process_events", "_write_to_self"):
            object.__setattr__(self, name, value)

    if isinstance(loop, BaseEventLoop):
        loop.__class__ = type(type(loop).__name__, (type(loop),), {"__setattr__": __setattr__})
    return loop


class Parametriser:
    """Adds test classes for another Task, Future or loop to a test module.

    The bases are the suite's own generic classes.  Where those read the
    implementation under test from an attribute or a method, a subclass named
    ``Alt...`` supplies it.  Where a class builds a loop of CPython's own in
    its set-up, a subclass named ``Hosted...`` puts the tested loop in its
    place.
    """

    def __init__(self, task, future, api, make):
        self.task = task
        self.future = future
        self.api = api  # the module the low-level functions are in
        self.make = make  # makes a loop; None: no Hosted classes

    def add(self, module, name, *bases, **attributes):
        bases = [getattr(module, base) if isinstance(base, str) else base for base in bases]
        attributes["__module__"] = module.__name__
        attributes["_alternative"] = True
        cls = type(name, tuple(bases), attributes)
        setattr(module, name, cls)
        return cls

    @staticmethod
    def introspection(kind):
        """What the generic tests of tasks ask for the tasks there are, from Python 3.14 on: 'c' or 'py'."""
        from asyncio import tasks

        names = {name: f"_{kind}_{name}" for name in ("all_tasks", "current_task")}
        return {
            name: staticmethod(getattr(tasks, theirs)) for name, theirs in names.items() if hasattr(tasks, theirs)
        }

    def functions(self, *names):
        """The named functions of the api module, or {} when one lacks."""
        found = {name: getattr(self.api, name, None) for name in names}
        return {} if None in found.values() else found

    def extend(self, module):
        short = module.__name__.rpartition(".")[2]
        for stage in "extend_", "host_":
            if stage == "host_" and self.make is None:
                continue
            method = getattr(self, stage + short, None)
            if method is not None:
                method(module)

    # -- other Task and Future classes

    def extend_test_tasks(self, module):
        from asyncio import futures, tasks

        case = module.test_utils.TestCase
        task, future = self.task, self.future
        pairs = []
        if task is not None and future is not None:
            self.add(
                module,
                "AltTask_AltFuture_Tests",
                "BaseTaskTests",
                "SetMethodsTest",
                case,
                Task=task,
                Future=future,
                **self.introspection("c"),
            )
            module.add_subclass_tests(
                self.add(
                    module,
                    "AltTask_AltFuture_SubclassTests",
                    "BaseTaskTests",
                    case,
                    Task=task,
                    Future=future,
                    **self.introspection("c"),
                )
            )
        if task is not None:
            pairs += [
                ("AltTask_CFuture", task, getattr(futures, "_CFuture", None)),
                ("AltTask_PyFuture", task, futures._PyFuture),
            ]
        if future is not None:
            pairs += [
                ("CTask_AltFuture", getattr(tasks, "_CTask", None), future),
                ("PyTask_AltFuture", tasks._PyTask, future),
            ]
        for name, one_task, one_future in pairs:
            if one_task is not None and one_future is not None:
                kind = "py" if one_task is tasks._PyTask else "c"
                attributes = {"Task": one_task, "Future": one_future, **self.introspection(kind)}
                self.add(module, name + "_Tests", "BaseTaskTests", case, **attributes)
        if task is not None:
            self.extend_current_task(module, case)

    def extend_current_task(self, module, case):
        import asyncio

        task = self.task
        current_task = getattr(self.api, "current_task", asyncio.current_task)
        self.add(
            module,
            "AltCurrentLoopTests",
            "BaseCurrentLoopTests",
            case,
            current_task=staticmethod(current_task),
            new_task=lambda self, coro: task(coro, loop=self.loop),
        )
        functions = self.functions("_register_task", "_unregister_task", "_enter_task", "_leave_task")
        if functions:
            self.add(
                module,
                "AltIntrospectionTests",
                case,
                "BaseTaskIntrospectionTests",
                Task=task,
                **{name: staticmethod(function) for name, function in functions.items()},
                **self.introspection("c"),
            )

    def extend_test_futures(self, module):
        future = self.future
        if future is None:
            return
        case = module.test_utils.TestCase
        sub_future = type("AltSubFuture", (future,), {})
        for name, cls in ("AltFuture", future), ("AltSubFuture", sub_future):
            self.add(module, name + "Tests", "BaseFutureTests", case, cls=cls)
            self.add(
                module,
                name + "DoneCallbackTests",
                "BaseFutureDoneCallbackTests",
                case,
                _new_future=functools.partialmethod(lambda self, cls: cls(loop=self.loop), cls),
            )
        self.add(
            module,
            "AltFutureInheritanceTests",
            "BaseFutureInheritanceTests",
            case,
            _get_future_cls=lambda self: future,
        )

    def extend_test_futures2(self, module):
        if self.task is not None:
            self.add(
                module,
                "AltFutureTests",
                "FutureTests",
                module.unittest.IsolatedAsyncioTestCase,
                cls=self.task,
            )

    def extend_test_eager_task_factory(self, module):
        if self.task is None:
            return
        case = module.test_utils.TestCase
        for name, base in (
            ("AltEagerTaskFactoryLoopTests", "EagerTaskFactoryLoopTests"),
            ("NonEagerAltTaskTests", "BaseNonEagerTaskFactoryTests"),
            ("EagerAltTaskTests", "BaseEagerTaskFactoryTests"),
        ):
            self.add(module, name, base, case, Task=self.task)

    def extend_test_events(self, module):
        functions = self.functions(
            "_get_running_loop", "_set_running_loop", "get_running_loop", "get_event_loop"
        )
        if functions:
            self.add(
                module,
                "AltGetEventLoop",
                "GetEventLoopTestsMixin",
                module.unittest.TestCase,
                **{name + "_impl": staticmethod(function) for name, function in functions.items()},
            )

    # -- the tested loop where CPython's test loops stood

    def host(self, module, name, **attributes):
        """Subclass a test class; skip where the module has none so named."""
        if hasattr(module, name):
            return self.add(module, "Hosted" + name, name, **attributes)
        return None

    def host_in_set_up(self, module, *names):
        """Replace self.loop once the original set-up is through."""
        make = self.make
        for name in names:
            base = getattr(module, name, None)
            if base is None:
                continue

            def setUp(self, base=base):
                base.setUp(self)
                self.loop = shield(make())
                self.set_event_loop(self.loop)

            self.host(module, name, setUp=setUp)

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
            self.host(module, name, new_test_loop=new_test_loop)

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
            self.host(module, name, new_loop=new_loop)


class Reporter:
    """Sends one JSON object a line to the driver."""

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


def short_id(test):
    return test.id().removeprefix(PACKAGE + ".")


def clip(text, limit=MESSAGE_LIMIT):
    return text if len(text) <= limit else "[...]\n" + text[-limit:]


def worker_main(fd, config):
    import faulthandler
    import unittest

    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable(all_threads=True)
    # A shell starts background jobs with SIGINT ignored; the tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    reporter = Reporter(fd)

    try:
        import asyncio

        sys.path[:0] = config["path"]
        stock_maker = asyncio.new_event_loop
        if config["install"]:
            resolve(config["install"])()
        factory = None
        if config["loop"]:
            factory = CountingFactory(resolve(config["loop"]))
            swap_loop(factory)
        task = config["tasks"] and resolve(config["tasks"])
        future = config["futures"] and resolve(config["futures"])
        api = config["api"]
        if api:
            api = importlib.import_module(api)
        elif task:
            api = sys.modules.get(task.__module__)

        test_utils = importlib.import_module(PACKAGE + ".utils")
        if not config["raw_fixtures"]:
            adapt_fixtures(test_utils)
        try:
            module = importlib.import_module(PACKAGE + "." + config["file"])
        except unittest.SkipTest as exc:
            reporter.send("module-skipped", reason=str(exc))
            return
        make = None
        if config["hosted"]:
            make = factory
            if make is None and asyncio.new_event_loop is not stock_maker:
                make = asyncio.new_event_loop  # the hook replaced it
            elif make is None and config["install"]:
                make = asyncio.get_event_loop_policy().new_event_loop
        Parametriser(task or None, future or None, api, make).extend(module)
    except BaseException:
        reporter.send("module-failed", message=traceback.format_exc())
        raise

    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    only = set(config["only"]) if config["only"] is not None else None
    tests = []

    def collect(items):
        for item in items:
            if isinstance(item, unittest.TestSuite):
                collect(item)
            elif only is None or short_id(item) in only:
                tests.append(item)

    collect(suite)
    reporter.send("plan", ids=[short_id(test) for test in tests])
    if config["list"]:
        return

    class Result(unittest.TestResult):
        """Keeps the outcome of the test that runs, for guarded_call()."""

        outcome = None
        messages = ()

        def note(self, test, outcome, message=""):
            if isinstance(test, unittest.suite._ErrorHolder):
                reporter.send("fixture", name=test.description, outcome=outcome, message=clip(message))
                return
            if self.outcome is None or self.outcome in ("passed", "skipped"):
                self.outcome = outcome
            if message:
                self.messages.append(message)

        def format(self, err, test):
            return self._exc_info_to_string(err, test)

        def addSuccess(self, test):
            self.note(test, "passed")

        def addFailure(self, test, err):
            self.note(test, "failed", self.format(err, test))

        def addError(self, test, err):
            self.note(test, "error", self.format(err, test))

        def addSkip(self, test, reason):
            self.note(test, "skipped", reason)

        def addExpectedFailure(self, test, err):
            self.note(test, "passed")

        def addUnexpectedSuccess(self, test):
            self.note(test, "failed", "unexpected success")

        def addSubTest(self, test, subtest, err):
            if err is not None:
                failed = issubclass(err[0], test.failureException)
                self.note(test, "failed" if failed else "error", f"{subtest}\n{self.format(err, test)}")

    result = Result()
    get_running = asyncio._get_running_loop
    set_running = asyncio._set_running_loop

    def guarded_call(test, *args, **kwargs):
        """Run one test; whatever it raises becomes its outcome."""
        result.outcome, result.messages = None, []
        name = short_id(test)
        calls = factory.calls if factory is not None else 0
        reporter.send("start", id=name)
        started = time.monotonic()
        try:
            test.run(*args, **kwargs)
        except BaseException:
            result.note(test, "error", traceback.format_exc())
        seconds = time.monotonic() - started
        with contextlib.suppress(Exception):
            if get_running() is not None:
                set_running(None)  # left behind: do not pass it on
                result.messages.append("note: a running loop was left set")
        touched = getattr(type(test), "_alternative", False) or (
            factory is not None and factory.calls > calls
        )
        reporter.send(
            "end",
            id=name,
            outcome=result.outcome or "error",
            seconds=round(seconds, 4),
            touched=touched,
            message=clip("\n".join(result.messages)),
        )

    unittest.TestCase.__call__ = guarded_call
    unittest.TestSuite(tests).run(result)
    reporter.send("done")
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads or processes left by a failed test must not hold the run up.
    os._exit(0)


# ---------------------------------------------------------------------------
# Driver: starts the workers and keeps the score.
# ---------------------------------------------------------------------------


class Driver:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.script = os.path.abspath(__file__)
        self.workers = set()
        self.directory = tempfile.mkdtemp(prefix="aioconf-")

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self, signum, frame):
        """On SIGINT or SIGTERM: take the workers along."""
        for worker in list(self.workers):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, signal.SIGKILL)
        self.clean()
        os._exit(128 + signum)

    def say(self, text):
        if not self.options.quiet:
            with self.lock:
                print(text, file=sys.stderr, flush=True)

    def config(self, file, only=None, listing=False):
        o = self.options
        return {
            "file": file,
            "only": only,
            "list": listing,
            "loop": o.loop,
            "install": o.install,
            "tasks": o.tasks,
            "futures": o.futures,
            "api": o.api,
            "raw_fixtures": o.raw_fixtures,
            "hosted": not o.no_hosted,
            "path": [os.path.abspath(p) for p in o.path],
        }

    def environment(self, directory):
        env = dict(os.environ)
        for name in ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONWARNINGS"):
            env.pop(name, None)
        if env.get("PYTHONPATH"):
            env["PYTHONPATH"] = os.pathsep.join(
                os.path.abspath(p) for p in env["PYTHONPATH"].split(os.pathsep) if p
            )
        env["TMPDIR"] = directory
        return env

    def process(self, config, on_event):
        """Run one worker; return None, or how it ended before it was done."""
        directory = tempfile.mkdtemp(dir=self.directory)
        work = os.path.join(directory, "w")
        os.mkdir(work)
        config_path = os.path.join(directory, "config.json")
        log_path = os.path.join(directory, "log")
        with open(config_path, "w") as file:
            json.dump(config, file)
        read_fd, write_fd = os.pipe()
        try:
            with open(log_path, "wb") as log:
                worker = subprocess.Popen(
                    [
                        sys.executable,
                        "-X",
                        "faulthandler",
                        "-W",
                        "default",
                        self.script,
                        "--worker",
                        str(write_fd),
                        config_path,
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=work,
                    env=self.environment(work),
                    pass_fds=(write_fd,),
                    start_new_session=True,
                )
            self.workers.add(worker)
            os.close(write_fd)
            write_fd = -1
            end = self.watch(worker, read_fd, on_event)
            self.workers.discard(worker)
            if end is not None:
                with open(log_path, "rb") as log:
                    text = log.read().decode("utf-8", "replace")
                end = (end[0], end[1] + "\n" + clip(text))
            return end
        finally:
            os.close(read_fd)
            if write_fd >= 0:
                os.close(write_fd)
            shutil.rmtree(directory, ignore_errors=True)

    def watch(self, worker, fd, on_event):
        timeout = self.options.timeout
        buffer, done, killed = b"", False, False
        last = time.monotonic()
        try:
            while True:
                ready, _, _ = select.select([fd], [], [], 0.25)
                if ready:
                    data = os.read(fd, 1 << 16)
                    *lines, buffer = (buffer + data).split(b"\n")
                    for line in lines:
                        last = time.monotonic()
                        event = json.loads(line)
                        if event["event"] == "done":
                            done = True
                        on_event(event)
                    if data and not done:
                        continue
                if worker.poll() is not None and not ready:
                    break
                if ready and not data:  # every writer is gone
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        worker.wait(10)
                    break
                if done:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        worker.wait(5)
                    break
                if time.monotonic() - last > timeout:
                    killed = True
                    with contextlib.suppress(ProcessLookupError):
                        worker.send_signal(signal.SIGABRT)  # prints stacks
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        worker.wait(3)
                    break
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        if killed:
            return "hung", f"no progress for {timeout:g} s"
        if done or worker.returncode == 0:
            return None
        code = worker.returncode
        try:
            how = "signal " + signal.Signals(-code).name
        except ValueError:
            how = f"exit status {code}"
        return "crashed", how

    def plan(self, file):
        """Return (ids, reason): the tests of a file, or why it has none."""
        found = {"ids": [], "reason": ""}

        def on_event(event):
            if event["event"] == "plan":
                found["ids"] = event["ids"]
            elif event["event"] == "module-skipped":
                found["reason"] = "skipped: " + event["reason"]
            elif event["event"] == "module-failed":
                found["reason"] = "import failed:\n" + event["message"]

        end = self.process(self.config(file, listing=True), on_event)
        if end is not None and not found["ids"] and not found["reason"]:
            found["reason"] = f"import failed: {end[1]}"
        return found["ids"], found["reason"]

    def run_ids(self, file, ids):
        """Run the tests ``ids`` of a file; return {id: result}."""
        results = {}
        remaining = list(ids)
        hangs = 0
        while remaining:
            running = [None]
            fixtures = []
            before = len(results)

            def on_event(event, running=running, fixtures=fixtures):
                kind = event["event"]
                if kind == "start":
                    running[0] = event["id"]
                elif kind == "end":
                    running[0] = None
                    results[event["id"]] = {
                        "outcome": event["outcome"],
                        "seconds": event["seconds"],
                        "touched": event["touched"],
                        "message": event["message"],
                    }
                elif kind == "fixture":
                    fixtures.append(event)
                elif kind == "module-failed":
                    fixtures.append({"outcome": "error", "name": file, "message": event["message"]})

            end = self.process(self.config(file, only=remaining), on_event)
            if end is not None and running[0] is not None:
                results[running[0]] = {"outcome": end[0], "seconds": None, "touched": True, "message": end[1]}
                hangs += end[0] == "hung"
            remaining = [i for i in remaining if i not in results]
            if not remaining:
                break
            if end is None or len(results) == before:
                # Not run at all: the fixture of their class or module failed.
                for name in remaining:
                    cls = name.rpartition(".")[0]
                    fixture = next((f for f in fixtures if cls in f["name"]), None)
                    fixture = fixture or (fixtures[-1] if fixtures else None)
                    results[name] = {
                        "outcome": fixture["outcome"] if fixture else "error",
                        "seconds": None,
                        "touched": False,
                        "message": fixture["message"]
                        if fixture
                        else "not run; " + (end[1] if end else "no reason known"),
                    }
                break
            if hangs >= self.options.max_hangs:
                for name in remaining:
                    results[name] = {
                        "outcome": "hung",
                        "seconds": None,
                        "touched": False,
                        "message": f"not run: {hangs} tests of this file hung before",
                    }
                break
        return results

    def run_file(self, file, ids):
        started = time.monotonic()
        results = self.run_ids(file, ids)
        bad = BAD if self.options.retry_hung else BAD[:-1]
        retried = [
            i
            for i in ids
            if results[i]["outcome"] in bad and not results[i]["message"].startswith("not run: ")
        ]
        for name in retried:
            for _ in range(self.options.retries):
                again = self.run_ids(file, [name])[name]
                if again["outcome"] in BAD:
                    continue
                again["unstable"] = True
                again["message"] = "passed alone in a fresh process; before:\n" + results[name]["message"]
                results[name] = again
                break
        counts = collections.Counter(r["outcome"] for r in results.values())
        score = ", ".join(f"{counts[o]} {o}" for o in OUTCOMES if counts[o])
        self.say(f"{file:26} {len(ids):5} tests  {score}  ({time.monotonic() - started:.1f} s)")
        return results

    def run(self, plan):
        """Run {file: ids}; return {file: {id: result}}."""
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            futures = {file: pool.submit(self.run_file, file, ids) for file, ids in plan.items() if ids}
            return {file: future.result() for file, future in futures.items()}


# ---------------------------------------------------------------------------
# Expected failures and reports.
# ---------------------------------------------------------------------------


class Expected:
    """Patterns of tests that may fail.

    One pattern of a test id a line (``*`` and ``?`` as in a shell), ``#``
    starts a comment.  A line ``[3.11]`` or ``[3.12 3.13]`` limits the lines
    after it to those Python versions, ``[all]`` ends such a section.
    """

    def __init__(self, path=None, version=None):
        self.patterns = []
        self.used = set()
        version = version or ".".join(map(str, sys.version_info[:2]))
        if path is None:
            return
        active = True
        with open(path, encoding="utf-8") as file:
            for line in file:
                line = line.partition("#")[0].strip()
                if line.startswith("[") and line.endswith("]"):
                    names = line[1:-1].replace(",", " ").split()
                    active = "all" in names or version in names
                elif line and active:
                    self.patterns.append(line)

    def match(self, test_id):
        for pattern in self.patterns:
            if fnmatch.fnmatchcase(test_id, pattern):
                self.used.add(pattern)
                return True
        return False


def headline(row):
    """One line which says what went wrong."""
    lines = [line for line in row["message"].splitlines() if line.strip()]
    if not lines:
        return ""
    if row["outcome"] in ("crashed", "hung"):
        frames = re.findall(
            r'^(Current thread|Thread).*\n  File "([^"]*)", '
            r"line (\d+) in (.*)$",
            row["message"],
            re.M,
        )
        frames.sort(key=lambda frame: frame[0] == "Thread")
        text = lines[0][:200]
        panic = re.search(r"panicked at .*", row["message"])
        if panic:
            text += "; " + panic[0].rstrip(":")
        if frames:
            _, path, line, name = frames[0]
            text += f"; in {name} ({os.path.basename(path)}:{line})"
        return text
    for line in reversed(lines):
        if re.match(
            r"[\w.]+(Error|Exception|Warning|Group|Interrupt|Exit|"
            r"NotAvailable\w*|NotImplemented\w*)\b",
            line,
        ):
            return line.strip()[:200]
    return lines[0][:200]


def describe_target(options):
    target = {
        "loop": options.loop or "stock asyncio",
        "install": options.install,
        "tasks": options.tasks,
        "futures": options.futures,
        "packages": {},
    }
    from importlib import metadata

    for dotted in (options.loop, options.install, options.tasks):
        top = (dotted or "").partition(".")[0]
        if top and top != "asyncio":
            with contextlib.suppress(metadata.PackageNotFoundError):
                target["packages"][top] = metadata.version(top)
    return target


class Report:
    def __init__(self, options, skipped_files, results, expected, seconds):
        self.options = options
        self.skipped_files = skipped_files
        self.seconds = seconds
        self.rows = []
        for file, tests in results.items():
            for test_id, result in tests.items():
                kind, reason = classify(test_id)
                bad = result["outcome"] in BAD
                self.rows.append(
                    {
                        "id": test_id,
                        "file": file,
                        "set": kind,
                        "reason": reason,
                        "unstable": False,
                        "expected": expected.match(test_id),
                        **result,
                        "bad": bad,
                    }
                )

    def unexpected(self):
        return [r for r in self.rows if r["bad"] and not r["expected"]]

    def surprises(self):
        return [r for r in self.rows if r["expected"] and r["outcome"] == "passed"]

    def table(self):
        header = [
            "file",
            "tests",
            "run",
            "passed",
            "failed",
            "error",
            "crashed",
            "hung",
            "skipped",
            "unstable",
            "touching",
            "touching passed",
        ]
        lines = []
        for file in dict.fromkeys(row["file"] for row in self.rows):
            lines.append(self.line(file, [r for r in self.rows if r["file"] == file]))
        kinds = list(dict.fromkeys(row["set"] for row in self.rows))
        if len(kinds) > 1:
            for kind in kinds:
                lines.append(self.line("all " + kind, [r for r in self.rows if r["set"] == kind]))
        lines.append(self.line("total", self.rows))
        return header, lines

    @staticmethod
    def line(name, rows):
        counts = collections.Counter(r["outcome"] for r in rows)
        touching = [r for r in rows if r["touched"] and r["outcome"] != "skipped"]
        return (
            [name, len(rows), len(rows) - counts["skipped"]]
            + [counts[o] for o in ("passed", "failed", "error", "crashed", "hung", "skipped")]
            + [
                sum(r["unstable"] for r in rows),
                len(touching),
                sum(r["outcome"] == "passed" for r in touching),
            ]
        )

    def text(self):
        header, lines = self.table()
        widths = [max(len(str(line[i])) for line in [header, *lines]) for i in range(len(header))]
        out = []
        for line in [header, *lines]:
            out.append(
                "  ".join(
                    str(cell).ljust(w) if i == 0 else str(cell).rjust(w)
                    for i, (cell, w) in enumerate(zip(line, widths, strict=True))
                )
            )
        out.insert(1, "-" * len(out[0]))
        out.insert(-1, "-" * len(out[0]))
        for row in self.rows:
            if row["bad"]:
                expected = " (expected)" if row["expected"] else ""
                out.append(f"{row['outcome']:8} {row['id']}{expected}\n         {headline(row)}")
        for row in self.rows:
            if row["unstable"]:
                out.append("unstable " + row["id"])
        for row in self.surprises():
            out.append("passes, though listed as expected failure: " + row["id"])
        for file, reason in self.skipped_files.items():
            out.append(f"{file}: {reason.splitlines()[0]}")
        bad = len(self.unexpected())
        verdict = f"{'FAILED' if bad else 'OK'}: {bad} unexpected failure{'' if bad == 1 else 's'}"
        out.append(f"{verdict}, {self.seconds:.0f} s")
        return "\n".join(out)

    def title(self):
        o = self.options
        parts = [o.loop or "stock asyncio"]
        for name in ("install", "tasks", "futures"):
            if getattr(o, name):
                parts.append(f"{name} {getattr(o, name)}")
        return "{} on {} {}".format(
            ", ".join(parts), platform.python_implementation(), platform.python_version()
        )

    def markdown(self):
        header, lines = self.table()
        out = [
            "# " + self.title(),
            "",
            f"Sets run: {self.options.set}. {len(self.unexpected())} unexpected failures.",
            "",
            "| " + " | ".join(header) + " |",
            "|" + " --- |" + " ---: |" * (len(header) - 1),
        ]
        out += ["| " + " | ".join(map(str, line)) + " |" for line in lines]
        bad = [row for row in self.rows if row["bad"]]
        if bad:
            out += [
                "",
                "## Tests that did not pass",
                "",
                "| test | outcome | set | what |",
                "| --- | --- | --- | --- |",
            ]
            out += [
                "| {} | {}{} | {} | {} |".format(
                    row["id"],
                    row["outcome"],
                    " (expected)" if row["expected"] else "",
                    row["set"],
                    "`{}`".format(headline(row).replace("|", "\\|").replace("`", "'")),
                )
                for row in bad
            ]
        unstable = [row["id"] for row in self.rows if row["unstable"]]
        if unstable:
            out += ["", "## Unstable: passed only alone in a fresh process", ""] + [
                "- " + name for name in unstable
            ]
        return "\n".join(out) + "\n"

    def data(self):
        header, lines = self.table()
        return {
            "target": describe_target(self.options),
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "platform": platform.platform(),
            "set": self.options.set,
            "timeout": self.options.timeout,
            "seconds": round(self.seconds, 1),
            "summary": {line[0]: dict(zip(header[1:], line[1:], strict=True)) for line in lines},
            "skipped_files": self.skipped_files,
            "tests": [{k: v for k, v in row.items() if k != "bad"} for row in self.rows],
        }


# ---------------------------------------------------------------------------
# Command line.
# ---------------------------------------------------------------------------


def available_files():
    package = importlib.import_module(PACKAGE)
    names = sorted(
        name[:-3]
        for path in package.__path__
        for name in os.listdir(path)
        if name.startswith("test_") and name.endswith(".py")
    )
    return names


def parse(argv):
    parser = argparse.ArgumentParser(description="Run CPython's asyncio tests against another event loop.")
    target = parser.add_argument_group("what is tested")
    target.add_argument(
        "--loop",
        metavar="FACTORY",
        help="dotted name of a callable which makes a loop, "
        "such as ferrio.new_event_loop (default: stock asyncio)",
    )
    target.add_argument(
        "--install", metavar="HOOK", help="dotted name of a callable to call first, such as ferrio.install"
    )
    target.add_argument(
        "--tasks", metavar="CLASS", help="dotted name of a Task class: adds it to the parametrised tests"
    )
    target.add_argument("--futures", metavar="CLASS", help="dotted name of a Future class: the same")
    target.add_argument(
        "--api",
        metavar="MODULE",
        help="module with get_running_loop, current_task, "
        "_register_task, ... to parametrise those tests with "
        "(default: the module of the Task class)",
    )
    target.add_argument(
        "--no-hosted",
        action="store_true",
        help="do not add the Hosted classes, which run tests written for CPython's test loops on this loop",
    )
    target.add_argument(
        "--raw-fixtures", action="store_true", help="leave close_loop and the child watchers alone"
    )
    target.add_argument(
        "--path", action="append", default=[], metavar="DIR", help="put DIR in front of sys.path"
    )
    which = parser.add_argument_group("which tests run")
    which.add_argument("--files", metavar="A,B,...", help="test files, such as test_tasks,test_events")
    which.add_argument(
        "--set",
        default="behaviour",
        help="comma-separated: behaviour, internal, duplicate; or all (default: %(default)s)",
    )
    which.add_argument(
        "--select",
        action="append",
        metavar="PATTERN",
        help='only tests whose id matches, such as "test_tasks.*cancel*"; may be given more than once',
    )
    which.add_argument(
        "--exclude", action="append", default=[], metavar="PATTERN", help="not the tests that match"
    )
    which.add_argument("--list", action="store_true", help="print the tests and their set; run nothing")
    how = parser.add_argument_group("how they run")
    how.add_argument("--jobs", type=int, default=1)
    how.add_argument("--timeout", type=float, default=60, help="seconds for one test (default: %(default)g)")
    how.add_argument(
        "--retries",
        type=int,
        default=1,
        help="how often a test that did not pass runs again, alone (default: %(default)d)",
    )
    how.add_argument("--retry-hung", action="store_true", help="run the tests that hung again, too")
    how.add_argument(
        "--max-hangs", type=int, default=30, help="give a file up after so many hangs (default: %(default)d)"
    )
    report = parser.add_argument_group("reports")
    report.add_argument("--expected-failures", metavar="FILE", help="patterns of tests that may fail")
    report.add_argument(
        "--write-expected", metavar="FILE", help="write the tests that did not pass to FILE, in that format"
    )
    report.add_argument("--json", metavar="FILE")
    report.add_argument("--markdown", metavar="FILE")
    report.add_argument("--quiet", action="store_true")
    options = parser.parse_args(argv)
    sets = {"behaviour", "internal", "duplicate"}
    chosen = sets if options.set == "all" else set(options.set.split(","))
    if not chosen <= sets:
        parser.error("unknown set: " + ", ".join(sorted(chosen - sets)))
    options.sets = chosen
    try:
        files = available_files()
    except ImportError:
        parser.error(f"this Python comes without {PACKAGE} (on Debian: apt-get install libpython3-testsuite)")
    if options.files:
        wanted = [f.removesuffix(".py") for f in options.files.split(",") if f]
        missing = [f for f in wanted if f not in files]
        if missing:
            parser.error("no such test file: " + ", ".join(missing))
        files = wanted
    options.file_list = files
    for dotted in (options.loop, options.install, options.tasks, options.futures):
        if dotted and "." not in dotted:
            parser.error("not a dotted name: " + dotted)
    return options


def make_plan(driver, options):
    plan, skipped = {}, {}
    for file in options.file_list:
        ids, reason = driver.plan(file)
        if not ids and reason:
            skipped[file] = reason
        chosen = []
        for name in ids:
            if classify(name)[0] not in options.sets:
                continue
            if options.select and not any(fnmatch.fnmatchcase(name, p) for p in options.select):
                continue
            if any(fnmatch.fnmatchcase(name, p) for p in options.exclude):
                continue
            chosen.append(name)
        plan[file] = chosen
    return plan, skipped


def main(argv):
    if argv[:1] == ["--worker"]:
        with open(argv[2]) as file:
            config = json.load(file)
        worker_main(int(argv[1]), config)
        return 0
    options = parse(argv)
    driver = Driver(options)
    signal.signal(signal.SIGINT, driver.stop)
    signal.signal(signal.SIGTERM, driver.stop)
    try:
        return run(driver, options)
    finally:
        driver.clean()


def run(driver, options):
    started = time.monotonic()
    plan, skipped = make_plan(driver, options)
    broken = {f: r for f, r in skipped.items() if r.startswith("import")}
    if options.list:
        for ids in plan.values():
            for name in ids:
                print(f"{classify(name)[0]:10} {name}")
        counts = collections.Counter(classify(i)[0] for ids in plan.values() for i in ids)
        print(", ".join(f"{n} {k}" for k, n in sorted(counts.items())))
        for file, reason in skipped.items():
            print(f"{file}: {reason}")
        return 1 if broken else 0
    expected = Expected(options.expected_failures)
    results = driver.run(plan)
    report = Report(options, skipped, results, expected, time.monotonic() - started)
    print(report.title())
    print(report.text())
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report.data(), file, indent=1)
            file.write("\n")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(report.markdown())
    if options.write_expected:
        with open(options.write_expected, "w", encoding="utf-8") as file:
            file.write("# {}\n[{}.{}]\n".format(report.title(), *sys.version_info[:2]))
            for row in report.rows:
                if row["bad"]:
                    file.write("{}  # {}\n".format(row["id"], headline(row).replace("#", "")))
    for file, reason in broken.items():
        print(f"{file}: {reason}", file=sys.stderr)
    return 1 if report.unexpected() or broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
