"""Guards the hot paths by counting instructions, which no neighbour on the machine can change: `make instructions`.

    python -m benches.instructions             count, and compare with instructions.toml: status 1 if a path grew
    python -m benches.instructions --update    count, and write what the file says of this Python

hot_paths.py runs under callgrind with a fixed hash seed and without address randomisation; counts then come out the
same to a hundredth of a per cent. `ours` is what the extension executes, and depends on the Rust compiler and the
release of CPython; `all` is every instruction of the process, which another build of the same CPython changes too. A
count that cannot be compared is not: one line says why. A busy machine can add instructions to a path with sockets, but
takes none away: so a path that grew is counted again, and its least count stands. A change that makes a path dearer for
a reason changes the file with it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("hot_paths.py")
FILE = Path(__file__).with_name("instructions.toml")
TIMES = 1000
"""As in the program."""
TOLERATED = 1.03
ATTEMPTS = 3
"""How often a path that grew is counted."""
PATIENCE = 300.0
OURS = "_ferrio."
COST = re.compile(r"[-+*]?\d* \d+$")

HEAD = """\
# Instructions of an operation on the hot paths of hot_paths.py, by release of CPython: what the extension executes
# (`ours`), and the whole process (`all`), with ferrio as `make venv` builds it. Written by
# `make instructions UPDATE=--update`; `make check` fails when one grows by more than 3 % and this file does not change.
"""

Counts = dict[str, dict[str, float]]
"""By path: `ours` and `all`, for one operation."""
Known = dict[str, dict[str, Any]]
"""The file: by release the interpreter and its counts; `made_with`."""


@dataclass(frozen=True)
class Setting:
    """What counts depend on. `interpreter` tells builds of one release apart."""

    rustc: str
    valgrind: str
    python: str
    interpreter: str


class Impossible(Exception):
    """Nothing can be counted here; the text says why."""


def main() -> int:
    """Count, and compare or write."""
    parser = argparse.ArgumentParser(prog="benches.instructions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the counts into the file")
    parser.add_argument("--file", type=Path, default=FILE, help="default: benches/instructions.toml")
    arguments = parser.parse_args()
    known: Known = tomllib.loads(arguments.file.read_text()) if arguments.file.exists() else {}
    try:
        here = setting()
        reason = "" if arguments.update else not_comparable(known, here)
        if reason:
            raise Impossible(reason)
        counts = count()
    except Impossible as error:
        print(f"instructions: skipped: {error}")
        return 1 if arguments.update else 0
    if arguments.update:
        arguments.file.write_text(written(known, here, counts))
        return 0
    said = compare(known[here.python], counts, here)
    for _ in range(1, ATTEMPTS):
        if not grew(said):
            break
        counts = least(counts, count())
        said = compare(known[here.python], counts, here)
    print(*said, sep="\n")
    return 1 if grew(said) else 0


def grew(said: list[str]) -> bool:
    return any(line.startswith("FAILED") for line in said)


def least(one: Counts, other: Counts) -> Counts:
    """Of two counts of the same paths, the lower of each number."""
    return {path: {kind: min(number, other[path][kind]) for kind, number in one[path].items()} for path in one}


def setting() -> Setting:
    """What there is here. Raises Impossible if something is missing."""
    if sys.platform != "linux" or not all(map(shutil.which, ("valgrind", "setarch"))):
        raise Impossible("it takes valgrind and setarch (apt-get install valgrind util-linux)")
    return Setting(
        said_by(os.environ.get("RUSTC", "rustc"), "--version"),
        said_by("valgrind", "--version"),
        platform.python_version(),
        digest(),
    )


def said_by(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Impossible(f"{command[0]}: {error}") from None


def digest() -> str:
    """Of the interpreter's machine code."""
    library = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    code = (file for file in (Path(sys.executable), library) if file.is_file())
    return hashlib.sha256(b"".join(file.read_bytes() for file in code)).hexdigest()[:12]


def not_comparable(known: Known, here: Setting) -> str:
    """Why the file says nothing about what is here; nothing if it does."""
    made_with = known.get("made_with", {})
    for tool, found in (("rustc", here.rustc), ("valgrind", here.valgrind)):
        if made_with.get(tool) != found:
            return f"the counts were made with {made_with.get(tool)}, here is {found}"
    return "" if here.python in known else f"there are no counts for CPython {here.python}"


def count(*paths: str) -> Counts:
    """The instructions of an operation, by path: of `paths`, which are in the program's order, or of all."""
    names = paths or said_by(sys.executable, "-P", str(PROGRAM), "--list").split()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        output = Path(folder, "count")
        command = ["setarch", "--addr-no-randomize", "valgrind", "-q", "--tool=callgrind", "--dump-line=no"]
        command += [
            "--compress-strings=no",
            "--dump-before=getpgid",
            f"--callgrind-out-file={output}",
            sys.executable,
            "-P",
            str(PROGRAM),
            *paths,
        ]
        # Nothing of the caller's but what finds the interpreter's libraries: an environment moves the stack.
        kept = {name: value for name in ("PATH", "LD_LIBRARY_PATH", "HOME") if (value := os.environ.get(name))}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env={**kept, "PYTHONHASHSEED": "0"}, check=False
        )
        if done.returncode != 0:
            raise Impossible(
                (done.stderr.strip().splitlines() or [f"valgrind ended with status {done.returncode}"])[-1]
            )
        # Part 1 ends at the first mark, 2 is the first path, 3 what is between the second mark and the third.
        parts = [Path(f"{output}.{2 * number}").read_text() for number in range(1, len(names) + 1)]
    return {
        name: {key: sum_ / TIMES for key, sum_ in sums(part).items()} for name, part in zip(names, parts, strict=True)
    }


def sums(part: str) -> dict[str, int]:
    """Instructions in callgrind's listing: those of the extension, and all."""
    ours = everything = 0
    in_ours = inclusive = False
    for line in part.splitlines():
        if line.startswith("ob="):
            in_ours = OURS in line
        elif line.startswith("calls="):
            inclusive = True
        elif COST.match(line):
            if not inclusive:
                everything += int(line.split()[1])
                ours += int(line.split()[1]) if in_ours else 0
            inclusive = False  # what stands after a call is the cost of what was called
    return {"ours": ours, "all": everything}


def compare(known: dict[str, Any], counts: Counts, here: Setting) -> list[str]:
    """A line for each path, and a summary. A line that begins with FAILED is one."""
    kinds = ["ours", "all"] if known.get("interpreter") == here.interpreter else ["ours"]
    lines, failed = [], []
    for path in counts.keys() | known.keys() - {"interpreter"}:
        if path not in known or path not in counts:
            failed.append(f"{path}: only {'in the file' if path in known else 'counted'}")
            continue
        for kind in kinds:
            ratio = counts[path][kind] / known[path][kind]
            if ratio > TOLERATED:
                was, now = known[path][kind], counts[path][kind]
                failed.append(f"{path}: {was:,.0f} -> {now:,.0f} instructions ({kind}), {ratio - 1:+.1%}")
            elif ratio < 1 / TOLERATED:
                lines.append(f"{path}: {ratio - 1:+.1%} ({kind}): make instructions UPDATE=--update keeps it so")
    if failed:
        return sorted(lines) + [f"FAILED: {line}" for line in sorted(failed)] + [REMEDY]
    rest = "" if "all" in kinds else "; another build of CPython, so without its own instructions"
    return [*sorted(lines), f"instructions: {len(counts)} paths within 3 % of benches/instructions.toml{rest}"]


REMEDY = "Make it cheaper, or say in the commit what it buys and run: make instructions UPDATE=--update"


def written(known: Known, here: Setting, counts: Counts) -> str:
    """The file, with these counts in the place of what it said of this release. Counts of other tools go."""
    made_with = {"rustc": here.rustc, "valgrind": here.valgrind}
    rest = known if known.get("made_with") == made_with else {}
    sections: dict[str, dict[str, object]] = {key: dict(section) for key, section in rest.items() if key != "made_with"}
    sections[here.python] = {"interpreter": here.interpreter, **counts}
    text = HEAD + "\n[made_with]\n" + "".join(f'{tool} = "{version}"\n' for tool, version in made_with.items())
    for python in sorted(sections, key=lambda text: [int(part) for part in text.split(".")]):
        text += f'\n["{python}"]\n' + "".join(f"{key} = {value(each)}\n" for key, each in sections[python].items())
    return text


def value(each: object) -> str:
    if isinstance(each, dict):
        return f"{{ {', '.join(f'{key} = {number:.1f}' for key, number in each.items())} }}"
    return f'"{each}"'


if __name__ == "__main__":
    sys.exit(main())
