"""Builds what is published, into dist/: wheels and the sdist. Audits them, and tries what can run here.

    python scripts/wheels.py [--targets "TARGET ..."] [--pythons "3.13 /path/to/python3.14 ..."]

Owns: the list of what is published, and how each of it is built. Zig links, against the oldest C library that a wheel
promises, and no interpreter is needed to build for one. Runs where maturin, Zig and auditwheel are (`make wheels`).
What a profile is, scripts/learn.sh knows, and what makes a good wheel, scripts/try_wheel.sh.

A wheel for an interpreter and a system that are here is guided by a profile of its own. Any other takes the profile of
the nearest interpreter that is here: what is compiled otherwise there goes without, and the rest is the same code.
`ferrio doctor` says which profile it was (FERRIO_BUILD).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from foreign_profile import translated
from system_unwinder import stand_in

TAGS = {
    "x86_64-unknown-linux-gnu": "manylinux2014",
    "aarch64-unknown-linux-gnu": "manylinux2014",
    "x86_64-unknown-linux-musl": "musllinux_1_2",
    "aarch64-unknown-linux-musl": "musllinux_1_2",
    "aarch64-apple-darwin": "off",
}
TARGETS = [*TAGS, "sdist"]
SCRIPTS, BIN = Path(__file__).resolve().parent, Path(sys.executable).parent
DIST, MADE, WORK = Path("dist"), Path("target", "wheels", "made"), Path("target", "pgo").resolve()
WANTED = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
PYTHONS = [f"3.{minor}" for minor in range(*map(int, re.findall(r"3\.(\d+)", WANTED)))]
VERSION = "import sys, venv; print('%d.%d' % sys.version_info[:2])"


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds wheels and the sdist, into dist/.")
    parser.add_argument("--targets", default="", help=f"by default all: {' '.join(TARGETS)}")
    parser.add_argument(
        "--pythons", default="", help=f"versions, or paths of interpreters; by default {' '.join(PYTHONS)}"
    )
    arguments = parser.parse_args()
    targets, names = words(arguments.targets) or TARGETS, words(arguments.pythons) or PYTHONS
    if unknown := set(targets) - set(TARGETS):
        parser.error(f"{', '.join(unknown)}: no such target; there are {', '.join(TARGETS)}")
    pythons = dict(find(name) for name in names)
    if "sdist" in targets:
        try_it(next(filter(None, pythons.values()), sys.executable), make("sdist"))
    if systems := [target for target in targets if target in TAGS]:
        wheels(systems, pythons)


def wheels(targets: list[str], pythons: dict[str, str | None]) -> None:
    here = re.findall("host: (.*)", output("rustc", "-vV"))[0]
    for target in targets:
        fetch(target)
    profiles = {version: profile for version, path in pythons.items() if path and (profile := learn(version, path))}
    for version, path in pythons.items():
        for target in targets:
            wheel = build(version, target, here, profiles)
            if target.endswith("-gnu"):
                audit(wheel)
            if path and target == here:
                try_it(path, wheel)


def words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def find(name: str) -> tuple[str, str | None]:
    """The version that is meant, and the interpreter if there is one: as named, on PATH, or pyenv's."""
    if "/" in name:
        return output(name, "-c", VERSION), name
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for path in (shutil.which(f"python{name}"), *sorted(pyenv.glob(f"{name}.*/bin/python"))):
        # pyenv has a command for each version that any folder could choose, and says no where it is not chosen.
        if path and subprocess.run([path, "-c", VERSION], capture_output=True, text=True).stdout.strip() == name:
            return name, str(path)
    print(f"wheels: there is no CPython {name} here: its wheels take another's profile, and are not tried")
    return name, None


def fetch(target: str) -> None:
    """The standard library of a target, unless it is there."""
    if not list(Path(output("rustc", "--print", "target-libdir", "--target", target)).glob("libstd-*.rlib")):
        run("rustup", "target", "add", target)


def learn(version: str, python: str) -> Path | None:
    """The profile of an interpreter, made in an environment of its own; None where scripts/learn.sh cannot."""
    venv, profile = WORK / f"venv-{version}", WORK / f"{version}.profdata"
    run(python, "-m", "venv", "--clear", venv)
    here = output(BIN / "maturin", "--version").split()[1]
    run(venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"maturin=={here}")
    run(SCRIPTS / "learn.sh", venv, profile)
    return profile if profile.exists() else None


def build(version: str, target: str, here: str, profiles: dict[str, Path]) -> Path:
    environment, flags = {"CARGO_TARGET_DIR": "target/wheels", "FERRIO_BUILD": "dist"}, []
    if target.endswith("-gnu"):
        flags.append(f"-Clink-arg={stand_in(target, WORK / target)}")
    if profiles:
        nearest = min(profiles, key=lambda known: abs(minor(known) - minor(version)))
        own = nearest == version and target == here
        profile = profiles[nearest] if target == here else translated(profiles[nearest], here, target)
        environment |= {
            "FERRIO_BUILD": "dist, profile-guided" if own else f"dist, guided by a profile of {nearest} on {here}",
            "RUSTC_WRAPPER": str(SCRIPTS / "rustc_alike.sh"),
        }
        # Of 21,000 functions in a profile 76 are compiled otherwise for aarch64: each would be a warning.
        flags += [f"-Cprofile-use={profile}", "-Cllvm-args=-no-pgo-warn-mismatch"]
    print(f"wheels: CPython {version}, {target}: {environment['FERRIO_BUILD']}", flush=True)
    options = ["--quiet", "--profile", "dist", "--target", target, "--interpreter", f"python{version}"]
    # Zig has a part of macOS's system library; macOS has the whole.
    linker = [] if target == here and "darwin" in target else ["--zig"]
    return make("build", *options, "--compatibility", TAGS[target], *linker, **environment, RUSTFLAGS=" ".join(flags))


def audit(wheel: Path) -> None:
    """Whether a wheel for glibc runs where its name says, and unwinds as that system does.

    For musl maturin looks: auditwheel wants that library under the name of Alpine, Zig has the general one, and musl
    itself takes either.
    """
    report = output(BIN / "auditwheel", "show", wheel)
    tag = wheel.stem.rsplit(".", 1)[-1]
    if f'"{tag}"' not in report or "libgcc_s.so.1" not in report:
        sys.exit(f"wheels: {wheel.name} is not what it says:\n{report}")


def make(what: str, *options: str, **environment: str) -> Path:
    """What maturin makes, moved to DIST."""
    shutil.rmtree(MADE, ignore_errors=True)
    run(BIN / "maturin", what, *options, "--out", MADE, **environment)
    (made,) = MADE.iterdir()
    DIST.mkdir(exist_ok=True)
    print(f"wheels: {DIST / made.name}, {made.stat().st_size // 1024} KiB", flush=True)
    return made.replace(DIST / made.name)


def try_it(python: str, file: Path) -> None:
    run(SCRIPTS / "try_wheel.sh", python, file)


def minor(version: str) -> int:
    return int(version.split(".")[1])


def output(*command: str | Path) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def run(*command: str | Path, **environment: str) -> None:
    # Zig is a module of the Python that is first on PATH. That maturin is not the back end by name, it need not tell.
    mine = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "MATURIN_NO_MISSING_BUILD_BACKEND_WARNING": "1"}
    subprocess.run(command, env=os.environ | mine | environment, check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"wheels: {error.cmd[0]} failed")
    except FileNotFoundError as error:
        sys.exit(f"wheels: {error.filename} is not there")
