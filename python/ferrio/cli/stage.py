"""What a program finds when it starts: sys.argv, sys.path[0], and a `__main__` module that is its own.

Invariant: the `__main__` that python made, and the command came from, outlives the program. The interpreter goes on
using its dictionary when an exception has been reported, without a reference of its own.
"""

from __future__ import annotations

import builtins
import sys
from importlib.machinery import BuiltinImporter
from types import ModuleType

from .. import _compat


def prepare(arguments: list[str], path: str, always: bool = False) -> ModuleType:
    """Set up all three, and return `__main__`, which looks as python makes it.

    Python put something before the path for us, unless it was told to be safe; a folder or zip file that is the
    program comes first in any case (`always`).
    """
    sys.argv[:] = arguments
    if not sys.flags.safe_path:
        sys.path[0] = path
    elif always:
        sys.path.insert(0, path)
    stage = ModuleType("__main__")
    stage.__loader__ = BuiltinImporter
    if not _compat.LAZY_ANNOTATIONS:
        stage.__annotations__ = {}
    vars(stage)["__builtins__"] = builtins
    _made_by_python.append(sys.modules["__main__"])
    sys.modules["__main__"] = stage
    return stage


def set_file(stage: ModuleType, file_name: str) -> None:
    """`__main__` is of that file, as long as its code runs."""
    stage.__file__ = file_name
    if _compat.CACHED_NAMES:
        vars(stage)["__cached__"] = None


_made_by_python: list[ModuleType] = []
