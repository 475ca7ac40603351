"""Commands in the text that work on a checkout or change the machine: how each is verified.

`verify()` knows a short list of kinds. For each it checks something that can fail, and says True; every other command
is for `session.py` to run. Must not grow a kind that checks nothing.

  make TARGET       the target exists, make can say what it would run, and .ci/run runs those of IN_CI: run here,
                    tests would run themselves. The recipes of SHORT are run by a test of their own.
  pip install .     needs the compiler: `make venv` builds the same wheel with maturin, too, for all tests here.
  pip install NAME  no network in tests: NAME has to be in a list of requirements that the tests install from, or
                    an extra of ferrio's own.
  systemctl, journalctl, sudo   no service manager in tests: the page's unit file is read and its command checked.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from .blocks import ROOT

SHORT = {"help": "sys", "demo": "rich"}  # and the module that each needs
IN_CI = ("test", "check", "conformance", "docs", "examples", "wheels")
REQUIREMENTS = ("examples/requirements.txt", "tests/ecosystem/requirements.txt", "tests/requirements.txt")
PATIENCE = 50.0


def verify(line: str, environment: dict[str, str], folder: Path) -> bool:
    """Whether the command is of a kind above, and then it was verified; AssertionError if it does not hold."""
    words = shlex.split(line, comments=True)
    if not words:
        return False
    if words[0] == "make":
        verify_make(words[1:], environment)
    elif words[:2] == ["pip", "install"] or words[:4] == ["python", "-m", "pip", "install"]:
        verify_install([word for word in words[words.index("install") + 1 :] if not word.startswith("-")])
    elif words[0] in ("sudo", "systemctl", "journalctl"):
        verify_service(words, folder)
    else:
        return False
    return True


def verify_make(words: list[str], environment: dict[str, str]) -> None:
    targets = [word for word in words if "=" not in word] or ["help"]
    assert len(targets) == 1, f"make {words}: one target at a time"
    target = targets[0]
    known = make_targets()
    assert target in known, f"make {target}: no such target; there are {', '.join(sorted(known))}"
    if target in IN_CI:
        assert target in run_by_ci(known), f"make {target}: .ci/run does not run it"
    assert recipe_of(target, words, environment), f"make {target}: does nothing"


def verify_install(names: list[str]) -> None:
    if names == ["."]:
        script, project = (ROOT / "scripts/venv.sh").read_text(), tomllib.loads((ROOT / "pyproject.toml").read_text())
        assert project["build-system"]["build-backend"] == "build_backend", "pip builds with another back end"
        assert "return getattr(maturin, name)" in (ROOT / "scripts/build_backend.py").read_text(), "it is not maturin's"
        assert '/maturin" build' in script, "make venv no longer builds the wheel as pip does"
        return
    listed = "\n".join((ROOT / file).read_text() for file in REQUIREMENTS if (ROOT / file).exists())
    known = {normal(name) for name in re.findall(r"^[\w.-]+", listed, re.M)} | loops()
    for name in names:
        if extra := re.fullmatch(r"ferrio\[(\w+)\]", name):
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            assert extra[1] in project["optional-dependencies"], f"pip install {name}: pyproject.toml has no such extra"
            continue
        plain = normal(re.match(r"[\w.-]+", name)[0])  # type: ignore[index]
        assert plain in known, f"pip install {name}: not in {', '.join(REQUIREMENTS)}, so nothing tests that it works"


def verify_service(words: list[str], folder: Path) -> None:
    if "systemctl" in words and words[-1].endswith(".service"):
        unit = folder / words[-1]
        assert unit.exists(), f"{' '.join(words)}: the page has no unit file {words[-1]}"
        assert re.search(r"^ExecStart=/\S+/ferrio run \S+$", unit.read_text(), re.M), f"{unit.name}: no ExecStart"


def make_targets() -> set[str]:
    """Those that `make` lists."""
    return set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))


def recipe_of(target: str, words: list[str], environment: dict[str, str]) -> str:
    """What make would run for the target alone: its prerequisites, which set up environments, are taken as done."""
    variables = [word for word in words if "=" in word]
    own = [f"PYTHON={sys.executable}", f"VENV={sys.prefix}"]
    needs = re.search(rf"^{target}:([^#\n]*)", (ROOT / "Makefile").read_text(), re.M)
    assert needs is not None
    done = [f"--assume-old={name}" for name in needs[1].split()]
    clean = {name: value for name, value in environment.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    printed = subprocess.run(
        ["make", "--no-print-directory", "-n", *done, *own, *variables, target],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert printed.returncode == 0, f"make -n {target}: {printed.stderr}"
    return "\n".join(line for line in printed.stdout.splitlines() if not line.startswith("scripts/venv.sh"))


def run_by_ci(known: set[str]) -> set[str]:
    """The targets that .ci/run asks for, and those that these run in turn."""
    makefile = (ROOT / "Makefile").read_text()
    script = re.sub(r"^\s*#.*", "", (ROOT / ".ci/run").read_text(), flags=re.M)
    found = set(re.findall(r'\b(?:make|beside \S+ "\$\w+") ([a-z0-9-]+)', script)) & known
    while True:
        more = set(found)
        for target in found:
            rule = re.search(rf"^{target}:([^#\n]*)##.*\n((?:\t.*\n)*)", makefile, re.M)
            if rule:
                more |= set(rule[1].split()) & known
                more |= set(re.findall(r"\$\(MAKE\)[^\n]* ([a-z-]+)", rule[2])) & known
        if more == found:
            return found
        found = more


def loops() -> set[str]:
    """What the benchmarks compare with; a bench says by itself which of them are there."""
    return {"uvloop", "rloop", "rsloop"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
