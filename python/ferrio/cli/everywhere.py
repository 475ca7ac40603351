"""What `ferrio run` puts in place, in its own process and in the Python processes that this one starts.

A forked process has it all. A new interpreter finds the folder children/ by PYTHONPATH, and there the module
`sitecustomize`, which Python imports at its start; the options are in FERRIO_RUN. So they reach whatever inherits the
environment: multiprocessing's "spawn" and "forkserver", subprocess, exec. `python -I`, `-E` and `-S` mean to be left
alone, and are.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec

import ferrio
from ferrio import stuck

from .commands import RUN
from .parse import Request, parse

OPTIONS = "FERRIO_RUN"
"""The variable that has the options of `ferrio run`, a line each."""

LOOPS = ("uvloop", "rloop", "rsloop", "zuvloop")
"""Packages in whose place ferrio stands; children/ has the same names."""

CHILDREN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "children")


def begin(request: Request) -> None:
    """Put ferrio in place here, as the options say, and let children know."""
    _put_in_place(request)
    options = {name: value for name, value in request.options.items() if name.startswith("--")}
    os.environ[OPTIONS] = "\n".join(name if value is True else f"{name}={value}" for name, value in options.items())
    paths = os.environ.get("PYTHONPATH")
    if CHILDREN not in (paths or "").split(os.pathsep):
        os.environ["PYTHONPATH"] = f"{CHILDREN}{os.pathsep}{paths}" if paths else CHILDREN


def join() -> None:
    """The same in a child, which has just imported ferrio."""
    _put_in_place(parse([RUN.name, *os.environ.get(OPTIONS, "").splitlines()]))


def _put_in_place(request: Request) -> None:
    watchdog, limit = _seconds(request, "--watchdog"), _seconds(request, "--dump-tasks-after")
    if request.has("--inspectable"):
        from ferrio import inspectable

        inspectable.make_inspectable()
    ferrio.install(keep_tasks=True, watchdog=watchdog, dump_tasks_after=limit)
    stuck.explain(watched=watchdog is not None or limit is not None, interrupts=watchdog is not None)
    keep = request.has("--keep-uvloop")
    if keep is not (_finder in sys.meta_path):
        return
    if keep:  # as in a `ferrio run --keep-uvloop` that another `ferrio run` has started
        sys.meta_path.remove(_finder)
    else:
        sys.meta_path.insert(0, _finder)
    for name in list(sys.modules):  # who imports it again gets the right one
        if name.partition(".")[0] in LOOPS:
            del sys.modules[name]


def _seconds(request: Request, name: str) -> float | None:
    value = request.options.get(name)
    return value if isinstance(value, float) else None


class Finder:
    """Finds what stands in for other loops."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in LOOPS:
            return None
        from . import stand_ins

        return stand_ins.spec(fullname)


_finder = Finder()
