"""The fresh process of one measurement, as the installed part has it, with load and bare servers."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from typing import Any

from ..installed.harness import child
from ..installed.harness.row import Figures, Row
from . import contenders
from .bench import Bench, Settings, per_operation
from .catalogue import row_named


def measure(specification: child.Specification) -> dict[str, Any]:
    """One measurement: figures and notes, or that the loop does not have what it takes."""
    settings = Settings(**specification["settings"])
    row, name = row_named(specification["row"]), specification["loop"]
    if not contenders.has_part(name, row):
        return {"unsupported": ""}
    is_limit = name == contenders.LIMIT
    bench = Bench(child.prepared(name, settings), settings, stand_in=row.bare if is_limit else "")
    return child.answered(bench, partial(_measured, row, bench))


def _measured(row: Row, bench: Bench) -> Figures:
    # A row with a client has its server watched while the client is there, which may be another process.
    with nullcontext() if row.loaded else bench.watched(os.getpid()):
        figures = (
            per_operation(bench.alone(bench.stand_in)) if bench.stand_in and not row.loaded else row.measure(bench)
        )
    return figures | bench.shares


def main() -> None:
    """Answer the runner; never returns."""
    child.main(measure)
