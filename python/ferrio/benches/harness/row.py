"""What a question is made of, and what it gives back.

A `Row` is one measurement, made by one function in one fresh process; it gives one or more figures, and each
`Metric` is one line of the table. Must not know how figures are compared or printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Figures = dict[str, float]


@dataclass(frozen=True)
class Metric:
    """One figure of a row. `key` names it in the figures; the line's name is the row's plus `suffix`. `is_spoiled`: by
    other programs on the machine, which a rate or a latency is, and CPU time is not.
    """

    key: str
    unit: str
    suffix: str = ""
    higher_is_better: bool = True
    is_spoiled: bool = False


@dataclass(frozen=True)
class Row:
    """One measurement. `rounds` bounds those of a slow one, 1 forbids further ones, too; `loaded` rows need the load
    client; `streams`: asyncio's, with or without one. `needs` names the packages without which there is nothing to
    measure. `bare` is what stands in for the loop to tell the kernel's limit.
    """

    name: str
    metrics: tuple[Metric, ...]
    measure: Callable[[Any], Figures]
    rounds: int | None = None
    loaded: bool = False
    streams: bool = False
    needs: tuple[str, ...] = ()
    bare: str = ""

    @property
    def takes_client(self) -> bool:
        """Whether the client's program has a part in it, as load or in the loop's place: two CPUs are at work then."""
        return self.loaded or bool(self.bare)


RATE = (Metric("rate", "op/s"),)
