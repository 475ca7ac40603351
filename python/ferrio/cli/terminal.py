"""Where the REPL's lines come from without Python's editor: a terminal with readline, without it, or a pipe.

Lines are read by a thread that is not the main one, where a signal cannot interrupt them. So while a line is edited
the terminal does not make a signal of Ctrl-C but hands it over as a key, and readline turns that key into a line that
nobody types, which `ask` reports as KeyboardInterrupt. On leaving, the terminal is as it was.
"""

from __future__ import annotations

import code
import contextlib
import os
import sys
from typing import Any

from .editor import variable

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

LEAVING = ("exit", "quit")
"""Lines that leave, unless the program gave such a name another meaning."""


class Terminal:
    """Asks for lines and has the console run them; a context, which restores the terminal and saves the history."""

    def __init__(self, namespace: dict[str, Any], is_interactive: bool) -> None:
        self.is_interactive = is_interactive
        self._settings: list[Any] | None = None
        self._descriptor = sys.stdin.fileno() if is_interactive else -1
        self._known_lines: int | None = None
        if is_interactive and readline is not None:
            self._prepare(namespace)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._settings is not None:
            self._apply(self._settings)
        if self._known_lines is not None:
            self._save_history(self._known_lines)

    def converse(self, console: code.InteractiveConsole) -> None:
        """Read and run until the input ends; at a terminal `exit` alone leaves, as it does in Python's editor."""
        prompts = str(getattr(sys, "ps1", ">>> ")), str(getattr(sys, "ps2", "... "))
        more = False
        while True:
            try:
                line = self._ask(prompts[more])
            except EOFError:
                break
            except KeyboardInterrupt:
                console.write("KeyboardInterrupt\n")
                console.resetbuffer()
                more = False
                continue
            if self.is_interactive and not more and line.strip() in LEAVING and line.strip() not in console.locals:
                return
            more = console.push(line)
        if more:
            console.push("")  # a block that the end of the input completes
        if self.is_interactive:
            console.write("\n")

    def interrupt(self) -> None:
        """A SIGINT that is not from the keyboard, at the prompt, which the reading thread has: nothing to interrupt."""

    def heading(self, prompt: str, line: str) -> str:
        """A line as if it had been typed."""
        return prompt + line

    def _ask(self, prompt: str) -> str:
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
                self._settings = termios.tcgetattr(self._descriptor)
        hook = getattr(sys, "__interactivehook__", None)
        if hook is not None and getattr(hook, "__module__", "") != "site":  # Python's own does what is done here
            sys.audit("cpython.run_interactivehook", hook)
            hook()
        if readline.get_current_history_length() > 0:
            return  # a history that the hook loaded, and saves
        with contextlib.suppress(OSError):
            readline.read_history_file(_history_file())
        self._known_lines = readline.get_current_history_length()

    def _save_history(self, known: int) -> None:
        """Append what is new, so that two sessions do not undo each other's; best effort."""
        new = readline.get_current_history_length() - known
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
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, settings)


def _history_file() -> str:
    """Python's own, so that what was typed there can be called up here."""
    return variable("PYTHON_HISTORY") or os.path.join(os.path.expanduser("~"), ".python_history")
