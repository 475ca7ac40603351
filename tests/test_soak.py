"""The soak program, run short: it passes on both implementations, and notices what it is there for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")


def soak(loop, cycles, *flags, **environment):
    return subprocess.run(
        [sys.executable, *flags, SOAK, "--loop", loop, "--cycles", str(cycles), "--seconds", "40"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=os.environ | environment,
    )


def test_nothing_is_left_behind(aio):
    done = soak(aio.__name__, 60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{aio.__name__}: 60 of 60 cycles in ")


def test_development_mode_warns_of_nothing(aio):
    done = soak(aio.__name__, 10, "-W", "error", PYTHONDEVMODE="1")
    assert (done.returncode, done.stderr) == (0, "")


LEAKS = {
    "descriptor": ("kept.append(os.open('/dev/null', 0))", "file descriptors: "),
    "memory": ("kept.append(os.urandom(1 << 18))", "memory grew by "),
    "warning": ("warnings.warn('careless', ResourceWarning)", "warned: careless"),
    "error": ("asyncio.log.logger.error('bad')", "logged: bad"),
    "finaliser": ("Bad()", "unraisable: ZeroDivisionError"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_the_program_notices(tmp_path, name):
    """A stand-in named ferrio that does one thing wrong for each loop it makes."""
    wrong, complaint = LEAKS[name]
    (tmp_path / "ferrio.py").write_text(
        "import asyncio, os, warnings\n"
        "kept = []\n"
        "class Bad:\n    def __del__(self): 1 / 0\n"
        f"def new_event_loop():\n    {wrong}\n    return asyncio.new_event_loop()\n"
    )
    done = soak("ferrio", 20, "-W", "always", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert complaint in done.stderr
