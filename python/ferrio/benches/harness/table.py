"""The table: lines and cells made once, rendered for the terminal and as Markdown.

A loop's cell is its median, its spread over the rounds, and the subject's ratio to it with the verdict of
statistics.py. Must not measure anything, and knows no goals: columns of text may be added behind its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .row import Metric, Row
from .runner import Result
from .statistics import Ratio, Summary, compare, noise_of, summarise

WIDTH = {"line": 34, "unit": 9, "loop": 23, "more": 22}

BLURRED = 0.25
"""A server that waited longer for a CPU has no rate to compare: the same loop twice came out 2.3 x apart."""


@dataclass(frozen=True)
class Cell:
    """One loop in one line: figures, or why not; `ratio` is the subject's against this loop."""

    summary: Summary | None
    missing: str = ""
    ratio: Ratio | None = None

    def figure(self) -> str:
        return number(self.summary.median) if self.summary else self.missing

    def spread(self) -> str:
        return f"{number(self.summary.lowest)}..{number(self.summary.highest)}" if self.summary else ""


@dataclass(frozen=True)
class Line:
    """One metric of one row over all loops."""

    name: str
    unit: str
    cells: dict[str, Cell]


def number(value: float) -> str:
    """Three significant digits, with k and M."""
    for factor, letter in ((1e6, "M"), (1e3, "k")):
        if value >= factor * 0.9995:
            return f"{value / factor:.3g}{letter}" if value < factor * 999.5 else f"{value / factor:.0f}{letter}"
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def ratio_text(ratio: Ratio | None) -> str:
    return f"{ratio.value:.2f}x {ratio.verdict()}" if ratio else ""


def lines_of(row: Row, results: dict[str, Result], subject: str | None) -> list[Line]:
    """The lines that a measured row gives."""
    return [_line(row, metric, results, subject) for metric in row.metrics]


def undecided(row: Row, results: dict[str, Result], subject: str | None) -> set[str]:
    """The loops without a verdict in some line, which further rounds may decide, and the subject with them."""
    cells = [each for line in lines_of(row, results, subject) for each in line.cells.items()]
    ratios = [(label, cell.ratio) for label, cell in cells if cell.ratio and not cell.ratio.is_open()]
    doubtful = {label for label, ratio in ratios if ratio.verdict() == "?"}
    return doubtful | {subject} if subject and doubtful else set()


def _line(row: Row, metric: Metric, results: dict[str, Result], subject: str | None) -> Line:
    own = results[subject].figures(metric.key) if subject in results else {}
    noise = noise_of(result.figures(metric.key) for result in results.values())
    cells = {}
    for label, result in results.items():
        figures = result.figures(metric.key)
        if not figures:
            cells[label] = Cell(None, "failed" if result.unsupported is None else "-")
            continue
        ratio = None if label == subject else compare(own, figures, metric.higher_is_better, noise)
        if ratio and subject and metric.is_spoiled and _too_busy(result, results[subject]):
            ratio = ratio.blurred()
        cells[label] = Cell(summarise(figures), "", ratio)
    return Line(row.name + metric.suffix, metric.unit, cells)


def _too_busy(*results: Result) -> bool:
    return max(result.disturbed() for result in results) > BLURRED


def terminal_head(labels: list[str], more: Iterable[str] = ()) -> str:
    """The titles of the columns; `more` of them where the lines have more."""
    loops = "".join(f"{label:<{WIDTH['loop']}}" for label in labels)
    return f"{'line':<{WIDTH['line']}}{'unit':<{WIDTH['unit']}}{loops}{_columns(more)}".rstrip()


def terminal(line: Line, more: Iterable[str] = ()) -> str:
    """Two lines of text: figures with ratios and what comes behind them, and the spread under each."""
    first = f"{line.name:<{WIDTH['line']}}{line.unit:<{WIDTH['unit']}}"
    second = " " * len(first)
    for cell in line.cells.values():
        first += f"{cell.figure():<8}{ratio_text(cell.ratio):<{WIDTH['loop'] - 8}}"
        second += f"{cell.spread():<{WIDTH['loop']}}"
    return f"{(first + _columns(more)).rstrip()}\n{second.rstrip()}"


def markdown_head(labels: list[str], more: Iterable[str] = ()) -> str:
    columns = ["line", "unit", *labels, *more]
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def markdown(line: Line, more: Iterable[str] = ()) -> str:
    """One row of a Markdown table."""
    cells = []
    for cell in line.cells.values():
        spread = f" ({cell.spread()})" if cell.summary else ""
        ratio = f"; {ratio_text(cell.ratio)}" if cell.ratio else ""
        cells.append(f"{cell.figure()}{spread}{ratio}")
    return f"| {' | '.join([line.name, line.unit, *cells, *more])} |"


def _columns(texts: Iterable[str]) -> str:
    return "".join(f"{text:<{WIDTH['more']}}" for text in texts)
