"""Tests that others have of their libraries, run on ferrio: they come with source distributions.

Owns getting a source distribution, once, into the environment, and what a table says of its tests: each line is a shell
pattern, but for brackets, which are a test's own, and behind `  # ` the reason why the test may fail.
"""

import fnmatch
import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def unpacked(library, file):
    """The folder of the source distribution of the version that is installed; `file` is one that it has."""
    name = f"{library}-{version(library)}"
    place = Path(sys.prefix, "sdists")
    if not (place / name / file).exists():
        place.mkdir(exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--no-binary", library, name.replace("-", "=="), "--dest", place], check=True)
        with tarfile.open(place / f"{name}.tar.gz") as archive:
            archive.extractall(place, filter="data")
    return place / name


def run(folder, plugin, files, arguments, paths=()):
    """pytest's exit status; nothing of ours is in the way of the tests, but for a plugin beside this file."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:ferrio", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, "--rootdir", folder, *files, *arguments]
    paths = [*map(str, paths), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.call(command, cwd=folder, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)})


def mark_differences(table, items, *, is_whole=True):
    """Tests that the table names are expected to fail; one that passes is reported, so that its line is removed.

    `is_whole`: all tests are here that the table is about, so each line has to be about one.
    """
    lines = list(differences(table))
    used = set()
    for item in items:
        for pattern, reason in lines:
            if fnmatch.fnmatchcase(item.name, pattern):
                used.add(pattern)
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    unused = [pattern for pattern, _ in lines if pattern not in used]
    if unused and is_whole:
        raise pytest.UsageError(f"{table.name}: no test is called {', '.join(unused)}")


def differences(table):
    for line in table.read_text().splitlines():
        pattern, found, reason = line.partition("  # ")
        if found:
            yield pattern.strip().replace("[", "[[]"), reason
