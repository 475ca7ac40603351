"""What `ferrio run` costs: an empty program may take at most three quarters more than python with asyncio imported.

Both are started in turns, so that a busy moment meets both, and the fastest starts are compared, as a ratio: processes
that share a core's caches with others take up to twice the CPU time, and then both do. What is taken is CPU time:
nothing is waited for at the start, so on a free machine it is the time that passes. `pytest -s` shows the figures.
"""

import os
import subprocess
import sys

from cli_commands import FERRIO, ferrio, variables

ROUNDS = 15
BOUND = 1.75


def test_an_empty_program_takes_little_longer_to_start(tmp_path):
    program = tmp_path / "empty.py"
    program.write_text("import asyncio\n")
    commands = {"python": [sys.executable, str(program)], "ferrio run": [*FERRIO, "run", str(program)]}
    times = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(processor_time(command, tmp_path))
    fastest = {name: min(figures) for name, figures in times.items()}
    print({name: f"{time * 1e3:.1f} ms" for name, time in fastest.items()})
    assert fastest["ferrio run"] < BOUND * fastest["python"]


def processor_time(command, cwd):
    process = subprocess.Popen(command, cwd=cwd, env=variables({}))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_run_imports_nothing_that_only_other_commands_need(tmp_path):
    done = ferrio("run", "-c", "import sys; print(*sys.modules)", cwd=tmp_path)
    loaded = set(done.stdout.split())
    assert "ferrio.cli.run" in loaded
    unwanted = {"argparse", "difflib", "json", "ctypes", "readline", "code", "platform", "ferrio.benches"}
    unwanted |= {f"ferrio.cli.{name}" for name in ("bench", "doctor", "repl", "completion", "help", "kernel")}
    unwanted |= {"ferrio.kernel", "ferrio.notebook", "ferrio.workers", "ferrio.server", "pytest_ferrio"}
    assert not loaded & unwanted
