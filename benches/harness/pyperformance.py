"""The benchmark programs of the installed package `pyperformance`, as modules: rows run those very programs.

Owns where the package keeps them. A program imports pyperf and asyncio, so it is loaded while a row measures, never
before: by then the contender is set up. What a program does, and how its time is taken, is the rows' business.
"""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

PACKAGE = "pyperformance"
PLACE = "data-files/benchmarks/bm_{}/run_benchmark.py"


def program(name: str) -> Any:
    """The module of that benchmark, imported and not run; each call gives one of its own, constants unchanged."""
    package = find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {PACKAGE}: install benches/requirements.txt")
    path = Path(package.submodule_search_locations[0], PLACE.format(name))
    spec = spec_from_file_location(f"{PACKAGE}_{name}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ImportError(
            f"this release of {PACKAGE} has no {path}: install the one that benches/requirements.txt names"
        )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
