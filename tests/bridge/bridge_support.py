"""Builds extensions as their authors do: maturin makes a wheel, pip installs it.

Cargo's target folder is the checkout's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def install(source: Path, folder: Path) -> Path:
    """Where the extension can be imported from, that has its manifest in `source`."""
    maturin = [sys.executable, "-m", "maturin", "build", "--manifest-path", str(source / "Cargo.toml")]
    environment = dict(os.environ, PYO3_PYTHON=sys.executable, CARGO_TARGET_DIR=str(ROOT / "target"))
    wheels = ["--interpreter", sys.executable, "--out", str(folder / "wheels")]
    subprocess.run([*maturin, *wheels], check=True, env=environment)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(folder / "site"), *(folder / "wheels").glob("*.whl")], check=True)
    return folder / "site"
