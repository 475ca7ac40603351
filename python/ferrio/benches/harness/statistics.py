"""From rounds to a verdict: means, paired ratios, and whether a difference is more than noise.

Two loops are compared pair by pair: their figures of the same round, taken seconds apart, make one ratio, and how far
the ratios scatter says how sure their mean is. Few rounds tell little of that, so what all loops of the line show of
the noise counts as well: as a line's figures are a loop's own level times a level of the round times noise, what
remains when both levels are taken away is noise. A verdict is given where the truth is on one side of the margin in 99
of 100 tables; else there is none. A ratio above 1 means better.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median, variance

MARGIN = 1.02
"""Two runs of the same loop differ by up to that for reasons of memory layout, which no rounds average out."""

BORROWED = 4
"""What the line says of a pair's noise weighs as much as so many further rounds of the pair itself would."""

# Two-sided 99 % quantiles of Student's t, by degrees of freedom; between two of them, a little too strict.
FREEDOM = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30)
STUDENT = (63.7, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.25, 3.169, 3.055, 2.947, 2.845, 2.75)

Figures = Mapping[int, float]
"""Of one loop, by round."""


@dataclass(frozen=True)
class Ratio:
    """Subject against one peer; `low` to `high` holds the true ratio in 99 of 100 tables."""

    value: float
    low: float
    high: float

    def is_open(self) -> bool:
        """Nothing can be said: one round only, or a machine too busy to compare."""
        return self.high == math.inf

    def blurred(self) -> Ratio:
        """The same ratio, with nothing to be said about it."""
        return Ratio(self.value, 0.0, math.inf)

    def verdict(self) -> str:
        """`+` better and `-` worse, by more than the margin, `=` not further apart than it, `?` not decided."""
        if self.low > MARGIN:
            return "+"
        if self.high < 1 / MARGIN:
            return "-"
        return "=" if self.low >= 1 / MARGIN and self.high <= MARGIN else "?"


@dataclass(frozen=True)
class Noise:
    """How the logarithm of a ratio of two loops scatters from round to round: squares, and how many are free."""

    squares: float
    freedom: int

    def beside(self, own: Noise) -> Noise:
        """What the line says without the pair itself, and no more of it than shall count."""
        others = self.freedom - own.freedom
        count = max(min(others, BORROWED), 0)
        return Noise(max(self.squares - own.squares, 0.0) / others * count, count) if count else Noise(0.0, 0)


def noise_of(line: Iterable[Figures]) -> Noise:
    """What all loops of a line say of it together. Rounds need not be the same ones for all."""
    logs = [{number: math.log(figure) for number, figure in loop.items() if figure > 0} for loop in line]
    logs = [loop for loop in logs if loop]
    numbers = {number for loop in logs for number in loop}
    levels, rounds = [0.0] * len(logs), dict.fromkeys(numbers, 0.0)
    for _ in range(20):  # turn by turn, the levels settle at those of least squares
        levels = [fmean(log - rounds[number] for number, log in loop.items()) for loop in logs]
        rounds = {
            number: fmean(loop[number] - level for loop, level in zip(logs, levels, strict=True) if number in loop)
            for number in numbers
        }
    rest = [
        log - level - rounds[number] for loop, level in zip(logs, levels, strict=True) for number, log in loop.items()
    ]
    freedom = max(len(rest) - len(logs) - len(numbers) + 1, 0) if rest else 0
    return Noise(2 * math.fsum(each * each for each in rest), freedom)


def compare(subject: Figures, peer: Figures, higher_is_better: bool, noise: Noise) -> Ratio | None:
    """The ratio by round, where both have a figure; None when they never have."""
    logs = [
        math.log(subject[number] / peer[number]) * (1 if higher_is_better else -1)
        for number in subject.keys() & peer.keys()
        if subject[number] > 0 and peer[number] > 0
    ]
    if not logs:
        return None
    centre, margin = fmean(logs), math.inf
    if len(logs) > 1:
        own = Noise(variance(logs) * (len(logs) - 1), len(logs) - 1)
        others = noise.beside(own)
        freedom = own.freedom + others.freedom
        margin = student(freedom) * math.sqrt((own.squares + others.squares) / freedom / len(logs))
    low, high = math.exp(centre - margin), (math.inf if margin == math.inf else math.exp(centre + margin))
    return Ratio(math.exp(centre), low, high)


def student(freedom: int) -> float:
    return STUDENT[bisect_right(FREEDOM, freedom) - 1]


@dataclass(frozen=True)
class Summary:
    """A loop's rounds of one figure."""

    median: float
    lowest: float
    highest: float


def summarise(figures: Figures) -> Summary:
    values = figures.values()
    return Summary(median(values), min(values), max(values))
