"""What a Python process that a program under `ferrio run` started imports first: PYTHONPATH names this folder.

Nothing but waiting happens here, so that a child which needs no loop pays nothing: when asyncio is imported, ferrio is
installed (everywhere.py has the rest). A `sitecustomize` of the environment's own is imported, too, and this folder
leaves sys.path. The child may be any Python 3, in any environment: without a ferrio it keeps its loops, and says so.
"""

import os
import sys

TYPE_CHECKING = False  # typing's own would have every child import typing
if TYPE_CHECKING:
    from typing import Any

LOOPS = ("uvloop", "rloop", "rsloop", "zuvloop")


class Waiting:
    """A finder that finds nothing itself, and acts after the import of asyncio and that of ferrio."""

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """What the other finders find, with something to do after its import."""
        if name not in ("asyncio", "ferrio", *LOOPS):
            return None
        if name in LOOPS:
            import asyncio  # noqa: F401  # then there is a stand-in

        for finder in list(sys.meta_path):
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if name not in LOOPS and spec.loader is not None:
                    self.follow(name, spec.loader)
                return spec
        return None

    def follow(self, name: str, loader: "Any") -> None:
        """Have the module's own loader call us when it is done, once."""
        load = loader.exec_module

        def exec_module(module: object) -> None:
            del loader.exec_module
            load(module)
            self.act_after(name)

        loader.exec_module = exec_module

    def act_after(self, name: str) -> None:
        """asyncio: import ferrio, unless that is what imports asyncio. ferrio: install it."""
        try:
            if name == "ferrio":
                from ferrio.cli.everywhere import join

                sys.meta_path.remove(self)
                join()
            elif "ferrio" not in sys.modules:
                import ferrio  # noqa: F401
        except Exception as error:  # ImportError, or another release's options: the import of asyncio must not fail
            print(f"ferrio: {sys.executable} keeps its own event loops: {error}", file=sys.stderr)


def begin() -> None:
    """Wait, and have the environment's own module of this name imported."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [each for each in sys.path if os.path.abspath(each) != here]
    if "FERRIO_RUN" in os.environ:
        sys.meta_path.insert(0, Waiting())
    this = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ImportError as error:
        if error.name != __name__:
            raise
    sys.modules.setdefault(__name__, this)


if __name__ == "sitecustomize":
    begin()
