"""The facts of `ferrio doctor`: sections of names and values, each value one line of text.

Asks the running interpreter, the kernel and the environment, and changes nothing. A fact that cannot be found out
is reported as such; no question here may fail the command. The contents of variables are shown only for those
that the list names, since a report is read by others.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import resource
import sys
import sysconfig

import ferrio

from .. import _compat, sslproto
from .._ferrio import __build__, _task_layout
from .probe import kernel_features

Facts = dict[str, dict[str, str]]

OTHER_LOOPS = ("uvloop", "rloop", "rsloop")
VARIABLES = (
    "FERRIO_INSPECTABLE",
    "FERRIO_POLLER",
    "FERRIO_TLS",
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONMALLOC",
    "PYTHONOPTIMIZE",
    "PYTHONSAFEPATH",
    "PYTHONWARNINGS",
    "PYTHON_GIL",
    "PYTHON_JIT",
    "LD_PRELOAD",
    "MALLOC_ARENA_MAX",
    "GLIBC_TUNABLES",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "OPENSSL_CONF",
    "VIRTUAL_ENV",
)


def collect() -> Facts:
    """All sections, in the order in which they are printed."""
    return {
        "versions": versions(),
        "interpreter": interpreter(),
        "loop": loop(),
        "kernel": kernel_features(),
        "limits": limits(),
        "other loops": {name: installed(name) for name in OTHER_LOOPS},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ} or {"(none of ours)": ""},
    }


def versions() -> dict[str, str]:
    """What is installed, and on what."""
    return {
        "ferrio": ferrio.__version__,
        "for": f"CPython {_compat.KNOWN}",
        "build": __build__,
        "ferrio's folder": os.path.dirname(ferrio.__file__),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "executable": sys.executable,
        "platform": f"{platform.system()} {platform.machine()}",
        "kernel": platform.release(),
        "libc": _libc(),
        "openssl": sslproto.library(),
    }


def _libc() -> str:
    name, version = platform.libc_ver()
    if not version and "musl" in str(sysconfig.get_config_var("SOABI")):  # which few releases know by themselves
        return "musl"
    return f"{name} {version}".strip() or "unknown"


def interpreter() -> dict[str, str]:
    """How this Python was built and started."""
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    return {
        "gil": "on" if has_lock else "off",
        "free-threaded build": _yes(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "debug build": _yes(hasattr(sys, "gettotalrefcount")),
        "pgo and lto": f"{_yes('--enable-optimizations' in arguments)}, {_yes('--with-lto' in arguments)}",
        "compiler": platform.python_compiler(),
        "development mode": _yes(sys.flags.dev_mode),
        "optimize": str(sys.flags.optimize),
    }


def loop() -> dict[str, str]:
    """The loop as a program would get it here."""
    forced = os.environ.get("FERRIO_POLLER")
    try:
        trial = ferrio.Loop()
    except Exception as error:
        poller, debug = f"unknown: no loop can be made: {error}", "unknown"
    else:
        reason = f"FERRIO_POLLER={forced}" if forced else f"the default on {platform.system()}"
        poller, debug = f"{trial._poller()} ({reason})", _yes(trial.get_debug())
        trial.close()
    return {
        "poller": poller,
        "debug mode": debug,
        "tasks in asyncio ps": _tasks_shown(),
        "asyncio policy": policy(),
        **tls(),
    }


def _tasks_shown() -> str:
    """Whether tools that look into a running program find its tasks."""
    if not _compat.TASKS_ARE_LINKED:
        return "not before Python 3.14"
    return "shown" if _task_layout() else "not shown: asyncio's own tasks lie in memory as none of a known release"


def policy() -> str:
    """The class of the policy by which asyncio makes its loops, where it does so."""
    if not _compat.HAS_POLICIES:
        return "none in this release"
    with _compat.using_policies():
        kind = type(asyncio.get_event_loop_policy())
    return f"{kind.__module__}.{kind.__qualname__}"


def tls() -> dict[str, str]:
    """What TLS is done by here, why, and whether the kernel could do it."""
    try:
        engine, reason = sslproto.engine()
    except Exception as error:
        found = f"unknown: {error}"
    else:
        found = f"{_ENGINES[engine]} ({reason})"
    return {"tls": found, "tls in the kernel": _kernel_tls()}


def limits() -> dict[str, str]:
    """Soft and hard limits that a server meets."""
    return {
        "open files": _limit(resource.RLIMIT_NOFILE),
        "processes": _limit(resource.RLIMIT_NPROC),
        "processors": f"{len(_processors())} of {os.cpu_count()} usable",
        "listen backlog": _first_line("/proc/sys/net/core/somaxconn"),
        "local ports": _first_line("/proc/sys/net/ipv4/ip_local_port_range").replace("\t", " to "),
    }


def installed(name: str) -> str:
    """The version of a distribution, without importing it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


_ENGINES = {
    "direct": "native, OpenSSL called directly",
    "bio": "native, by way of SSLObject and MemoryBIO",
    "asyncio": "asyncio's SSLProtocol",
}


def _kernel_tls() -> str:
    """The kernel has it where a socket may be given the protocol "tls" on top; ferrio does not use it."""
    layers = _first_line("/proc/sys/net/ipv4/tcp_available_ulp")
    return f"{'offered' if 'tls' in layers.split() else 'not offered'} (tcp_available_ulp: {layers}), not used"


def _processors() -> set[int]:
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _limit(which: int) -> str:
    soft, hard = ("unlimited" if each == resource.RLIM_INFINITY else str(each) for each in resource.getrlimit(which))
    return f"soft {soft}, hard {hard}"


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except OSError:
        return "unknown"


def _yes(value: object) -> str:
    return "yes" if value else "no"
