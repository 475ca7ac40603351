"""Nanoseconds for each await across the two languages: `python -m benches.bridge --help`.

Builds two small extensions (ours/, theirs/) with maturin into target/, then runs each row on both and, where there is
one, on its like in plain asyncio: in turns, in one process, so that whatever else the machine does falls on all.
Prints medians of the processor time of all threads, in brackets the range from the lowest to the highest round, and
medians of the time that went by.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BRIDGES = {"ours": "ferrio-bridge", "theirs": "pyo3-async-runtimes"}
PLAIN = "asyncio alone"
Program = Callable[[Any, int], Coroutine[Any, Any, None]]


class Alone:
    """The rows without Rust: what the loop and the interpreter cost by themselves."""

    @staticmethod
    async def ready() -> int:
        return 1

    @staticmethod
    async def drive(make: Callable[[], Coroutine[Any, Any, int]], count: int) -> None:
        for _ in range(count):
            await asyncio.ensure_future(make())

    class Gate:
        def wait(self) -> asyncio.Future[int]:
            self.future = asyncio.get_running_loop().create_future()
            return self.future

        def open(self) -> None:
            self.future.set_result(1)

        def open_elsewhere(self) -> None:
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, loop.call_soon_threadsafe, self.future.set_result, 1)


async def ready(bridge: Any, count: int) -> None:
    for _ in range(count):
        await bridge.ready()


async def woken(bridge: Any, count: int) -> None:
    gate, loop = bridge.Gate(), asyncio.get_running_loop()
    for _ in range(count):
        waiting = gate.wait()
        loop.call_soon(gate.open)
        await waiting


async def woken_by_a_thread(bridge: Any, count: int) -> None:
    gate, loop = bridge.Gate(), asyncio.get_running_loop()
    for _ in range(count):
        waiting = gate.wait()
        loop.call_soon(gate.open_elsewhere)
        await waiting


async def python_in_rust(bridge: Any, count: int) -> None:
    await bridge.drive(Alone.ready, count)


ROWS: dict[str, Program] = {
    "a Rust future that is ready, awaited in Python": ready,
    "one that is woken once, by the loop's own thread": woken,
    "one that is woken once, by another thread": woken_by_a_thread,
    "a Python coroutine that is ready, awaited in Rust": python_in_rust,
}


def build(name: str) -> Any:
    """Installs the extension into target/ and imports it."""
    folder = ROOT / "target" / "benches-bridge" / (sys.implementation.cache_tag or "python")
    manifest = str(HERE / name / "Cargo.toml")
    maturin = [sys.executable, "-m", "maturin", "build", "--release", "--quiet", "--manifest-path", manifest]
    environment = dict(os.environ, PYO3_PYTHON=sys.executable, CARGO_TARGET_DIR=str(ROOT / "target"))
    wheels = folder / name
    subprocess.run([*maturin, "--interpreter", sys.executable, "--out", str(wheels)], check=True, env=environment)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    target = ["--upgrade", "--target", str(folder / "site")]
    newest = max(wheels.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    subprocess.run([*pip, *target, str(newest)], check=True)
    sys.path.insert(0, str(folder / "site"))
    return importlib.import_module(f"bridge_{name}")


def once(
    factory: Callable[[], asyncio.AbstractEventLoop], program: Program, bridge: Any, count: int
) -> tuple[float, float]:
    """Nanoseconds for each of `count`, of processors and of the clock, on a loop that has run a few before."""

    async def main() -> tuple[float, float]:
        await program(bridge, count // 10 + 1)
        processors, clock = time.process_time_ns(), time.perf_counter_ns()
        await program(bridge, count)
        return (time.process_time_ns() - processors) / count, (time.perf_counter_ns() - clock) / count

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


def measure(factory: Callable[[], asyncio.AbstractEventLoop], bridges: dict[str, Any], rounds: int, count: int) -> None:
    for row, program in ROWS.items():
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in bridges}
        for _ in range(rounds):
            for name, bridge in bridges.items():
                taken[name].append(once(factory, program, bridge, count))
        print(f"  {row}")
        medians = {}
        for name, times in taken.items():
            cpu, clock = zip(*times, strict=True)
            medians[name] = statistics.median(cpu)
            print(
                f"    {name:20} {medians[name]:8,.0f} ns of processors ({min(cpu):,.0f} to {max(cpu):,.0f}),"
                f" {statistics.median(clock):,.0f} of the clock"
            )
        print(f"    {'ratio of the two':20} {medians[BRIDGES['theirs']] / medians[BRIDGES['ours']]:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.bridge", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each is measured, in turns (15)")
    parser.add_argument("--count", type=int, default=2000, help="awaits in each round (2000)")
    parser.add_argument(
        "--loops", default="asyncio,uvloop,ferrio", help="modules whose new_event_loop() makes the loops"
    )
    arguments = parser.parse_args()
    bridges = {PLAIN: Alone, **{called: build(name) for name, called in BRIDGES.items()}}
    print(
        f"{sys.implementation.name} {sys.version.split()[0]}, medians of {arguments.rounds} rounds of {arguments.count}"
    )
    for name in arguments.loops.split(","):
        try:
            factory = importlib.import_module(name).new_event_loop
        except ImportError:
            print(f"on {name}: not installed")
            continue
        print(f"on {name}")
        measure(factory, bridges, arguments.rounds, arguments.count)


if __name__ == "__main__":
    main()
