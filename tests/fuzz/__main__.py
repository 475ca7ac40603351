"""The command `python -m tests.fuzz NAME`: gives seeds to child processes and prints what differed, crashed or hung.

Knows what a child says (`child.py`), and nothing of what a fuzzer does. A child that dies or says nothing for HANG
seconds is reported with the seed it was at, and the next child goes on with the seed after that.
"""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import FUZZERS

ROOT = Path(__file__).parents[2]
HANG = float(os.environ.get("FERRIO_TEST_HANG", "60")) / 2
FOREVER = 10**9


class Fuzzing:
    """One fuzzer's seeds: what came of them so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.next: int = options.seed
        self.end = time.monotonic() + options.seconds
        self.findings = 0

    def run(self) -> None:
        """Have children run seeds until there are enough of them, the time is up, or enough was found."""
        while (
            self.next < self.options.seed + self.options.count
            and time.monotonic() < self.end
            and self.findings < self.options.findings
        ):
            self.one_child()

    def one_child(self) -> None:
        first, count = self.next, self.options.seed + self.options.count - self.next
        mode = "verbose" if self.options.verbose else "quiet"
        command = self.command(first, count, self.end - time.monotonic(), mode)
        # Sets of strings are then in the same order every time, and a seed is the same program.
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        environment.pop("PYTHONASYNCIODEBUG", None)
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, env=environment) as child,
        ):
            ended = self.listen(child)
            code = child.wait()
            if not ended and self.findings < self.options.findings:
                errors.seek(0)
                self.died(first, code, errors.read().decode(errors="replace"))

    def command(self, first: int, count: int, seconds: float, mode: str) -> list[str]:
        arguments = map(str, (self.options.name, first, count, seconds, mode))
        return [sys.executable, "-m", f"{__package__}.child", *arguments]

    def reduced(self, seed: int) -> str:
        """A smaller program, where the seed alone is enough."""
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        ran = subprocess.run(
            self.command(seed, 1, FOREVER, "reduce"),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment,
        )  # fmt: skip
        return "".join(json.loads(line).get("text", "") for line in ran.stdout.splitlines())

    def listen(self, child: subprocess.Popen[bytes]) -> bool:
        """Take what a child says; whether it came to its end."""
        assert child.stdout is not None
        rest = b""
        while True:
            if not select.select([child.stdout], [], [], HANG)[0]:
                print(f"no end of seed {self.next - 1} after {HANG:.0f} s", flush=True)
                child.send_signal(signal.SIGABRT)  # the child prints where it is
                return False
            chunk = os.read(child.stdout.fileno(), 1 << 16)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if self.hear(json.loads(line)):
                    return True
            if not chunk or self.findings >= self.options.findings:
                child.kill()
                return False

    def hear(self, said: dict[str, Any]) -> bool:
        if "begin" in said:
            self.next = said["begin"] + 1
        elif "seed" in said:
            self.found(said["seed"], said["text"], said["differs"])
        return "end" in said

    def died(self, first: int, code: int, errors: str) -> None:
        seed = self.next - 1
        if self.next == first:
            self.findings = self.options.findings  # not one seed began: the next child would do no better
            print(f"the child did not start:\n{errors}")
            return
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        before = f" after seeds {first} to {seed - 1} in the same process" if first < seed else ""
        self.found(seed, f"the process ended with {ended}{before}\n{errors[-6000:]}")

    def found(self, seed: int, text: str, differs: bool = True) -> None:
        self.findings += differs
        small = self.reduced(seed) if differs and self.options.reduce else ""
        print(f"{self.options.name}, seed {seed}: {small or text}", flush=True)
        if differs:
            print(f"Again: python -m tests.fuzz {self.options.name} --seed {seed} --count 1\n", flush=True)


def main() -> int:
    """Run one fuzzer, print what it found, and say whether that was anything."""
    listed = "\n".join(f"  {name:15} {what}" for name, what in FUZZERS.items())
    parser = argparse.ArgumentParser(
        "python -m tests.fuzz",
        description=f"Compare asyncio and ferrio by random programs.\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", choices=FUZZERS, metavar="NAME", help="one of the above")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--count", type=int, default=FOREVER, help="how many seeds (as many as the time allows)")
    parser.add_argument("--seconds", type=float, default=FOREVER, help="for how long (until there are --count)")
    parser.add_argument("--findings", type=int, default=1, help="go on until so many were found (1)")
    parser.add_argument("--verbose", action="store_true", help="print each program and what came of it")
    parser.add_argument("--reduce", action="store_true", help="make what was found smaller, for 20 seconds each")
    options = parser.parse_args()
    if options.list or options.name is None:
        print(*FUZZERS, sep="\n")
        return 0
    if options.count == options.seconds == FOREVER:
        options.seconds = 10
    fuzzing = Fuzzing(options)
    began = time.monotonic()
    fuzzing.run()
    seeds, seconds = fuzzing.next - options.seed, time.monotonic() - began
    found = f"{fuzzing.findings} findings" if fuzzing.findings else "no difference"
    print(f"{options.name}: seeds {options.seed} to {fuzzing.next - 1} ({seeds}) in {seconds:.1f} s, {found}")
    return fuzzing.findings > 0


if __name__ == "__main__":
    sys.exit(main())
