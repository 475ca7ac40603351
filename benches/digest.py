"""What charts and tables need of a report, as a small table: `python -m benches.digest REPORT.json TABLE.tsv`.

A report of --json has each figure of each round; a digest has, for each line and loop, the median and its range, and
the subject's ratio with its verdict and the range over the rounds. The head stands above it, behind `# `. docs/assets/
keeps digests only, also those of profiles (profile.py), which are tables of the same form.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from .harness.catalogue import ROWS
from .harness.report import measured
from .installed.harness.contenders import SUBJECT
from .installed.harness.row import Metric
from .installed.harness.runner import Result
from .installed.harness.table import lines_of
from .servers.rows import ROWS as SERVERS


@dataclass(frozen=True)
class Entry:
    """One loop in one line. `ratio` is the subject's against this loop, from `worst` to `best` in single rounds."""

    line: str
    unit: str
    loop: str
    median: float | None = None
    lowest: float | None = None
    highest: float | None = None
    ratio: float | None = None
    verdict: str = ""
    worst: float | None = None
    best: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.digest", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path, metavar="REPORT.json", help="what --json wrote")
    parser.add_argument("table", type=Path, metavar="TABLE.tsv", help="where the table goes")
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text())
    names = [each.name for each in fields(Entry)]
    write(arguments.table, report["head"], [names, *map(astuple, entries(report))])


def entries(report: dict[str, Any]) -> list[Entry]:
    """All lines of a report, in the table's order, each with all its loops, or servers."""
    is_of_servers = any(line.startswith("servers:") for line in report.get("head", ()))
    return [
        Entry(line.name, line.unit, label, *figures, *ratio, *(spread(metric, results, label) if ratio else ()))
        for row, results in measured(report, SERVERS if is_of_servers else ROWS)
        for line, metric in zip(lines_of(row, results, SUBJECT), row.metrics, strict=True)
        for label, cell in line.cells.items()
        for figures in [astuple(cell.summary) if cell.summary else (None, None, None)]
        for ratio in [(cell.ratio.value, cell.ratio.verdict()) if cell.ratio else ()]
    ]


def spread(metric: Metric, results: dict[str, Result], label: str) -> tuple[float, float]:
    """The lowest and the highest ratio against that loop of any round."""
    own, peer = results[SUBJECT].figures(metric.key), results[label].figures(metric.key)
    ratios = [own[number] / peer[number] for number in own.keys() & peer.keys()]
    better = ratios if metric.higher_is_better else [1 / ratio for ratio in ratios]
    return min(better), max(better)


def write(path: Path, head: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Eight digits of each figure: with six, two of what is published came out rounded the other way."""
    cells = (
        ["" if each is None else f"{each:.8g}" if isinstance(each, float) else each for each in row] for row in rows
    )
    lines = [f"# {line}" for line in head] + ["\t".join(row) for row in cells]
    path.write_text("\n".join(lines) + "\n")


def cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.8g}" if isinstance(value, float) else value


def read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The head, and the rows by the names of the columns."""
    lines = path.read_text().splitlines()
    head = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    return head, list(csv.DictReader(lines[len(head) :], delimiter="\t", quoting=csv.QUOTE_NONE))


def digest(path: Path) -> tuple[list[str], list[Entry]]:
    """The head and the entries of a table that main() wrote."""
    head, rows = read(path)
    return head, [entry(row) for row in rows]


def entry(row: dict[str, str]) -> Entry:
    texts = ("line", "unit", "loop", "verdict")
    values: dict[str, Any] = {
        name: text if name in texts else float(text) if text else None for name, text in row.items()
    }
    return Entry(**values)


if __name__ == "__main__":
    main()
