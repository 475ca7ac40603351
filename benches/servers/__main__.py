"""`python -m benches.servers`: the command line; README.md explains the table."""

from __future__ import annotations

import argparse

from ..arguments import add_common, measure_or_list
from .contenders import KINDS
from .rows import ROWS
from .run import Options, run


def arguments() -> argparse.Namespace:
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="benches.servers", description="Compare HTTP servers; README.md explains the table."
    )
    add_common(parser, usual, "server", "2, or 0.5", "one round of short windows")
    parser.add_argument(
        "--contenders",
        dest="loops",
        default=usual.loops,
        metavar="A,B,*",
        help=f"[LABEL=]SERVER[@PYTHON],..., shell patterns allowed; all by default: {', '.join(KINDS)}",
    )
    return parser.parse_args()


def main() -> None:
    """Measure, or list the rows."""
    measure_or_list(arguments(), ROWS, lambda **options: run(Options(**options)))


if __name__ == "__main__":
    main()
