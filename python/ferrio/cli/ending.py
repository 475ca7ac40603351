"""The line at the end of a program under `ferrio run` in which no loop of ferrio's ran, though it looked for one.

Silent where there is nothing to say: the program failed or was asked for help, it started processes, which may have had
the loops, or none of its modules has anything of asyncio's. Imported at exit, and only where no loop has run.
"""

from __future__ import annotations

import contextlib
import sys
from types import FunctionType, ModuleType

from ferrio import foreign

NO_LOOP = {"-h", "--help", "help", "-V", "--version", "version"}
"""Arguments of programs that only tell of themselves."""


def tell() -> None:
    """Called at exit, where the program came to its end with status 0 and no loop of ferrio's has run."""
    if not _looked_for_a_loop():
        return
    reason = "; the warning above says which did" if foreign.named() else ""
    with contextlib.suppress(OSError, ValueError):  # nobody reads, or it is closed
        print(f"ferrio: no event loop of ferrio's ran in this program{reason}", file=sys.stderr)


def _looked_for_a_loop() -> bool:
    return not NO_LOOP.intersection(sys.argv[1:]) and not _had_children() and _has_asyncio()


def _had_children() -> bool:
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0


def _has_asyncio() -> bool:
    """Whether a module that is neither Python's nor ferrio's has asyncio, or a class or function of it."""
    others = {*sys.stdlib_module_names, "ferrio", "sitecustomize"} - {"__main__"}
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] not in others]
    return any(_is_asyncios(value) for module in modules for value in list(getattr(module, "__dict__", {}).values()))


def _is_asyncios(value: object) -> bool:
    if type(value) is ModuleType:
        return value.__name__.partition(".")[0] == "asyncio"
    if type(value) in (FunctionType, type):  # no other: asking may be answered by code of the program's
        return str(value.__module__).partition(".")[0] == "asyncio"
    return False
