"""What a wheel for glibc unwinds stacks with: the system's own libgcc_s, as every program there. For scripts/wheels.py.

Zig links an unwinder of its own into a library. That cannot walk a stack which glibc unwinds, and glibc does when it
ends a thread: the process crashes if CPython before 3.14 ends with ferrio on the stack of a daemon thread. So Zig is
shown a libgcc_s first, of which it takes names and versions only; the real one is part of every Linux with glibc, and
wheels may rely on it. musl unwinds nothing when a thread ends.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Those that Rust's standard library calls, by the version of libgcc_s that brought them.
FUNCTIONS = {
    "GCC_3.0": "DeleteException GetDataRelBase GetGR GetIP GetLanguageSpecificData GetRegionStart GetTextRelBase "
    "RaiseException Resume SetGR SetIP",
    "GCC_3.3": "Backtrace FindEnclosingFunction GetCFA",
    "GCC_4.2.0": "GetIPInfo",
}


def stand_in(target: str, folder: Path) -> Path:
    """A library to link with in the place of libgcc_s.so.1, in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    source, versions, library = (folder / f"libgcc_s.{kind}" for kind in ("c", "map", "so.1"))
    names = {version: [f"_Unwind_{name}" for name in listed.split()] for version, listed in FUNCTIONS.items()}
    source.write_text("".join(f"void {name}(void) {{}}\n" for some in names.values() for name in some), "utf-8")
    versions.write_text("".join(f"{version} {{ {'; '.join(some)}; }};\n" for version, some in names.items()), "utf-8")
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target.replace("-unknown", ""), "-shared", "-nostdlib"]
    options = ["-Wl,-soname,libgcc_s.so.1", f"-Wl,--version-script={versions}"]
    subprocess.run([*zig, *options, source, "-o", library], check=True)
    return library
