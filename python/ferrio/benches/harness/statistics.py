"""From rounds to a verdict: medians, paired ratios, and whether a difference is more than noise.

Two loops are compared pair by pair: their figures of the same round, taken seconds apart, make one ratio.
The verdict is a paired t-test on the logarithms of the ratios at 95 %, plus a floor: two runs of the same
loop differ by up to 2 % for reasons of memory layout that no number of rounds averages out. A ratio above 1
means better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median, stdev

FLOOR = 1.02

# Two-sided 95 % quantiles of Student's t, by degrees of freedom; beyond ten, a little too strict.
STUDENT = (math.inf, 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclass(frozen=True)
class Ratio:
    """Subject against one peer; `low` to `high` holds the true ratio in 95 of 100 tables."""

    value: float
    low: float
    high: float

    def beats(self, factor: float = 1.0) -> bool:
        """Certainly better than `factor` times the peer."""
        return self.low > factor and self.value > factor * FLOOR

    def trails(self, factor: float = 1.0) -> bool:
        """Certainly worse than `factor` times the peer."""
        return self.high < factor and self.value < factor / FLOOR

    def is_open(self) -> bool:
        """Nothing can be said: one round only, or a machine too busy to compare."""
        return self.high == math.inf

    def blurred(self) -> Ratio:
        """The same ratio, with nothing to be said about it."""
        return Ratio(self.value, 0.0, math.inf)

    def verdict(self) -> str:
        """`+` better, `-` worse, `=` not distinguishable."""
        return "+" if self.beats() else "-" if self.trails() else "="


def compare(subject: dict[int, float], peer: dict[int, float], higher_is_better: bool) -> Ratio | None:
    """The ratio by round, where both have a figure; None when they never have."""
    logs = [
        math.log(subject[number] / peer[number]) * (1 if higher_is_better else -1)
        for number in subject.keys() & peer.keys()
        if subject[number] > 0 and peer[number] > 0
    ]
    if not logs:
        return None
    margin = math.inf
    if len(logs) > 1:
        margin = STUDENT[min(len(logs), len(STUDENT)) - 1] * stdev(logs) / math.sqrt(len(logs))
    centre = fmean(logs)
    low, high = math.exp(centre - margin), (math.inf if margin == math.inf else math.exp(centre + margin))
    return Ratio(math.exp(median(logs)), low, high)


@dataclass(frozen=True)
class Summary:
    """A loop's rounds of one figure."""

    median: float
    lowest: float
    highest: float


def summarise(figures: dict[int, float]) -> Summary:
    values = figures.values()
    return Summary(median(values), min(values), max(values))
