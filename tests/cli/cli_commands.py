"""Ways to run `ferrio` and `python` as a user would, for the tests of the command; nothing here knows a command.

The oracle of `ferrio run` is python itself: `same()` runs a program on both and compares what comes out, byte for byte.
"""

import os
import subprocess
import sys

PATIENCE = 200
FERRIO = (sys.executable, "-m", "ferrio")
PYTHON = (sys.executable,)


def execute(command, *, cwd, stdin="", **environment):
    """Run to the end; text in and out."""
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=PATIENCE, env=variables(environment)
    )


def variables(additional):
    """This process's environment without what would change Python's messages, and with these."""
    left_out = ("PYTHONSTARTUP", "PYTHONDEVMODE", "PYTHONWARNINGS", "FORCE_COLOR", "PYTHONASYNCIODEBUG")
    return {name: value for name, value in os.environ.items() if name not in left_out} | additional


def ferrio(*arguments, cwd, **others):
    return execute([*FERRIO, *arguments], cwd=cwd, **others)


def result(done):
    return done.returncode, done.stdout, done.stderr


def same(*arguments, cwd, **others):
    """`ferrio run ARGUMENTS` must give what `python ARGUMENTS` gives; returns it."""
    expected = result(execute([*PYTHON, *arguments], cwd=cwd, **others))
    assert result(ferrio("run", *arguments, cwd=cwd, **others)) == expected
    return expected
