"""The benchmark of servers: each row measures ferrio's; what a server consists of; what is said of the others."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from benches.goals import BEST
from benches.harness import build
from benches.harness.build import cargo_name
from benches.installed.harness.contenders import Contender
from benches.installed.harness.runner import Result
from benches.installed.harness.table import lines_of
from benches.run import NO_CLIENT, settings_of
from benches.servers import check, contenders, database, guard, rows, server
from benches.servers.goals import GOALS, goals_of
from benches.servers.run import Options, Plan, without
from benches.servers.stage import Stage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite measures with Linux's clocks and epoll")
needs_cargo = pytest.mark.skipif(shutil.which(cargo_name()) is None, reason="cargo builds the load client")
ROOT = Path(__file__).resolve().parents[2]
FERRIO = Contender("ferrio", "ferrio", sys.executable, "")
QUICK = Options(quick=True, seconds=0.1)
SLEEPS = [sys.executable, "-c", "import os, time; os.fork(); time.sleep(60)"]
NEEDS = {"fastapi_json": ("fastapi",), rows.DATABASE: ("fastapi", "asyncpg")}


class Ready(server.Guarded):
    """A program that is ready when it is two processes."""

    def answers(self):
        return len(self.processes()) == 2


def stage(client=NO_CLIENT, place=""):
    return Stage(replace(settings_of(QUICK, client), warmup=0.05), place)


def gone(processes):
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{each}/exe") for each in processes):
        assert time.monotonic() < deadline, processes
        time.sleep(0.01)
    return True


@needs_cargo
@pytest.mark.parametrize("row", [row for row in rows.ROWS if row.name != rows.DATABASE], ids=lambda row: row.name)
def test_each_row_measures_ferrio(row):
    for package in NEEDS.get(row.name, ()):
        pytest.importorskip(package)
    if row.name == rows.TLS and shutil.which("cc") is None:
        pytest.skip("the load client of TLS is C")
    settled = stage(build.client())
    answer = settled.once(row, FERRIO, settled.settings)
    assert list(answer) == ["figures"], answer
    assert all(answer["figures"][metric.key] > 0 for metric in row.metrics), answer


@needs_cargo
def test_the_row_with_a_database_measures_ferrio():
    if not all(find_spec(name) for name in NEEDS[rows.DATABASE]):
        pytest.skip("fastapi and asyncpg are not here")
    row = next(row for row in rows.ROWS if row.name == rows.DATABASE)
    try:
        with database.cluster(60) as place:
            settled = stage(build.client(), place)
            answer = settled.once(row, FERRIO, settled.settings)
    except database.NoDatabase as error:
        pytest.skip(str(error))
    assert answer["figures"]["rate"] > 0, answer


def test_without_postgresql_the_row_is_left_out_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(database, "DEBIAN", tmp_path)
    with pytest.raises(database.NoDatabase, match="install postgresql"), database.cluster(1):
        pass
    kept, said = without(list(rows.ROWS), rows.DATABASE, "no PostgreSQL")
    assert len(kept) == len(rows.ROWS) - 1 and said == ["left out: fastapi_database: no PostgreSQL"]


def test_a_server_is_all_its_processes_and_ends_with_them():
    with Ready(SLEEPS, dict(os.environ), 60) as program:
        processes = program.processes()
        assert len(processes) == 2
        used = program.cpu()
        assert 0 < used <= program.cpu() and program.memory() > 1_000_000
    assert gone(processes)


@pytest.mark.parametrize("reason", ["killed", "time"])
def test_a_server_does_not_outlive_who_asked_nor_its_time(reason):
    command = [sys.executable, "-I", "-S", guard.__file__, "60" if reason == "killed" else "0.5", *SLEEPS]
    # The guard's standard input is the asking process's end of a pipe, which the kernel closes with that process.
    asking = f"import subprocess, time; subprocess.Popen({command!r}, stdin=subprocess.PIPE); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", asking], stdout=subprocess.PIPE, text=True) as process:
        leader = int(process.stdout.readline().split()[0])
        while len(processes := guard.session(leader)) < 2:
            time.sleep(0.01)
        if reason == "killed":
            process.send_signal(signal.SIGKILL)
        assert gone(processes)
        process.kill()


def test_a_server_that_does_not_start_is_a_problem_with_its_last_words():
    program = [sys.executable, "-c", "raise SystemExit('no such application')"]
    with pytest.raises(RuntimeError, match=r"ended before it was ready: no such application"):
        server.Server(program, server.free_port(), dict(os.environ)).__enter__()
    with pytest.raises(RuntimeError, match=r"cannot be started: FileNotFoundError"):
        server.Server(["/no/such/server"], server.free_port(), dict(os.environ)).__enter__()


def test_contenders_are_named_by_patterns_the_first_that_fits_counts():
    found, missing = contenders.find(["mine=ferrio", "ferrio*", "no-such-server", "*@/no/such/python"])
    assert [(each.label, each.loop) for each in found][:2] == [("mine", "ferrio"), ("ferrio", "ferrio")]
    assert missing["no-such-server"].startswith("no such server; there are ferrio, ")
    assert missing["hypercorn"] == "there is no /no/such/python" and "ferrio" not in missing


def test_every_server_is_started_for_every_service_or_says_what_it_lacks():
    place, lacks = contenders.Place("/bin/python", 1, "/key.pem"), []
    services = [rows.ASGI, rows.WSGI, *(replace(rows.ASGI, websocket=kind) for kind in ("plain", "deflate"))]
    for name, kind in contenders.KINDS.items():
        for service in services:
            try:
                assert service.app in " ".join(kind.command(service, place))
            except check.Unsupported as error:
                lacks.append((name, str(error)))
        assert "/key.pem" in kind.command(replace(rows.ASGI, secured=True), place)
    assert lacks == [("h2corn", "WSGI")]


def test_what_a_server_lacks_is_no_failure():
    settled = stage()
    answer = settled.once(rows.row("wsgi", rows.WSGI, b""), Contender("h2corn", "h2corn", sys.executable, ""), None)
    assert answer == {"unsupported": "WSGI"}


def test_the_message_is_as_long_as_its_rows_say_and_compresses():
    assert len(check.MESSAGE) == 125
    plain, deflated = check.frame(False), check.frame(True)
    assert plain[:2] == b"\x82\xfd" and deflated[0] == 0xC2 and len(deflated) < len(plain)


def test_goals_are_of_lines_that_there_are_and_ours_is_no_peer():
    lines = [row.name + metric.suffix for row in rows.ROWS for metric in row.metrics]
    covered = {goal for line in lines for goal in goals_of(line)}
    assert set(GOALS) <= covered and len(goals_of("asgi_plaintext.cpu")) == 4
    assert [(goal.against, goal.at_least) for goal in goals_of("asgi_10k.cpu")] == [(BEST, 1.0)]
    row = replace(rows.ROWS[0], metrics=rows.REQUESTS[1:])
    figures = {"ferrio": 6.0, "uvicorn+ferrio": 5.0, "peregrine": 8.0, "granian": 16.0}
    results = {label: Result({0: {"cpu": cpu}, 1: {"cpu": cpu * 1.001}}) for label, cpu in figures.items()}
    (line,) = lines_of(row, results, "ferrio")
    best, goals = Plan([], [], None, []).columns(line, row.metrics[0], results, "ferrio")
    assert best.startswith("peregrine 1.33x") and goals.startswith("<= 7  met; >= 1.2 x peregrine  met; ")


def test_the_command_lists_its_rows():
    command = [sys.executable, "-m", "benches.servers", "--list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.split() == [row.name for row in rows.ROWS], done.stderr
