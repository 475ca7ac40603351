"""The native load client: built with the system's C compiler on first use, started for one measurement.

Compiled into the user's cache folder, under a name made of the sources' hash, so that a stale one is never used. It
is started by the server's process (and dies with it), after the server listens.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "load"


class NotBuilt(Exception):
    """There can be no load client; the text says why, and what to do."""


def compiler() -> str:
    """The C compiler: $CC, or cc."""
    wanted = os.environ.get("CC", "cc")
    found = shutil.which(wanted)
    if found is None:
        raise NotBuilt(f"the load client needs a C compiler, and there is no {wanted}: install gcc or clang, or set CC")
    return found


def cache() -> Path:
    """Where it is kept: $XDG_CACHE_HOME/ferrio, ~/.cache/ferrio by default."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "ferrio"


def build() -> Path:
    """The load client's path; compiles it if its sources changed. Raises NotBuilt."""
    files = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    binary = cache() / f"load-{digest}"
    if not binary.exists():
        _compile([str(file) for file in files if file.suffix == ".c"], binary)
    return binary


def _compile(units: list[str], binary: Path) -> None:
    command = [compiler(), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o"]
    unfinished = binary.with_suffix(f".{os.getpid()}")
    try:
        binary.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([*command, str(unfinished), *units], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            unfinished.replace(binary)
            return
    except OSError as error:
        raise NotBuilt(f"the load client cannot be kept in {binary.parent}: {error}; set XDG_CACHE_HOME") from None
    reason = next((line for line in done.stderr.splitlines() if "error" in line), f"status {done.returncode}")
    raise NotBuilt(f"the load client does not compile: {reason}; install the C library's headers, or set CC")


def start(binary: str, mode: str, cpu: int | None, options: dict[str, str | int | float]) -> subprocess.Popen[str]:
    """Start the client against this process."""
    options = {"server": os.getpid(), "cpu": -1 if cpu is None else cpu, **options}
    command = [binary, mode, *(f"{key}={value}" for key, value in options.items())]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def report(process: subprocess.Popen[str]) -> tuple[dict[str, float], str]:
    """Wait for what the client measured; or nothing, and its reason why not."""
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        return {}, process.stderr.read().strip() or "the load client died"
    return json.loads(line), ""


def finish(process: subprocess.Popen[str]) -> None:
    """Let the client close its connections, which it holds until now, and go."""
    process.communicate()
