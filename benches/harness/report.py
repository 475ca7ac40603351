"""Reads a report that `--json` wrote: from its figures the lines of the table are made again.

A report may be older than the suite: a row or a figure that it does not know of is left out. Must not measure anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..installed.harness.contenders import SUBJECT
from ..installed.harness.row import Metric, Row
from ..installed.harness.runner import Result
from ..installed.harness.table import Line, lines_of
from .catalogue import ROWS


def lines(report: dict[str, Any], subject: str = SUBJECT) -> list[Line]:
    """The table's lines, in its order."""
    return [line for row, results in measured(report) for line in lines_of(row, results, subject)]


def measured(report: dict[str, Any], rows: Iterable[Row] = ROWS) -> Iterator[tuple[Row, dict[str, Result]]]:
    """Each row with those of its metrics that the report has, and what was measured."""
    for row in rows:
        results = {label: _result(raw) for label, raw in report["rows"].get(row.name, {}).items()}
        if results:
            yield replace(row, metrics=tuple(each for each in row.metrics if _has(results, each))), results


def _result(raw: dict[str, Any]) -> Result:
    rounds = {int(number): figures for number, figures in raw["rounds"].items()}
    return Result(rounds, raw["unsupported"], raw["problems"], raw["notes"])


def _has(results: dict[str, Result], metric: Metric) -> bool:
    return all(metric.key in figures for result in results.values() for figures in result.rounds.values())
