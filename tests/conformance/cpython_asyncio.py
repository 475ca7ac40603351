#!/usr/bin/env python3
"""Runs CPython's own asyncio tests against ferrio, or any other event loop.

The suite is `test.test_asyncio` of the interpreter that runs this program; no test code is copied here. Before a test
module is imported, the objects the tests take their loop from are replaced, so the unmodified tests run on the loop
named on the command line. README.md shows how to call it; harness/ has the parts, which its head lists.

The exit status is 0 when every test that did not pass is listed in the file given by `--expected-failures`, else 1; 2
for a wrong call.
"""

import collections
import fnmatch
import json
import os
import signal
import sys
import time

from harness.catalogue import classify
from harness.driver import Driver
from harness.expected import Expected, write_expected
from harness.options import parse
from harness.report import Report


def main(argv):
    if argv[:1] == ["--worker"]:
        return work(int(argv[1]), argv[2])
    options = parse(argv)
    driver = Driver(options)

    def stop(signum, frame):
        driver.workers.kill()
        os._exit(128 + signum)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        return run(driver, options)
    finally:
        driver.workers.clean()


def work(fd, config_path):
    """What harness/processes.py starts this program for: run the tests of one file."""
    from harness import worker  # with asyncio, which the driver does without

    with open(config_path) as file:
        config = json.load(file)
    worker.main(fd, config)
    return 0


def run(driver, options):
    started = time.monotonic()
    plan, skipped = make_plan(driver, options)
    broken = {file: reason for file, reason in skipped.items() if reason.startswith("import")}
    if options.list:
        print_plan(plan, skipped)
        return 1 if broken else 0
    expected = Expected(options.expected_failures)
    results = driver.run(plan)
    report = Report(options, skipped, results, expected, time.monotonic() - started)
    print(report.title())
    print(report.text())
    write_reports(report, options)
    for file, reason in broken.items():
        print(f"{file}: {reason}", file=sys.stderr)
    return 1 if report.unexpected() or broken else 0


def make_plan(driver, options):
    """Return {file: ids}, and {file: reason} of the files that have no tests here."""

    def chosen(name):
        return (
            classify(name)[0] in options.sets
            and (not options.select or any(fnmatch.fnmatchcase(name, pattern) for pattern in options.select))
            and not any(fnmatch.fnmatchcase(name, pattern) for pattern in options.exclude)
        )

    plan, skipped = {}, {}
    for file in options.file_list:
        ids, reason = driver.plan(file)
        if not ids and reason:
            skipped[file] = reason
        plan[file] = [name for name in ids if chosen(name)]
    return plan, skipped


def print_plan(plan, skipped):
    kinds = collections.Counter()
    for ids in plan.values():
        for name in ids:
            kind = classify(name)[0]
            kinds[kind] += 1
            print(f"{kind:10} {name}")
    print(", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())))
    for file, reason in skipped.items():
        print(f"{file}: {reason}")


def write_reports(report, options):
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report.data(), file, indent=1)
            file.write("\n")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(report.markdown())
    if options.write_expected:
        write_expected(options.write_expected, report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
