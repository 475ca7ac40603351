"""The verdict of goals.py on a line of the table: the best peer, the goal, whether it is met, and the limit."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from ..goals import BEST, ITSELF, Goal, goal_of
from ..installed.harness.row import Metric
from ..installed.harness.runner import Result
from ..installed.harness.statistics import Ratio, compare, noise_of
from ..installed.harness.table import Cell, Line, ratio_text
from .contenders import LIMIT

TITLES = ("best peer", "goal")
"""Of the columns that it adds to the table."""


@dataclass(frozen=True)
class Judgement:
    """What goals.py makes of a line."""

    best: str | None
    goal: Goal | None
    state: str
    ceiling: Ratio | None = None
    """What the limit reaches against the goal's peer: a goal above it cannot be met."""


def judge(line: Line, metric: Metric, results: dict[str, Result], subject: str | None) -> Judgement:
    """Judge one line of a row, made of those results."""
    best, goal = best_peer(line.cells, {subject, LIMIT}, metric.higher_is_better), goal_of(line.name)
    state = state_of(line.cells, subject, best, goal) if subject else ""
    return Judgement(best, goal, state, _ceiling(metric, results, best, goal))


def columns(line: Line, judgement: Judgement) -> tuple[str, str]:
    """What stands under TITLES."""
    best = judgement.best
    peer = f"{best} {ratio_text(line.cells[best].ratio)}".strip() if best else ""
    return peer, _goal_text(judgement)


def best_peer(cells: dict[str, Cell], apart: Set[str | None], higher_is_better: bool) -> str | None:
    """Who has the best median, those apart who are no peers."""
    rivals = cells.keys() - apart
    peers = {label: cell.summary.median for label, cell in cells.items() if cell.summary and label in rivals}
    if not peers:
        return None
    return (max if higher_is_better else min)(peers, key=lambda label: peers[label])


def state_of(cells: dict[str, Cell], subject: str | None, best: str | None, goal: Goal | None) -> str:
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


def _ceiling(metric: Metric, results: dict[str, Result], best: str | None, goal: Goal | None) -> Ratio | None:
    peer = _peer(best, goal) if goal else None
    if peer not in results or LIMIT not in results:
        return None
    limit, figures = results[LIMIT].figures(metric.key), results[peer].figures(metric.key)
    noise = noise_of(result.figures(metric.key) for result in results.values())
    return compare(limit, figures, metric.higher_is_better, noise)


def _peer(best: str | None, goal: Goal) -> str | None:
    return best if goal.against == BEST else goal.against


def _goal_text(judgement: Judgement) -> str:
    if not judgement.goal:
        return ""
    limit = f"; {LIMIT} {judgement.ceiling.value:.2f}x" if judgement.ceiling else ""
    return f"{judgement.goal}  {judgement.state}{limit}".strip()
