"""The native load client at work: started for one measurement by the process that measures, and gone with it.

Its server listens before it starts. The same program, built from Rust, is also the bare server (`Bare`), which takes
the place of the loop under test: what it reaches under the same load is the kernel's limit. Must not know any row.
"""

from __future__ import annotations

import json
import os
import subprocess

Options = dict[str, str | int | float]


def start(binary: str, mode: str, cpu: int | None, options: Options) -> subprocess.Popen[str]:
    """Start the client against this process, unless `options` names another server."""
    options = {"server": os.getpid(), "parent": os.getpid(), **options}
    if cpu is not None:
        options["cpu"] = cpu
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


class Bare:
    """A bare server of that kind, as long as the `with` lasts. `to` is the target of the server it stands in for."""

    def __init__(self, binary: str, kind: str, cpu: int | None, to: str) -> None:
        options: Options = {"kind": kind}
        if to.startswith("unix:"):
            options["to"] = f"{to}-bare"
        self._process = start(binary, "serve", cpu, options)
        self.pid = self._process.pid

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        target = self._process.stdout.readline().strip()
        if not target:
            raise RuntimeError(self._process.stderr.read().strip() or "the bare server died")
        return target

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
