"""Where a process's CPU time goes: the kernel, the interpreter, the loop's own machine code, OpenSSL, the C library.

By `perf record` on the CPU clock, sample by sample, told apart by the file that the code is in. Where there is no perf,
or it may not watch, the kernel's own account of user and system time has to do. Python code of a loop counts as the
interpreter's. Must not know any row.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Shares = dict[str, float]

PARTS = ("kernel", "interpreter", "loop", "openssl", "libc", "other")
WITHOUT_PERF = ("kernel", "user")

FILES = (
    ("libc", r"libc[.-].*|ld-linux.*|ld-.*\.so|libpthread.*|libm[.-].*|\[vdso\]"),
    ("kernel", r"\[.*"),
    ("openssl", r"libssl[.-].*|libcrypto[.-].*"),
    ("loop", r"_ferrio.*|loop\.cpython.*|_?rloop.*|_?rsloop.*|_zuvloop.*|ferrio-load|load_tls-.*"),
    ("interpreter", r"python.*|libpython.*|_asyncio.*|select\..*|_socket\..*|_queue\..*|.*\.cpython-.*"),
)
SAMPLE = re.compile(r"^\s*[0-9a-f]+ (?P<symbol>.*) \((?P<file>[^()]*)\)$")
SYMBOLS = 400
"""How many of the most frequent symbols are kept."""


@contextmanager
def watched(process: int, shares: Shares) -> Iterator[None]:
    """While it lasts, that process is watched; then its shares are filled in, and `part/symbol` for symbols."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        record = Path(folder, "perf.data")
        before, stop = ticks(process), _attach(process, record)
        yield
        user, system = (now - then for now, then in zip(ticks(process), before, strict=True))
        if stop is not None:
            stop()
            shares |= _told_apart(record, process)
        elif user + system:
            shares |= {"kernel": system / (user + system), "user": user / (user + system)}


def ticks(process: int) -> tuple[int, int]:
    """User and system time, in ticks."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def has_perf() -> bool:
    return shutil.which("perf") is not None


def part_of(file: str) -> str:
    """Whose code is in that file."""
    name = file.rpartition("/")[2]
    return next((part for part, pattern in FILES if re.fullmatch(pattern, name)), "other")


def _attach(process: int, record: Path) -> Callable[[], None] | None:
    """What ends the watching, which has begun; None if there is no perf, or it may not."""
    if not has_perf():
        return None
    (order, orders), (answers, answer) = os.pipe(), os.pipe()
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "5000", "-p", str(process), "-o", str(record)]
    perf = subprocess.Popen(
        [*command, "-D", "-1", "--control", f"fd:{order},{answer}"],
        pass_fds=(order, answer),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(order)
    os.close(answer)
    try:
        os.write(orders, b"enable\n")
        watching = os.read(answers, 16).startswith(b"ack")
    except BrokenPipeError:
        watching = False

    def stop() -> None:
        perf.terminate()
        perf.wait()
        # Not before: perf takes the end of its orders for the end of its work.
        os.close(orders)
        os.close(answers)

    if watching:
        return stop
    stop()
    return None


def _told_apart(record: Path, process: int) -> Shares:
    """Of that process alone: perf follows its children as well, and the load client is one."""
    command = ["perf", "script", "-i", str(record), "--pid", str(process), "-F", "ip,sym,dso"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    samples = Counter(
        (part_of(found["file"]), found["symbol"].partition("+")[0]) for line in lines if (found := SAMPLE.match(line))
    )
    total = samples.total()
    if not total:
        return {}
    parts: Counter[str] = Counter()
    for (part, _), count in samples.items():
        parts[part] += count
    shares = {part: count / total for part, count in parts.items()}
    return shares | {f"{part}/{symbol}": count / total for (part, symbol), count in samples.most_common(SYMBOLS)}
