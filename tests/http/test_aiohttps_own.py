"""aiohttp's own tests of its client, on ferrio's: all pass but those whose difference is known."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttps_own import FILES

pytest.importorskip("aiohttp")


@pytest.mark.parametrize("file", FILES)
def test_aiohttps_own_tests(file):
    program = Path(__file__).with_name("aiohttps_own.py")
    done = subprocess.run([sys.executable, program, file], capture_output=True, text=True, timeout=235, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 10
