"""Nanoseconds for each await across the two languages: `python -m benches.bridge --help`.

Builds two small extensions (ours/, theirs/) with maturin into target/, then runs each row on both and, where there is
one, on its like in plain asyncio: in turns, in one process, so that whatever else the machine does falls on all.
Prints medians and, in brackets, the range from the lowest to the highest round.
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


def once(factory: Callable[[], asyncio.AbstractEventLoop], program: Program, bridge: Any, count: int) -> float:
    """Nanoseconds for each of `count`, on a loop of its own that has run a few before."""

    async def main() -> float:
        await program(bridge, count // 10 + 1)
        start = time.perf_counter_ns()
        await program(bridge, count)
        return (time.perf_counter_ns() - start) / count

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


def measure(factory: Callable[[], asyncio.AbstractEventLoop], bridges: dict[str, Any], rounds: int, count: int) -> None:
    for row, program in ROWS.items():
        taken: dict[str, list[float]] = {name: [] for name in bridges}
        for _ in range(rounds):
            for name, bridge in bridges.items():
                taken[name].append(once(factory, program, bridge, count))
        print(f"  {row}")
        for name, times in taken.items():
            print(f"    {name:20} {statistics.median(times):8,.0f} ns  ({min(times):,.0f} to {max(times):,.0f})")
        ratio = statistics.median(taken[BRIDGES["theirs"]]) / statistics.median(taken[BRIDGES["ours"]])
        print(f"    {'ratio of the two':20} {ratio:8.1f}")


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
