"""Measures the event loops and prints the table: `run(Options(...))`.

Owns the order of things and what is printed; what is measured is in the files beside this one, how in harness/.
`ferrio bench` leads here and has no knowledge of its own. The suite of a checkout makes a Plan of its own and has
it executed here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .harness import contenders, lifetime, table
from .harness.bench import Settings
from .harness.catalogue import select
from .harness.contenders import LOOPS, SUBJECT, Contender
from .harness.machine import heading
from .harness.rounds import Budget, Results, Rounds
from .harness.row import Metric, Row
from .harness.runner import Around, Once, at_once, run_once

MOST = 12
"""Rounds of a row that nothing decides: as many again would narrow its range by no more than a third."""

Raw = dict[str, dict[str, Any]]
"""What was measured, by row and by the contender's label, as --json writes it."""


@dataclass(frozen=True)
class Options:
    """What a command line may decide. `rounds` of 0: as many as verdicts take, within `minutes`; `seconds` of 0: as
    `quick` has it; `brief`: one round, and further ones only within `minutes`.
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
    json: Path | None = None
    markdown: Path | None = None

    def budget(self) -> Budget:
        """Rounds of each row."""
        if self.brief and not self.rounds:
            return Budget(1, 3, self.minutes)
        first = self.rounds or (3 if self.quick else 2)
        return Budget(first, first if self.rounds or self.quick else MOST, self.minutes)

    def window(self) -> float:
        """Seconds of a measurement."""
        return self.seconds or (0.12 if self.quick else 0.15)


@dataclass
class Plan:
    """What is decided before anything is measured. Each measurement is made by `once`, within `around`."""

    rows: list[Row]
    contenders: list[Contender]
    settings: Settings
    head: list[str]
    left_out: list[str] = field(default_factory=list)
    around: Around = at_once
    once: Once = run_once
    titles: tuple[str, ...] = ()
    """Of the columns behind the loops'."""

    def columns(self, line: table.Line, metric: Metric, results: Results, subject: str | None) -> Sequence[str]:
        """What stands in them, for a line of the table."""
        return ()

    def remarks(self, raw: Raw) -> list[str]:
        """What has to be said below the table about all that was measured."""
        return []


def run(options: Options) -> None:
    """Measure, print the table, write the files that were asked for."""
    rows = select(options.rows)
    found, missing = loops_found(*contenders.find(options.loops.split(",")))
    cpus = cpus_allowed(options)
    settings = Settings(0.05, options.window(), options.quick, cpus[0] if options.pin else None)
    lifetime.raise_file_limit()
    head = heading(found, missing, conditions(options, settings))
    execute(options, Plan(rows, found, settings, head))


def execute(options: Options, plan: Plan) -> None:
    """Measure what is planned, print it, and write the files."""
    began = time.monotonic()
    try:
        write(options, measure(options, plan))
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted: nothing written") from None
    print(f"\n{time.monotonic() - began:.0f} s")


def loops_found(found: list[Contender], missing: dict[str, str]) -> tuple[list[Contender], dict[str, str]]:
    """The same, unless there is nothing to measure."""
    if not found:
        reasons = "; ".join(f"{label}: {reason}" for label, reason in missing.items())
        raise SystemExit(f"None of the loops can be imported. {reasons}")
    return found, missing


def cpus_allowed(options: Options) -> list[int]:
    """The CPUs that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if options.pin and len(allowed) < 2:
        raise SystemExit("--pin needs two CPUs.")
    return allowed


def conditions(options: Options, settings: Settings, pinned: str = "") -> str:
    budget = options.budget()
    further = f", up to {budget.most} where nothing is decided" if budget.most > budget.first else ""
    pin = pinned or ("the measuring process on one CPU" if options.pin else "nothing pinned")
    quick = "; --quick: smaller crowds, not evidence" if options.quick else ""
    return (
        f"{budget.first} rounds{further}, begun within {budget.minutes:g} min, "
        f"of {settings.seconds:g} s after {settings.warmup:g} s of warm-up, a fresh "
        f"process each, loops interleaved in alternating order, {pin}{quick}"
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


def measure(options: Options, plan: Plan) -> dict[str, Any]:
    """Measure, then print; what --json and --markdown write."""
    labels = [contender.label for contender in plan.contenders]
    subject = options.subject if options.subject in labels else None
    print("\n".join(plan.head), flush=True)
    rounds = Rounds(plan.rows, plan.contenders, plan.settings, plan.around, options.budget(), tell, plan.once)
    taken = rounds.measure(lambda row, results: table.undecided(row, results, subject))
    tell("")
    print("", table.terminal_head(labels, plan.titles), sep="\n")
    markdown, said = [table.markdown_head(labels, plan.titles)], plan.left_out
    for row in plan.rows:
        for line, metric in zip(table.lines_of(row, taken[row.name], subject), row.metrics, strict=True):
            columns = plan.columns(line, metric, taken[row.name], subject)
            print(table.terminal(line, columns))
            markdown.append(table.markdown(line, columns))
        said = said + remarks(row, taken[row.name])
    raw = {row: {label: asdict(result) for label, result in results.items()} for row, results in taken.items()}
    if said := said + plan.remarks(raw):
        print("", *said, sep="\n")
    return {"head": plan.head, "remarks": said, "rows": raw, "markdown": "\n".join(markdown)}


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
