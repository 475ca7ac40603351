"""The pytest plugin that ferrio brings: `--ferrio`, the setting, the fixtures, and a run that wants none of them.

Each test is a pytest of its own, in a folder of its own, whose tests ask the running loop for its type.
"""

import os
import subprocess
import sys

import pytest

NEEDS_FACTORY = pytest.mark.skipif(sys.version_info < (3, 13), reason="IsolatedAsyncioTestCase.loop_factory is of 3.13")

TESTS = """
import asyncio
import os
import unittest

def loop():
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]

async def ask():
    return loop()

def test_run():
    assert asyncio.run(ask()) == os.environ["EXPECTED"]

def test_new_event_loop():
    with asyncio.Runner() as runner:
        assert runner.run(ask()) == os.environ["EXPECTED"]

class Case(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.loop = loop()

    async def test_loop(self):
        self.assertEqual((loop(), self.loop), (os.environ["EXPECTED"],) * 2)
"""


def run(folder, *arguments, expected="asyncio", **files):
    """Pytest's report of the files, as NAME=text."""
    for name, text in files.items():
        (folder / name.replace("_ini", ".ini")).with_suffix(".ini" if name.endswith("_ini") else ".py").write_text(text)
    environment = os.environ | {"EXPECTED": expected, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        env=environment,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "expected"),
    [
        ([], "", "asyncio"),
        (["--ferrio"], "", "ferrio"),
        ([], "ferrio = true", "ferrio"),
        (["-o", "ferrio=false"], "ferrio = true", "asyncio"),
        (["-p", "no:ferrio"], "", "asyncio"),
    ],
    ids=["nothing", "option", "setting", "setting overridden", "plugin blocked"],
)
def test_who_is_asked_for(tmp_path, arguments, settings, expected):
    report = run(tmp_path, *arguments, expected=expected, test_it=TESTS, pytest_ini=f"[pytest]\n{settings}\n")
    assert "3 passed" in report, report
    assert ("the loop of all tests" in report) is (expected == "ferrio"), report


def test_a_run_that_asks_for_nothing_imports_nothing(tmp_path):
    text = "import sys\ndef test_it():\n    assert 'pytest_ferrio' in sys.modules and 'ferrio' not in sys.modules\n"
    assert "1 passed" in run(tmp_path, test_it=text)
    assert "1 failed" in run(tmp_path, "--ferrio", test_it=text)


def test_conftest_keeps_functions_of_ferrios(tmp_path):
    """One that imports by name is early, but not too early."""
    text = "from conftest import sleep\ndef test_it():\n    assert sleep.__module__ == 'ferrio'\n"
    assert "1 passed" in run(tmp_path, "--ferrio", conftest="from asyncio import sleep\n", test_it=text)
    assert "1 failed" in run(tmp_path, test_it=text)


def test_nothing_is_left_when_the_run_is_over(tmp_path):
    """pytest.main() may be called twice by a program."""
    program = """
import asyncio, sys, pytest
before = asyncio.sleep, type(asyncio.get_event_loop_policy())
assert pytest.main(["-p", "no:cacheprovider", "--ferrio", "test_it.py"]) == 0
assert (asyncio.sleep, type(asyncio.get_event_loop_policy())) == before
sys.modules.pop("test_it")
"""
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"EXPECTED": "ferrio"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_test_that_sets_a_policy_for_good(tmp_path):
    text = """
import warnings

def test_before():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.set_event_loop_policy(None)
"""
    assert "4 passed" in run(tmp_path, "--ferrio", expected="ferrio", test_it="import asyncio\n" + text + TESTS)


@NEEDS_FACTORY
def test_cases_that_name_a_loop(tmp_path):
    text = """
import asyncio, os, unittest
import ferrio.testing

class Base(unittest.IsolatedAsyncioTestCase):
    async def test_loop(self):
        loop = asyncio.get_running_loop()
        self.assertEqual(type(loop).__module__.partition(".")[0], os.environ["EXPECTED"])

class Class(Base):
    loop_factory = asyncio.SelectorEventLoop

class Inherited(Class):
    pass

class Method(Base):
    def loop_factory(self):
        self.made = asyncio.SelectorEventLoop()
        return self.made

class Virtual(unittest.IsolatedAsyncioTestCase):
    loop_factory = ferrio.testing.VirtualLoop

    async def test_loop(self):
        assert type(asyncio.get_running_loop()) is ferrio.testing.VirtualLoop
"""
    assert "5 passed" in run(tmp_path, "--ferrio", expected="ferrio", test_it=text)
    assert "5 passed" in run(tmp_path, expected="asyncio", test_it=text)


VIRTUAL = """
import asyncio

async def test_an_hour(virtual_loop):
    await asyncio.sleep(3600)
    assert virtual_loop.time() == 3600

def test_a_day(virtual_run):
    virtual_run(asyncio.sleep(86400))
"""


@pytest.mark.parametrize("arguments", [[], ["--ferrio"], ["-p", "no:ferrio", "-p", "ferrio.testing.pytest"]])
def test_virtual_clocks(tmp_path, arguments):
    assert "2 passed" in run(tmp_path, *arguments, test_it=VIRTUAL)


def test_virtual_clocks_with_the_line_in_conftest(tmp_path):
    """From before the plugin was loaded by itself; it changes nothing."""
    assert "2 passed" in run(tmp_path, conftest='pytest_plugins = ["ferrio.testing.pytest"]\n', test_it=VIRTUAL)


def test_a_projects_own_fixture_of_that_name_is_its_own(tmp_path):
    text = "import pytest\n\n@pytest.fixture\ndef virtual_loop():\n    return 42\n"
    report = run(tmp_path, conftest=text, test_it="def test_it(virtual_loop):\n    assert virtual_loop == 42\n")
    assert "1 passed" in report, report


def test_ferrio_may_be_there_before_pytest(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "ferrio", "run", "-m", "pytest", "-W", "error", "-p", "no:asyncio"]
    environment = os.environ | {"EXPECTED": "ferrio"}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, env=environment, check=False
    )
    assert "3 passed" in done.stdout and "warning" not in done.stdout, done.stdout + done.stderr


def test_it_is_in_the_help(tmp_path):
    report = run(tmp_path, "--help")
    assert "--ferrio" in report and "ferrio (bool):" in report
