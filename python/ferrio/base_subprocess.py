"""Child processes: `ChildProcesses`, the part of the loop that starts and reaps them.

Popen runs on the loop's thread, as in asyncio. On another it would stall the loop all the same: 0.31 of its
0.34 ms are fork_exec() (or posix_spawn()), which hold the interpreter's lock until the child has called exec.
A start would only take longer, 0.98 ms instead of 0.46. benches/spawn.py, in this package, measures it.
Reaping is ours: by the child's pidfd on the loop's thread or, without pidfds, by a thread for each child. So
there is no child watcher, nothing polls, and nothing waits for children that are not the loop's.
Invariant: Popen and the loop agree on a child's status, since both write it under Popen's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
from asyncio import base_subprocess, unix_events
from asyncio.log import logger
from typing import TYPE_CHECKING, Any

from ._compat import ended

Process = subprocess.Popen[bytes]
Transport = base_subprocess.BaseSubprocessTransport


class ChildProcesses(asyncio.SelectorEventLoop):
    """What a loop does for child processes."""

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
    ) -> Transport:
        waiter: asyncio.Future[None] | None = self.create_future()
        transport: Transport = unix_events._UnixSubprocessTransport(  # type: ignore[attr-defined]
            self, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=waiter, extra=extra, **kwargs
        )
        watch(self, transport)
        try:
            assert waiter is not None
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await ended(transport)
            waiter = None  # no cycle of this frame, the future and its exception is left behind
            raise
        return transport


def watch(loop: ChildProcesses, transport: Transport) -> None:
    """Have the transport told when its child ends."""
    process: Process = transport.get_extra_info("subprocess")
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


def _reap(loop: ChildProcesses, transport: Transport, process: Process, pidfd: Pidfd) -> None:
    over = True  # also where waitpid() fails, which it would do again and again
    try:
        code = exit_code(process, os.WNOHANG)
        over = code is not None
    finally:
        if over:
            loop._remove_reader(pidfd.fd)
            pidfd.close()
    if code is not None:
        loop._child_watcher_callback(process.pid, code, transport)


def _wait_in_thread(loop: ChildProcesses, transport: Transport, process: Process) -> None:
    if hasattr(os, "waitid"):
        # Reaped on the loop's thread, where nobody is about to signal a process of that number.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        exit_code(process, 0)
    try:
        loop.call_soon_threadsafe(_reap_now, loop, transport, process)
    except RuntimeError:
        exit_code(process, 0)
        if not loop.is_closed():
            raise
        logger.warning("Loop %r that handles pid %r is closed", loop, process.pid)


def _reap_now(loop: ChildProcesses, transport: Transport, process: Process) -> None:
    loop._child_watcher_callback(process.pid, exit_code(process, 0), transport)
