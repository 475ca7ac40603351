"""Do two runs of the table agree? `python -m benches.agree ONE.json OTHER.json`

A verdict is `+`, `-` or `=`; `?` says that there is none. Two runs disagree where each gives one and they differ, and
then the exit status is 1. Owns the comparison of two reports; what a verdict is, is statistics.py's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from .harness.report import lines
from .installed.harness.statistics import Ratio
from .installed.harness.table import ratio_text

Verdicts = dict[tuple[str, str], Ratio]
"""Of ferrio, by the line's name and the peer's."""


def main() -> int:
    """Print where two reports differ; 1 when they contradict each other."""
    parser = argparse.ArgumentParser(prog="benches.agree", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("reports", nargs=2, type=Path, metavar="FILE", help="a report that --json wrote")
    one, other = (verdicts(json.loads(path.read_text())) for path in parser.parse_args().reports)
    said, status = compared(one, other)
    print("\n".join(said))
    return status


def verdicts(report: dict[str, Any]) -> Verdicts:
    """Every ratio of a report that more than one round tells."""
    cells = ((line.name, label, cell.ratio) for line in lines(report) for label, cell in line.cells.items())
    return {(name, label): ratio for name, label, ratio in cells if ratio and not ratio.is_open()}


def compared(one: Verdicts, other: Verdicts) -> tuple[list[str], int]:
    """What there is to say about two runs, and the exit status."""
    pairs = {key: (one[key], other[key]) for key in one.keys() & other.keys()}
    if not pairs:
        return ["The reports have no line and loop in common that was measured twice and more."], 1
    marks = Counter("".join(sorted(ratio.verdict() for ratio in pair)) for pair in pairs.values())
    same = sum(count for both, count in marks.items() if both[0] == both[1] != "?")
    undecided, lacking = marks["??"], sum(count for both, count in marks.items() if both.count("?") == 1)
    against = {key: pair for key, pair in sorted(pairs.items()) if is_contradiction(*pair)}
    said = [f"{line} against {label}: {ratio_text(a)}, {ratio_text(b)}" for (line, label), (a, b) in against.items()]
    return [
        *said,
        f"{len(pairs)} ratios: {same} with the same verdict, {len(against)} with different ones, "
        f"{lacking} decided in one run only, {undecided} in neither",
    ], int(bool(against))


def is_contradiction(one: Ratio, other: Ratio) -> bool:
    return "?" not in (marks := {one.verdict(), other.verdict()}) and len(marks) == 2


if __name__ == "__main__":
    sys.exit(main())
