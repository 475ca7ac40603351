"""A short run of every fuzzer, from the same seeds each time; FERRIO_FUZZ_SEED begins with another.

What one of them finds, it prints with the seed and the command that runs it again; `make fuzz` runs them for longer.
"""

import os
import subprocess
import sys

import pytest

from . import FUZZERS
from .__main__ import ROOT

FIRST = os.environ.get("FERRIO_FUZZ_SEED", "0")
COUNT, SECONDS = 300, "30"  # the second is for a machine that is slow, or a sanitizer
FEWER = {"loops": 100, "readers": 100, "tls_records": 50, "tls_records_bio": 50}  # of which each takes longer


@pytest.mark.parametrize("name", FUZZERS)
def test_random_programs_do_the_same_on_both(name):
    command = [sys.executable, "-m", "tests.fuzz", name, "--seed", FIRST, "--seconds", SECONDS]
    command += ["--count", str(FEWER.get(name, COUNT))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    print(ran.stdout)
