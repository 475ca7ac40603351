"""How long a hello program compiles, from nothing, on ferrio, tokio and smol: `python -m benches.compile_time --help`.

Each program sleeps for a millisecond and says hello. Crates are fetched before, and cargo cleans before each build. The
programs take turns, round by round. Printed are medians, with the range in brackets: seconds that went by, seconds of
processors, and how many crates are compiled, the program's own included.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "target" / "benches-compile-time"
PROFILES = {"debug": (), "release": ("--release",)}

# Of each program: its dependencies, and its source.
PROGRAMS = {
    "ferrio": (
        f'ferrio = {{ path = "{ROOT}/crates/ferrio" }}',
        """
        #[ferrio::main]
        async fn main() {
            ferrio::sleep(std::time::Duration::from_millis(1)).await;
            println!("hello");
        }
        """,
    ),
    "tokio, full": (
        'tokio = { version = "1", features = ["full"] }',
        """
        #[tokio::main(flavor = "current_thread")]
        async fn main() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            println!("hello");
        }
        """,
    ),
    "tokio, with rt, macros and time alone": (
        'tokio = { version = "1", features = ["rt", "macros", "time"] }',
        """
        #[tokio::main(flavor = "current_thread")]
        async fn main() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            println!("hello");
        }
        """,
    ),
    "smol": (
        'smol = "2"',
        """
        fn main() {
            smol::block_on(async {
                smol::Timer::after(std::time::Duration::from_millis(1)).await;
                println!("hello");
            });
        }
        """,
    ),
}


def write(name: str) -> Path:
    """The program's folder."""
    dependency, source = PROGRAMS[name]
    folder = FOLDER / name.replace(",", "").replace(" ", "-")
    (folder / "src").mkdir(parents=True, exist_ok=True)
    package = '[package]\nname = "hello"\nversion = "0.0.0"\nedition = "2024"\n'
    (folder / "Cargo.toml").write_text(f"{package}\n[dependencies]\n{dependency}\n\n[workspace]\n")
    (folder / "src" / "main.rs").write_text(source)
    return folder


def cargo(folder: Path, *arguments: str) -> str:
    environment = dict(os.environ, CARGO_TARGET_DIR=str(folder / "target"))
    done = subprocess.run(
        ["cargo", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def build(folder: Path, profile: str, jobs: int) -> tuple[float, float]:
    """Seconds of the clock and of processors, from nothing."""
    cargo(folder, "clean")
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cargo(folder, "build", "--offline", "--quiet", "--jobs", str(jobs), *PROFILES[profile])
    taken, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def crates(folder: Path) -> int:
    tree = cargo(folder, "tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--no-dedupe")
    return len({line.removesuffix(" (*)") for line in tree.splitlines() if line})


def spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):6.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.compile_time", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is built, in turns (3)")
    parser.add_argument("--jobs", type=int, default=2, help="what cargo does at a time (2)")
    arguments = parser.parse_args()
    folders = {name: write(name) for name in PROGRAMS}
    for folder in folders.values():
        cargo(folder, "fetch", "--quiet")
    version = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    print(f"{version}, {arguments.jobs} jobs, medians of {arguments.rounds} rounds")
    for profile in PROFILES:
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
        for _ in range(arguments.rounds):
            for name, folder in folders.items():
                taken[name].append(build(folder, profile, arguments.jobs))
        print(profile)
        for name, rounds in taken.items():
            clock, processors = zip(*rounds, strict=True)
            print(f"  {name:38} {spread(clock)}, {spread(processors)} of processors, {crates(folders[name])} crates")


if __name__ == "__main__":
    main()
