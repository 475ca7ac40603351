"""Plans and runs the benchmark of servers: `run(Options(...))`; the suite measures, compares and prints.

Owns what is left out and why, and the columns behind the servers'. __main__.py leads here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from .. import run as suite
from ..harness import build, judged
from ..installed.harness import catalogue
from ..installed.harness.contenders import Contender
from ..installed.harness.machine import heading
from ..installed.harness.rounds import Budget, Results
from ..installed.harness.row import Metric, Row
from ..installed.harness.table import Line
from ..installed.run import conditions, execute, loops_found
from . import contenders, database
from .goals import goals_of
from .rows import DATABASE, ROWS, TLS
from .stage import Stage

DATABASE_LIFETIME = 3 * 3600.0
"""Seconds: longer than any table takes."""


@dataclass(frozen=True)
class Options(suite.Options):
    """What a command line may decide; `loops` are the servers."""

    loops: str = "*"
    minutes: float = 45.0

    def budget(self) -> Budget:
        if self.rounds or not self.quick:
            return Budget(self.rounds or 3, self.rounds or 7, self.minutes)
        return Budget(1, 1, self.minutes)

    def window(self) -> float:
        return self.seconds or (0.5 if self.quick else 2.0)


@dataclass
class Plan(suite.Plan):
    """A plan whose lines may have several goals, and whose best peer is somebody else's server."""

    def columns(self, line: Line, metric: Metric, results: Results, subject: str | None) -> Sequence[str]:
        best = judged.best_peer(line.cells, {subject, *contenders.OURS}, metric.higher_is_better)
        return judged.columns(line, judged.Judgement(best, None, ""))[0], goals_text(line, best, subject)


def goals_text(line: Line, best: str | None, subject: str | None) -> str:
    """Each goal with what became of it."""
    goals = [
        (str(goal), judged.state_of(line.cells, subject, best, goal) if subject else "") for goal in goals_of(line.name)
    ]
    return "; ".join(f"{goal}  {state}".strip() for goal, state in goals)


def run(options: Options) -> None:
    """Measure, print the table, write the files that were asked for."""
    with ExitStack() as stack:
        rows, place = catalogue.select(options.rows, ROWS), ""
        left_out: list[str] = []
        if any(row.name == DATABASE for row in rows):
            try:
                place = stack.enter_context(database.cluster(DATABASE_LIFETIME))
            except database.NoDatabase as error:
                rows, left_out = without(rows, DATABASE, str(error))
        if any(row.name == TLS for row in rows):
            try:
                build.tls_client()
            except build.NotBuilt as error:
                rows, more = without(rows, TLS, str(error))
                left_out = [*left_out, *more]
        execute(options, plan(options, rows, left_out, place))


def without(rows: list[Row], name: str, reason: str) -> tuple[list[Row], list[str]]:
    """The other rows, and a line about that one."""
    return [row for row in rows if row.name != name], [f"left out: {name}: {reason}"]


def plan(options: Options, rows: list[Row], left_out: list[str], place: str) -> Plan:
    """Everything that is decided before the first measurement."""
    client, unloaded = suite.client_for(rows)
    found, missing = loops_found(*contenders.find(options.loops.split(",")))
    rows = [row for row in rows if client.path or not row.loaded]
    settings = replace(suite.settings_of(options, client), warmup=0.2 if options.quick else 0.5)
    return Plan(
        rows,
        found,
        settings,
        head(options, found, missing, conditions(options, settings, "client on one CPU"), client.made_of),
        left_out + unloaded,
        once=Stage(settings, place).once,
        distance=suite.distance_for(rows, settings, client),
    )


def head(options: Options, found: list[Contender], missing: dict[str, str], conditions: str, client: str) -> list[str]:
    """The lines above the table, which call the contenders what they are."""
    lines = heading(
        found, missing, conditions.replace("loops interleaved", "servers interleaved"), [f"client:     {client}"]
    )
    return [
        f"servers:    {line.removeprefix('loops:      ')}" if line.startswith("loops: ") else line for line in lines
    ]
