"""What part of an operation is the kernel's, the interpreter's and the loop's own: `python -m benches.profile`.

    python -m benches.profile                                    echo_1k_x64 on ferrio, uvloop and the bare epoll server
    python -m benches.profile --rows 'echo_*_x64,bulk_send' --loops ferrio,uvloop,asyncio,epoll
    python -m benches.profile --rows to_thread --symbols 12      with the functions that cost most

Each round measures a loop twice, once without a profiler and once with: the time of an operation is the first one's,
how it divides the second's. Of rows with a client it is the server's CPU time, of others the time that passes.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median

from .digest import write
from .harness import build, contenders
from .harness.bench import Settings
from .harness.catalogue import select
from .harness.profiling import PARTS, WITHOUT_PERF, has_perf
from .installed.harness.contenders import Contender
from .installed.harness.machine import heading
from .installed.harness.row import Figures, Row
from .installed.harness.runner import order, run_once
from .run import Options, client_for, load_of, settings_of

COLUMNS, PROFILER = (PARTS, "perf record") if has_perf() else (WITHOUT_PERF, "the kernel's account")
TITLES = {"loop": "loop's own", "openssl": "OpenSSL", "libc": "C library"}
WIDTH = 16

Profile = dict[str, float]
"""`us` of an operation, and the shares of profiling.py."""


def main() -> None:
    """Measure and print, row by row."""
    parser = argparse.ArgumentParser(prog="benches.profile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default="echo_1k_x64", metavar="A,B,*", help="rows, shell patterns allowed")
    parser.add_argument(
        "--loops", default=f"ferrio,uvloop,{contenders.LIMIT}", metavar="A,B", help="default %(default)s"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="N", help="of a measurement; default %(default)s")
    parser.add_argument("--symbols", type=int, default=0, metavar="N", help="the N functions that cost most, too")
    parser.add_argument("--pin", action="store_true", help="the server to one CPU, too, with all its threads")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the medians, without the functions")
    arguments = parser.parse_args()
    rows = select(arguments.rows)
    client, _ = client_for(rows)
    found, missing = contenders.find(arguments.loops.split(","), client.lacks)
    settings = replace(settings_of(Options(pin=arguments.pin), client), seconds=arguments.seconds)
    conditions = f"{arguments.rounds} rounds of {settings.seconds:g} s without a profiler and with {PROFILER}"
    about = load_of(rows, client)
    made_with = heading(found, missing, conditions, about)
    print(*made_with, "", head(), sep="\n", flush=True)
    table: list[list[str | float]] = [["row", "label", "us", *COLUMNS]]
    for row in rows:
        profiles = measure(row, found, settings, arguments.rounds, client)
        for label, profile in profiles.items():
            print(line(row.name, label, profile), *costly(profile, arguments.symbols), sep="\n", flush=True)
            table.append([row.name, label, *(profile.get(part, 0.0) for part in ("us", *COLUMNS))])
    if arguments.table:
        write(arguments.table, made_with, table)


def measure(
    row: Row, found: list[Contender], settings: Settings, rounds: int, client: build.Client
) -> dict[str, Profile]:
    """The medians of the rounds, by the loop's label."""
    taken: dict[str, list[Profile]] = defaultdict(list)
    for number in range(rounds):
        for contender in order(found, number):
            plain, profiled = (
                run_once(row, contender, each).get("figures") for each in (settings, replace(settings, profile=True))
            )
            if plain and profiled:
                taken[contender.label].append(profiled | {"us": microseconds(plain)})
    return {contender.label: medians(taken[contender.label]) for contender in found if taken[contender.label]}


def microseconds(figures: Figures) -> float:
    """The time of an operation: CPU where a client was there to read it."""
    return figures["cpu"] if "cpu" in figures else 1e6 / figures["rate"]


def medians(rounds: list[Profile]) -> Profile:
    keys = {key for profile in rounds for key in profile if key == "us" or key.partition("/")[0] in COLUMNS}
    return {key: median(profile.get(key, 0.0) for profile in rounds) for key in keys}


def head() -> str:
    columns = "".join(f"{TITLES.get(part, part):<{WIDTH}}" for part in COLUMNS)
    return f"{'row':<24}{'loop':<14}{'us':<9}{columns}".rstrip()


def line(row: str, label: str, profile: Profile) -> str:
    whole = profile["us"]
    cells = (f"{profile.get(part, 0.0) * whole:.2f} ({profile.get(part, 0.0):.0%})" for part in COLUMNS)
    return f"{row:<24}{label:<14}{whole:<9.3g}{''.join(f'{cell:<{WIDTH}}' for cell in cells)}".rstrip()


def costly(profile: Profile, wanted: int) -> list[str]:
    """The functions that cost most, with their part and their time in an operation."""
    functions = sorted((key for key in profile if "/" in key), key=lambda key: -profile[key])[:wanted]
    return [f"{'':<38}{profile[key] * profile['us']:<9.3g}{profile[key]:<7.1%}{key}" for key in functions]


if __name__ == "__main__":
    main()
