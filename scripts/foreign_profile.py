"""A profile gathered on one system, for the compiler of another: `translated()`, for scripts/wheels.py.

A profile knows functions by name, and a name holds the identity of each crate that it mentions. scripts/rustc_alike.sh
makes those of our crates the same everywhere; those of the standard library come compiled, and differ from target to
target. Two thirds of the functions in a profile mention one, such as each instance of a generic of `core`. Here they
get the target's: both are read off the two libraries. The compiler notices functions that are compiled otherwise.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

CRATES = ("core", "alloc", "std")


def translated(profile: Path, here: str, target: str) -> Path:
    """A file beside the profile."""
    renamed = profile.with_name(f"{profile.stem}-{target}.profdata")
    plain = renamed.with_suffix(".txt")
    text = output(tool("llvm-profdata"), "merge", "--text", profile, "-o", "-")
    for crate in CRATES:
        ours, theirs = identity(crate, here), identity(crate, target)
        # A name refers back to places in itself, which may not move.
        if len(ours) == len(theirs):
            text = text.replace(f"{ours}_{len(crate)}{crate}", f"{theirs}_{len(crate)}{crate}")
    plain.write_text(text, "utf-8")
    output(tool("llvm-profdata"), "merge", plain, "-o", renamed)
    return renamed


def identity(crate: str, target: str) -> str:
    """What stands for one of CRATES in most names of the standard library; a dependency may be called the same."""
    (library,) = Path(output("rustc", "--print", "target-libdir", "--target", target).strip()).glob("libstd-*.rlib")
    found: list[str] = re.findall(rf"(Cs[0-9a-zA-Z]+)_{len(crate)}{crate}(?![a-z_])", output(tool("llvm-nm"), library))
    return max(set(found), key=found.count)


def tool(name: str) -> Path:
    """One of the toolchain's own (rustup component add llvm-tools)."""
    return next(Path(output("rustc", "--print", "sysroot").strip()).rglob(f"bin/{name}"))


def output(*command: str | Path) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
