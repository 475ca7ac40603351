"""`pytest --ferrio` beside pytest-asyncio and anyio's plugin: by default, and where a project names a loop itself."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed: make ecosystem")
pytest.importorskip("anyio", reason="anyio is not installed: make ecosystem")

HAS_FACTORIES = tuple(map(int, importlib.metadata.version("pytest-asyncio").split(".")[:2])) >= (1, 4)

SETTINGS = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"

TESTS = """
import asyncio
import os

import anyio
import pytest
import pytest_asyncio

def loop():
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]

@pytest_asyncio.fixture
async def theirs():
    yield loop()

@pytest.mark.asyncio
async def test_asyncio(theirs):
    assert (loop(), theirs) == (os.environ["EXPECTED"],) * 2

@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared():
    return loop()

@pytest.mark.asyncio(loop_scope="module")
async def test_asyncio_with_a_shared_loop(shared):
    assert (loop(), shared) == (os.environ["EXPECTED"],) * 2

@pytest.fixture
async def of_anyio(anyio_backend):
    await anyio.sleep(0)
    return loop()

@pytest.mark.anyio
async def test_anyio(of_anyio):
    assert (loop(), of_anyio) == (os.environ["EXPECTED"],) * 2

def test_anyios_run():
    async def main():
        assert loop() == os.environ["EXPECTED"]
    anyio.run(main)
"""

BACKEND = """
import asyncio, pytest

@pytest.fixture(scope="module")
def anyio_backend():
    return {value}
"""

FACTORIES = """
import asyncio

def pytest_asyncio_loop_factories(config, item):
    return {"plain": asyncio.SelectorEventLoop}
"""

POLICY = """
import asyncio, pytest, warnings

@pytest.fixture(scope="session")
def event_loop_policy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield asyncio.DefaultEventLoopPolicy()
"""


def run(folder, *arguments, expected, conftest):
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text(SETTINGS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"EXPECTED": expected, "PYTEST_ADDOPTS": ""},
        check=False,
    )
    return done.stdout + done.stderr


NAMED = {
    "nothing": BACKEND.format(value='"asyncio"'),
    "a loop factory": BACKEND.format(value='"asyncio", {"loop_factory": asyncio.SelectorEventLoop}'),
    "uvloop": BACKEND.format(value='"asyncio", {"use_uvloop": True}'),  # never imported, since never asked
    "a policy": BACKEND.format(value='"asyncio"') + POLICY,
    "loop factories": BACKEND.format(value='"asyncio"') + FACTORIES,
}


@pytest.mark.parametrize("named", NAMED)
def test_all_kinds_on_ferrio(tmp_path, named):
    if named == "loop factories" and not HAS_FACTORIES:
        pytest.skip("pytest-asyncio has that hook from release 1.4 on")
    report = run(tmp_path, "--ferrio", expected="ferrio", conftest=NAMED[named])
    assert "4 passed" in report, report


@pytest.mark.parametrize("arguments", [[], ["-p", "no:ferrio"]], ids=["not asked", "blocked"])
def test_without_it_all_is_as_ever(tmp_path, arguments):
    report = run(tmp_path, *arguments, expected="asyncio", conftest=NAMED["nothing"])
    assert "4 passed" in report, report
