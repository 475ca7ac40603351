"""Pipe transports and signals. Signals go to this process; children are in test_subprocess.py."""

import asyncio
import errno
import functools
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import warnings

import pytest
from helpers import Log, collect_errors, on_loop, pipe, until

# Pipes


@on_loop
async def test_read_pipe(loop):
    with pipe() as (near, far):
        transport, log = await loop.connect_read_pipe(Log, near)
        assert transport.get_extra_info("pipe") is near and transport.get_protocol() is log
        assert not os.get_blocking(near.fileno()) and transport.is_reading()
        far.write(b"first")
        await until(lambda: log.data == b"first")
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        far.write(b"second")
        await asyncio.sleep(0.002)
        assert log.data == b"first"
        transport.resume_reading()
        await until(lambda: log.data == b"firstsecond")
        far.close()
        assert await log.closed is None
        await asyncio.sleep(0)
        assert log.events == ["made", "data", "data", "eof", "lost"] and near.closed


@on_loop
async def test_closing_a_read_pipe(loop):
    with pipe() as (near, far):
        transport, log = await loop.connect_read_pipe(Log, near)
        far.write(b"unread")
        transport.close()
        transport.close()
        assert transport.is_closing() and log.events == ["made"]
        assert await log.closed is None and log.data == b""
        with pytest.raises(BrokenPipeError):
            far.write(b"x")


@on_loop
async def test_write_pipe(loop):
    with pipe() as (far, near):
        transport, log = await loop.connect_write_pipe(Log, near)
        assert transport.get_extra_info("pipe") is near and transport.can_write_eof()
        for data in (b"1", bytearray(b"2"), memoryview(b"3"), b""):
            transport.write(data)
        transport.writelines([b"4", b"5"])
        assert far.read(100) == b"12345"
        size = 1 << 20
        transport.write(b"x" * size)
        assert log.events == ["made", "pause"] and 0 < transport.get_write_buffer_size() < size
        transport.write(b"end")
        transport.write_eof()
        transport.write_eof()
        assert transport.is_closing()
        received = await loop.run_in_executor(None, far.readall)
        assert received == b"x" * size + b"end"
        assert await log.closed is None and near.closed
        assert log.events == ["made", "pause", "resume", "lost"]


@on_loop
async def test_aborting_a_write_pipe(loop):
    with pipe() as (far, near):
        transport, log = await loop.connect_write_pipe(Log, near)
        transport.write(b"x" * (1 << 20))
        transport.abort()
        assert transport.get_write_buffer_size() == 0 and transport.is_closing()
        assert await log.closed is None
        assert 0 < len(far.readall()) < 1 << 20


@pytest.mark.parametrize("queued", [False, True])
@on_loop
async def test_a_write_pipe_notices_that_nobody_reads(loop, queued):
    with pipe() as (far, near):
        transport, log = await loop.connect_write_pipe(Log, near)
        if queued:
            transport.write(b"x" * (1 << 20))
        far.close()
        error = await log.closed
        assert isinstance(error, BrokenPipeError) if queued else error is None


@on_loop
async def test_writing_to_a_broken_pipe(loop):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    with pipe() as (far, near):
        transport, log = await loop.connect_write_pipe(Log, near)
        far.close()
        transport.write(b"x")
        assert transport.is_closing() and not log.closed.done()
        assert isinstance(await log.closed, BrokenPipeError)
        logging.getLogger("asyncio").addHandler(handler)
        try:
            for _ in range(5):
                transport.write(b"x")
        finally:
            logging.getLogger("asyncio").removeHandler(handler)
    assert [r.getMessage() for r in records] == ["pipe closed by peer or os.write(pipe, data) raised exception."]


@on_loop
async def test_both_ends_of_a_terminal(loop):
    master, slave = os.openpty()
    with open(master, "rb", 0) as reading, open(slave, "wb", 0) as writing:
        near, near_log = await loop.connect_read_pipe(Log, reading)
        far, far_log = await loop.connect_write_pipe(Log, writing)
        far.write(b"line\n")
        await until(lambda: near_log.data == b"line\r\n")
        far.close()
        assert await far_log.closed is None
        error = await near_log.closed  # the hang-up of a terminal is EIO, and nothing to make a noise about
        assert isinstance(error, OSError) and error.errno == errno.EIO
        assert near_log.events == ["made", "data", "lost"] and near.is_closing()


@on_loop
async def test_sockets_are_pipes_too(loop):
    near, far = socket.socketpair()
    with near, far:
        reading, log = await loop.connect_read_pipe(Log, near)
        writing, far_log = await loop.connect_write_pipe(Log, far)
        writing.write(b"data")
        await until(lambda: log.data == b"data")
        writing.close()
        assert await far_log.closed is None
        assert await log.closed is None and reading.is_closing()


@on_loop
async def test_regular_files_are_no_pipes(loop):
    with tempfile.TemporaryFile() as file:
        with pytest.raises(ValueError, match=r"^Pipe transport is for pipes/sockets only\.$"):
            await loop.connect_read_pipe(Log, file)
        with pytest.raises(ValueError, match=r"^Pipe transport is only for pipes, sockets and character devices$"):
            await loop.connect_write_pipe(Log, file)
        assert not file.closed


@on_loop
async def test_pipe_protocols_that_raise_are_told(loop):
    for raising in ("made", "data", "eof", "lost"):
        contexts = collect_errors(loop)
        with pipe() as (near, far):
            _, log = await loop.connect_read_pipe(lambda name=raising: Log(name), near)
            far.write(b"data")
            await until(lambda log=log: log.data)
            far.close()
            assert await log.closed is None
            await asyncio.sleep(0)
            assert log.events == ["made", "data", "eof", "lost"] and near.closed
        assert [context["exception"].args for context in contexts] == [(raising,)]


def test_dropped_pipe_transports_warn(new_loop):
    loop = new_loop()

    async def leave(reading, writing):
        transport, _ = await loop.connect_read_pipe(asyncio.Protocol, reading)
        transport.pause_reading()
        await loop.connect_write_pipe(asyncio.Protocol, writing)

    with pipe() as (reading, far), pipe() as (_, writing):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loop.run_until_complete(leave(reading, writing))
            gc.collect()
            assert reading.closed and not writing.closed
            loop.close()
            gc.collect()
        messages = [str(w.message) for w in caught if str(w.message).startswith("unclosed transport <")]
        assert len(messages) == 2 and writing.closed
        far.close()


# Signals


def raise_signal(number=signal.SIGUSR1):
    os.kill(os.getpid(), number)


@on_loop
async def test_signal_handlers(loop):
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "old")
    loop.add_signal_handler(signal.SIGUSR1, seen.append, 1)
    loop.add_signal_handler(signal.SIGUSR2, lambda *args: seen.append(args), 2, 3)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
        count = len(seen)
        raise_signal(number)
        await until(lambda count=count: len(seen) > count)
    assert seen == [1, (2, 3), 1]
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGUSR2) != signal.SIG_DFL
    assert loop.remove_signal_handler(signal.SIGUSR2) is True
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_before_the_run_is_kept(new_loop):
    loop = new_loop()
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    raise_signal()
    loop.run_forever()


def test_a_signal_during_a_busy_callback_waits_for_the_batch(new_loop):
    loop, seen = new_loop(), []

    def busy():
        raise_signal()
        end = time.perf_counter() + 0.003
        while time.perf_counter() < end:
            pass
        seen.append("busy")

    loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("signal"), loop.stop()))
    loop.call_soon(busy)
    loop.call_soon(seen.append, "same batch")
    loop.run_forever()
    assert seen == ["busy", "same batch", "signal"]


def test_a_signal_wakes_a_loop_that_waits(new_loop):
    loop = new_loop()
    loop.add_signal_handler(signal.SIGALRM, loop.stop)
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    loop.run_forever()


def test_closing_restores_the_handlers(new_loop):
    loop = new_loop()
    loop.add_signal_handler(signal.SIGINT, print)
    loop.add_signal_handler(signal.SIGUSR1, print)
    assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    loop.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1


def test_bad_signals(new_loop):
    loop = new_loop()

    async def function():
        pass

    for method in (functools.partial(loop.add_signal_handler, callback=print), loop.remove_signal_handler):
        with pytest.raises(TypeError, match=r"^sig must be an int, not 'HUP'$"):
            method("HUP")
        for number in (0, -1, signal.NSIG + 1):
            with pytest.raises(ValueError, match=rf"^invalid signal number {number}$"):
                method(number)
    for number in (signal.SIGKILL, signal.SIGSTOP):
        with pytest.raises(RuntimeError, match=r"^sig (9|19|Signals.SIG...+) cannot be caught$"):
            loop.add_signal_handler(number, print)
        assert loop.remove_signal_handler(number) is False
    coroutine = function()
    for wrong in (function, coroutine):
        with pytest.raises(TypeError, match=r"^coroutines cannot be used with add_signal_handler\(\)$"):
            loop.add_signal_handler(signal.SIGUSR1, wrong)
    coroutine.close()


@on_loop
async def test_signal_handlers_are_for_the_main_thread(loop):
    with pytest.raises(RuntimeError, match=r"^set_wakeup_fd only works in main thread"):
        await loop.run_in_executor(None, loop.add_signal_handler, signal.SIGUSR1, print)


@on_loop
async def test_a_signal_handler_that_raises(loop):
    contexts = collect_errors(loop)
    loop.add_signal_handler(signal.SIGUSR1, lambda: 1 / 0)
    for count in (1, 2):
        raise_signal()
        await until(lambda n=count: len(contexts) == n)
    assert {type(context["exception"]) for context in contexts} == {ZeroDivisionError}
    loop.remove_signal_handler(signal.SIGUSR1)


def test_a_signal_handler_may_exit(new_loop):
    loop = new_loop()
    loop.add_signal_handler(signal.SIGUSR1, sys.exit, 5)
    loop.call_soon(raise_signal)
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert not loop.is_running()


def test_without_a_handler_ctrl_c_is_a_keyboard_interrupt(new_loop):
    loop = new_loop()
    loop.call_soon(raise_signal, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert not loop.is_running()
    loop.run_until_complete(asyncio.sleep(0))
