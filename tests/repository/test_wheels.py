"""What `make wheels` is asked for, that the release workflow asks for all of it, and how profiles change their system.

What it builds, `make wheels` tries itself.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROFILE = """:ir
_RNvNtCsOURS_4core3num1f
1
2
10
20

_RNvCsOURSX_5alloc1g
2
1
30
"""


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
    assert set(pythons) == {f"3.{minor}" for minor in range(*map(int, re.findall(r"3\.(\d+)", wanted)))}
    assert f"for version in {' '.join(pythons)};" in workflow
    assert f"-eq {len(tags) * len(pythons)} &&" in workflow


def test_a_profile_for_another_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names get the other library's identities, unless these are of another length; counters stay."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    foreign = importlib.import_module("foreign_profile")
    try:
        merge = str(foreign.tool("llvm-profdata"))
    except (StopIteration, OSError):
        pytest.skip("no llvm-profdata (rustup component add llvm-tools)")
    known = {"core": ("CsOURS", "CsMINE"), "alloc": ("CsOURSX", "CsMINE"), "std": ("CsS", "CsT")}
    monkeypatch.setattr(foreign, "identity", lambda crate, target: known[crate][target == "there"])
    (tmp_path / "plain.txt").write_text(PROFILE)
    subprocess.run([merge, "merge", tmp_path / "plain.txt", "-o", tmp_path / "3.13.profdata"], check=True)
    made = foreign.translated(tmp_path / "3.13.profdata", "here", "there")
    text = foreign.output(merge, "merge", "--text", made, "-o", "-")
    first = dict(re.findall(r"^(_R.*)\n(?:.*\n)*?([1-9]0)$", text, re.M))
    assert first == {"_RNvNtCsMINE_4core3num1f": "10", "_RNvCsOURSX_5alloc1g": "30"}
