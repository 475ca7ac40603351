"""What the loop tells when something goes wrong: exception handlers, their texts, and debug mode.

Clocks are replaced, never slept on.
"""

import asyncio
import contextlib
import contextvars
import functools
import gc
import re
import sys

import pytest
from helpers import HIDES_ARGUMENTS, asyncio_log, collect_errors, noop, turn

VAR = contextvars.ContextVar("VAR", default="unset")


# Exception handlers


def test_a_raising_callback_reaches_the_handler(new_loop):
    loop, seen = new_loop(), []
    contexts = collect_errors(loop)
    error = ValueError("oops")

    def raising(arg):
        raise error

    handle = loop.call_soon(raising, "secret")
    loop.call_soon(seen.append, "next")
    turn(loop)
    line = raising.__code__.co_firstlineno
    shown = "" if HIDES_ARGUMENTS else "'secret'"
    assert seen == ["next"]
    assert contexts == [
        {
            "message": f"Exception in callback {raising.__qualname__}({shown}) at {__file__}:{line}",
            "exception": error,
            "handle": handle,
        }
    ]


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, StopIteration, MemoryError])
def test_only_exits_leave_a_callback(new_loop, error):
    loop = new_loop()
    contexts = collect_errors(loop)

    def raising():
        raise error

    loop.call_soon(raising)
    loop.call_later(-1, raising)
    turn(loop)
    assert [type(context["exception"]) for context in contexts] == [error, error]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="handlers run in the context of the handle since 3.12")
def test_the_handler_runs_in_the_context_of_what_failed(new_loop):
    loop, seen, given = new_loop(), [], contextvars.Context()
    given.run(VAR.set, "handle's")
    loop.set_exception_handler(lambda loop, context: seen.append(VAR.get()))
    loop.call_soon(lambda: 1 / 0, context=given)
    turn(loop)
    assert seen == ["handle's"]


def test_set_exception_handler(new_loop):
    loop = new_loop()
    assert loop.get_exception_handler() is None
    loop.set_exception_handler(noop)
    assert loop.get_exception_handler() is noop
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None
    with pytest.raises(TypeError, match=r"^A callable object or None is expected, got 'spam'$"):
        loop.set_exception_handler("spam")


def test_the_default_handler_logs_message_keys_and_exception(new_loop):
    loop, error = new_loop(), ZeroDivisionError("by zero")
    with asyncio_log() as records:
        loop.call_exception_handler({"message": "Text", "exception": error, "zeta": 1, "alpha": "a"})
        loop.call_exception_handler({})
        loop.call_soon(lambda: 1 / 0)
        turn(loop)
    assert [record.levelname for record in records] == ["ERROR"] * 3
    assert records[0].getMessage() == "Text\nalpha: 'a'\nzeta: 1"
    assert records[0].exc_info[1] is error
    assert records[1].getMessage() == "Unhandled exception in event loop"
    assert not records[1].exc_info
    assert re.fullmatch(
        r"Exception in callback (\S+<lambda>\(\) at \S+:\d+)\nhandle: <Handle \1>", records[2].getMessage()
    )
    assert records[2].exc_info[0] is ZeroDivisionError


def test_a_raising_handler_falls_back_on_the_default_one(new_loop):
    loop = new_loop()
    loop.set_exception_handler(lambda loop, context: 1 / 0)
    with asyncio_log() as records:
        loop.call_exception_handler({"message": "first"})
    (record,) = records
    assert record.getMessage() == "Unhandled error in exception handler\ncontext: {'message': 'first'}"
    assert record.exc_info[0] is ZeroDivisionError


def test_a_raising_default_handler_is_logged(new_loop):
    class Broken(type(new_loop())):
        def default_exception_handler(self, context):
            raise LookupError("broken")

    with contextlib.closing(Broken()) as loop, asyncio_log() as records:
        loop.call_soon(lambda: 1 / 0)
        turn(loop)
        loop.set_exception_handler(lambda loop, context: 1 / 0)
        loop.call_exception_handler({})
    assert [record.getMessage() for record in records] == [
        "Exception in default exception handler",
        "Exception in default exception handler while handling an unexpected error in custom exception handler",
    ]
    assert all(record.exc_info[0] is LookupError for record in records)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_handler_may_leave_the_loop(new_loop, error):
    loop = new_loop()

    def handler(loop, context):
        raise error

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(error):
        loop.run_forever()
    assert not loop.is_running()


def test_a_raising_del_does_not_disturb_the_loop(new_loop, monkeypatch):
    class Bad:
        def __del__(self):
            raise LookupError("in __del__")

    loop, seen, unraisable = new_loop(), [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_type))
    loop.call_soon(noop, Bad())
    loop.call_soon(seen.append, 1)
    turn(loop)
    loop.call_soon(noop, Bad()).cancel()
    gc.collect()
    assert seen == [1] and unraisable == [LookupError, LookupError]


# Debug mode


def test_debug_follows_the_environment_and_set_debug(new_loop, monkeypatch):
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    loop = new_loop()
    assert loop.get_debug() is True
    loop.set_debug(False)
    assert loop.get_debug() is False
    assert loop.slow_callback_duration == 0.1


def test_slow_callbacks_are_logged(new_loop):
    loop, now = new_loop(), [0.0]
    loop.time = lambda: now[0]
    loop.set_debug(True)
    loop.slow_callback_duration = 0.2

    def take(seconds):
        now[0] += seconds

    async def slow_task():
        take(0.3)

    with asyncio_log() as records:
        loop.call_soon(take, 0.125)
        loop.call_soon(take, 0.25)
        turn(loop)
        loop.run_until_complete(slow_task())
    assert [record.levelname for record in records] == ["WARNING", "WARNING"]
    assert re.fullmatch(
        r"Executing <Handle \S+take\(0\.25\) at \S+:\d+ created at \S+:\d+> took 0\.250 seconds",
        records[0].getMessage(),
    )
    assert re.fullmatch(r"Executing <Task .*slow_task\(\) .*> took 0\.300 seconds", records[1].getMessage())


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
def test_debug_refuses_another_thread(new_loop, method):
    loop, errors = new_loop(), []
    loop.set_debug(True)
    arguments = (noop,) if method == "call_soon" else (1, noop)

    def other():
        try:
            getattr(loop, method)(*arguments)
        except RuntimeError as error:
            errors.append(str(error))

    async def main():
        await loop.run_in_executor(None, other)

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    other()
    assert errors == ["Non-thread-safe operation invoked on an event loop other than the current one"]


@pytest.mark.parametrize(
    ("method", "first", "named"),
    [
        ("call_soon", (), "call_soon"),
        ("call_soon_threadsafe", (), "call_soon_threadsafe"),
        ("call_later", (1,), "call_at"),
        ("call_at", (1,), "call_at"),
        ("run_in_executor", (None,), "run_in_executor"),
    ],
)
def test_debug_refuses_what_cannot_be_called(new_loop, method, first, named):
    loop = new_loop()
    loop.set_debug(True)

    async def function():
        pass

    call = functools.partial(getattr(loop, method), *first)
    coroutine = function()
    for wrong in (function, coroutine):
        with pytest.raises(TypeError, match=rf"^coroutines cannot be used with {named}\(\)$"):
            call(wrong)
    coroutine.close()
    with pytest.raises(TypeError, match=rf"^a callable object was expected by {named}\(\), got 'spam'$"):
        call("spam")


@pytest.mark.parametrize(
    "schedule",
    [
        lambda loop, function: loop.call_soon(function),
        lambda loop, function: loop.call_soon_threadsafe(function),
        lambda loop, function: loop.call_later(-1, function),
        lambda loop, function: loop.call_at(0, function),
    ],
    ids=["soon", "threadsafe", "later", "at"],
)
def test_debug_tells_where_a_handle_was_created(new_loop, schedule):
    loop = new_loop()
    contexts = collect_errors(loop)
    loop.set_debug(True)

    def raising():
        raise ValueError("oops")

    handle = schedule(loop, raising)
    line = schedule.__code__.co_firstlineno
    assert repr(handle).endswith(f"created at {__file__}:{line}>")
    frame = handle._source_traceback[-1]
    assert (frame.filename, frame.lineno) == (__file__, line)
    turn(loop)
    assert contexts[0]["source_traceback"] == handle._source_traceback
    with asyncio_log() as records:
        loop.default_exception_handler(contexts[0])
    assert "\nsource_traceback: Object created at (most recent call last):\n  File " in records[0].getMessage()


def test_debug_tells_the_handle_that_was_running(new_loop):
    loop = new_loop()
    loop.set_debug(True)
    with asyncio_log() as records:
        loop.call_soon(loop.call_exception_handler, {"message": "inside"})
        turn(loop)
    assert records[0].getMessage().startswith("inside\nhandle_traceback: Handle created at (most recent call last):\n")


def test_debug_tracks_coroutine_origins_while_running(new_loop):
    loop, depths = new_loop(), []

    def depth():
        depths.append(sys.get_coroutine_origin_tracking_depth())

    loop.call_soon(depth)
    turn(loop)
    loop.set_debug(True)
    depth()
    loop.call_soon(depth)
    loop.call_soon(loop.set_debug, False)
    turn(loop)
    loop.call_soon(depth)
    turn(loop)
    loop.set_debug(True)
    loop.call_soon(lambda: (loop.set_debug(False), loop.call_soon(depth)))
    loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(loop.stop)))
    loop.run_forever()
    depth()
    assert depths == [0, 0, 10, 0, 0, 0]
