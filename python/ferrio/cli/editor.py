"""The REPL's editor: the one of the running Python, which edits several lines at once and has colours, from 3.13 on.

That is `_pyrepl`, a private package; whatever is taken from it is taken here. Where it is missing (before 3.13, some
distributions), not wanted (PYTHON_BASIC_REPL) or not able (TERM=dumb), `editor()` is None, and terminal.py reads lines.
"""

from __future__ import annotations

import code
import contextlib
import os
import sys
from importlib import import_module
from typing import Any


def console_class() -> Any:
    """The class of consoles that the editor, and lines in its place, get on: from 3.13 on it colours tracebacks."""
    try:
        return import_module("_pyrepl.console").InteractiveColoredConsole
    except ImportError:
        return code.InteractiveConsole


def editor() -> Editor | None:
    """Python's own editor, where it can be used."""
    if variable("PYTHON_BASIC_REPL"):
        return None
    try:
        can = import_module("_pyrepl.main").CAN_USE_PYREPL
    except ImportError:
        return None
    return Editor() if can else None


def variable(name: str) -> str:
    """An environment variable of Python's, unless python was told to ignore them."""
    return "" if sys.flags.ignore_environment else os.environ.get(name, "")


class Editor:
    """Reads statements and has the console run them; a context, which restores the terminal."""

    is_interactive = True

    def __init__(self) -> None:
        self._simple_interact = import_module("_pyrepl.simple_interact")
        self._terminal_settings = import_module("termios").tcgetattr
        self._descriptor = sys.stdin.fileno()
        self._settings = self._terminal_settings(self._descriptor)
        if hook := getattr(sys, "__interactivehook__", None):
            sys.audit("cpython.run_interactivehook", hook)
            hook()  # which loads the history, and saves it at exit

    def __enter__(self) -> Editor:
        return self

    def __exit__(self, *_: object) -> None:
        """A task that left by SystemExit does so while the other thread has the terminal in its hands."""
        with contextlib.suppress(Exception):  # the terminal may be gone
            if self._terminal_settings(self._descriptor) != self._settings:
                self._reader().console.finish()
                self._reader().restore()

    def converse(self, console: code.InteractiveConsole) -> None:
        """Read and run until the input ends."""
        self._simple_interact.run_multiline_interactive_console(console)

    def interrupt(self) -> None:
        """Ctrl-C at the prompt: the other thread, which reads, looks for messages; an empty one is this."""
        hook = self._reader().threading_hook
        if hook is not None:
            hook.add("")

    def heading(self, prompt: str, line: str) -> str:
        """A line as if it had been typed, in the colours of what will be typed."""
        colours = import_module("_colorize")
        if not hasattr(colours, "get_theme"):  # 3.13
            if not colours.can_colorize():
                return prompt + line
            return f"{colours.ANSIColors.BOLD_MAGENTA}{prompt}{colours.ANSIColors.RESET}{line}"
        theme = colours.get_theme().syntax
        word, _, rest = line.partition(" ")
        return f"{theme.prompt}{prompt}{theme.reset}{theme.keyword}{word}{theme.reset} {rest}"

    def _reader(self) -> Any:
        return self._simple_interact._get_reader()
