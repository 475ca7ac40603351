"""Runs the examples as a reader would: `python x.py` and `ferrio run x.py`, in processes of their own.

A test file has a table of `Program`s and passes each to `check()`: it runs on both loops at once, must exit with
0, say nothing on standard error, and print the same on both. Times, and what follows from them, are taken out of
the output first, by `normalised()` and nowhere else; so a program prints a time as `0.12 s` or `0.12 ms`, a ratio
of times as `3.4 x`, and nothing else that a clock decides. For servers there is `serving()`, which waits until the
program says where it listens, and interrupts it in the end as Ctrl-C does. One on ferrio's own server says so in its
log, of which every line must be `INFO`.

Nothing here knows an example by name.
"""

import contextlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples/python"
LOOPS = ("asyncio", "ferrio")
# What stands between the interpreter and the file; for `serve` that is a folder, and the application an argument.
LAUNCH = {"asyncio": [], "ferrio": ["-m", "ferrio", "run"], "serve": ["-m", "ferrio", "serve", "--app-dir"]}
LIMIT = 40  # seconds for one run; below the hang guard of tests/conftest.py, to be told by the test itself

# What a clock, or the kernel, decides. Blanks before a figure go too: they align it.
VARIABLE = (
    (re.compile(r"[ \t]*\b\d+\.\d+ (s|ms|us)\b"), r" # \1"),
    (re.compile(r"[ \t]*\b\d+\.\d+ x\b"), " # x"),
    (re.compile(r"[█▏▎▍▌▋▊▉]+ *"), "=== "),  # a bar of a chart
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), r"\1:PORT"),
    (re.compile(r"/tmp/\S+?/"), "/TMP/"),
)

# In development mode asyncio warns of callbacks over 0.1 s. Up to ten seconds, that is a busy machine.
SLOW = re.compile(r"^Executing (?:callbacks of )?<.*> took \d\.\d+ seconds\n", re.M)


@dataclass(frozen=True)
class Program:
    """One run of an example: the file below examples/python, its arguments, and what it must say."""

    file: str
    arguments: tuple[str, ...] = ()
    says: tuple[str, ...] = ()  # each is somewhere in the normalised output
    needs: tuple[str, ...] = ()  # modules without which it is skipped
    environment: dict[str, str] = field(default_factory=dict)
    logs: bool = False  # it is on ferrio's server, and has a log on standard error

    def __str__(self) -> str:
        return " ".join([self.file.removesuffix(".py"), *self.arguments])


@dataclass(frozen=True)
class Finished:
    """What a run left: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Server:
    """A server that runs: the address it told, the lines it printed so far, its process id."""

    address: str
    lines: list[str]
    pid: int


def each(programs):
    """A test for each of the programs: `@each(TABLE)` above `def test_...(program)`."""
    return pytest.mark.parametrize("program", programs, ids=str)


def check(program: Program, strict: bool = False) -> None:
    """The program does the same on both loops, says what it should, and has nothing to complain of."""
    running = {loop: start(loop, program, strict) for loop in LOOPS}
    finished = {loop: finish(process) for loop, process in running.items()}
    for loop, run in finished.items():
        assert (run.status, run.err) == (0, ""), f"on {loop}: exit status {run.status}\n{run.out}\n{run.err}"
    outputs = {loop: normalised(run.out) for loop, run in finished.items()}
    assert outputs["ferrio"] == outputs["asyncio"]
    assert outputs["asyncio"].strip(), "it printed nothing"
    for text in program.says:
        assert text in outputs["asyncio"]


def run(loop: str, program: Program, strict: bool = False) -> Finished:
    """Run a program on one loop to its end, whatever that is."""
    return finish(start(loop, program, strict))


@contextlib.contextmanager
def serving(
    loop: str, program: Program, strict: bool = False, ready: str = r" on (\S+)", status: int = 0
) -> Iterator["Server"]:
    """Run a server, to be used from the time it said where it listens; in the end, Ctrl-C.

    `ready` finds the address (its group 1) in a line of standard output, or of the log. After Ctrl-C the program must
    exit with that status, without a complaint; what it printed, and then its log, is in the server's `lines`.
    """
    process = start(loop, program, strict)
    told, other = (process.stderr, process.stdout) if program.logs else (process.stdout, process.stderr)
    watchdog = threading.Timer(LIMIT, process.kill)
    watchdog.start()
    try:
        lines: list[str] = []
        while not (found := re.search(ready, lines[-1]) if lines else None):
            lines.append(told.readline())
            assert lines[-1], f"it ended, or took {LIMIT} s: {''.join(lines)}{other.read()}"
        yield Server(found[1], lines, process.pid)
        process.send_signal(signal.SIGINT)
        finished = finish(process)
        said, complaints = finished.out, finished.err
        if program.logs:
            said, log = said + complaints, [*lines, *complaints.splitlines(keepends=True)]
            complaints = "".join(line for line in log if not line.startswith("INFO: "))
        lines += said.splitlines(keepends=True)
    finally:
        watchdog.cancel()
        watchdog.join()
        process.kill()
        process.communicate()
    assert (finished.status, complaints) == (status, ""), f"after Ctrl-C, exit status {finished.status}\n{complaints}"


def normalised(text: str) -> str:
    """The text with times, and what depends on them or on the machine, replaced."""
    for pattern, replacement in VARIABLE:
        text = pattern.sub(replacement, text)
    return text


def start(loop: str, program: Program, strict: bool = False) -> "subprocess.Popen[str]":
    """Start a program; skips the test where a library is missing."""
    for name in program.needs:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: make examples")
    unwanted = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONWARNINGS", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment |= {"PYTHONUTF8": "1", "PYTHONDEVMODE": "1" if strict else ""} | program.environment
    return subprocess.Popen(
        [sys.executable, *["-W", "error"][: 2 * strict], *LAUNCH[loop], FOLDER / program.file, *program.arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
        # In the background of a shell SIGINT is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def finish(process: "subprocess.Popen[str]") -> Finished:
    """Wait for its end; kills it, and fails, after LIMIT."""
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"it did not end within {LIMIT} s\n{out}\n{err}")
    return Finished(process.returncode, out, SLOW.sub("", err))
