"""Makes a program that differs, crashes or hangs smaller, as long as it still does: `reduced(program, differs)`.

A program is reduced if it has an attribute `data`: nested lists and tuples. Elements of lists are left out, one after
another, and a list takes the place of one that holds it. Each attempt runs in a fork, which may crash. Not by seed:
the reduced program has none, so its text is what to write a test from.
"""

import contextlib
import copy
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

LONGEST = 5  # seconds for one attempt, after which it hangs


def reduced(program: Any, differs: Callable[[Any], bool], seconds: float = 20) -> Any:
    """A smaller program that ends as this one does, or None if there is nothing to leave out or it differs no more."""
    if not hasattr(program, "data"):
        return None
    wanted = outcome(program, differs)
    if wanted == 0:
        return None
    end = time.monotonic() + seconds
    found = True
    while found:
        found = False
        for smaller in attempts(program.data):
            if time.monotonic() > end:
                return program
            candidate = copy.copy(program)
            candidate.data = smaller
            if outcome(candidate, differs) == wanted:
                program, found = candidate, True
                break
    return program


def attempts(data: Any) -> Iterator[Any]:
    """What is one element smaller, the largest steps first."""
    if isinstance(data, list):
        if len(data) > 3:
            yield data[: len(data) // 2]
            yield data[len(data) // 2 :]
        for number in range(len(data)):
            yield data[:number] + data[number + 1 :]
        for number, element in enumerate(data):
            for inner in lists(element):
                yield data[:number] + inner + data[number + 1 :]
    if isinstance(data, (list, tuple)):
        for number, element in enumerate(data):
            for smaller in attempts(element):
                yield type(data)([*data[:number], smaller, *data[number + 1 :]])


def lists(data: Any) -> Iterator[list[Any]]:
    """The lists of statements inside a statement."""
    if isinstance(data, list):
        if data and isinstance(data[0], tuple):
            yield data
    elif isinstance(data, tuple):
        for element in data:
            yield from lists(element)


def outcome(program: Any, differs: Callable[[Any], bool]) -> int:
    """How a fork that runs the program ends: 0, 1 if it differs, or by what signal it died."""
    child = os.fork()
    if child == 0:
        code = 0
        with contextlib.suppress(BaseException):
            signal.setitimer(signal.ITIMER_REAL, LONGEST)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            quiet = os.open(os.devnull, os.O_RDWR)
            for number in (1, 2):
                os.dup2(quiet, number)
            code = differs(program)
        os._exit(code)
    return os.waitpid(child, 0)[1]
