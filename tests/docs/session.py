"""Runs the blocks of one page as a reader would: in order, in one scratch directory, each under a time limit.

* A program is saved under its title, or a name of its own, and run by the interpreter of the tests. If a later command
  or configuration file of the page names it, or a later program imports it, that is what runs it.
* Commands run under `sh -e` or `bash -e`, with the interpreter's directory first in PATH; commands that work on a
  checkout are judged by `checkout.py`, one by one, which says what verifies them.
* Fixed port numbers of the text (PORTS) are replaced by free ones, the same over the whole page.
* What is printed, errors too, is compared with the output block that follows; `...` stands for anything, and a time
  such as `0.2 s` for one that is no less, and at most SLACK more. Without such a block nothing may be printed to
  standard error.
Owns the processes that serve until the page's end. Must not know what is on any page.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from . import checkout
from .blocks import SHOW, Block

PATIENCE = 30.0
SLACK = 0.35  # less than what tells the tutorial's 0.6 s from its 0.2 s
PORTS = ("8000", "8001", "8002", "8080", "8765")
VARIABLE = re.compile(r"\b(" + "|".join(PORTS) + r")\b")


class Session:
    """One page being followed."""

    def __init__(self, folder: Path, blocks: Sequence[Block]) -> None:
        self.folder, self.blocks = folder, blocks
        self.program = ""  # the page's last program, for the one that continues it
        self.printed = ""  # by the block before
        self.serving: list[tuple[Block, subprocess.Popen[str]]] = []
        self.ports = {port: str(free_port()) for port in PORTS}
        binaries = os.path.dirname(sys.executable)
        self.environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
        self.environment.pop("PYTHONASYNCIODEBUG", None)

    def follow(self) -> None:
        """Run everything. AssertionError, naming the block, for what does not do as the page says."""
        try:
            for number, block in enumerate(self.blocks):
                self.step(number, block)
            for block, process in self.serving:
                self.interrupt(block, process)
        finally:
            for _, process in self.serving:
                end(process)

    def step(self, number: int, block: Block) -> None:
        text = self.with_ports(block.text)
        shown = self.expects_output(number)
        if block.language in SHOW:
            if block.title == "output":
                compare(block, text, self.printed)
        elif block.language == "python":
            self.program = self.program + "\n\n" + text if "continues" in block.marks else text
            name = block.title or f"program_{number}.py"
            (self.folder / name).write_text(self.program)
            if not self.is_run_later(number, name):
                self.run(block, [sys.executable, name], shown)
        elif block.language in ("sh", "bash"):
            commands = [line for line in text.splitlines() if not checkout.verify(line, self.environment, self.folder)]
            if any(line.strip() and not line.startswith("#") for line in commands):
                self.run(block, [block.language, "-e", "-c", "\n".join(commands)], shown)
        else:
            (self.folder / block.title).write_text(text)
            parse(block)

    def with_ports(self, text: str) -> str:
        return VARIABLE.sub(lambda found: self.ports[found[0]], text)

    def expects_output(self, number: int) -> bool:
        following = self.blocks[number + 1 : number + 2]
        return any(block.title == "output" and block.language == "text" for block in following)

    def is_run_later(self, number: int, name: str) -> bool:
        """Whether a command, a configuration file or an import further down is what runs this program."""
        stem = name.removesuffix(".py")
        words = re.compile(rf"(?<![\w/]){re.escape(name)}(?!\w)|(?<![\w.]){re.escape(stem)}:\w|-m {re.escape(stem)}\b")
        for block in self.blocks[number + 1 :]:
            if block.language in ("sh", "bash", "ini") and words.search(block.text):
                return True
            if block.language == "sh" and name.startswith("test_") and "pytest" in block.text:
                return True
            if block.language == "python" and stem in imports(block):
                return True
        return False

    def run(self, block: Block, command: list[str], shown: bool) -> None:
        if "serves" in block.marks:
            self.serve(block, command)
            return
        errors = subprocess.STDOUT if shown else subprocess.PIPE
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            self.printed, complaints = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{block}: still running after {PATIENCE:g} s") from None
        finally:
            end(process)
        wanted = int(block.marks.get("status", "0"))
        told = f"{self.printed}{complaints or ''}"
        assert process.returncode == wanted, f"{block}: ended with {process.returncode}, not {wanted}:\n{told}"
        assert not complaints or wanted, f"{block}: complained, and the page does not show it:\n{complaints}"

    def serve(self, block: Block, command: list[str]) -> None:
        """Start it in a session of its own, and wait until it says that it serves."""
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.serving.append((block, process))
        assert process.stdout is not None
        self.printed, end = "", time.monotonic() + PATIENCE
        promise = self.with_ports(block.marks["serves"])
        os.set_blocking(process.stdout.fileno(), False)
        while promise not in self.printed:
            assert time.monotonic() < end, f"{block}: never said {promise!r}:\n{self.printed}"
            assert process.poll() is None, f"{block}: ended instead of serving:\n{self.printed}"
            if select.select([process.stdout], [], [], 0.2)[0]:
                self.printed += os.read(process.stdout.fileno(), 65536).decode()

    def interrupt(self, block: Block, process: subprocess.Popen[str]) -> None:
        """Ctrl-C: the whole group of processes gets it, as in a terminal."""
        os.set_blocking(process.stdout.fileno(), True)  # type: ignore[union-attr]
        os.killpg(process.pid, signal.SIGINT)
        try:
            told, _ = process.communicate(timeout=PATIENCE / 2)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{block}: does not stop at Ctrl-C") from None
        allowed = (0, 130, -signal.SIGINT)
        assert process.returncode in allowed, f"{block}: after Ctrl-C, status {process.returncode}:\n{told}"


def end(process: subprocess.Popen[str]) -> None:
    """Kill it with all it started. Harmless when it has ended."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def imports(block: Block) -> set[str]:
    """The modules that a program imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(block.text, filename=str(block))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def compare(block: Block, expected: str, printed: str) -> None:
    """`...` within a line stands for anything in that line; on a line of its own, for any lines."""
    pattern, times = "", []
    for line in expected.rstrip("\n").split("\n"):
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        for part in re.split(r"(\.\.\.|\b\d+\.\d s\b)", line):
            if part == "...":
                pattern += ".*?"
            elif re.fullmatch(r"\d+\.\d s", part):
                times.append(float(part.removesuffix(" s")))
                pattern += r"(\d+\.\d) s"
            else:
                pattern += re.escape(part)
        pattern += "\n"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed)
    found = re.fullmatch(pattern, plain.rstrip("\n") + "\n")
    told = f"{block}: the page shows\n{expected}\nand what was printed is\n{printed}"
    assert found, told
    assert all(wanted <= float(took) <= wanted + SLACK for wanted, took in zip(times, found.groups(), strict=True)), (
        told
    )


def parse(block: Block) -> None:
    """A configuration file at least is one."""
    if block.language == "toml":
        tomllib.loads(block.text)
    else:
        configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
