"""How child processes are started, watched and given up; what they can be given is in test_subprocess.

Popen is replaced by one that writes down its children.
"""

import asyncio
import contextvars
import errno
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings

import ferrio
import pytest
from helpers import until

PIPE = subprocess.PIPE


class Popen(subprocess.Popen):
    """Notes its children, and the threads that start them."""

    made, threads = [], []

    def __init__(self, *args, **kwargs):
        self.threads.append(threading.current_thread())
        super().__init__(*args, **kwargs)
        self.made.append(self)


@pytest.fixture
def popen(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", Popen)
    yield Popen
    Popen.made.clear()
    Popen.threads.clear()


def run(main):
    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        return runner.run(main(runner.get_loop()))


# On both loops


def test_standard_input_is_a_pipe_and_notices_a_hang_up(new_loop):
    async def main():
        process = await asyncio.create_subprocess_exec("cat", "/dev/stdin", stdin=PIPE, stdout=PIPE)
        assert await process.communicate(b"data") == (b"data", None)
        process = await asyncio.create_subprocess_exec("true", stdin=PIPE)
        await until(lambda: process._transport.get_pipe_transport(0).is_closing())
        assert await process.wait() == 0

    new_loop().run_until_complete(main())


def test_a_child_inherits_the_signal_mask_of_the_caller(new_loop):
    async def main():
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            process = await asyncio.create_subprocess_exec("grep", "SigBlk", "/proc/self/status", stdout=PIPE)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        blocked = int((await process.communicate())[0].split()[1], 16)
        process = await asyncio.create_subprocess_exec("grep", "SigBlk", "/proc/self/status", stdout=PIPE)
        return blocked, int((await process.communicate())[0].split()[1], 16)

    assert new_loop().run_until_complete(main()) == (1 << signal.SIGUSR1 - 1, 0)


def test_errors_and_context_of_popen(new_loop, monkeypatch):
    variable = contextvars.ContextVar("variable", default=None)
    raised = []

    def refuse(*args, **kwargs):
        raised.append(kind(variable.get()))
        raise raised[-1]

    async def main():
        variable.set("value")
        await asyncio.create_subprocess_exec("true", stdin=PIPE)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    loop = new_loop()
    for kind in (ZeroDivisionError, OSError, TimeoutError, asyncio.CancelledError, asyncio.InvalidStateError):
        with pytest.raises(kind) as caught:
            loop.run_until_complete(main())
        assert type(caught.value) is kind and caught.value.args == ("value",)
        assert caught.value is raised[-1] or kind is asyncio.CancelledError
    for kind in (KeyboardInterrupt, SystemExit):
        with pytest.raises(kind):
            loop.run_until_complete(main())
    kind = StopIteration
    with pytest.raises(RuntimeError, match=r"^coroutine raised StopIteration$"):
        loop.run_until_complete(main())


def test_popen_runs_on_the_thread_of_the_loop(new_loop, popen):
    async def main():
        process = await asyncio.create_subprocess_exec("true", stdin=PIPE)
        assert await process.wait() == 0
        process._transport.close()

    new_loop().run_until_complete(main())
    assert popen.threads == [threading.current_thread()]


def test_no_child_waits_for_to_thread(new_loop):
    async def main(loop):
        release = threading.Event()
        busy = [loop.create_task(asyncio.to_thread(release.wait)) for _ in range(100)]
        await asyncio.sleep(0)
        process = await asyncio.create_subprocess_exec("true")
        assert await asyncio.wait_for(process.wait(), 10) == 0
        release.set()
        await asyncio.gather(*busy)

    loop = new_loop()
    loop.run_until_complete(main(loop))


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 20])
def test_cancelling_at_any_moment_leaves_no_child(new_loop, popen, turns):
    async def main(loop):
        task = loop.create_task(asyncio.create_subprocess_exec("sleep", "50", stdin=PIPE, stdout=PIPE))
        for _ in range(turns):
            await asyncio.sleep(0)
        if not task.cancel():  # it was quicker
            process = await task
            process.kill()
            await process.wait()
            process._transport.close()
            return
        with pytest.raises(asyncio.CancelledError):
            await task
        # Since Python 3.14 only the child's end is waited for, and not that of its pipes.
        await until(lambda: all(process.stdin.closed and process.stdout.closed for process in popen.made))

    loop = new_loop()
    loop.run_until_complete(main(loop))
    for process in popen.made:
        with pytest.raises(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
        assert process.returncode == -signal.SIGKILL
        assert process.stdin.closed and process.stdout.closed


def test_several_loops_at_once(aio):
    codes = []

    async def one(n):
        process = await asyncio.create_subprocess_shell(f"exit {n}")
        return await process.wait()

    async def many():
        codes.append(await asyncio.gather(*map(one, range(10))))

    def in_thread():
        with asyncio.Runner(loop_factory=aio.new_event_loop) as runner:
            runner.run(many())

    threads = [threading.Thread(target=in_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [list(range(10))] * 4


def test_a_status_that_somebody_else_has_read(new_loop, aio, caplog):
    if aio is asyncio and sys.version_info < (3, 12):
        pytest.skip("a thread of asyncio's reads it first")

    async def main():
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE)
        process._transport.get_extra_info("subprocess").kill()
        os.waitpid(process.pid, 0)
        assert await process.wait() == 255
        return process.pid

    pid = new_loop().run_until_complete(main())
    assert caplog.messages == [f"child process pid {pid} exit status already read:  will report returncode 255"]


# On ferrio's


def test_a_transport_dropped_with_its_loop_is_warned_about_and_its_child_killed(popen):
    """On stock asyncio this leaves an open pidfd behind; 3.11's has a thread that keeps the transport."""
    loop = ferrio.new_event_loop()

    async def main():
        streams = dict.fromkeys(("stdin", "stdout", "stderr"))
        await loop.subprocess_exec(asyncio.SubprocessProtocol, "sleep", "50", **streams)

    loop.run_until_complete(main())
    process = popen.made[0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.close()
        gc.collect()
    texts = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
    assert texts == [f"unclosed transport <_UnixSubprocessTransport pid={process.pid} running>"]
    assert process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("refusal", [errno.ENOSYS, errno.EPERM, errno.EMFILE, None])
def test_without_pidfds_each_child_has_a_thread(monkeypatch, refusal):
    def pidfd_open(pid):
        raise OSError(refusal, os.strerror(refusal))

    if refusal is None:
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(os, "pidfd_open", pidfd_open)

    async def main(loop):
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        names = {thread.name for thread in threading.enumerate()}
        assert f"ferrio-waitpid-{process.pid}" in names
        assert await process.communicate(b"data") == (b"data", None)
        assert process.returncode == 0
        process = await asyncio.create_subprocess_shell("kill -9 $$")
        assert await process.wait() == -signal.SIGKILL
        process = await asyncio.create_subprocess_exec("sleep", "50")
        process._transport.close()
        assert await process.wait() == -signal.SIGKILL

    run(main)


def test_a_status_that_popen_has_read(caplog):
    async def main(loop):
        process = await asyncio.create_subprocess_shell("read line; exit 5", stdin=PIPE)
        process.stdin.write(b"\n")
        assert process._transport.get_extra_info("subprocess").wait() == 5
        assert process.returncode is None
        assert await process.wait() == 5

    run(main)
    assert not caplog.messages


def test_no_child_watcher_and_no_warning(monkeypatch):
    # Before Python 3.14 the policy has it, then the loop.
    if sys.version_info < (3, 14):
        monkeypatch.setattr(asyncio.get_event_loop_policy(), "_watcher", None)

    async def main(loop):
        assert not hasattr(loop, "_watcher")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            process = await asyncio.create_subprocess_exec("true")
            assert await process.wait() == 0

    run(main)
    if sys.version_info < (3, 14):
        assert asyncio.get_event_loop_policy()._watcher is None


def test_a_waitpid_that_fails_is_reported_once_and_leaves_no_descriptor(monkeypatch):
    """As on stock asyncio from Python 3.15 on, which leaves one open before."""
    errors = []

    def fails(pid, options):
        raise OSError("unexpected")

    async def main(loop):
        open_before = os.listdir("/dev/fd")
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE)
        with monkeypatch.context() as patched:
            patched.setattr(os, "waitpid", fails)
            process.stdin.close()
            while not errors:
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
        os.waitpid(process.pid, 0)
        process._transport._process_exited(0)
        await process.wait()
        return open_before, os.listdir("/dev/fd")

    loop = ferrio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: errors.append(str(context["exception"])))
    before, after = loop.run_until_complete(main(loop))
    loop.close()
    assert (errors, after) == (["unexpected"], before)
