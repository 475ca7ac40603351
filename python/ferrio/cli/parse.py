"""From arguments to a `Request`, by the table and nothing else.

Options may be spelled `--name VALUE`, `--name=VALUE`, `-cVALUE`; `--` ends them. They and words may mix, except
where the rest belongs to a program. Must not know any command by name but `help`.
"""

from __future__ import annotations

import os
from typing import NamedTuple, cast

from .commands import ASSIST, COMMANDS, FERRIO, HELP, VERSION
from .errors import Mistake, nearest
from .table import Command, Option, names


class Request(NamedTuple):
    """What was asked for: the command, its options' values by name, its words."""

    command: Command
    options: dict[str, object]
    words: list[str]

    def has(self, name: str) -> bool:
        """Whether the option was given."""
        return name in self.options


def parse(arguments: list[str]) -> Request:
    """Understand the arguments of `ferrio`, or raise Mistake."""
    if not arguments:
        return Request(ASSIST, {"nothing asked": True}, [])
    first, rest = arguments[0], arguments[1:]
    if not first.startswith("-"):
        return _command(_named(first), rest)
    if first in names(VERSION):
        return Request(ASSIST, {VERSION.name: True}, [])
    if first in names(HELP):
        return Request(ASSIST, {}, [])
    raise Mistake(_unknown(first, FERRIO) + _meant_for_run(first))


def _named(name: str) -> Command:
    for command in COMMANDS:
        if command.name == name:
            return command
    if os.path.exists(name):
        raise Mistake(f"unknown command {name!r}; did you mean 'ferrio run {name}'?")
    hint = nearest(name, (command.name for command in COMMANDS))
    raise Mistake(f"unknown command {name!r}{hint or '; ferrio --help lists them'}")


def _meant_for_run(word: str) -> str:
    return f"; did you mean 'ferrio run {word[:2]} ...'?" if word[:2] in ("-m", "-c") else ""


def _command(command: Command, arguments: list[str]) -> Request:
    options: dict[str, object] = {}
    words: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            return _checked(Request(command, options, words + left))
        if word == "-" or not word.startswith("-"):
            words.append(word)
            if command.last:
                return _checked(Request(command, options, words + left))
            continue
        if word in names(HELP):
            return Request(ASSIST, {}, [command.name])
        option, value = _option(command, word, left)
        if option.many:
            value = [*cast("list[object]", options.get(option.name, [])), value]
        options[option.name or option.short] = value
        if option.last:
            return Request(command, options, left)
    return _checked(Request(command, options, words))


def _option(command: Command, word: str, left: list[str]) -> tuple[Option, object]:
    """The option that the word is, and its value, which may be taken off what is left."""
    name, equals, text = word.partition("=")
    for option in command.options:
        if option.short and option.value and word.startswith(option.short):
            return option, _value(command, option, word[2:] or _next(command, option, left))
        if name in names(option):
            if not option.value and equals:
                raise Mistake(f"{_within(command)}{name} takes no value")
            if name == option.negative:
                return option, False
            return option, _value(command, option, text if equals else _next(command, option, left))
    raise Mistake(_unknown(word, command))


def _next(command: Command, option: Option, left: list[str]) -> str:
    if not option.value:
        return ""
    if not left:
        raise Mistake(f"{_within(command)}{names(option)[0]} needs a value: {option.spelling()}")
    return left.pop(0)


def _value(command: Command, option: Option, text: str) -> object:
    if not option.value:
        return True
    try:
        return option.parse(text)
    except ValueError as error:
        raise Mistake(f"{_within(command)}{names(option)[0]} {text!r}: {error}") from None


def _checked(request: Request) -> Request:
    command, count = request.command, len(request.words)
    if count < command.fewest:
        raise Mistake(f"{_within(command)}{command.words} is missing: ferrio {command.name} {command.usage[0]}")
    if command.most is not None and count > command.most:
        raise Mistake(f"{_within(command)}an argument too many: {request.words[command.most]!r}")
    return request


def _unknown(word: str, command: Command) -> str:
    name = word.partition("=")[0]
    known = [each for option in (*command.options, HELP) for each in names(option) if each.startswith("--")]
    hint = nearest(name, known) if name.startswith("--") else ""
    if not hint and command.last:
        hint = f"; Python's own options go to python: python {name} -m ferrio {command.name} ..."
    return f"{_within(command)}unknown option {name!r}{hint}"


def _within(command: Command) -> str:
    return f"{command.name}: " if command.name else ""
