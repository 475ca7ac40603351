"""`ferrio bench`: what an installed ferrio measures by itself, and that it leaves site-packages alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cli_commands import execute, ferrio
from ferrio import benches
from ferrio.benches.harness.bench import Settings
from ferrio.benches.harness.catalogue import ROWS
from ferrio.benches.harness.contenders import Contender
from ferrio.benches.harness.rounds import Rounds
from ferrio.benches.harness.runner import START, SUITE, at_once, run_once
from ferrio.benches.run import Options
from ferrio.cli import main
from ferrio.cli.bench import TELLING

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite measures with Linux's clocks and epoll")
ONCE = ("--quick", "--rounds", "1", "--loops", "ferrio,asyncio")
SETTINGS = Settings(warmup=0.05, seconds=0.12, quick=True)


def test_list_names_every_row_and_the_short_run_is_made_of_them(tmp_path):
    listed = ferrio("bench", "--list", cwd=tmp_path).stdout.split()
    assert listed == [row.name for row in ROWS]
    assert [name for name in listed if name in TELLING] == list(TELLING)


def test_two_rows_and_both_files(tmp_path):
    before = set(Path(benches.__file__).parent.rglob("*.[!p]*"))
    done = ferrio("bench", "call_soon", "task_switch_x100", *ONCE, "--json", "table.json", "--markdown", "table.md",
                  CARGO="none", CC="none", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert list(rows) == ["call_soon", "task_switch_x100"]
    assert all(rows[row][loop]["rounds"] and not rows[row][loop]["problems"] for row in rows for loop in rows[row])
    assert "| call_soon |" in (tmp_path / "table.md").read_text()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["table.json", "table.md"]
    assert set(Path(benches.__file__).parent.rglob("*.[!p]*")) == before


def test_every_row_is_one_that_needs_neither_load_nor_packages():
    assert not [row.name for row in ROWS if row.loaded or row.needs]


@pytest.mark.parametrize("row", [row.name for row in ROWS])
def test_a_row_of_an_installed_ferrio_needs_nothing_else(row):
    """In the measuring process there is no client to start: a row that tried would fail."""
    if row in ("scaling_timers", "scaling_tasks"):
        pytest.skip("takes hundreds of thousands of timers")
    measured = next(each for each in ROWS if each.name == row)
    answer = run_once(measured, Contender("ferrio", "ferrio", sys.executable, ""), SETTINGS)
    assert answer.get("figures"), answer


@pytest.mark.parametrize(
    ("loop", "task", "name"),
    [("ferrio", "ferrio", "ferrio"), ("ferrio-loop", "ferrio", "asyncio"), ("ferrio-stock", "asyncio", "asyncio"),
     ("asyncio", "asyncio", "asyncio")],
)  # fmt: skip
def test_whose_tasks_a_row_finds(loop, task, name, tmp_path):
    """What is measured as ferrio is what `ferrio run` gives; a peer has asyncio's own, and so has the loop alone."""
    program = f"""
async def nothing():
    pass
from benches.harness.contenders import new_event_loop
import asyncio
stock, loop = asyncio.Task, new_event_loop({loop!r})
made = loop.create_task(nothing())
loop.run_until_complete(made)
print(*("asyncio" if each is stock else "ferrio" for each in (type(made), asyncio.Task)))
"""
    program = START.replace("\nfrom benches.harness.child import main\nmain()\n", program)
    done = execute([sys.executable, "-P", "-c", program, str(SUITE)], cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"{task} {name}\n", "")


def test_the_measuring_process_of_another_loop_does_not_import_ferrio(tmp_path):
    program = START.replace("\nmain()\n", "\nprint('ferrio' in sys.modules)\n")
    done = subprocess.run([sys.executable, "-P", "-c", program, str(SUITE)], capture_output=True, text=True,
                          timeout=30, env=dict(os.environ), cwd=tmp_path)  # fmt: skip
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_minute_is_enough_for_a_first_round_and_no_more():
    """No row is without a figure. A round more begins only while there is time."""
    budget = replace(Options(quick=True, brief=True).budget(), minutes=0.0)
    contender = Contender("asyncio", "asyncio", sys.executable, "")
    row = next(row for row in ROWS if row.name == "call_soon")
    rounds = Rounds([row], [contender], SETTINGS, at_once, budget, print)
    assert len(rounds.measure(lambda row, results: set())["call_soon"]["asyncio"].rounds) == 1


@pytest.mark.parametrize(
    ("arguments", "rows", "quick", "minutes"),
    [
        ((), ",".join(TELLING), True, 1.0),
        (("--all",), "*", True, 19.0),
        (("--quick",), "*", True, 19.0),
        (("--full",), "*", False, 19.0),
        (("--all", "--full"), "*", False, 19.0),
        (("--rows", "call_soon,timer_*"), "call_soon,timer_*", False, 19.0),
        (("call_soon", "--quick"), "call_soon", True, 19.0),
    ],
)
def test_which_rows_and_how_long(monkeypatch, capsys, arguments, rows, quick, minutes):
    asked = []
    monkeypatch.setattr("ferrio.cli.bench.run", asked.append)
    assert main(["bench", *arguments]) == 0
    assert [(options.rows, options.quick, options.minutes) for options in asked] == [(rows, quick, minutes)]
    assert asked[0].brief == (not arguments)
    assert ("ferrio bench --all" in capsys.readouterr().out) == (not arguments)
