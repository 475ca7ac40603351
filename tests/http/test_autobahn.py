"""Autobahn's cases for WebSocket: all but those of performance, and some of these. `make autobahn` runs everything."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("kosoku")

RULES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
SIZES = (
    "9.1.1",
    "9.2.1",
    "9.3.1",
    "9.5.1",
    "9.7.1",
    "9.8.1",
    "12.3.4",
    "12.3.5",
    "12.3.11",
    "13.1.3",
    "13.3.5",
    "13.7.7",
)


@pytest.mark.parametrize(("cases", "count"), [(RULES, 247), (SIZES, len(SIZES))], ids=["rules", "sizes"])
def test_cases(cases, count):
    program = Path(__file__).with_name("autobahn.py")
    done = subprocess.run([sys.executable, program, *cases], capture_output=True, text=True, timeout=220, check=False)
    assert done.stdout.splitlines()[-1:] == [f"{count} of {count} cases passed"], done.stdout + done.stderr
