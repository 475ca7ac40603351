"""The build backend of the package: maturin's, after a look at what a build needs (`[build-system]` in pyproject.toml).

Owns: the one line about what is missing or too old, said before anything is downloaded or compiled. Which Rust it takes
Cargo.toml says, and which Pythons pyproject.toml; both lie in the current folder, as PEP 517 has it. The interpreter
that the wheel is for runs this, with the standard library alone until maturin is there, which is asked for here. It
must not know how a wheel is built.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path
from typing import Any, NoReturn

MATURIN = "maturin>=1.9,<2"
INSTALL_CC = "apt-get install gcc libc6-dev, dnf install gcc, apk add gcc musl-dev, or xcode-select --install"


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    need_python()
    need_rust()
    need_linker()
    return [MATURIN]


get_requires_for_build_editable = get_requires_for_build_wheel


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    need_rust()
    return [MATURIN]


def __getattr__(name: str) -> Any:
    """The other hooks are maturin's, which is not there yet when the ones above are called."""
    if not name.startswith(("build_", "prepare_metadata_")):
        raise AttributeError(name)
    import maturin

    return getattr(maturin, name)


def need_python() -> None:
    """Installers look at the range themselves, unless they are told not to; at the rest they do not."""
    wanted = read("pyproject.toml")["project"]["requires-python"]
    lowest, above = (numbers(number) for number in wanted.split(","))
    kind = sys.implementation.name + (" without the GIL" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
    if kind != "cpython" or not lowest <= sys.version_info[:2] < above:
        range_ = f"{lowest[0]}.{lowest[1]} to {above[0]}.{above[1] - 1}"
        refuse(
            f"CPython {range_} with the GIL, and this is {kind} {sys.version.split()[0]}: install it with one of those"
        )


def need_rust() -> None:
    wanted = read("Cargo.toml")["workspace"]["package"]["rust-version"]
    for tool in ("cargo", "rustc"):
        try:
            found = subprocess.run([tool, "--version"], capture_output=True, text=True)
        except OSError:
            refuse(f"Rust {wanted} or later, and {tool} is not there: install it with rustup (https://rustup.rs)")
        if found.returncode:
            refuse(f"Rust {wanted} or later, and {tool} does not run: rustup default stable")
        if numbers(found.stdout) < numbers(wanted):
            refuse(f"Rust {wanted} or later, and this is {found.stdout.strip()}: rustup update stable")


def need_linker() -> None:
    """A library is linked, as rustc will do: a compiler without the C library's files is of no use either."""
    if names_linker():
        return
    with tempfile.TemporaryDirectory() as folder:
        command = ["cc", "-shared", "-x", "c", os.devnull, "-o", str(Path(folder, "empty"))]
        try:
            works = subprocess.run(command, capture_output=True).returncode == 0
        except OSError:
            refuse(f"a C compiler to link with, and cc is not there: {INSTALL_CC}")
    if not works:
        refuse(f"a C compiler to link with, and cc cannot link: {INSTALL_CC}")


def names_linker() -> bool:
    """Whether the environment or cargo's own settings name another linker than cc."""
    if any(re.fullmatch(r"CARGO_TARGET_\w+_LINKER", name) for name in os.environ):
        return True
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    files = [home / name for name in ("config.toml", "config")]
    return any(re.search(r"(?m)^\s*linker\s*=", file.read_text("utf-8")) for file in files if file.is_file())


def read(file: str) -> dict[str, Any]:
    return tomllib.loads(Path(file).read_text("utf-8"))


def numbers(text: str) -> tuple[int, ...]:
    """The first version in a text, as two numbers."""
    return tuple(map(int, re.findall(r"\d+", text)[:2]))


def refuse(what: str) -> NoReturn:
    raise SystemExit(f"ferrio needs {what}")
