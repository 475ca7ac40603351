"""Where the REPL's lines come from: a terminal with readline, without it, or a pipe.

Lines are read by a thread that is not the main one, where a signal cannot interrupt them. So while a line is edited
the terminal does not make a signal of Ctrl-C but hands it over as a key, and readline turns that key into a line that
nobody types, which `ask` reports as KeyboardInterrupt. On leaving, the terminal is as it was.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

# Modules that a Python may have been built without; then these are None, and used by nobody.
readline: Any
termios: Any
try:
    import readline
except ImportError:
    readline = None
try:
    import termios
except ImportError:
    termios = None

INTERRUPTED = " " * 37
"""The line that Ctrl-C makes: blank, so that the screen shows nothing."""


class Terminal:
    """Asks for lines; a context, which restores the terminal and saves the history."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._is_edited = self.is_interactive and readline is not None
        self._settings: list[Any] | None = None
        self._known_lines = 0
        if self._is_edited:
            self._prepare(namespace)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._settings is not None:
            self._apply(self._settings)
        if self._is_edited:
            self._save_history()

    def ask(self, prompt: str) -> str:
        """The next line. EOFError at the end, KeyboardInterrupt for Ctrl-C."""
        if not self.is_interactive:
            return input()
        if self._settings is None:
            return input(prompt)
        self._apply(self._without_interrupt(self._settings))
        try:
            line = input(prompt)
        finally:
            self._apply(self._settings)
        if line == INTERRUPTED:
            raise KeyboardInterrupt
        if line.strip():
            readline.add_history(line)
        return line

    def _prepare(self, namespace: dict[str, Any]) -> None:
        from rlcompleter import Completer

        readline.set_completer(Completer(namespace).complete)
        if "libedit" in (readline.__doc__ or ""):
            readline.parse_and_bind("bind ^I rl_complete")
        else:
            readline.parse_and_bind("tab: complete")
            if termios is not None:
                readline.parse_and_bind(rf'"\C-c": "\C-e\C-u{INTERRUPTED}\C-m"')
                readline.set_auto_history(False)
                self._settings = termios.tcgetattr(sys.stdin.fileno())
        with contextlib.suppress(OSError):
            readline.read_history_file(_history_file())
        self._known_lines = readline.get_current_history_length()

    def _save_history(self) -> None:
        """Append what is new, so that two sessions do not undo each other's; best effort."""
        new = readline.get_current_history_length() - self._known_lines
        if new <= 0:
            return
        with contextlib.suppress(OSError, AttributeError):
            open(_history_file(), "a").close()
            readline.append_history_file(new, _history_file())

    def _without_interrupt(self, settings: list[Any]) -> list[Any]:
        characters = list(settings[6])
        characters[termios.VINTR] = b"\x00"
        return [*settings[:6], characters]

    def _apply(self, settings: list[Any]) -> None:
        with contextlib.suppress(OSError, termios.error):  # the terminal may be gone
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, settings)


def _history_file() -> str:
    """Python's own, so that what was typed there can be called up here."""
    return os.environ.get("PYTHON_HISTORY") or os.path.join(os.path.expanduser("~"), ".python_history")
