"""Measures every client at every row, interleaved: microseconds of CPU a request, and in brackets requests a second.

Each measurement is a process of its own on one CPU, the server another on another. A figure is the median of the
rounds; CPU time is that of the client's process alone, the kernel's part included. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import astuple, fields
from importlib.metadata import version
from pathlib import Path

from .. import certificate, digest
from .contenders import CONTENDERS
from .measure import ROWS

PATIENCE = 120.0
SUBJECT = "ferrio"

Figures = dict[tuple[str, str], list[dict[str, float]]]


def installed(name: str) -> bool:
    return all(importlib.util.find_spec(module) for module in CONTENDERS[name].needs)


class Target:
    """The server at work."""

    def __init__(self, cpu: int, *arguments: str) -> None:
        command = [sys.executable, "-m", f"{__package__}.target", str(cpu), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate()


def measured(
    name: str, row: str, seconds: float, cpu: int, target: Target, secret: Path | None
) -> dict[str, float] | str:
    """What one process found, or in one line why not."""
    command = [sys.executable, "-m", f"{__package__}.measure", name, row, str(seconds), str(cpu), target.port]
    try:
        done = subprocess.run(
            command + ([str(secret)] if secret else []), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return "it did not end"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it died"])[-1]
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table(found: Figures, rows: list[str], clients: list[str]) -> str:
    lines = ["| client | " + " | ".join(rows) + " |", "|---|" + "---|" * len(rows)]
    for name in clients:
        cells = []
        for row in rows:
            figures = found.get((name, row))
            if not figures:
                cells.append("")
                continue
            cpu, rate = (statistics.median(one[kind] for one in figures) for kind in ("cpu", "rate"))
            cells.append(f"{cpu:,.1f} ({rate:,.0f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def head(options: argparse.Namespace, clients: list[str]) -> list[str]:
    packages = {name: (*CONTENDERS[name].needs, "ferrio")[0] for name in clients}
    versions = (f"{name} {version(package)}" for name, package in packages.items())
    return [
        f"python:     CPython {platform.python_version()}",
        f"clients:    {', '.join(versions)}",
        f"conditions: {options.rounds} rounds of {options.seconds:g} s, a fresh process each, clients interleaved,"
        " client and server on one CPU each",
    ]


def entries(found: Figures, rows: list[str], clients: list[str]) -> Iterator[digest.Entry]:
    """CPU time and rate of every row. A ratio is the median of those of single rounds."""
    for row in rows:
        for kind, unit, line in (("rate", "req/s", row), ("cpu", "us/req", f"{row}.cpu")):
            own = [one[kind] for one in found.get((SUBJECT, row), [])]
            for name in clients:
                figures = [one[kind] for one in found.get((name, row), [])]
                if not figures:
                    yield digest.Entry(line, unit, name)
                    continue
                spread = (statistics.median(figures), min(figures), max(figures))
                pairs = zip(own, figures, strict=False) if name != SUBJECT else ()
                ratios = [mine / theirs if kind == "rate" else theirs / mine for mine, theirs in pairs]
                middle = (statistics.median(ratios), "", min(ratios), max(ratios)) if ratios else ()
                yield digest.Entry(line, unit, name, *spread, *middle)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.http_clients", description=__doc__)
    parser.add_argument("--rows", default=",".join(ROWS), help="of " + ", ".join(ROWS))
    parser.add_argument("--clients", default=",".join(CONTENDERS), help="of " + ", ".join(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=Path, help="where every figure goes, too")
    parser.add_argument("--table", type=Path, help="where a digest goes, of which the documentation's table is made")
    options = parser.parse_args()
    rows = options.rows.split(",")
    clients = [name for name in options.clients.split(",") if installed(name)]
    cpus = sorted(os.sched_getaffinity(0))
    server_cpu, client_cpu = cpus[0], cpus[-1]
    folder = tempfile.TemporaryDirectory()
    secret = Path(folder.name, "certificate.pem")
    certificate.make(secret)
    targets = {False: Target(server_cpu), True: Target(server_cpu, str(secret))}
    found: Figures = defaultdict(list)
    for number in range(options.rounds):
        for row in rows:
            for name in clients:
                if row not in (CONTENDERS[name].only or ROWS):
                    continue
                secured = ROWS[row].secured
                figures = measured(
                    name, row, options.seconds, client_cpu, targets[secured], secret if secured else None
                )
                if isinstance(figures, str):
                    print(f"{name}, {row}: {figures}", file=sys.stderr)
                else:
                    found[name, row].append(figures)
        print(f"round {number + 1} of {options.rounds} is done", file=sys.stderr)
    for target in targets.values():
        target.close()
    folder.cleanup()
    print(table(found, rows, clients))
    if options.json:
        options.json.write_text(json.dumps({f"{name} {row}": each for (name, row), each in found.items()}))
    if options.table:
        names = [each.name for each in fields(digest.Entry)]
        digest.write(options.table, head(options, clients), [names, *map(astuple, entries(found, rows, clients))])


if __name__ == "__main__":
    main()
