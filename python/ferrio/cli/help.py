"""`ferrio help [COMMAND]`, `--help` and `--version`: texts made from the table."""

from __future__ import annotations

import sys

from .commands import COMMANDS, FERRIO, HELP, VERSION
from .errors import Mistake, nearest
from .output import say
from .parse import Request
from .table import Command, Option


def main(request: Request) -> int:
    """Explain; without a question, on standard error and with status 2, as a script would want."""
    if request.has(VERSION.name):
        say(version())
    elif request.words:
        say(explained(_command(request.words[0])))
    elif request.options:
        print(overview(), file=sys.stderr)
        return 2
    else:
        say(overview())
    return 0


def version() -> str:
    """`ferrio 0.1.0 (CPython 3.13.0)`."""
    from ferrio import __version__

    name = {"cpython": "CPython"}.get(sys.implementation.name, sys.implementation.name)
    return f"ferrio {__version__} ({name} {sys.version.split()[0]})"


def overview() -> str:
    """`ferrio --help`."""
    commands = [(command.name, command.doc) for command in COMMANDS]
    usage = "usage: ferrio COMMAND ...\n\nferrio is asyncio's event loop, in Rust."
    return f"{usage}\n\ncommands:\n{_columns(commands)}\n\noptions:\n{_options(FERRIO.options)}"


def explained(command: Command) -> str:
    """`ferrio COMMAND --help`."""
    usage = "\n".join(
        f"{'usage:' if number == 0 else '      '} ferrio {command.name} {line}"
        for number, line in enumerate(command.usage)
    )
    text = f"\n\n{command.text}" if command.text else ""
    return f"{usage}\n\n{command.doc}.{text}\n\n{_groups((*command.options, HELP))}"


def _command(name: str) -> Command:
    for command in COMMANDS:
        if command.name == name:
            return command
    hint = nearest(name, (command.name for command in COMMANDS))
    raise Mistake(f"unknown command {name!r}{hint or '; ferrio --help lists them'}")


def _groups(options: tuple[Option, ...]) -> str:
    """All options, each under the heading of its group."""
    headings = dict.fromkeys(option.group for option in options)
    groups = {each: tuple(option for option in options if option.group == each) for each in headings}
    return "\n\n".join(f"{heading}:\n{_options(group)}" for heading, group in groups.items())


def _options(options: tuple[Option, ...]) -> str:
    return _columns([(option.spelling(), option.doc) for option in options])


def _columns(rows: list[tuple[str, str]]) -> str:
    width = max(len(left) for left, _ in rows)
    return "\n".join(f"  {left:<{width}}  {right}" for left, right in rows)
