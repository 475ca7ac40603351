"""`python -m benches.servers`: the command line; README.md explains the table."""

from __future__ import annotations

import argparse
from pathlib import Path

from .contenders import KINDS
from .rows import ROWS
from .run import Options, run


def arguments() -> argparse.Namespace:
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="benches.servers", description="Compare HTTP servers; README.md explains the table."
    )
    parser.add_argument("--rows", default=usual.rows, metavar="A,B,*", help="rows to measure, shell patterns allowed")
    parser.add_argument(
        "--contenders",
        dest="loops",
        default=usual.loops,
        metavar="A,B,*",
        help=f"[LABEL=]SERVER[@PYTHON],..., shell patterns allowed; all by default: {', '.join(KINDS)}",
    )
    parser.add_argument("--subject", default=usual.subject, metavar="LABEL", help="the server that ratios are of")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="just so many; default: as verdicts take")
    parser.add_argument(
        "--minutes", type=float, default=usual.minutes, metavar="N", help="then no further round begins"
    )
    parser.add_argument("--seconds", type=float, default=0.0, metavar="N", help="of a window; 2, or 0.5 with --quick")
    parser.add_argument("--quick", action="store_true", help="one round of short windows: a look, not evidence")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every round")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write head and table as Markdown")
    parser.add_argument("--list", action="store_true", help="print the rows' names and stop")
    return parser.parse_args()


def main() -> None:
    """Measure, or list the rows."""
    options = vars(arguments())
    if options.pop("list"):
        print("\n".join(row.name for row in ROWS))
    else:
        run(Options(**options))


if __name__ == "__main__":
    main()
