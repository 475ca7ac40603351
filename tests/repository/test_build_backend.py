"""What `pip install .` says where a build cannot work (scripts/build_backend.py): one line, before anything is fetched.

Each case has pip build this checkout's own manifests, with tools that only answer what the case is about. No network is
asked: the backend needs nothing until it has seen that a build can work.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
CARGO, RUSTC = "echo 'cargo 1.95.0 (f2d3ce0bd)'", "echo 'rustc 1.95.0 (59807616e)'"
GOOD = {"cargo": CARGO, "rustc": RUSTC, "cc": "exit 0"}
RUST, LINKER = "ferrio needs Rust 1.88 or later, and ", "ferrio needs a C compiler to link with, and "
CASES = {
    "no cargo": ({"cargo": None}, RUST + "cargo is not there: "),
    "no rustc": ({"rustc": None}, RUST + "rustc is not there: "),
    "rustup without a toolchain": (
        {"cargo": "echo 'error: no default is configured' >&2; exit 1"},
        RUST + "cargo does",
    ),
    "old": ({"rustc": "echo 'rustc 1.87.0 (17067e9ac 2025-05-09)'"}, RUST + "this is rustc 1.87.0"),
    "no C compiler": ({"cc": None}, LINKER + "cc is not there: apt-get install"),
    "no C library": ({"cc": "echo 'cannot find crti.o' >&2; exit 1"}, LINKER + "cc cannot link: apt-get install"),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """As much of the checkout as a backend looks at."""
    folder = tmp_path / "source"
    (folder / "scripts").mkdir(parents=True)
    for file in ("pyproject.toml", "Cargo.toml", "README.md", "scripts/build_backend.py"):
        shutil.copy(ROOT / file, folder / file)
    return folder


@pytest.fixture
def backend(source: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_backend", source / "scripts/build_backend.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(source)
    return module


def tools(folder: Path, **scripts: str | None) -> dict[str, str]:
    """An environment whose PATH has these tools alone."""
    folder.mkdir()
    for name, script in scripts.items():
        if script is not None:
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
    return {"PATH": str(folder), "HOME": str(folder), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}


def pip_install(source: Path, folder: Path, programs: dict[str, str | None]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--target", folder / "t", source]
    environment = tools(folder / "bin", **programs)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("case", CASES)
def test_pip_ends_with_one_line(case: str, source: Path, tmp_path: Path) -> None:
    changed, line = CASES[case]
    done = pip_install(source, tmp_path, GOOD | changed)
    assert done.returncode == 1
    told = done.stdout + done.stderr
    said = [text for text in told.splitlines() if "ferrio needs" in text]
    assert len(said) == 1 and said[0].strip().startswith(line), told
    assert "[1 lines of output]" in told and "Traceback" not in told and "maturin" not in told, told


def test_pip_asks_for_maturin_when_all_is_there(source: Path, tmp_path: Path) -> None:
    done = pip_install(source, tmp_path, GOOD)
    assert "No matching distribution found for maturin" in done.stdout + done.stderr


@pytest.mark.parametrize("version", [(3, 10), (3, 99)])
def test_pythons_out_of_the_range(
    version: tuple[int, int], backend: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.need_python()
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    with pytest.raises(SystemExit, match=r"^ferrio needs CPython 3\.11 to 3\.\d+ with the GIL, and this is cpython "):
        backend.need_python()


def test_another_implementation(backend: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    with pytest.raises(SystemExit, match="and this is pypy "):
        backend.need_python()


def test_another_linker_is_taken_as_it_is(backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))
    with pytest.raises(SystemExit):
        backend.need_linker()
    (tmp_path / "config.toml").write_text('[target.x86_64-unknown-linux-gnu]\nlinker = "clang"\n')
    backend.need_linker()
    (tmp_path / "config.toml").unlink()
    monkeypatch.setenv("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "clang")
    backend.need_linker()


def test_the_sdist_needs_no_linker(backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", tools(tmp_path / "bin", cargo=CARGO, rustc=RUSTC)["PATH"])
    assert backend.get_requires_for_build_sdist() == [backend.MATURIN]
