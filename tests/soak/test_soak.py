"""The soak programs, run short: they pass on both implementations, and notice what they are there for."""

from pathlib import Path

import pytest
from helpers import catches, runs_clean

SOAK = Path(__file__).with_name("soak.py")
TASKS = Path(__file__).with_name("soak_tasks.py")
SHORT = ("--seconds", 40)


def test_nothing_is_left_behind(aio):
    said = runs_clean(SOAK, "--loop", aio.__name__, "--cycles", 60, *SHORT)
    assert said.startswith(f"{aio.__name__}: 60 of 60 cycles in ")


def test_development_mode_warns_of_nothing(aio):
    runs_clean(SOAK, "--loop", aio.__name__, "--cycles", 10, *SHORT, flags=("-W", "error"), PYTHONDEVMODE="1")


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
    stand_in = (
        "import asyncio, os, warnings\n"
        "kept = []\n"
        "class Bad:\n    def __del__(self): 1 / 0\n"
        f"def new_event_loop():\n    {wrong}\n    return asyncio.new_event_loop()\n"
    )
    arguments = ("--loop", "ferrio", "--cycles", 20, *SHORT)
    assert complaint in catches(stand_in, tmp_path, SOAK, *arguments, flags=("-W", "always"))


def test_tasks_and_their_like_leave_nothing_behind(aio):
    said = runs_clean(TASKS, "--loop", aio.__name__, "--count", 20000, *SHORT)
    assert f"{aio.__name__}: 20000 cancellations: memory " in said


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
    stand_in = (
        "import asyncio\n"
        "from asyncio import *\nfrom asyncio import TaskGroup\n"
        "kept = []\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        f"    def create_task(self, *args, **kwargs):\n        {wrong}\n"
        "        return super().create_task(*args, **kwargs)\n"
        "new_event_loop = Loop\n"
    )
    assert complaint in catches(stand_in, tmp_path, TASKS, "--loop", "ferrio", "--count", 10000, *SHORT)
