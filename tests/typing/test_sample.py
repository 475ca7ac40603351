"""The typed sample program, which `make check` gives to mypy and pyright, also runs."""

import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).parent / "sample.py"


def test_the_typed_sample_runs():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", SAMPLE], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "abab b'typed' b'typed' b'typed'\n"


def test_the_sample_uses_every_public_name():
    import ferrio

    text = SAMPLE.read_text()
    assert [name for name in ferrio.__all__ if f"ferrio.{name}" not in text] == []
