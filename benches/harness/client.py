"""The native load client: built with the system's C compiler on first use, started for one measurement.

Compiled into `.build/`, under a name made of the sources' hash, so that a stale one is never used. It is
started by the server's process (and dies with it), after the server listens.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SOURCES = HERE / "load"
BUILD = HERE / ".build"


def compiler() -> str:
    """The C compiler: $CC, or cc."""
    found = shutil.which(os.environ.get("CC", "cc"))
    if found is None:
        raise SystemExit("The load client is C: install a C compiler, or name one in $CC.")
    return found


def build() -> Path:
    """The load client's path; compiles it if its sources changed."""
    files = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    binary = BUILD / f"load-{digest}"
    if not binary.exists():
        BUILD.mkdir(exist_ok=True)
        unfinished = binary.with_suffix(f".{os.getpid()}")
        units = [str(file) for file in files if file.suffix == ".c"]
        flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra"]
        subprocess.run([compiler(), *flags, "-o", str(unfinished), *units], check=True)
        unfinished.replace(binary)
    return binary


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
