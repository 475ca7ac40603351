"""How much memory the measuring process has, as the kernel counts it.

PSS where it matters that pages are shared with other processes, as those of the interpreter itself are; what a row
divides is the growth of the figure, never the figure. Linux only, as the whole suite is.
"""

from __future__ import annotations

from pathlib import Path


def held(name: str) -> int:
    """Bytes of this process, by the kernel's name of the figure."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in smaps_rollup")
