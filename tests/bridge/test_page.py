"""The extension of docs/extensions.md, built from the page's text, does what the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bridge_support import ROOT, install

from tests.docs.blocks import extract

# What the page takes from the registry comes from the checkout here, in the versions of its lock file.
HERE = """
[workspace]

[patch.crates-io]
ferrio = {{ path = "{crates}/ferrio" }}
ferrio-bridge = {{ path = "{crates}/ferrio-bridge" }}
ferrio-engine = {{ path = "{crates}/ferrio-engine" }}
"""


@pytest.mark.skipif(os.environ.get("FERRIO_POLLER") == "poll", reason="poll(2) has no descriptor to watch")
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    blocks = extract(ROOT / "docs" / "extensions.md")
    files = {block.title: block.text for block in blocks if block.title not in ("", "output")}
    assert set(files) == {"Cargo.toml", "pyproject.toml", "src/lib.rs", "letters.py"}
    (tmp_path / "src").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with (tmp_path / "Cargo.toml").open("a") as manifest:
        manifest.write(HERE.format(crates=ROOT / "crates"))
    shutil.copy(ROOT / "Cargo.lock", tmp_path)
    environment = dict(os.environ, PYTHONPATH=str(install(tmp_path, tmp_path / "built")))
    command = [sys.executable, "letters.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    [output] = [block.text for block in blocks if block.title == "output"]
    assert (done.stdout, done.stderr) == (output, "")
