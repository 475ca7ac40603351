"""The private names of asyncio that ferrio leans on: they exist, and mean what they meant.

ferrio's loop inherits from the running Python's own, so a release of Python that renames something private,
gives it another parameter or begins to use it elsewhere must fail here, by name, not somewhere in a user's
program. The tables are complete: a name used in python/ferrio or in the crates that is missing from them is a
failure, too. If a new release of Python fails here, read what changed, follow it in ferrio, then add the
signature below.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import functools
import importlib
import inspect
import pkgutil
import re
import ssl
import sys
from asyncio import (
    base_events,
    base_futures,
    base_subprocess,
    base_tasks,
    constants,
    events,
    format_helpers,
    futures,
    runners,
    selector_events,
    sslproto,
    streams,
    tasks,
    transports,
    trsock,
    unix_events,
)
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import ferrio
import pytest
from ferrio import _compat

ROOT = Path(__file__).parents[2]
STOCK = asyncio.SelectorEventLoop

# Methods of asyncio's loop: what ferrio calls, and what it puts its own in the place of.
LOOP: dict[str, str] = {
    "_add_callback": "(self, handle)",
    "_add_callback_signalsafe": "(self, handle)",
    "_add_reader": "(self, fd, callback, *args)",
    "_add_writer": "(self, fd, callback, *args)",
    "_asyncgen_finalizer_hook": "(self, agen)",
    "_asyncgen_firstiter_hook": "(self, agen)",
    "_call_soon": "(self, callback, args, context)",
    "_check_callback": "(self, callback, method)",
    "_check_closed": "(self)",
    "_check_default_executor": "(self)",
    "_check_running": "(self)",
    "_check_thread": "(self)",
    "_child_watcher_callback": "(self, pid, returncode, transp)",
    "_close_self_pipe": "(self)",
    "_ensure_fd_no_transport": "(self, fd)",
    "_getaddrinfo_debug": "(self, host, port, family, type, proto, flags)",
    "_make_datagram_transport": "(self, sock, protocol, address=None, waiter=None, extra=None)",
    "_make_read_pipe_transport": "(self, pipe, protocol, waiter=None, extra=None)",
    "_make_self_pipe": "(self)",
    "_make_socket_transport": "(self, sock, protocol, waiter=None, *, extra=None, server=None)",
    "_make_ssl_transport": (
        "(self, rawsock, protocol, sslcontext, waiter=None, *, server_side=False, server_hostname=None, "
        "extra=None, server=None, ssl_handshake_timeout=60.0, ssl_shutdown_timeout=30.0)"
    ),
    "_make_subprocess_transport": (
        "(self, protocol, args, shell, stdin, stdout, stderr, bufsize, extra=None, **kwargs)"
    ),
    "_make_write_pipe_transport": "(self, pipe, protocol, waiter=None, extra=None)",
    "_remove_reader": "(self, fd)",
    "_remove_writer": "(self, fd)",
    "_sock_connect": "(self, fut, sock, address)",
    "_run_once": "(self)",
    "_sendfile_native": "(self, transp, file, offset, count)",
    "_set_coroutine_origin_tracking": "(self, enabled)",
    "_start_serving": (
        "(self, protocol_factory, sock, sslcontext=None, server=None, backlog=100, "
        "ssl_handshake_timeout=60.0, ssl_shutdown_timeout=30.0)"
    ),
}

# What the constructor of asyncio's loop sets and ferrio's own code reads or sets.
LOOP_ATTRIBUTES = {
    "_closed",
    "_coroutine_origin_tracking_enabled",
    "_csock",
    "_current_handle",
    "_debug",
    "_default_executor",
    "_ready",
    "_scheduled",
    "_selector",
    "_signal_handlers",
    "_ssock",
    "_stopping",
    "_task_factory",
    "_thread_id",
    "_transports",
    "_unix_server_sockets",
}

# Methods and functions of everything else. A tuple where releases differ.
OTHERS: dict[tuple[Any, str], str | tuple[str, ...]] = {
    (asyncio.Lock, "_get_loop"): "(self)",
    (asyncio.Queue, "_format"): "(self)",
    (asyncio.Queue, "_get"): "(self)",
    (asyncio.Queue, "_init"): "(self, maxsize)",
    (asyncio.Queue, "_put"): "(self, item)",
    (base_events, "_format_handle"): "(handle)",
    (base_events.Server, "_attach"): ("(self)", "(self, transport)"),
    (base_events.Server, "_detach"): ("(self)", "(self, transport)"),
    (base_futures, "_future_repr"): ("(self)", "(future)"),
    (base_subprocess.BaseSubprocessTransport, "_wait"): "(self)",
    (runners.Runner, "_on_sigint"): "(self, signum, frame, main_task)",
    (base_tasks, "_task_repr"): ("(self)", "(task)"),
    (events, "_get_running_loop"): "()",
    (events, "_set_running_loop"): "(loop, /)",
    (events.Handle, "_run"): "(self)",
    (tasks, "_enter_task"): "(loop, task)",
    (tasks, "_leave_task"): "(loop, task)",
    (tasks, "_register_task"): "(task)",
    (tasks, "_unregister_task"): "(task)",
    (futures, "_convert_future_exc"): "(exc)",
    (format_helpers, "_format_callback_source"): ("(func, args)", "(func, args, *, debug=False)"),
    (format_helpers, "extract_stack"): "(f=None, limit=None)",
    (selector_events, "_SelectorDatagramTransport"): "(loop, sock, protocol, address=None, waiter=None, extra=None)",
    (selector_events, "_SelectorSocketTransport"): "(loop, sock, protocol, waiter=None, extra=None, server=None)",
    (selector_events._SelectorSocketTransport, "_fatal_error"): ("(self, exc, message='Fatal error on transport')"),
    (selector_events._SelectorSocketTransport, "_force_close"): "(self, exc)",
    (selector_events._SelectorSocketTransport, "_make_empty_waiter"): "(self)",
    (selector_events._SelectorSocketTransport, "_reset_empty_waiter"): "(self)",
    (sslproto, "SSLProtocol"): (
        "(loop, app_protocol, sslcontext, waiter, server_side=False, server_hostname=None, "
        "call_connection_made=True, ssl_handshake_timeout=None, ssl_shutdown_timeout=None)"
    ),
    (sslproto, "_create_transport_context"): "(server_side, server_hostname)",
    (sslproto.SSLProtocol, "_check_handshake_timeout"): "(self)",
    (sslproto.SSLProtocol, "_check_shutdown_timeout"): "(self)",
    (sslproto._SSLProtocolTransport, "_force_close"): "(self, exc)",
    (sslproto._SSLProtocolTransport, "_test__append_write_backlog"): "(self, data)",
    (streams.FlowControlMixin, "_drain_helper"): "(self)",
    (streams.StreamReader, "_maybe_resume_transport"): "(self)",
    (streams.StreamReader, "_wait_for_data"): "(self, func_name)",
    (streams.StreamReader, "_wakeup_waiter"): "(self)",
    (streams.StreamReaderProtocol, "_get_close_waiter"): "(self, stream)",
    (transports, "_FlowControlMixin"): "(extra=None, loop=None)",
    (trsock, "TransportSocket"): "(sock: socket.socket)",
    (unix_events, "_UnixSubprocessTransport"): (
        "(loop, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=None, extra=None, **kwargs)"
    ),
    (unix_events, "waitstatus_to_exitcode"): "(status)",
}

# Attributes of everything else, without a signature.
ATTRIBUTES = {
    (asyncio.coroutines, "_is_coroutine"),
    (constants, "_SendfileMode"),
    (events.Handle, "_args"),
    (events.Handle, "_callback"),
    (events.Handle, "_cancelled"),
    (events.Handle, "_context"),
    (events.Handle, "_loop"),
    (events.Handle, "_repr"),
    (events.Handle, "_source_traceback"),
    (events.TimerHandle, "_scheduled"),
    (events.TimerHandle, "_when"),
    (asyncio.Future, "_asyncio_future_blocking"),
    (asyncio.Future, "_callbacks"),
    (asyncio.Future, "_cancel_message"),
    (asyncio.Future, "_exception"),
    (asyncio.Future, "_log_traceback"),
    (asyncio.Future, "_loop"),
    (asyncio.Future, "_make_cancelled_error"),
    (asyncio.Future, "_result"),
    (asyncio.Future, "_source_traceback"),
    (asyncio.Future, "_state"),
    (asyncio.Task, "_coro"),
    (asyncio.Task, "_fut_waiter"),
    (asyncio.Task, "_log_destroy_pending"),
    (asyncio.Task, "_must_cancel"),
    (tasks, "_current_tasks"),  # used before Python 3.14
    (tasks, "_scheduled_tasks" if sys.version_info >= (3, 12) else "_all_tasks"),
    (selector_events._SelectorSocketTransport, "_sendfile_compatible"),
    (selector_events._SelectorSocketTransport, "_start_tls_compatible"),
    (sslproto, "_SSLProtocolTransport"),
    (sslproto._SSLProtocolTransport, "_protocol_paused"),
    (sslproto._SSLProtocolTransport, "_sendfile_compatible"),
    (sslproto._SSLProtocolTransport, "_start_tls_compatible"),
    (streams, "_DEFAULT_LIMIT"),
    (streams.StreamReader, "_source_traceback"),
    (streams.StreamReaderProtocol, "_stream_reader"),
    (transports.BaseTransport, "_extra"),
    (transports._FlowControlMixin, "_protocol_paused"),
}

if sys.version_info >= (3, 14):
    OTHERS[tasks, "_swap_current_task"] = "(loop, task)"
    ATTRIBUTES.add((asyncio.Future, "_asyncio_awaited_by"))
    if sys.version_info < (3, 15):
        OTHERS[tasks, "_log_on_exception"] = "(fut)"

# Since Python 3.15 these take a context, as ferrio's own do on every release.
CONTEXT = ", context=None"
WITH_CONTEXT = {"_add_reader", "_add_writer", "_make_socket_transport", "_make_ssl_transport", "_start_serving"}
if sys.version_info >= (3, 15):
    LOOP |= {name: LOOP[name].removesuffix(")") + CONTEXT + ")" for name in WITH_CONTEXT}
    OTHERS[selector_events, "_SelectorSocketTransport"] = (
        "(loop, sock, protocol, waiter=None, extra=None, server=None, context=None)"
    )

# Set by a constructor, hence only seen on an instance: class, and the names its methods must mention.
INSTANCES = {
    asyncio.Barrier: {"_cond"},
    asyncio.BoundedSemaphore: {"_bound_value"},
    asyncio.Condition: {"_lock", "_waiters"},
    asyncio.Event: {"_value", "_waiters"},
    asyncio.Lock: {"_locked", "_waiters"},
    asyncio.Queue: {"_finished", "_getters", "_maxsize", "_putters", "_queue", "_unfinished_tasks"}
    | ({"_is_shutdown"} if sys.version_info >= (3, 13) else set()),
    asyncio.Semaphore: {"_value", "_waiters"},
    base_subprocess.BaseSubprocessTransport: {"_pid"},
    base_events.Server: {"_sockets"} | ({"_clients"} if sys.version_info >= (3, 13) else set()),
    selector_events._SelectorDatagramTransport: {"_address", "_buffer_size"},
    selector_events._SelectorSocketTransport: {"_empty_waiter", "_eof"},
    selector_events._SelectorTransport: {
        *("_buffer", "_closing", "_conn_lost", "_loop", "_paused", "_protocol", "_server", "_sock", "_sock_fd")
    },
    transports._FlowControlMixin: {"_high_water", "_low_water", "_protocol_paused"},  # type: ignore[attr-defined]
    trsock.TransportSocket: {"_sock"},
    sslproto.SSLProtocol: {
        *("_app_protocol", "_app_reading_paused", "_app_transport", "_sslcontext", "_sslobj", "_transport")
    },
    sslproto._SSLProtocolTransport: {"_closed", "_loop", "_ssl_protocol"},
    streams.FlowControlMixin: {"_connection_lost", "_drain_waiters", "_loop", "_paused"},
    streams.StreamReader: {"_buffer", "_eof", "_exception", "_limit", "_loop", "_paused", "_transport", "_waiter"},
    streams.StreamReaderProtocol: {
        "_client_connected_cb",
        "_closed",
        "_over_ssl",
        "_reject_connection",
        "_stream_reader_wr",
        "_strong_reader",
        "_task",
        "_transport",
    }
    | ({"_stream_writer"} if sys.version_info < (3, 15) else set()),
    streams.StreamWriter: {"_complete_fut", "_loop", "_protocol", "_reader", "_transport"},
    unix_events._UnixReadPipeTransport: {"_closing", "_fileno", "_paused", "_pipe"},
    unix_events._UnixWritePipeTransport: {"_buffer", "_closing", "_conn_lost", "_fileno", "_pipe"},
}
if sys.version_info >= (3, 13):
    INSTANCES[tasks._AsCompletedIterator] = {"_timeout_handle", "_todo"}  # type: ignore[attr-defined]

# ferrio's own names, which asyncio has for something else, or, in task groups, timeouts and gather(), for the same.
OURS = {
    "_abort",
    "_aborting",
    "_base_error",
    "_cancel_requested",
    "_children",
    "_entered",
    "_errors",
    "_exiting",
    "_on_completed_fut",
    "_on_task_done",
    "_on_timeout",
    "_parent_cancel_requested",
    "_parent_task",
    "_reap",
    "_start",
    "_state",
    "_task",
    "_tasks",
}

# Files whose classes inherit nothing of asyncio's: what these call `self._name`, and their methods, are their own.
STANDALONE = {"threads.py"}
STANDALONE_FOLDERS = {"benches", "cli", "harness", "http", "server", "supervisors"}

# What asyncio's loop keeps in an attribute that ferrio's has no use for, and no stand-in.
NO_EQUIVALENT = {"_watcher"} if sys.version_info >= (3, 14) else set()

# What asyncio has in one release or another, above all where it keeps its tasks: ferrio looks for what is there.
OTHER_RELEASES = {
    *("_all_tasks", "_asyncio_awaited_by", "_cancel_on_enter", "_log_on_exception"),
    *("_scheduled_tasks", "_stream_writer", "_swap_current_task"),
}

# Methods that reach for what ferrio's loop does not have, or shows a copy of, and are inherited all the same:
# the self-pipe is made when the first signal handler is added; the others are called by nothing that is left.
HARMLESS = {
    "_make_self_pipe",
    "_read_from_self",
    "_timer_handle_cancelled",
    "_write_to_self",
}


@pytest.mark.parametrize("name", LOOP)
def test_methods_of_the_loop(name):
    assert str(inspect.signature(getattr(STOCK, name))) == LOOP[name]


@pytest.mark.parametrize(("owner", "name"), OTHERS, ids=lambda value: getattr(value, "__name__", value))
def test_other_methods_and_functions(owner, name):
    expected = OTHERS[owner, name]
    assert str(inspect.signature(getattr(owner, name))) in ((expected,) if isinstance(expected, str) else expected)


@pytest.mark.parametrize(("owner", "name"), sorted(ATTRIBUTES, key=str))
def test_other_attributes(owner, name):
    assert hasattr(owner, name)


@pytest.mark.parametrize("owner", INSTANCES, ids=lambda owner: owner.__name__)
def test_attributes_of_instances(owner):
    methods = (value for _, value in inspect.getmembers(owner, inspect.isfunction))
    mentioned = set().union(*(names(method.__code__) for method in methods))
    assert INSTANCES[owner] <= mentioned


def test_the_server_counts_connections_as_ferrio_tells_it():
    expected = "(self, transport)" if sys.version_info >= (3, 13) else "(self)"
    for name in ("_attach", "_detach"):
        assert str(inspect.signature(getattr(base_events.Server, name))) == expected


@pytest.mark.skipif(sys.version_info < (3, 13), reason="servers know their connections since 3.13")
def test_the_server_asks_of_its_connections_what_ferrio_has():
    source = inspect.getsource(base_events.Server)
    asked = set(re.findall(r"(?:len\()?self\._clients(?:\.\w+| =)?", source))
    assert asked - {"self._clients ="} == {
        "len(self._clients",
        *(f"self._clients.{name}" for name in ("add", "discard", "copy")),
    }


@pytest.mark.skipif(sys.version_info < (3, 13), reason="servers know their connections since 3.13")
def test_of_an_open_server_counting_a_connection_asks_no_more_than_ferrio_does_itself():
    assert names(base_events.Server._attach.__code__) == {"_sockets", "_clients", "add"}
    assert names(base_events.Server._detach.__code__) - {"len"} == {"_sockets", "_clients", "discard", "_wakeup"}


def test_sendfile_and_start_tls_ask_for_these():
    assert constants._SendfileMode.TRY_NATIVE is selector_events._SelectorSocketTransport._sendfile_compatible
    assert selector_events._SelectorSocketTransport._start_tls_compatible is True


@pytest.mark.skipif(not _compat.HAS_POLICIES, reason="up to Python 3.15 there are policies")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_default_policy_makes_loops_with_this_attribute():
    assert asyncio.DefaultEventLoopPolicy._loop_factory is STOCK


def test_a_tls_protocol_has_its_transport_from_the_start():
    loop = STOCK()
    try:
        waiter = loop.create_future()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        protocol = sslproto.SSLProtocol(loop, asyncio.Protocol(), context, waiter, server_side=True)
        assert isinstance(protocol._app_transport, asyncio.Transport)
        protocol._app_transport._closed = True  # it was never connected, and need not warn of it
    finally:
        loop.close()


def test_every_attribute_of_a_stock_loop_is_there():
    stock, ours = STOCK(), ferrio.new_event_loop()
    try:
        assert vars(stock).keys() >= LOOP_ATTRIBUTES - added_later()
        assert {name for name in vars(stock) if not hasattr(ours, name)} == NO_EQUIVALENT
    finally:
        stock.close()
        ours.close()


def test_no_method_that_needs_a_selector_is_inherited():
    missing = {"_csock", "_process_events", "_ready", "_scheduled", "_selector", "_ssock", *NO_EQUIVALENT}
    inherited = {
        name
        for name, method in inspect.getmembers(STOCK, inspect.isfunction)
        if names(method.__code__) & missing and getattr(ferrio.Loop, name) is method
    }
    assert inherited <= HARMLESS


def test_what_replaces_a_method_takes_the_same_arguments():
    for name, stock in inspect.getmembers(STOCK, inspect.isfunction):
        ours = getattr(ferrio.Loop, name)
        if name != "__init__" and ours is not stock and inspect.isfunction(ours):
            added = {"context"} if sys.version_info < (3, 15) and name in WITH_CONTEXT else set()
            assert [each for each in parameters(ours) if each[0] not in added] == parameters(stock), name


def test_the_tables_are_complete():
    listed = {*LOOP, *LOOP_ATTRIBUTES, *OURS}.union(*INSTANCES.values())
    listed |= {name for _, name in (*OTHERS, *ATTRIBUTES)} | {"_loop_factory", *OTHER_RELEASES}
    used = {name: where for name, where in used_names() if name in asyncio_names() and name not in listed}
    assert not used, "private names of asyncio that the tables above lack, and where they are used"


def added_later() -> set[str]:
    """Attributes that asyncio's loop has only in later releases; ferrio's has them in all."""
    return {"_unix_server_sockets"} if sys.version_info < (3, 13) else set()


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


def names(code: CodeType) -> set[str]:
    """The names that a function and those inside it mention."""
    inner = [names(each) for each in code.co_consts if inspect.iscode(each)]
    return set(code.co_names).union(*inner)


def used_names() -> Iterator[tuple[str, str]]:
    """Private names in ferrio's own sources, each with its file."""
    for file in sorted((ROOT / "python/ferrio").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            alone = file.name in STANDALONE or file.parent.name in STANDALONE_FOLDERS
            if isinstance(node, ast.Attribute):
                if not (alone and ast.unparse(node.value) in ("self", "super()", "os")):
                    yield node.attr, file.name
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not alone:
                yield node.name, file.name
    for file in sorted((ROOT / "crates").glob("*/src/**/*.rs")):
        for name in re.findall(r'"(_[a-z]\w*)"', file.read_text(encoding="utf-8")):
            yield name, file.name


@functools.cache
def asyncio_names() -> set[str]:
    """Every private name of asyncio: of its modules, its classes, and what their methods set on instances."""
    found: set[str] = set()
    for info in pkgutil.iter_modules(asyncio.__path__, "asyncio."):
        if info.name.endswith("__main__") or "windows" in info.name:
            continue
        module = importlib.import_module(info.name)
        found |= vars(module).keys()
        for owner in vars(module).values():
            if inspect.isclass(owner) and owner.__module__.startswith("asyncio"):
                found |= vars(owner).keys()
                for method in filter(inspect.isfunction, vars(owner).values()):
                    with contextlib.suppress(OSError):  # a dataclass makes methods that have no source
                        found |= set(re.findall(r"self\.(_\w+) =", inspect.getsource(method)))
    # The C module goes by that name where asyncio tried to import it; it is no name of asyncio's.
    return {name for name in found if re.match(r"_[a-z]", name)} - {"_asyncio"}
