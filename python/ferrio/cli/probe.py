"""Whether the kernel has what event loops like to use; asked of the kernel, since sandboxes refuse what it has.

Each system call is made with arguments that it must refuse: what it answers then tells whether it is there. ENOSYS
means that it is not, EPERM that it is forbidden, anything else that it is. The numbers are the same on every
architecture of Linux since 5.0.
"""

from __future__ import annotations

import errno
import os
import sys

CALLS = {"pidfd_open": 434, "epoll_pwait2": 441, "io_uring_setup": 425}


def kernel_features() -> dict[str, str]:
    """The name of each feature, and whether it can be used; with what for."""
    if sys.platform != "linux":
        return {"features": f"not asked for on {sys.platform}"}
    return {
        "pidfd": f"{_state('pidfd_open')} (children are awaited by it)",
        "epoll_pwait2": f"{_state('epoll_pwait2')} (not used)",
        "io_uring": f"{_state('io_uring_setup')} (not used)",
        "unprivileged io_uring": _switch("/proc/sys/kernel/io_uring_disabled"),
        "sandbox": _seccomp(),
    }


def _state(name: str) -> str:
    try:
        import ctypes
    except ImportError:
        return "unknown, this Python has no ctypes"
    system_call = ctypes.CDLL(None, use_errno=True).syscall
    nothing = ctypes.c_void_p(None)
    invalid = ctypes.c_long(0 if name == "io_uring_setup" else -1)
    ctypes.set_errno(0)
    system_call(ctypes.c_long(CALLS[name]), invalid, nothing, ctypes.c_long(0), nothing, nothing, ctypes.c_long(0))
    answer = ctypes.get_errno()
    if answer == errno.ENOSYS:
        return "no"
    return f"forbidden ({os.strerror(answer)})" if answer in (errno.EPERM, errno.EACCES) else "yes"


def _switch(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            value = file.readline().strip()
    except OSError:
        return "no switch in this kernel"
    return {"0": "allowed", "1": "for the group only", "2": "off"}.get(value, value)


def _seccomp() -> str:
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            mode = next((line.split()[1] for line in file if line.startswith("Seccomp:")), "?")
    except OSError:
        mode = "?"
    return {"0": "no system call filter", "1": "seccomp, strict", "2": "seccomp, filtered"}.get(mode, "unknown")
