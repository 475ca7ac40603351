"""Every command and program of README.md and docs/ does what the page says; taken from the text, not retyped.

A page whose programs import what is not installed is skipped, by name; `make ecosystem` and CI install it all.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .blocks import ROOT, RUN, Block, extract, pages
from .checkout import PATIENCE, SHORT, make_targets, recipe_of
from .session import Session, imports

PAGES = pages()
MENTIONED = PAGES + [ROOT / name for name in ("CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_page(page: Path, tmp_path: Path) -> None:
    blocks = extract(page)
    missing = not_installed(blocks)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install -r examples/requirements.txt")
    Session(tmp_path, blocks).follow()


def test_something_was_found_on_every_page() -> None:
    """A mistake in the extractor must not look like pages without programs."""
    for page in PAGES:
        fences = re.findall(r"^```\w", page.read_text(), re.M)
        assert len(extract(page)) == len(fences), named(page)
    every = [block for page in PAGES for block in extract(page)]
    counts = {language: sum(block.language == language for block in every) for language in RUN}
    assert counts["python"] >= 40 and counts["sh"] >= 30, counts
    with_programs = {block.page.parent.name for block in every if block.language == "python"}
    assert with_programs >= {ROOT.name, "docs", "tutorial", "guides"}


@pytest.mark.parametrize("page", MENTIONED, ids=named)
def test_make_targets_that_the_text_names_exist(page: Path) -> None:
    inline = re.findall(r"`make ([a-z0-9-]+)[^`]*`", page.read_text())
    lines = re.findall(r"^(?: {4})?make ([a-z0-9-]+)", page.read_text(), re.M)
    assert set(inline + lines) <= make_targets()


@pytest.mark.parametrize("target", SHORT)
def test_short_make_targets_do_their_work(target: str) -> None:
    pytest.importorskip(SHORT[target])
    environment = dict(os.environ)
    command = ["sh", "-e", "-c", recipe_of(target, [], environment)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0 and done.stdout, f"{done.stdout}{done.stderr}"


def test_charts_and_tables_follow_from_the_report() -> None:
    command = [sys.executable, "-m", "scripts.docs_figures", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def not_installed(blocks: list[Block]) -> list[str]:
    own = {Path(block.title).stem for block in blocks if block.title} | {"ferrio"} | set(sys.stdlib_module_names)
    wanted = {name for block in blocks if block.language == "python" for name in imports(block)} - own
    return sorted(name for name in wanted if importlib.util.find_spec(name) is None)
