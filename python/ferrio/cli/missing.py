"""What is near a file or a module that is not there, for the one line that says so."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pkgutil import iter_modules

from .errors import nearest


def like_file(path: str) -> str:
    """`; did you mean 'folder/name.py'?` for a file that does not exist, or nothing."""
    folder, name = os.path.split(path)
    try:
        there = os.listdir(folder or ".")
    except OSError:
        return f"; there is no folder {folder!r}"
    programs = [each for each in there if each.endswith((".py", ".pyz", ".zip")) or _is_program(folder, each)]
    hint = nearest(name, programs) or nearest(name + ".py", programs)
    return hint.replace("mean '", f"mean '{os.path.join(folder, '')}", 1)


def like_module(name: str) -> str:
    """`; did you mean 'package.module'?` for a module that cannot be found, or nothing."""
    package, _, last = name.rpartition(".")
    if not package:
        return nearest(last, (module.name for module in iter_modules()))
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return like_module(package)
    names = (f"{package}.{module.name}" for module in iter_modules(spec.submodule_search_locations))
    return nearest(name, names)


def _is_program(folder: str, name: str) -> bool:
    return os.path.exists(os.path.join(folder, name, "__main__.py"))
