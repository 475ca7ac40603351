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


def test_the_sample_uses_every_public_name_of_ferrio_s_own():
    import ferrio

    text = SAMPLE.read_text()
    own = [name for name in ferrio.__all__ if is_own(name)]
    assert "Task" in own and "gather" in ferrio.__all__
    assert [name for name in own if f"ferrio.{name}" not in text] == []


def is_own(name):
    import ferrio

    return getattr(getattr(ferrio, name), "__module__", "").partition(".")[0] == "ferrio"
