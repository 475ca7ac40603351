"""`ferrio kernel install` and `remove`: a kernelspec, by which Jupyter finds the kernel of ferrio/kernel.py.

Owns the spec's contents and whose a spec is. ipykernel and jupyter_client know where specs are, and what is in one.
Invariant: a spec that is not ferrio's is neither overwritten nor removed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import Mistake, nearest
from .output import say
from .parse import Request

MODULE = "ferrio.kernel"


def main(request: Request) -> int:
    """Install or remove, as the first word says."""
    action, name = request.words[0], str(request.options.get("--name", "ferrio"))
    if action not in ACTIONS:
        raise Mistake(f"kernel: unknown action {action!r}{nearest(action, ACTIONS) or '; known are install, remove'}")
    if request.has("--user") and request.has("--prefix"):
        raise Mistake("kernel: --user and --prefix exclude each other")
    try:
        ACTIONS[action](request, name)
    except OSError as error:
        hint = "" if request.has("--user") else "; --user is your own folder"
        raise Mistake(f"kernel: {error.filename or 'the kernelspec'}: {error.strerror or error}{hint}") from None
    return 0


def install(request: Request, name: str) -> None:
    """Write the spec: by default into the environment of this Python, where its Jupyter looks."""
    folder = _folder(request) / name
    if folder.exists() and not _is_ours(folder):
        raise Mistake(f"kernel: {name!r} is another's kernel, in {folder}; take another --name")
    written = _ipykernel("ipykernel.kernelspec").write_kernel_spec(
        overrides={
            "argv": [sys.executable, "-Xfrozen_modules=off", "-m", MODULE, "-f", "{connection_file}"],
            "display_name": "Python 3 on ferrio" + (f" ({name})" if name != "ferrio" else ""),
        }
    )
    try:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(written, folder)
    finally:
        shutil.rmtree(os.path.dirname(written))
    say(f"kernel {name!r} is in {folder}")


def remove(request: Request, name: str) -> None:
    """Remove the spec: of that folder, if one is named, otherwise the one that Jupyter finds."""
    if request.has("--user") or request.has("--prefix"):
        folder = _folder(request) / name
        found = {folder.name: folder} if folder.is_dir() else {}
    else:
        manager = _ipykernel("jupyter_client.kernelspec").KernelSpecManager()
        found = {each: Path(where) for each, where in manager.find_kernel_specs().items()}
    ours = {each: where for each, where in found.items() if _is_ours(where)}
    if name in ours:
        shutil.rmtree(ours[name])
        say(f"kernel {name!r} is gone from {ours[name]}")
    elif name in found:
        raise Mistake(f"kernel: {name!r} in {found[name]} is not ferrio's: jupyter kernelspec remove {name}")
    else:
        known = f"; ferrio's are {', '.join(sorted(ours))}" if ours else ""
        raise Mistake(f"kernel: there is no kernel {name!r}{nearest(name, ours) or known}")


def _folder(request: Request) -> Path:
    """Where kernelspecs are: the user's own, of a prefix, or of the environment."""
    if request.has("--user"):
        return Path(_ipykernel("jupyter_core.paths").jupyter_data_dir()) / "kernels"
    return Path(str(request.options.get("--prefix", sys.prefix))).absolute() / "share" / "jupyter" / "kernels"


def _is_ours(folder: Path) -> bool:
    try:
        return MODULE in json.loads((folder / "kernel.json").read_text(encoding="utf-8"))["argv"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _ipykernel(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise Mistake(f"kernel: it needs ipykernel ({error}): {sys.executable} -m pip install ipykernel") from None


ACTIONS = {"install": install, "remove": remove}
