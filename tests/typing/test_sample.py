"""The typed programs, which `make check` gives to mypy and pyright, also run; one of them on stock asyncio as well."""

import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).parent / "sample.py"
IN_PLACE = Path(__file__).parent / "in_place.py"


def printed(program):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_typed_sample_runs():
    assert printed(SAMPLE) == "abab b'typed' b'typed' b'typed'\n"


def test_a_program_typed_for_asyncio_runs_with_either(tmp_path):
    text = IN_PLACE.read_text()
    stock = tmp_path / "stock.py"
    stock.write_text(text.replace("import ferrio as asyncio", "import asyncio"))
    assert stock.read_text() != text
    assert printed(IN_PLACE) == printed(stock) == "in place\n"


def test_the_sample_uses_every_public_name_of_ferrio_s_own():
    import ferrio

    text = SAMPLE.read_text()
    own = [name for name in ferrio.__all__ if is_own(name)]
    assert "Task" in own and "gather" in ferrio.__all__
    assert [name for name in own if f"ferrio.{name}" not in text] == []


def is_own(name):
    import ferrio

    return getattr(getattr(ferrio, name), "__module__", "").partition(".")[0] == "ferrio"
