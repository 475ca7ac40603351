"""Modules that stand in for other loops under `ferrio run`: `import uvloop` gives ferrio's loop by uvloop's names.

Installed or not: a program that takes such a loop where there is one takes ferrio's. A stand-in has what programs use
of these packages, made when it is first asked for; that moment is also when one line says so, once for each package in
a process and those it starts afterwards. Imported with the first of them; everywhere.py finds them.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Coroutine
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import ferrio
from ferrio import events

VERSIONS = {"uvloop": "0.23.0", "rloop": "0.5.0", "rsloop": "0.1.66", "zuvloop": "0.0.17"}
"""Whose place is taken, and what release it says it is where none is installed."""

NAMES = ("EventLoopPolicy", "Loop", "RLoop", "install", "new_event_loop", "run")

SAID = "FERRIO_RUN_STANDS_IN"


def spec(name: str) -> ModuleSpec | None:
    """Of the package, or of the module `loop` in it; there are no others."""
    rest = name.partition(".")[2]
    if rest not in ("", "loop"):
        return None
    # The loader has what is asked of one; the base class would cost more than the rest.
    return ModuleSpec(name, Loader(), origin=__file__, is_package=not rest)  # type: ignore[arg-type]


class Loader:
    """Makes the modules."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        def find(name: str) -> object:
            if (value := _made(module.__name__, name)) is None:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}: ferrio stands in for it")
            setattr(module, name, value)
            return value

        module.__doc__ = __doc__
        vars(module).update(__all__=NAMES, __getattr__=find)


def _made(module: str, name: str) -> object:
    package = module.partition(".")[0]
    if name == "__version__":
        return _version(package)
    if name == "loop":
        return importlib.import_module(f"{package}.loop")
    if name in NAMES:
        _say(package)
        return {"EventLoopPolicy": ferrio.EventLoopPolicy, "install": install, "run": run}.get(
            name, new_event_loop if name == "new_event_loop" else ferrio.Loop
        )
    return None


def new_event_loop() -> ferrio.Loop:
    """A loop of ferrio's."""
    return ferrio.new_event_loop()


def install() -> None:
    """Make it the default, should the program have set another policy."""
    events.set_policy(ferrio.EventLoopPolicy())


def run(
    main: Coroutine[Any, Any, Any], *, loop_factory: Callable[[], Any] | None = None, debug: bool | None = None
) -> Any:
    """Run the coroutine `main`, as ferrio.run() does."""
    return ferrio.run(main, loop_factory=loop_factory, debug=debug)


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return VERSIONS[package]


def _say(package: str) -> None:
    said = os.environ.get(SAID, "").split()
    if package not in said:
        os.environ[SAID] = " ".join([*said, package])
        print(f"ferrio: ferrio's loop stands in for {package} (ferrio run --keep-uvloop keeps it)", file=sys.stderr)
