"""The command line: what is tested, which tests run, how, and where the report goes."""

import argparse
import importlib
import os

from . import PACKAGE
from .catalogue import SETS


def parse(argv):
    parser = argparse.ArgumentParser(description="Run CPython's asyncio tests against another event loop.")
    add_target(parser.add_argument_group("what is tested"))
    add_selection(parser.add_argument_group("which tests run"))
    add_running(parser.add_argument_group("how they run"))
    add_reports(parser.add_argument_group("reports"))
    options = parser.parse_args(argv)
    options.sets = chosen_sets(parser, options.set)
    options.file_list = chosen_files(parser, options.files)
    for dotted in (options.loop, options.install, options.tasks, options.futures):
        if dotted and "." not in dotted:
            parser.error("not a dotted name: " + dotted)
    return options


def add_target(group):
    group.add_argument(
        "--loop",
        metavar="FACTORY",
        help="dotted name of a callable which makes a loop, such as ferrio.new_event_loop (default: stock asyncio)",
    )
    group.add_argument(
        "--install", metavar="HOOK", help="dotted name of a callable to call first, such as ferrio.install"
    )
    group.add_argument(
        "--tasks", metavar="CLASS", help="dotted name of a Task class: adds it to the parametrised tests"
    )
    group.add_argument("--futures", metavar="CLASS", help="dotted name of a Future class: the same")
    group.add_argument(
        "--api",
        metavar="MODULE",
        help="module with get_running_loop, current_task, _register_task, ... to parametrise those tests with "
        "(default: the module of the Task class)",
    )
    group.add_argument(
        "--no-hosted",
        action="store_true",
        help="do not add the Hosted classes, which run tests written for CPython's test loops on this loop",
    )
    group.add_argument("--raw-fixtures", action="store_true", help="leave close_loop and the child watchers alone")
    group.add_argument("--path", action="append", default=[], metavar="DIR", help="put DIR in front of sys.path")


def add_selection(group):
    group.add_argument("--files", metavar="A,B,...", help="test files, such as test_tasks,test_events")
    group.add_argument(
        "--set",
        default="behaviour",
        help="comma-separated: behaviour, internal, duplicate; or all (default: %(default)s)",
    )
    group.add_argument(
        "--select",
        action="append",
        metavar="PATTERN",
        help='only tests whose id matches, such as "test_tasks.*cancel*"; may be given more than once',
    )
    group.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="not the tests that match")
    group.add_argument("--list", action="store_true", help="print the tests and their set; run nothing")


def add_running(group):
    group.add_argument("--jobs", type=int, default=1)
    group.add_argument("--timeout", type=float, default=60, help="seconds for one test (default: %(default)g)")
    group.add_argument(
        "--retries",
        type=int,
        default=1,
        help="how often a test that did not pass runs again, alone (default: %(default)d)",
    )
    group.add_argument("--retry-hung", action="store_true", help="run the tests that hung again, too")
    group.add_argument(
        "--max-hangs", type=int, default=30, help="give a file up after so many hangs (default: %(default)d)"
    )


def add_reports(group):
    group.add_argument("--expected-failures", metavar="FILE", help="patterns of tests that may fail")
    group.add_argument(
        "--write-expected", metavar="FILE", help="write the tests that did not pass to FILE, in that format"
    )
    group.add_argument("--json", metavar="FILE")
    group.add_argument("--markdown", metavar="FILE")
    group.add_argument("--quiet", action="store_true")


def chosen_sets(parser, names):
    chosen = set(SETS) if names == "all" else set(names.split(","))
    if unknown := chosen.difference(SETS):
        parser.error("unknown set: " + ", ".join(sorted(unknown)))
    return chosen


def chosen_files(parser, names):
    try:
        files = available_files()
    except ImportError:
        parser.error(f"this Python comes without {PACKAGE} (on Debian: apt-get install libpython3-testsuite)")
    if not names:
        return files
    wanted = [name.removesuffix(".py") for name in names.split(",") if name]
    if missing := [name for name in wanted if name not in files]:
        parser.error("no such test file: " + ", ".join(missing))
    return wanted


def available_files():
    return sorted(
        name.removesuffix(".py")
        for path in importlib.import_module(PACKAGE).__path__
        for name in os.listdir(path)
        if name.startswith("test_") and name.endswith(".py")
    )
