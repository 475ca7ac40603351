"""Measures the event loops and prints the table: `run(Options(...))`.

Owns the order of things and what is printed; what is measured is in the files beside this one, how in harness/. Two
command lines lead here, __main__.py of this package and `ferrio bench`, and neither has any knowledge of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from .harness import build, contenders, lifetime, table
from .harness.bench import Settings
from .harness.catalogue import select
from .harness.contenders import LOOPS, SUBJECT, Contender
from .harness.distance import Distance
from .harness.machine import heading
from .harness.rounds import Budget, Results, Rounds
from .harness.row import Row

DISTURBED = 0.1
"""Some waiting is the load client's own doing: on a quiet machine with two CPUs it is under this share."""


SATURATED, AHEAD = 0.9, 0.1
"""A client that works for so large a share of the time, and so much more than its server, is what limits the rate."""

MOST = 12
"""Rounds of a row that nothing decides: as many again would narrow its range by no more than a third."""

NO_CLIENT = build.Client("", "none", "no row needs it")


@dataclass(frozen=True)
class Options:
    """What a command line may decide. `rounds` of 0: as many as verdicts take, within `minutes`; `seconds` of 0: as
    `quick` has it; `brief`: one round, and further ones only within `minutes`; `goals`: judge by goals.py.
    """

    rows: str = "*"
    loops: str = ",".join(LOOPS)
    subject: str = SUBJECT
    rounds: int = 0
    minutes: float = 19.0
    seconds: float = 0.0
    quick: bool = False
    brief: bool = False
    pin: bool = False
    goals: bool = True
    json: Path | None = None
    markdown: Path | None = None

    def budget(self) -> Budget:
        """Rounds of each row."""
        if self.brief and not self.rounds:
            return Budget(1, 3, self.minutes)
        first = self.rounds or (3 if self.quick else 2)
        return Budget(first, first if self.rounds or self.quick else MOST, self.minutes)


def run(options: Options) -> None:
    """Measure, print the table, write the files that were asked for."""
    began = time.monotonic()
    rows = select(options.rows)
    client, unloaded = client_for(rows)
    rows, left_out = without_packages(rows)
    found, missing = contenders.find(options.loops.split(","), client.lacks)
    if not found:
        reasons = "; ".join(f"{label}: {reason}" for label, reason in missing.items())
        raise SystemExit(f"None of the loops can be imported. {reasons}")
    rows = [row for row in rows if not (row.loaded and not client.path) and not (row.rust and client.lacks)]
    settings = settings_of(options, client)
    packages = {name: version(name) for row in rows for name in row.needs}
    head = heading(found, missing, client.made_of, packages, conditions(options, settings))
    try:
        write(options, measure(options, settings, client, rows, found, head, left_out + unloaded))
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted: nothing written") from None
    print(f"\n{time.monotonic() - began:.0f} s")


def without_packages(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """The rows whose packages are there, and a line about the others for each set of packages."""
    lacking = {row.name: tuple(name for name in row.needs if find_spec(name) is None) for row in rows}
    said = [
        f"left out: {', '.join(row for row in lacking if lacking[row] == names)}: "
        f"{' and '.join(names)} missing: pip install {' '.join(names)}"
        for names in dict.fromkeys(lacking.values())
        if names
    ]
    return [row for row in rows if not lacking[row.name]], said


def client_for(rows: list[Row]) -> tuple[build.Client, list[str]]:
    """The client that these rows need, and a line about those that it cannot load."""
    if not any(row.takes_client for row in rows):
        return NO_CLIENT, []
    try:
        client, rest = build.client(), [row.name for row in rows if row.rust]
    except build.NotBuilt as error:
        client, rest = replace(NO_CLIENT, lacks=str(error)), [row.name for row in rows if row.loaded]
    return client, [f"left out: {', '.join(rest)}: {client.lacks}"] if rest and client.lacks else []


def settings_of(options: Options, client: build.Client) -> Settings:
    """The client keeps to one CPU, where there are two: wherever the kernel moved it, it would push the server away."""
    allowed = sorted(os.sched_getaffinity(0))
    if options.pin and len(allowed) < 2:
        raise SystemExit("--pin needs two CPUs.")
    return Settings(
        warmup=0.05,
        seconds=options.seconds or (0.12 if options.quick else 0.15),
        quick=options.quick,
        client=client.path,
        server_cpu=allowed[0] if options.pin else None,
        client_cpu=allowed[-1] if len(allowed) > 1 else None,
        file_limit=lifetime.raise_file_limit(),
    )


def conditions(options: Options, settings: Settings) -> str:
    budget = options.budget()
    further = f", up to {budget.most} where nothing is decided" if budget.most > budget.first else ""
    pin = "nothing pinned" if settings.client_cpu is None else "client on one CPU"
    quick = "; --quick: smaller crowds, not evidence" if options.quick else ""
    return (
        f"{budget.first} rounds{further}, begun within {budget.minutes:g} min, "
        f"of {settings.seconds:g} s after {settings.warmup:g} s of warm-up, a fresh "
        f"process each, loops interleaved in alternating order, {pin}{', server on another' * options.pin}{quick}"
    )


def remarks(row: Row, results: Results) -> list[str]:
    """What has to be said below the table about a row."""
    said = []
    for label, result in results.items():
        # Empty: a limit that was never to be measured.
        reasons = [f"{label} does not have it ({result.unsupported})"] if result.unsupported else []
        reasons += [f"{label} failed: {problem}" for problem in dict.fromkeys(result.problems)]
        reasons += [f"{label}: {note}" for note in result.notes]
        said += [f"{row.name}: {reason}" for reason in reasons]
    return said


def disturbance(raw: dict[str, dict[str, Any]]) -> list[str]:
    """A warning, if other programs took the CPU from the servers so often that rates mean little."""
    every = (result for results in raw.values() for result in results.values())
    rounds = [figures for result in every for figures in result["rounds"].values()]
    shares = [figures["disturbed"] for figures in rounds if "disturbed" in figures]
    if not shares or median(shares) < DISTURBED:
        return []
    return [
        f"warning: servers waited for a CPU in {median(shares):.0%} of the time (median): the machine was "
        "busy, rates of served rows are too low and blurred; read .cpu"
    ]


def saturation(rows: list[Row], raw: dict[str, dict[str, Any]]) -> list[str]:
    """A line about the rates that the client could not drive any higher: the server had time left."""
    said = []
    for row in rows:
        for loop, result in raw[row.name].items() if any(each.key == "rate" for each in row.metrics) else ():
            rounds = [figures for figures in result["rounds"].values() if "client_busy" in figures]
            shares = [(figures["client_busy"], figures["server_busy"]) for figures in rounds]
            client, server = (median(each) for each in zip(*shares, strict=True)) if shares else (0.0, 0.0)
            if client > SATURATED and client - server > AHEAD:
                said.append(f"{row.name} on {loop}")
    return [f"the client, not the server, limits the rate of: {', '.join(said)}; read .cpu"] if said else []


def distance_for(rows: list[Row], settings: Settings, client: build.Client) -> Distance | None:
    """Between the client's CPU and the server's, if it matters and somebody can tell."""
    cpus = sorted(os.sched_getaffinity(0))
    if client.lacks or settings.client_cpu is None or not any(row.takes_client for row in rows):
        return None
    return Distance(client.path, settings.client_cpu, cpus[0])


def measure(
    options: Options,
    settings: Settings,
    client: build.Client,
    rows: list[Row],
    found: list[Contender],
    head: list[str],
    said: list[str],
) -> dict[str, Any]:
    """Measure, then print; what --json and --markdown write."""
    labels = [contender.label for contender in found]
    subject = options.subject if options.subject in labels else None
    print("\n".join(head), flush=True)
    distance = distance_for(rows, settings, client)
    rounds = Rounds(rows, found, settings, distance, options.budget(), tell)
    taken = rounds.measure(lambda row, results: table.undecided(row, results, subject))
    tell("")
    print("", table.terminal_head(labels, options.goals), sep="\n")
    markdown = [table.markdown_head(labels)]
    for row in rows:
        for line in table.lines_of(row, taken[row.name], subject):
            print(table.terminal(line, options.goals))
            markdown.append(table.markdown(line))
        said = said + remarks(row, taken[row.name])
    raw = {row: {label: asdict(result) for label, result in results.items()} for row, results in taken.items()}
    if distance and distance.apart:
        said = [*said, f"{distance.apart} measurements of rows with connections were made with the CPUs far apart"]
    said = said + disturbance(raw) + saturation(rows, raw)
    if said:
        print("", *said, sep="\n")
    return {"head": head, "remarks": said, "rows": raw, "markdown": "\n".join(markdown)}


def tell(doing: str) -> None:
    """What is being done, on one line of a terminal that looks at standard error."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{doing}", end="", file=sys.stderr, flush=True)


def write(options: Options, report: dict[str, Any]) -> None:
    markdown = report.pop("markdown")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.markdown:
        head = "\n".join(f"    {line}" for line in report["head"])
        below = "\n".join(f"* {remark}" for remark in report["remarks"])
        options.markdown.write_text(f"{head}\n\n{markdown}\n\n{below}".rstrip() + "\n")
