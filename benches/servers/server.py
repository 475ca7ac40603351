"""A program at work, above all a server, as seen from outside: start and end, processes, CPU time, memory.

Its standard error goes into a file, of which the last line is why it failed. Must not know any server or row.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from . import guard

PATIENCE = 20.0
"""Seconds in which a server has to answer at all."""

LIFETIME = 100.0
"""Seconds after which a server is lost: no measurement takes so long."""

LOOK = 0.002
"""Between two looks whether it answers."""


class Guarded:
    """That command and what it starts, as long as the `with` lasts, and no longer than `lifetime` (guard.py)."""

    def __init__(self, command: list[str], environment: dict[str, str], lifetime: float) -> None:
        self._command, self._environment, self._lifetime = command, environment, lifetime
        self._log = tempfile.TemporaryFile("a+")  # noqa: SIM115 (closed with the program)

    def __enter__(self) -> Self:
        guarded = [sys.executable, "-I", "-S", guard.__file__, str(self._lifetime), *self._command]
        # In a session of its own: what kills this process's group, such as timeout(1), leaves the guard its work.
        self._guard = subprocess.Popen(
            guarded,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
            text=True,
            start_new_session=True,
        )
        assert self._guard.stdout is not None
        try:
            told = self._guard.stdout.readline().split()
            if not told:
                raise RuntimeError(f"cannot be started: {self.why()}")
            self._leader, self.started = int(told[0]), float(told[1])
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill all its processes, and wait until they are gone."""
        self._guard.communicate()
        self._log.close()

    def processes(self) -> list[int]:
        """All that it consists of: no server makes further ones once it answers."""
        return guard.session(self._leader)

    def cpu(self) -> float:
        """Seconds that its processes have used, to the nanosecond: each has a clock, numbered after it."""
        return sum(time.clock_gettime((~process << 3) | 2) for process in self.processes())

    def memory(self) -> int:
        """Bytes: anonymous memory, once where its processes share it, and of files what the largest has mapped."""
        kept = [_kib(Path(f"/proc/{each}/smaps_rollup"), "Pss_Anon") for each in self.processes()]
        files = [_kib(Path(f"/proc/{each}/status"), "RssFile") for each in self.processes()]
        return 1024 * (sum(kept) + max(files))

    def why(self) -> str:
        """The last line that it wrote on standard error."""
        self._log.seek(0)
        return next((line.strip() for line in reversed(self._log.readlines()) if line.strip()), "it said nothing")

    def answers(self) -> bool:
        """Whether it is ready."""
        raise NotImplementedError

    def _wait(self) -> None:
        while not self.answers():
            if not self.processes():
                raise RuntimeError(f"ended before it was ready: {self.why()}")
            if time.monotonic() > self.started + PATIENCE:
                raise RuntimeError(f"not ready after {PATIENCE:.0f} s: {self.why()}")
            time.sleep(LOOK)


class Server(Guarded):
    """A server that listens on a port of this machine."""

    def __init__(self, command: list[str], port: int, environment: dict[str, str]) -> None:
        super().__init__(command, environment, LIFETIME)
        self.port = port

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def environment(**more: str) -> dict[str, str]:
    """Everything that this process has but what changes Python, and more."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "FERRIO", "UVICORN"))}
    return kept | more


def _kib(file: Path, key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB", file.read_text(), re.M)
    if found is None:
        raise RuntimeError(f"{file} has no {key}: Linux 5.9 or later does")
    return int(found[1])
