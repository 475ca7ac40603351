"""What the rows of TLS share: the server's context, a server, and a load client that speaks TLS.

That client is a program of its own (load_tls/), compiled on first use like the plain one and into the same folder. It
loads OpenSSL when it runs, so nothing is needed for it but a C compiler and the library that Python has, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .bench import Bench
from .row import Figures
from .servers import BACKLOG

FOLDER = Path(__file__).resolve().parents[1] / "load_tls"


def context() -> ssl.SSLContext:
    """A server's, as a program would make it: OpenSSL decides on versions and ciphers, the key is of P-256."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(FOLDER / "server.pem")
    return made


def server(loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol]) -> str:
    """Listen on a free loopback port; the target for the load client."""
    made = loop.create_server(factory, "127.0.0.1", 0, backlog=BACKLOG, ssl=context())
    return f"tcp:{loop.run_until_complete(made).sockets[0].getsockname()[1]}"


def load(bench: Bench, mode: str, to: str, **options: Any) -> Figures:
    """As Bench.load, by the client that speaks TLS."""
    return Bench(bench.loop, replace(bench.settings, client=str(client()))).load(mode, to, **options)


def client() -> Path:
    """The client's path; compiles it if its source changed."""
    source = FOLDER / "tls.c"
    binary = _cache() / f"tls-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if not binary.exists():
        _compile(source, binary)
    return binary


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "ferrio"


def _compile(source: Path, binary: Path) -> None:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise RuntimeError("the TLS load client needs a C compiler: install gcc or clang, or set CC")
    unfinished = binary.with_suffix(f".{os.getpid()}")
    binary.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(unfinished), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), f"status {done.returncode}")
        raise RuntimeError(f"the TLS load client does not compile: {reason}; install the C library's headers")
    unfinished.replace(binary)
