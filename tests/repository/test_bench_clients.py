"""The benchmark of clients: it measures, and says what it could not."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benches.http_clients.measure import ROWS

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="it puts processes on CPUs as Linux does"),
    pytest.mark.skipif(find_spec("yarl") is None, reason="ferrio.http needs yarl and multidict"),
]


def test_every_row_of_ferrios_client_has_a_figure():
    command = [sys.executable, "-m", "benches.http_clients", "--rounds", "1", "--seconds", "0.2", "--clients", "ferrio"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stderr) == (0, "round 1 of 1 is done\n")
    titles, _, figures = done.stdout.splitlines()
    assert titles == "| client | " + " | ".join(ROWS) + " |"
    cells = figures.strip("| ").split(" | ")
    assert cells[0] == "ferrio"
    for cell in cells[1:]:
        cpu, rate = cell.replace(",", "").rstrip(")").split(" (")
        assert float(cpu) > 0 and float(rate) > 0


def test_what_fails_is_said_in_a_line():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benches.http_clients.measure", "ferrio", "get_1", "0.1", "0", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode != 0
    assert "ClientConnectorError" in done.stderr.splitlines()[-1]
