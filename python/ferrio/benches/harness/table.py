"""The table: lines and cells made once, rendered for the terminal and as Markdown.

A loop's cell is its median, its spread over the rounds, and the subject's ratio to it with the verdict of
statistics.py. Must not measure anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..goals import BEST, ITSELF, Goal, goal_of
from .contenders import LIMIT
from .row import Metric, Row
from .runner import Result
from .statistics import Noise, Ratio, Summary, compare, noise_of, summarise

WIDTH = {"line": 34, "unit": 9, "loop": 23, "best": 22}

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
    best: str | None
    goal: Goal | None
    state: str
    ceiling: Ratio | None = None
    """What the limit reaches against the goal's peer: a goal above it cannot be met."""


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
    name = row.name + metric.suffix
    best, goal = _best(cells, subject, metric.higher_is_better), goal_of(name)
    state = _state(cells, subject, best, goal) if subject else ""
    return Line(name, metric.unit, cells, best, goal, state, _ceiling(metric, results, noise, best, goal))


def _too_busy(*results: Result) -> bool:
    return max(result.disturbed() for result in results) > BLURRED


def _best(cells: dict[str, Cell], subject: str | None, higher_is_better: bool) -> str | None:
    rivals = cells.keys() - {subject, LIMIT}
    peers = {label: cell.summary.median for label, cell in cells.items() if cell.summary and label in rivals}
    if not peers:
        return None
    return (max if higher_is_better else min)(peers, key=lambda label: peers[label])


def _state(cells: dict[str, Cell], subject: str | None, best: str | None, goal: Goal | None) -> str:
    """Whether the subject meets the goal; `near` when it is short of it by no more than noise."""
    if goal is None or subject not in cells or cells[subject].summary is None:
        return ""
    if goal.against == ITSELF:
        summary, limit = cells[subject].summary, goal.at_most or 0.0
        assert summary is not None
        return "met" if summary.median <= limit else "near" if summary.lowest <= limit else "MISSED"
    peer = _peer(best, goal)
    ratio = cells[peer].ratio if peer in cells else None
    if ratio is None or ratio.is_open():
        return "open" if ratio else ""
    return "met" if ratio.value >= goal.at_least else "MISSED" if ratio.high < goal.at_least else "near"


def _ceiling(
    metric: Metric, results: dict[str, Result], noise: Noise, best: str | None, goal: Goal | None
) -> Ratio | None:
    peer = _peer(best, goal) if goal else None
    if peer not in results or LIMIT not in results:
        return None
    limit, figures = results[LIMIT].figures(metric.key), results[peer].figures(metric.key)
    return compare(limit, figures, metric.higher_is_better, noise)


def _peer(best: str | None, goal: Goal) -> str | None:
    return best if goal.against == BEST else goal.against


def terminal_head(labels: list[str], goals: bool) -> str:
    loops = "".join(f"{label:<{WIDTH['loop']}}" for label in labels)
    head = f"{'line':<{WIDTH['line']}}{'unit':<{WIDTH['unit']}}{loops}"
    return head + f"{'best peer':<{WIDTH['best']}}goal" if goals else head.rstrip()


def terminal(line: Line, goals: bool) -> str:
    """Two lines of text: figures with ratios, and the spread under each."""
    first = f"{line.name:<{WIDTH['line']}}{line.unit:<{WIDTH['unit']}}"
    second = " " * len(first)
    for cell in line.cells.values():
        first += f"{cell.figure():<8}{ratio_text(cell.ratio):<{WIDTH['loop'] - 8}}"
        second += f"{cell.spread():<{WIDTH['loop']}}"
    if goals:
        first += f"{_best_text(line):<{WIDTH['best']}}{_goal_text(line)}"
    return f"{first.rstrip()}\n{second.rstrip()}"


def markdown_head(labels: list[str]) -> str:
    columns = ["line", "unit", *labels, "best peer", "goal"]
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def markdown(line: Line) -> str:
    """One row of a Markdown table."""
    cells = []
    for cell in line.cells.values():
        spread = f" ({cell.spread()})" if cell.summary else ""
        ratio = f"; {ratio_text(cell.ratio)}" if cell.ratio else ""
        cells.append(f"{cell.figure()}{spread}{ratio}")
    return f"| {' | '.join([line.name, line.unit, *cells, _best_text(line), _goal_text(line)])} |"


def _best_text(line: Line) -> str:
    if line.best is None:
        return ""
    return f"{line.best} {ratio_text(line.cells[line.best].ratio)}".strip()


def _goal_text(line: Line) -> str:
    if not line.goal:
        return ""
    limit = f"; {LIMIT} {line.ceiling.value:.2f}x" if line.ceiling else ""
    return f"{line.goal}  {line.state}{limit}".strip()
