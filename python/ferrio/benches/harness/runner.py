"""Runs the measurements of a round: one fresh process each, contenders in alternating order.

The order turns with every round and is reversed in every other one, so that no loop is always first after a
pause, or always next to the same neighbour. Must not know how figures are compared.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Protocol, TypeVar

from .bench import Settings
from .contenders import Contender
from .row import Figures, Row

T = TypeVar("T")

PATIENCE = 120.0
SUITE = Path(__file__).resolve().parents[1] / "__init__.py"
"""The package whose rows are measured. That of a checkout puts its own in this place."""

START = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("benches", sys.argv.pop(1))
sys.modules["benches"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["benches"])
from benches.harness.child import main
main()
"""
"""The suite under a name of its own: as ferrio.benches it would bring ferrio into every loop's process."""


@dataclass
class Result:
    """One row's rounds of one contender: figures by round, or why there are none."""

    rounds: dict[int, Figures] = field(default_factory=dict)
    unsupported: str | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def figures(self, key: str) -> dict[int, float]:
        """One metric by round."""
        return {number: figures[key] for number, figures in self.rounds.items()}

    def disturbed(self) -> float:
        """Share of the time that the server waited for a CPU, in the median round; 0 without a client."""
        return median(figures.get("disturbed", 0.0) for figures in self.rounds.values())


class Around(Protocol):
    """What a measurement is made within, such as a moment when the machine is as it should be."""

    def __call__(self, row: Row, measure: Callable[[], T], /) -> T: ...


Once = Callable[[Row, Contender, Settings], dict[str, Any]]
"""One measurement: figures, a problem, or what the contender does not have; and notes."""


def at_once(row: Row, measure: Callable[[], T], /) -> T:
    """The measurement, without anything around it."""
    return measure()


def order(contenders: list[Contender], number: int) -> list[Contender]:
    """The contenders in the order of that round: by two places further, and backwards every other time."""
    shift = number // 2 * 2 % len(contenders)
    turned = contenders[shift:] + contenders[:shift]
    return turned[::-1] if number % 2 else turned


def measure_round(
    row: Row,
    contenders: list[Contender],
    number: int,
    settings: Settings,
    around: Around,
    results: dict[str, Result],
    once: Once,
) -> None:
    """That round of a row, into the results. Who failed twice, or does not have it, is left out."""
    for contender in order(contenders, number):
        result = results[contender.label]
        if result.unsupported is None and len(result.problems) < 2:
            _note(result, number, around(row, partial(once, row, contender, settings)))


def run_once(row: Row, contender: Contender, settings: Settings) -> dict[str, Any]:
    """One measurement in its own process: what it printed, or a problem; and what it said on standard
    error.
    """
    specification = {
        "row": row.name,
        "loop": contender.loop,
        "settings": asdict(settings),
        "parent": os.getpid(),
    }
    # -P: never from the current folder.
    command = [contender.python, "-P", "-c", START, str(SUITE), json.dumps(specification)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            output, complaints = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return {"problem": f"not done after {PATIENCE:.0f} s"}
        finally:
            process.kill()
    said = [line for line in complaints.strip().splitlines() if line.strip()]
    if process.returncode != 0 or not output:
        return {"problem": said[-1] if said else f"exit status {process.returncode}"}
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    if said:
        answer["notes"] = [*answer.get("notes", []), f"said on standard error: {said[-1]}"]
    return answer


def _note(result: Result, number: int, answer: dict[str, Any]) -> None:
    if "problem" in answer:
        result.problems.append(answer["problem"])
    elif "unsupported" in answer:
        result.unsupported = answer["unsupported"]
    else:
        result.rounds[number] = answer["figures"]
    result.notes += [note for note in answer.get("notes", []) if note not in result.notes]
