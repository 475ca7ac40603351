"""What `make wheels` is asked for, and that the release workflow asks for all of it; what it builds, .ci/run tries."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/wheels.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_a_target_that_is_not_published() -> None:
    done = ask("--targets", "x86_64-unknown-linux-gnu riscv64-plan9")
    assert done.returncode == 2
    assert "riscv64-plan9: no such target; there are x86_64-unknown-linux-gnu, " in done.stderr


def test_the_release_workflow_makes_all_of_it() -> None:
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    script = (ROOT / "scripts/wheels.py").read_text()
    tags = re.findall(r'^    "([\w-]+)": "', script, re.M)
    made = " ".join(re.findall(r"^ +targets: (.*)", workflow, re.M)).split()
    assert sorted(made) == sorted([*tags, "sdist"])
    pythons = re.findall(r"^ +(3\.\d+)$", workflow, re.M)
    (wanted,) = re.findall("^requires-python = (.*)", (ROOT / "pyproject.toml").read_text(), re.M)
    assert set(pythons) >= {f"3.{minor}" for minor in range(*map(int, re.findall(r"3\.(\d+)", wanted)))}
    assert f"for version in {' '.join(pythons)};" in workflow
    assert f"-eq {len(tags) * len(pythons)} &&" in workflow
