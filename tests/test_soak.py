"""The soak programs, run short: they pass on both implementations, and notice what they are there for."""

from pathlib import Path

import pytest
from helpers import run_program

SOAK = Path(__file__).with_name("soak.py")
TASKS = Path(__file__).with_name("soak_tasks.py")


def soak(loop, cycles, *flags, **environment):
    return run_program(SOAK, "--loop", loop, "--cycles", cycles, "--seconds", 40, flags=flags, **environment)


def soak_tasks(loop, count, **environment):
    return run_program(TASKS, "--loop", loop, "--count", count, "--seconds", 40, **environment)


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


def test_tasks_and_their_like_leave_nothing_behind(aio):
    done = soak_tasks(aio.__name__, 20000)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{aio.__name__}: 20000 cancellations: memory " in done.stdout


TASK_LEAKS = {
    "memory": ("kept.append(bytearray(1024))", "tasks: memory grew by "),
    "objects": (
        "kept.append(self.create_future())",
        " futures are left, such as <Future pending",
    ),
    "error": ("asyncio.log.logger.error('bad')", "logged: bad"),
}


@pytest.mark.parametrize("name", TASK_LEAKS)
def test_the_program_of_tasks_notices(tmp_path, name):
    """A stand-in named ferrio whose loop does one thing wrong for each task it makes."""
    wrong, complaint = TASK_LEAKS[name]
    (tmp_path / "ferrio.py").write_text(
        "import asyncio\n"
        "from asyncio import *\nfrom asyncio import TaskGroup\n"
        "kept = []\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        f"    def create_task(self, *args, **kwargs):\n        {wrong}\n"
        "        return super().create_task(*args, **kwargs)\n"
        "new_event_loop = Loop\n"
    )
    done = soak_tasks("ferrio", 10000, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert complaint in done.stderr
