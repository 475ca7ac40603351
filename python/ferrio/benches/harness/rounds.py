"""Which round measures what: first some rounds of everything, then further ones where no verdict is reached.

Rounds go over all rows, one after the other. What disturbs the machine for a minute then falls on one round of many
rows, where the other rounds show it to be noise; were all rounds of a row taken together it would fall on all of them,
and pass for a property of the loop. Must not know how figures are compared: it is told what is undecided.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .bench import Settings
from .contenders import Contender
from .row import Row
from .runner import Around, Once, Result, measure_round, run_once

Results = dict[str, Result]
"""One row's, by the contender's label."""


@dataclass(frozen=True)
class Budget:
    """Rounds of everything, rounds at most of what is undecided, and the time after which none of those begins."""

    first: int
    most: int
    minutes: float


@dataclass(frozen=True)
class Rounds:
    """The rows and contenders of a table, and how often they may be measured. `tell` hears what is being done, `once`
    makes a measurement.
    """

    rows: list[Row]
    contenders: list[Contender]
    settings: Settings
    around: Around
    budget: Budget
    tell: Callable[[str], None]
    once: Once = run_once

    def measure(self, undecided: Callable[[Row, Results], set[str]]) -> dict[str, Results]:
        """All rounds; results by row. `undecided` names the contenders of a row that a further round is for."""
        ends = time.monotonic() + self.budget.minutes * 60
        taken = {row.name: {each.label: Result() for each in self.contenders} for row in self.rows}
        for number in range(self.budget.first):
            for row in self.rows:
                if number < self._bound(row):
                    self.tell(f"round {number + 1} of {self.budget.first}: {row.name}")
                    self._round(row, self.contenders, number, taken)
        for number in range(self.budget.first, self.budget.most):
            left = {row.name: undecided(row, taken[row.name]) for row in self.rows if self._bound(row) > 1}
            for row in [row for row in self.rows if left.get(row.name)]:
                if time.monotonic() > ends:
                    return taken
                self.tell(f"round {number + 1}, of {sum(map(bool, left.values()))} undecided rows: {row.name}")
                contenders = [each for each in self.contenders if each.label in left[row.name]]
                self._round(row, contenders, number, taken)
        return taken

    def _round(self, row: Row, contenders: list[Contender], number: int, taken: dict[str, Results]) -> None:
        measure_round(row, contenders, number, self.settings, self.around, taken[row.name], self.once)

    def _bound(self, row: Row) -> int:
        return row.rounds or self.budget.first
