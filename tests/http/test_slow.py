"""A short run of slow.py: it fails where memory grows, or a descriptor is left."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for memory and descriptors")


def test_slow_clients():
    command = [sys.executable, Path(__file__).with_name("slow.py"), "--connections", "300", "--seconds", "6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
