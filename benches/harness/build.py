"""Where the load clients come from: each is built on first use.

The client is crates/ferrio-load, which cargo builds. Only rows of TLS have one of their own, in C (load_tls/): the
crate stands on rustix alone and speaks no TLS, and those rows need OpenSSL on the client's side, which the C program
loads from the system when it runs, so that nothing is needed to build it. It goes into the user's cache folder, under a
name made of the sources' hash, so that a stale one is never used. Must not know how a client is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

TLS_SOURCES = Path(__file__).resolve().parents[1] / "load_tls"
CRATE = Path(__file__).resolve().parents[2] / "crates" / "ferrio-load" / "Cargo.toml"


class NotBuilt(Exception):
    """There can be no load client; the text says why, and what to do."""


@dataclass(frozen=True)
class Client:
    """A client that is there, or none: `lacks` says why."""

    path: str
    made_of: str
    lacks: str = ""


def client() -> Client:
    """The client of all rows but those of TLS. Raises NotBuilt."""
    return Client(_by_cargo(), f"Rust, {_version(cargo_name(), '--version')}")


def tls_client() -> Path:
    """The client that speaks TLS. Raises NotBuilt."""
    return _by_compiler(TLS_SOURCES)


def cargo_name() -> str:
    """$CARGO, or cargo."""
    return os.environ.get("CARGO", "cargo")


def compiler() -> str:
    """The C compiler: $CC, or cc."""
    wanted = os.environ.get("CC", "cc")
    found = shutil.which(wanted)
    if found is None:
        raise NotBuilt(
            f"the load client of TLS needs a C compiler, and there is no {wanted}: install gcc or clang, or set CC"
        )
    return found


def cache() -> Path:
    """Where the client in C is kept, and the key of its servers: $XDG_CACHE_HOME/ferrio, ~/.cache/ferrio by default."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "ferrio"


def _by_cargo() -> str:
    if shutil.which(cargo_name()) is None:
        raise NotBuilt(f"needs the load client in Rust, and there is no {cargo_name()}: install Rust, or set CARGO")
    command = [cargo_name(), "build", "--release", "--locked", "--message-format=json", f"--manifest-path={CRATE}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    made = (json.loads(line).get("executable") for line in done.stdout.splitlines() if line.startswith("{"))
    path = next((each for each in made if each), None)
    if done.returncode != 0 or path is None:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), f"status {done.returncode}")
        raise NotBuilt(f"needs the load client in Rust, which does not build: {reason}")
    return str(path)


def _by_compiler(sources: Path) -> Path:
    files = sorted(sources.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    binary = cache() / f"{sources.name}-{digest}"
    if not binary.exists():
        _compile([str(file) for file in files if file.suffix == ".c"], binary)
    return binary


def _compile(units: list[str], binary: Path) -> None:
    command = [compiler(), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o"]
    unfinished = binary.with_suffix(f".{os.getpid()}")
    try:
        binary.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([*command, str(unfinished), *units, "-ldl"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            unfinished.replace(binary)
            return
    except OSError as error:
        raise NotBuilt(
            f"the load client of TLS cannot be kept in {binary.parent}: {error}; set XDG_CACHE_HOME"
        ) from None
    reason = next((line for line in done.stderr.splitlines() if "error" in line), f"status {done.returncode}")
    raise NotBuilt(f"the load client of TLS does not compile: {reason}; install the C library's headers, or set CC")


def _version(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or ["of unknown version"])[0]
