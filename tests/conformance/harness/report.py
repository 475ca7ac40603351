"""The score: a row for each test, counted by file and by set, as text, as Markdown and as JSON.

Tests that touch what is tested are counted apart, because one that never met the loop says nothing of it.
"""

import collections
import contextlib
import os
import platform
import re
from importlib import metadata

from .catalogue import classify
from .driver import BAD

COUNTED = ("passed", "failed", "error", "crashed", "hung", "skipped")
HEADER = ("file", "tests", "run", *COUNTED, "unstable", "touching", "touching passed")
# What a line of a traceback begins with that names the exception.
EXCEPTION = r"[\w.]+(Error|Exception|Warning|Group|Interrupt|Exit|NotAvailable\w*|NotImplemented\w*)\b"


class Report:
    def __init__(self, options, skipped_files, results, expected, seconds):
        self.options = options
        self.skipped_files = skipped_files
        self.seconds = seconds
        self.rows = [
            row(file, test_id, result, expected.match(test_id))
            for file, tests in results.items()
            for test_id, result in tests.items()
        ]

    def title(self):
        parts = [self.options.loop or "stock asyncio"]
        for name in ("install", "tasks", "futures"):
            if getattr(self.options, name):
                parts.append(f"{name} {getattr(self.options, name)}")
        return f"{', '.join(parts)} on {platform.python_implementation()} {platform.python_version()}"

    def bad(self):
        return [row for row in self.rows if row["outcome"] in BAD]

    def unexpected(self):
        return [row for row in self.bad() if not row["expected"]]

    def unstable(self):
        return [row for row in self.rows if row["unstable"]]

    def surprises(self):
        return [row for row in self.rows if row["expected"] and row["outcome"] == "passed"]

    def table(self):
        """The lines below HEADER: of each file, of each set if there are several, and of all."""
        lines = [count(file, rows) for file, rows in self.grouped("file")]
        kinds = self.grouped("set")
        if len(kinds) > 1:
            lines += [count("all " + kind, rows) for kind, rows in kinds]
        return [*lines, count("total", self.rows)]

    def grouped(self, key):
        groups = {}
        for row in self.rows:
            groups.setdefault(row[key], []).append(row)
        return list(groups.items())

    def text(self):
        table = [HEADER, *self.table()]
        widths = [max(len(str(line[i])) for line in table) for i in range(len(HEADER))]
        out = ["  ".join(aligned(line, widths)) for line in table]
        rule = "-" * len(out[0])
        out.insert(1, rule)
        out.insert(-1, rule)
        for row in self.bad():
            out.append(f"{row['outcome']:8} {row['id']}{mark(row)}\n         {headline(row)}")
        out += ["unstable " + row["id"] for row in self.unstable()]
        out += ["passes, though listed as expected failure: " + row["id"] for row in self.surprises()]
        out += [f"{file}: {reason.splitlines()[0]}" for file, reason in self.skipped_files.items()]
        bad = len(self.unexpected())
        verdict = f"{'FAILED' if bad else 'OK'}: {bad} unexpected failure{'' if bad == 1 else 's'}"
        out.append(f"{verdict}, {self.seconds:.0f} s")
        return "\n".join(out)

    def markdown(self):
        out = [
            "# " + self.title(),
            "",
            f"Sets run: {self.options.set}. {len(self.unexpected())} unexpected failures.",
            "",
            "| " + " | ".join(HEADER) + " |",
            "|" + " --- |" + " ---: |" * (len(HEADER) - 1),
        ]
        out += ["| " + " | ".join(map(str, line)) + " |" for line in self.table()]
        if self.bad():
            out += ["", "## Tests that did not pass", ""]
            out += ["| test | outcome | set | what |", "| --- | --- | --- | --- |"]
        for row in self.bad():
            what = headline(row).replace("|", "\\|").replace("`", "'")
            out.append(f"| {row['id']} | {row['outcome']}{mark(row)} | {row['set']} | `{what}` |")
        if self.unstable():
            out += ["", "## Unstable: passed only alone in a fresh process", ""]
            out += ["- " + row["id"] for row in self.unstable()]
        return "\n".join(out) + "\n"

    def data(self):
        return {
            "target": describe_target(self.options),
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "platform": platform.platform(),
            "set": self.options.set,
            "timeout": self.options.timeout,
            "seconds": round(self.seconds, 1),
            "summary": {line[0]: dict(zip(HEADER[1:], line[1:], strict=True)) for line in self.table()},
            "skipped_files": self.skipped_files,
            "tests": self.rows,
        }


def row(file, test_id, result, expected):
    kind, reason = classify(test_id)
    about = {"id": test_id, "file": file, "set": kind, "reason": reason, "unstable": False, "expected": expected}
    return {**about, **result}


def count(name, rows):
    counts = collections.Counter(row["outcome"] for row in rows)
    touching = [row for row in rows if row["touched"] and row["outcome"] != "skipped"]
    return [
        name,
        len(rows),
        len(rows) - counts["skipped"],
        *(counts[outcome] for outcome in COUNTED),
        sum(row["unstable"] for row in rows),
        len(touching),
        sum(row["outcome"] == "passed" for row in touching),
    ]


def aligned(line, widths):
    """The cells of a line at their widths: names to the left, numbers to the right."""
    name, *numbers = (str(cell) for cell in line)
    return [name.ljust(widths[0]), *(number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))]


def mark(row):
    return " (expected)" if row["expected"] else ""


def headline(row):
    """One line which says what went wrong."""
    lines = [line for line in row["message"].splitlines() if line.strip()]
    if not lines:
        return ""
    if row["outcome"] in ("crashed", "hung"):
        return lines[0][:200] + where_it_ended(row["message"])
    for line in reversed(lines):
        if re.match(EXCEPTION, line):
            return line.strip()[:200]
    return lines[0][:200]


def where_it_ended(message):
    """The panic, if there was one, and the frame that the interpreter's stacks show first, the current thread's."""
    where = ""
    panic = re.search(r"panicked at .*", message)
    if panic:
        where += "; " + panic[0].rstrip(":")
    stack = r'^(Current thread|Thread).*\n  File "([^"]*)", line (\d+) in (.*)$'
    frames = sorted(re.findall(stack, message, re.M), key=lambda frame: frame[0] == "Thread")
    if frames:
        _, path, line, name = frames[0]
        where += f"; in {name} ({os.path.basename(path)}:{line})"
    return where


def describe_target(options):
    packages = {}
    for dotted in (options.loop, options.install, options.tasks):
        top = (dotted or "").partition(".")[0]
        if top and top != "asyncio":
            with contextlib.suppress(metadata.PackageNotFoundError):
                packages[top] = metadata.version(top)
    return {
        "loop": options.loop or "stock asyncio",
        "install": options.install,
        "tasks": options.tasks,
        "futures": options.futures,
        "packages": packages,
    }
