"""Child processes: `ChildProcesses`, the part of the loop that starts and reaps them, and their transport.

Popen runs on a lane of threads of its own, so that the loop does not wait for a program to start, nor a
child for the program's to_thread() work. A child is reaped when its pidfd becomes readable, on the loop's
thread; without pidfds, by a thread of its own. Nothing polls, and nothing waits for children that are not
the loop's.
Invariants: a child that was started has exactly one owner: its Spawn, then its transport; an owner that
goes away kills it. The caller's descriptors are not touched any more once its call has ended, even by being
cancelled. Popen and the loop agree on a child's status, since both write it under Popen's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import os
import signal
import subprocess
import threading
from asyncio import base_subprocess, unix_events
from asyncio.log import logger
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

# Four, so that one program on a file system that hangs does not hold up the others.
LANE = 4

Process = subprocess.Popen[bytes]


class SubprocessTransport(base_subprocess.BaseSubprocessTransport):
    """A child process that runs already when its transport is made."""

    _proc: Process | None

    def _start(self, *_args: Any, **kwargs: Any) -> None:
        self._proc = kwargs["process"]


class Spawn:
    """One call of Popen, under way on the lane until somebody owns the child."""

    def __init__(self, make: Callable[[], Process]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._wanted = True
        self.process: Process | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Start the child; on the lane."""
        if not self._wanted:
            return
        try:
            process = self._make()
        except BaseException as error:
            self.error = error
            return
        with self._lock:
            if self._wanted:
                self.process = process
                return
        dispose(process)

    def abandon(self) -> Process | None:
        """Nobody wants the child any more: returns it for disposal, or None and run() will see to it."""
        with self._lock:
            self._wanted = False
            process, self.process = self.process, None
            return process


class ChildProcesses(asyncio.SelectorEventLoop):
    """What a loop does for child processes."""

    _lane: ThreadPoolExecutor | None = None
    _spawns: set[Spawn]

    if TYPE_CHECKING:  # asyncio's own, of which its stubs know nothing
        _add_reader: Any
        _remove_reader: Any
        _child_watcher_callback: Any

    async def _make_subprocess_transport(
        self,
        protocol: asyncio.SubprocessProtocol,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> SubprocessTransport:
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr, "bufsize": bufsize}
        popen: Callable[..., Process] = subprocess.Popen
        make = functools.partial(popen, args, shell=shell, universal_newlines=False, **streams, **kwargs)
        if kwargs.get("preexec_fn") is None:
            process = await self._start_child(make)
        else:
            # Python code between fork and exec: forked off another thread it could wait for ever for a lock
            # of the loop's thread, and what it may ask for (PR_SET_PDEATHSIG) is tied to the forking thread.
            process = make()
        waiter = self.create_future()
        transport = SubprocessTransport(
            self, protocol, args, shell, **streams, waiter=waiter, extra=extra, process=process
        )
        watch(self, transport, process)
        try:
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        return transport

    async def _start_child(self, make: Callable[[], Process]) -> Process:
        """Call Popen on the lane. Being cancelled, it ends when there is no child and will be none."""
        if self._lane is None:
            self._lane = ThreadPoolExecutor(LANE, thread_name_prefix="ferrio-spawn")
            self._spawns = set()
        # A child inherits its signal mask from the thread that forks.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        spawn = Spawn(functools.partial(contextvars.copy_context().run, _masked, mask, make))
        try:
            job = self._lane.submit(spawn.run)
        except RuntimeError:  # the interpreter is exiting, and starts no threads
            return make()
        self._spawns.add(spawn)
        try:
            await self._finished(job)
        except asyncio.CancelledError:
            job.cancel()
            job = self._give_up(spawn) or job
            while not job.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await self._finished(job)
            raise
        except BaseException:
            self._give_up(spawn)
            raise
        finally:
            self._spawns.discard(spawn)
        process, error = spawn.process, spawn.error
        if process is not None:
            return process
        assert error is not None
        try:
            raise error
        finally:
            spawn.error = error = None  # its traceback refers to both

    async def _finished(self, job: Future[None]) -> None:
        """Wait for the lane; unlike with wrap_future(), being cancelled does not touch the job."""
        waiter = self.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def tell(_: Future[None]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: close() has seen to the child
                self.call_soon_threadsafe(wake)

        job.add_done_callback(tell)
        await waiter

    def _give_up(self, spawn: Spawn) -> Future[None] | None:
        """Have the lane dispose of the child, if there is one."""
        process = spawn.abandon()
        if process is None:
            return None
        try:
            assert self._lane is not None
            return self._lane.submit(dispose, process)
        except RuntimeError:  # the interpreter is exiting
            dispose(process)
            return None

    def close(self) -> None:
        """Close the loop; children that nobody has been told of yet are killed."""
        super().close()
        lane = self._lane
        if lane is not None:
            for spawn in self._spawns:
                self._give_up(spawn)
            self._lane = None
            lane.shutdown(wait=False)


def watch(loop: ChildProcesses, transport: SubprocessTransport, process: Process) -> None:
    """Have the transport told when its child ends."""
    try:
        pidfd = Pidfd(process.pid)
        loop._add_reader(pidfd.fd, _reap, loop, transport, process, pidfd)
    except (AttributeError, OSError):
        # An old kernel, a filter of system calls, or no descriptor left; but the child runs already.
        arguments = (loop, transport, process)
        name = f"ferrio-waitpid-{process.pid}"
        threading.Thread(target=_wait_in_thread, args=arguments, name=name, daemon=True).start()


class Pidfd:
    """A descriptor that can be read when a process has ended; closed with its last reference at last."""

    fd = -1

    def __init__(self, pid: int) -> None:
        self.fd = os.pidfd_open(pid)

    def close(self) -> None:
        """Close the descriptor. Calling it twice does no harm."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    __del__ = close


def _reap(loop: ChildProcesses, transport: SubprocessTransport, process: Process, pidfd: Pidfd) -> None:
    code = exit_code(process, os.WNOHANG)
    if code is not None:
        loop._remove_reader(pidfd.fd)
        pidfd.close()
        loop._child_watcher_callback(process.pid, code, transport)


def _wait_in_thread(loop: ChildProcesses, transport: SubprocessTransport, process: Process) -> None:
    code = exit_code(process, 0)
    try:
        loop._child_watcher_callback(process.pid, code, transport)
    except RuntimeError:
        if not loop.is_closed():
            raise
        logger.warning("Loop %r that handles pid %r is closed", loop, process.pid)


def exit_code(process: Process, options: int) -> int | None:
    """Reap a child: its returncode, 255 if another waitpid() took that, None if it has not ended."""
    with process._waitpid_lock:  # type: ignore[attr-defined]
        if process.returncode is None:
            try:
                pid, status = os.waitpid(process.pid, options)
            except ChildProcessError:
                logger.warning(
                    "child process pid %d exit status already read:  will report returncode 255",
                    process.pid,
                )
                return 255
            if not pid:
                return None
            process.returncode = unix_events.waitstatus_to_exitcode(status)  # type: ignore[attr-defined]
        return process.returncode


def dispose(process: Process) -> None:
    """Kill and reap a child that nobody has been told of."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    if _kill(process):
        process.wait()
    else:  # it runs with another user's rights, and ends when it likes
        threading.Thread(target=process.wait, daemon=True).start()


def _kill(process: Process) -> bool:
    """Whether the child is dead or dying."""
    try:
        process.kill()
    except PermissionError:
        return False
    return True


def _masked(mask: Any, make: Callable[[], Process]) -> Process:
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return make()
