"""What the command lines of `benches` and `benches.servers` have in common. Must not know what is measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def add_common(parser: argparse.ArgumentParser, usual: Any, whose: str, seconds: str, quick: str) -> None:
    """The options that both have. `usual` has the defaults; `whose` ratios, how long a window, what a quick look is."""
    parser.add_argument("--rows", default=usual.rows, metavar="A,B,*", help="rows to measure, shell patterns allowed")
    parser.add_argument("--subject", default=usual.subject, metavar="LABEL", help=f"the {whose} that ratios are of")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="just so many; default: as verdicts take")
    parser.add_argument(
        "--minutes", type=float, default=usual.minutes, metavar="N", help="then no further round begins"
    )
    parser.add_argument("--seconds", type=float, default=0.0, metavar="N", help=f"of a window; {seconds} with --quick")
    parser.add_argument("--quick", action="store_true", help=f"{quick}: a look, not evidence")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every round")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write head and table as Markdown")
    parser.add_argument("--list", action="store_true", help="print the rows' names and stop")


def measure_or_list(arguments: argparse.Namespace, rows: Iterable[Any], measure: Callable[..., object]) -> None:
    """Call measure(**options), unless a list was asked for."""
    options = vars(arguments)
    if options.pop("list"):
        print("\n".join(row.name for row in rows))
    else:
        measure(**options)
