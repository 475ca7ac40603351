"""`python -m benches`: the command line of those who work on ferrio; the whole table by default.

`ferrio bench` is the users' one; both make the Options of run.py.
"""

from __future__ import annotations

import argparse

from .arguments import add_common, measure_or_list
from .harness.catalogue import ROWS
from .run import Options, run


def arguments() -> argparse.Namespace:
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="benches", description="Measure the event loops; README.md explains the table."
    )
    add_common(parser, usual, "loop", "0.15, or 0.12", "short windows and small crowds")
    parser.add_argument(
        "--loops", default=usual.loops, metavar="A,B", help="[LABEL=]LOOP[@PYTHON],...; default %(default)s"
    )
    parser.add_argument("--pin", action="store_true", help="the server to one CPU, too, with all its threads")
    return parser.parse_args()


def main() -> None:
    """Measure, or list the rows."""
    measure_or_list(arguments(), ROWS, lambda **options: run(Options(**options)))


if __name__ == "__main__":
    main()
