"""The command `ferrio`: `main()` finds out what was asked for and hands over to the file of that command.

Whatever a command needs is imported when that command runs, so that `ferrio run` costs a program next to nothing.
commands.py is the table of all commands and options, and the only place to add one.
"""

from __future__ import annotations

import sys
from importlib import import_module

from .errors import Mistake
from .parse import parse


def main(arguments: list[str] | None = None) -> int:
    """Do what the arguments say (sys.argv's by default) and return the exit status."""
    try:
        request = parse(sys.argv[1:] if arguments is None else arguments)
        status: int = import_module(f".{request.command.module}", __name__).main(request)
    except Mistake as mistake:
        print(f"ferrio: {mistake}", file=sys.stderr)
        return 2
    return status
