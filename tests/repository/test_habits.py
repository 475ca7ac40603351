"""What contributors run by habit agrees with what decides: hooks before a commit say what `make check` says."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_hooks_call_what_make_check_calls():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"(?m)^check:.*\n((?:\t.*\n)+)", makefile)[1].replace("$(BIN)/", ".venv/bin/").splitlines()
    hooks = re.findall(r"(?m)^ +entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert hooks and not set(hooks) - {line.strip().removeprefix("@") for line in recipe}


def test_both_manifests_name_the_same_authors_and_licence():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]
    assert [each["name"] for each in project["authors"]] == package["authors"]
    assert project["license"] == package["license"]
