"""The list of tests that may fail, read from a file.

One pattern of a test id a line (`*` and `?` as in a shell), `#` starts a comment. A line `[3.11]` or `[3.12 3.13]`
limits the lines after it to those Python versions, `[all]` ends such a section.
"""

import fnmatch
import sys

from .report import headline

VERSION = "{}.{}".format(*sys.version_info)


class Expected:
    def __init__(self, path=None):
        self.patterns = []
        if path is not None:
            with open(path, encoding="utf-8") as file:
                self.read(file)

    def read(self, lines):
        active = True
        for line in lines:
            line = line.partition("#")[0].strip()
            if line.startswith("[") and line.endswith("]"):
                names = line[1:-1].replace(",", " ").split()
                active = "all" in names or VERSION in names
            elif line and active:
                self.patterns.append(line)

    def match(self, test_id):
        return any(fnmatch.fnmatchcase(test_id, pattern) for pattern in self.patterns)


def write_expected(path, report):
    """Write the tests that did not pass, in that format."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# {report.title()}\n[{VERSION}]\n")
        for row in report.bad():
            file.write("{}  # {}\n".format(row["id"], headline(row).replace("#", "")))
