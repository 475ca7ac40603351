"""What the table of commands is made of: `Option` and `Command`.

Parsing, help and shell completion are all made from these entries, so an option that is in the table is parsed,
explained and completed, and one that is not does not exist. No dataclasses: they would be a tenth of the start-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

FILE = "file"
"""In `Option.complete` and `Command.complete`: a shell completes file names."""

Complete = str | Callable[[], tuple[str, ...]]
"""FILE, nothing, or what makes the words to offer, which is called only where they are needed."""


class Option(NamedTuple):
    """One option. Without `value` it is a switch; with one, `parse` makes the value of its text.

    `parse` raises ValueError, with the reason, for a text that it does not take. `complete` is FILE or the words
    to offer. What follows a `last` option and its value belongs to the program that is run. `negative` is the name
    that means the opposite of a switch. `many` may be repeated, which makes a list. Help shows options by `group`.
    """

    name: str
    doc: str
    short: str = ""
    value: str = ""
    parse: Callable[[str], object] = str
    complete: Complete = ""
    last: bool = False
    negative: str = ""
    many: bool = False
    group: str = "options"

    def spelling(self) -> str:
        """As the help shows it: `-h, --help`, `--rounds N`, `--colour, --no-colour`."""
        return ", ".join(names(self)) + (f" {self.value}" if self.value else "")


class Command(NamedTuple):
    """One command: the file that has its `main(request)`, its words after the options, what help says.

    `fewest` and `most` bound the words; None is no bound. With `last`, everything from the first word on
    belongs to the program that is run, options too.
    """

    name: str
    module: str
    doc: str
    usage: tuple[str, ...]
    text: str = ""
    options: tuple[Option, ...] = ()
    words: str = ""
    fewest: int = 0
    most: int | None = 0
    complete: Complete = ""
    last: bool = False


def names(option: Option) -> tuple[str, ...]:
    """What may be typed for it."""
    return tuple(filter(None, (option.short, option.name, option.negative)))


def offered(complete: Complete) -> tuple[str, ...]:
    """The words that a shell offers, if they are words."""
    return () if isinstance(complete, str) else complete()
