"""Plans and runs the whole suite: all rows, the load client, goals: `run(Options(...))`.

Owns what a checkout adds to run.py of the installed part, which measures and prints. __main__.py leads here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TypeVar

from .harness import build, contenders, judged
from .harness.bench import Settings
from .harness.catalogue import select
from .harness.contenders import LOOPS
from .harness.distance import Distance
from .installed import run as installed
from .installed.harness import lifetime, runner
from .installed.harness.machine import heading
from .installed.harness.rounds import Results
from .installed.harness.row import Metric, Row
from .installed.harness.table import Line
from .installed.run import Raw, conditions, cpus_allowed, execute, loops_found

T = TypeVar("T")

DISTURBED = 0.1
"""Some waiting is the load client's own doing: on a quiet machine with two CPUs it is under this share."""

SATURATED, AHEAD = 0.9, 0.1
"""A client that works for so large a share of the time, and so much more than its server, is what limits the rate."""

NO_CLIENT = build.Client("", "none", "no row needs it")

runner.SUITE = Path(__file__).resolve().with_name("__init__.py")


@dataclass(frozen=True)
class Options(installed.Options):
    """What a command line may decide, with all the loops there are."""

    loops: str = ",".join(LOOPS)


@dataclass
class Plan(installed.Plan):
    """A plan whose table has goals. `distance`: between the client's CPU and the server's, if somebody can tell."""

    distance: Distance | None = None
    titles: tuple[str, ...] = field(default=judged.TITLES)

    def __post_init__(self) -> None:
        self.around = self.near

    def near(self, row: Row, measure: Callable[[], T], /) -> T:
        """What takes two CPUs is measured while they are near."""
        return self.distance.near(measure) if self.distance and row.takes_client else measure()

    def columns(self, line: Line, metric: Metric, results: Results, subject: str | None) -> Sequence[str]:
        return judged.columns(line, judged.judge(line, metric, results, subject))

    def remarks(self, raw: Raw) -> list[str]:
        apart = self.distance.apart if self.distance else 0
        said = [f"{apart} measurements of rows with connections were made with the CPUs far apart"] if apart else []
        return said + disturbance(raw) + saturation(self.rows, raw)


def run(options: Options) -> None:
    """Measure, print the table, write the files that were asked for."""
    execute(options, plan(options))


def plan(options: Options) -> Plan:
    """Everything that is decided before the first measurement."""
    rows = select(options.rows)
    client, unloaded = client_for(rows)
    rows, left_out = without_packages(rows)
    found, missing = loops_found(*contenders.find(options.loops.split(","), client.lacks))
    rows = [row for row in rows if client.path or not row.loaded]
    settings = settings_of(options, client)
    pin = "" if settings.client_cpu is None else f"client on one CPU{', server on another' * options.pin}"
    head = heading(found, missing, conditions(options, settings, pin), load_of(rows, client))
    return Plan(rows, found, settings, head, left_out + unloaded, distance=distance_for(rows, settings, client))


def load_of(rows: list[Row], client: build.Client) -> list[str]:
    """What the head of a table says about the client and the packages that the rows serve with."""
    packages = {name: version(name) for row in rows for name in row.needs}
    said = ", ".join(f"{name} {number}" for name, number in packages.items())
    return [f"client:     {client.made_of}", *([f"packages:   {said}"] if said else [])]


def without_packages(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """The rows whose packages are there, and a line about the others for each set of packages."""
    lacking = {row.name: tuple(name for name in row.needs if find_spec(name) is None) for row in rows}
    said = [
        f"left out: {', '.join(row for row in lacking if lacking[row] == names)}: "
        f"{' and '.join(names)} missing: pip install {' '.join(names)}"
        for names in dict.fromkeys(lacking.values())
        if names
    ]
    return [row for row in rows if not lacking[row.name]], said


def client_for(rows: list[Row]) -> tuple[build.Client, list[str]]:
    """The client that these rows need, or none and a line about those that it would load."""
    if not any(row.takes_client for row in rows):
        return NO_CLIENT, []
    try:
        return build.client(), []
    except build.NotBuilt as error:
        unloaded = ", ".join(row.name for row in rows if row.loaded)
        return replace(NO_CLIENT, lacks=str(error)), [f"left out: {unloaded}: {error}"] if unloaded else []


def settings_of(options: Options, client: build.Client) -> Settings:
    """The client keeps to one CPU, where there are two: wherever the kernel moved it, it would push the server away."""
    allowed = cpus_allowed(options)
    return Settings(
        warmup=0.05,
        seconds=options.window(),
        quick=options.quick,
        client=client.path,
        server_cpu=allowed[0] if options.pin else None,
        client_cpu=allowed[-1] if len(allowed) > 1 else None,
        file_limit=lifetime.raise_file_limit(),
    )


def distance_for(rows: list[Row], settings: Settings, client: build.Client) -> Distance | None:
    """Between the client's CPU and the server's, if it matters and somebody can tell."""
    if client.lacks or settings.client_cpu is None or not any(row.takes_client for row in rows):
        return None
    return Distance(client.path, settings.client_cpu, cpus_allowed(Options())[0])


def disturbance(raw: Raw) -> list[str]:
    """A warning, if other programs took the CPU from the servers so often that rates mean little."""
    every = (result for results in raw.values() for result in results.values())
    rounds = [figures for result in every for figures in result["rounds"].values()]
    shares = [figures["disturbed"] for figures in rounds if "disturbed" in figures]
    if not shares or median(shares) < DISTURBED:
        return []
    return [
        f"warning: servers waited for a CPU in {median(shares):.0%} of the time (median): the machine was "
        "busy, rates of served rows are too low and blurred; read .cpu"
    ]


def saturation(rows: list[Row], raw: Raw) -> list[str]:
    """A line about the rates that the client could not drive any higher: the server had time left."""
    said = []
    for row in rows:
        for loop, result in raw[row.name].items() if any(each.key == "rate" for each in row.metrics) else ():
            rounds = [figures for figures in result["rounds"].values() if "client_busy" in figures]
            shares = [(figures["client_busy"], figures["server_busy"]) for figures in rounds]
            client, server = (median(each) for each in zip(*shares, strict=True)) if shares else (0.0, 0.0)
            if client > SATURATED and client - server > AHEAD:
                said.append(f"{row.name} on {loop}")
    return [f"the client, not the server, limits the rate of: {', '.join(said)}; read .cpu"] if said else []
