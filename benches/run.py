"""Measures the event loops and prints the table: `python benches/run.py`, or `python -m benches`.

Owns the command line and the order of things; what is measured is in the files beside this one, how in
harness/.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benches.harness import client, contenders, lifetime, table
from benches.harness.bench import Settings
from benches.harness.catalogue import ROWS, select
from benches.harness.contenders import LOOPS, SUBJECT, Contender
from benches.harness.machine import heading
from benches.harness.row import Row
from benches.harness.runner import Result, measure_all

DISTURBED = 0.1
"""Some waiting is the load client's own doing: on a quiet machine with two CPUs it is under this share."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benches", description="Measure the event loops; README.md explains the table."
    )
    parser.add_argument("--rows", default="*", metavar="A,B,*", help="rows to measure, shell patterns allowed")
    parser.add_argument(
        "--loops",
        default=",".join(LOOPS),
        metavar="A,B",
        help="[LABEL=]LOOP[@PYTHON],...; default %(default)s",
    )
    parser.add_argument("--subject", default=SUBJECT, metavar="LABEL", help="the loop that ratios are of")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each row; 5, or 3 with --quick")
    parser.add_argument("--quick", action="store_true", help="short windows and small crowds: a look, not evidence")
    parser.add_argument("--pin", action="store_true", help="server on the first CPU, client on the second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every round")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write head and table as Markdown")
    parser.add_argument("--list", action="store_true", help="print the rows' names and stop")
    return parser.parse_args()


def settings_of(options: argparse.Namespace) -> Settings:
    cpus: tuple[int | None, int | None] = (None, None)
    if options.pin:
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            raise SystemExit("--pin needs two CPUs.")
        cpus = (allowed[0], allowed[1])
    return Settings(
        warmup=0.05 if options.quick else 0.1,
        seconds=0.12 if options.quick else 0.4,
        quick=options.quick,
        client=str(client.build()),
        server_cpu=cpus[0],
        client_cpu=cpus[1],
        file_limit=lifetime.raise_file_limit(),
    )


def conditions(options: argparse.Namespace, settings: Settings, rounds: int) -> str:
    pin = "server and client pinned to a CPU each" if options.pin else "not pinned"
    quick = "; --quick: smaller crowds, not evidence" if options.quick else ""
    return (
        f"{rounds} rounds of {settings.seconds:g} s after {settings.warmup:g} s of warm-up, "
        f"a fresh process each, loops interleaved in alternating order, {pin}{quick}"
    )


def remarks(row: Row, results: dict[str, Result]) -> list[str]:
    """What has to be said below the table about a row."""
    said = []
    for label, result in results.items():
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


def run(options: argparse.Namespace, rows: list[Row], found: list[Contender], head: list[str]) -> dict[str, Any]:
    """Measure and print row by row; what --json and --markdown write."""
    labels = [contender.label for contender in found]
    subject = options.subject if options.subject in labels else None
    print("\n".join(head), "", table.terminal_head(labels), sep="\n", flush=True)
    raw: dict[str, dict[str, Any]] = {}
    markdown, said = [table.markdown_head(labels)], []
    for row, results in measure_all(rows, found, options.rounds, options.settings):
        for line in table.lines_of(row, results, subject):
            print(table.terminal(line), flush=True)
            markdown.append(table.markdown(line))
        said += remarks(row, results)
        raw[row.name] = {label: asdict(result) for label, result in results.items()}
    said += disturbance(raw)
    if said:
        print("", *said, sep="\n")
    return {"head": head, "remarks": said, "rows": raw, "markdown": "\n".join(markdown)}


def write(options: argparse.Namespace, report: dict[str, Any]) -> None:
    markdown = report.pop("markdown")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.markdown:
        head = "\n".join(f"    {line}" for line in report["head"])
        below = "\n".join(f"* {remark}" for remark in report["remarks"])
        options.markdown.write_text(f"{head}\n\n{markdown}\n\n{below}".rstrip() + "\n")


def main() -> None:
    options = arguments()
    if options.list:
        print("\n".join(row.name for row in ROWS))
        return
    began = time.monotonic()
    rows = select(options.rows)
    found, missing = contenders.find(options.loops.split(","))
    if not found:
        raise SystemExit("None of the loops can be imported.")
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.settings = settings_of(options)
    head = heading(found, missing, conditions(options, options.settings, options.rounds))
    try:
        write(options, run(options, rows, found, head))
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted: nothing written") from None
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
