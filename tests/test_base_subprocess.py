"""How child processes are started, watched and given up; what they can be given is in test_subprocess.

Popen is replaced by one that writes down its children, and can be held up.
"""

import asyncio
import contextvars
import errno
import gc
import os
import signal
import subprocess
import threading
import warnings

import ferrio
import pytest

PIPE = subprocess.PIPE


class Popen(subprocess.Popen):
    """Notes its threads and its children; waits at the gate before it starts one, and after."""

    made, threads = [], []
    before, after, reached = threading.Event(), threading.Event(), threading.Semaphore(0)

    def __init__(self, *args, **kwargs):
        self.threads.append(threading.current_thread().name)
        self.reached.release()
        assert self.before.wait(20)
        super().__init__(*args, **kwargs)
        self.made.append(self)
        self.reached.release()
        assert self.after.wait(20)


@pytest.fixture
def popen(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", Popen)
    Popen.made, Popen.threads, Popen.reached = [], [], threading.Semaphore(0)
    Popen.before.set()
    Popen.after.set()
    yield Popen
    Popen.before.set()
    Popen.after.set()
    Popen.made = []


async def until(condition):
    while not condition():
        await asyncio.sleep(0.0005)


def reaped(process):
    """Whether a child is dead, was waited for, and has left no open pipe."""
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    pipes = (process.stdin, process.stdout, process.stderr)
    return process.returncode == -signal.SIGKILL and all(pipe is None or pipe.closed for pipe in pipes)


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
        await asyncio.sleep(0)

    loop = new_loop()
    loop.run_until_complete(main(loop))
    for process in popen.made:
        with pytest.raises(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
        assert process.returncode == -signal.SIGKILL


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


# On ferrio's


def test_popen_runs_on_a_lane_of_its_own(popen):
    async def main(loop):
        popen.before.clear()
        tasks = [loop.create_task(asyncio.create_subprocess_exec("true")) for _ in range(10)]
        await until(lambda: len(popen.threads) == 4)
        assert await asyncio.wait_for(asyncio.to_thread(pow, 2, 3), 10) == 8
        popen.before.set()
        for process in await asyncio.gather(*tasks):
            assert await process.wait() == 0
        release = threading.Event()
        busy = [loop.create_task(asyncio.to_thread(release.wait)) for _ in range(100)]
        await asyncio.sleep(0)
        process = await asyncio.wait_for(asyncio.create_subprocess_exec("true"), 10)
        release.set()
        await asyncio.gather(*busy)
        assert await process.wait() == 0
        assert {name.rpartition("_")[0] for name in popen.threads} == {"ferrio-spawn"}
        popen.threads.clear()
        process = await asyncio.create_subprocess_exec("true", preexec_fn=lambda: None)
        assert await process.wait() == 0 and popen.threads == [threading.current_thread().name]

    run(main)


def test_being_cancelled_ends_when_the_child_is_gone(popen):
    async def main(loop):
        popen.after.clear()
        task = loop.create_task(asyncio.create_subprocess_exec("sleep", "50", stdin=PIPE, stdout=PIPE))
        await until(lambda: popen.made)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.001)
        assert not task.done()
        popen.after.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert reaped(popen.made[0])

    run(main)


def test_being_cancelled_before_the_lane_is_free_starts_nothing(popen):
    async def main(loop):
        popen.before.clear()
        tasks = [loop.create_task(asyncio.create_subprocess_exec("true")) for _ in range(6)]
        await until(lambda: len(popen.threads) == 4)
        tasks[5].cancel()
        await asyncio.wait([tasks[5]], timeout=10)
        assert tasks[5].cancelled()
        popen.before.set()
        for process in await asyncio.gather(*tasks[:5]):
            assert await process.wait() == 0
        assert len(popen.threads) == 5

    run(main)


@pytest.mark.parametrize("started", [False, True])
def test_closing_the_loop_while_a_child_starts(popen, started):
    loop = ferrio.new_event_loop()
    gate = popen.after if started else popen.before
    gate.clear()

    async def main():
        tasks.append(loop.create_task(asyncio.create_subprocess_exec("sleep", "50", stdin=PIPE)))
        await asyncio.sleep(0)
        assert popen.reached.acquire(timeout=10)
        assert not started or popen.reached.acquire(timeout=10)

    tasks = []
    loop.run_until_complete(main())
    lane = [thread for thread in threading.enumerate() if thread.name.startswith("ferrio-spawn")]
    loop.close()
    tasks.pop()._log_destroy_pending = False
    gate.set()
    for thread in lane:
        thread.join(10)
        assert not thread.is_alive()
    assert reaped(popen.made[0])


def test_closing_the_loop_before_it_heard_of_a_child(popen):
    loop = ferrio.new_event_loop()

    async def main():
        tasks.append(loop.create_task(asyncio.create_subprocess_exec("sleep", "50", stdin=PIPE)))
        await asyncio.sleep(0)
        assert popen.reached.acquire(timeout=10) and popen.reached.acquire(timeout=10)
        lane.extend(thread for thread in threading.enumerate() if thread.name.startswith("ferrio-spawn"))
        loop.stop()
        await asyncio.sleep(0)

    tasks, lane = [], []
    with pytest.raises(RuntimeError, match="stopped"):
        loop.run_until_complete(main())
    loop.close()
    for thread in lane:
        thread.join(10)
    for task in [*tasks, *asyncio.all_tasks(loop)]:
        task._log_destroy_pending = False
    assert reaped(popen.made[0])


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
    assert texts == [f"unclosed transport <SubprocessTransport pid={process.pid} running>"]
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
        process = await asyncio.create_subprocess_shell("exit 5")
        assert process._transport.get_extra_info("subprocess").wait() == 5
        assert process.returncode is None
        assert await process.wait() == 5

    run(main)
    assert not caplog.messages


def test_a_status_that_somebody_else_has_read(caplog):
    async def main(loop):
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE)
        process._transport.get_extra_info("subprocess").kill()
        os.waitpid(process.pid, 0)
        assert await process.wait() == 255
        return process.pid

    pid = run(main)
    assert caplog.messages == [
        f"child process pid {pid} exit status already read:  will report returncode 255"
    ]


def test_no_child_watcher_and_no_warning(monkeypatch):
    monkeypatch.setattr(asyncio.get_event_loop_policy(), "_watcher", None)

    async def main(loop):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            process = await asyncio.create_subprocess_exec("true")
            assert await process.wait() == 0

    run(main)
    assert getattr(asyncio.get_event_loop_policy(), "_watcher", None) is None
