"""Which releases of CPython there are for ferrio, and what it says on another."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ferrio import _compat

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
KNOWN = [f"3.{minor}" for minor in range(_compat.OLDEST[1], _compat.NEWEST[1] + 1)]


def python(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_pip_is_told_the_same():
    assert PROJECT["requires-python"] == f">={KNOWN[0]},<3.{_compat.NEWEST[1] + 1}"
    listed = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert listed == KNOWN


def test_scripts_are_told_the_same():
    told = subprocess.run([ROOT / "scripts/releases.sh"], capture_output=True, text=True, check=True)
    assert told.stdout.split() == KNOWN


@pytest.mark.parametrize("release", [(3, 10), (3, _compat.NEWEST[1] + 1)])
def test_an_unknown_release_is_refused_in_one_line(release):
    # Whatever asyncio itself asks of the version is asked before.
    done = python(f"import asyncio, sys; sys.version_info = {(*release, 0, 'final', 0)}; import ferrio")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: ferrio is for CPython {KNOWN[0]} to {KNOWN[-1]}, and this is {release[0]}.{release[1]}: run the "
        "program on one of those, or install a later ferrio that knows this one (pip install --upgrade ferrio)"
    )


# What Python 3.16 has no more.
GONE = (
    *("AbstractEventLoopPolicy", "DefaultEventLoopPolicy", "get_event_loop_policy", "set_event_loop_policy"),
    "iscoroutinefunction",
)

WITHOUT = f"""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
import asyncio
from asyncio import coroutines, events
def gone(name): raise AttributeError(name)
asyncio.__getattr__ = events.__getattr__ = gone
for name in {GONE}:
    for module in asyncio, events, coroutines, asyncio.unix_events:
        vars(module).pop(name, None)
    if name in asyncio.__all__:
        asyncio.__all__ = [each for each in asyncio.__all__ if each != name]
vars(coroutines).pop("_is_coroutine", None)
events.new_event_loop = asyncio.new_event_loop = asyncio.SelectorEventLoop
import ferrio
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="before Python 3.14 asyncio itself needs them by these names")
def test_without_policies_installing_replaces_the_function_that_makes_loops():
    program = f"""{WITHOUT}
async def main():
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop())

ferrio.install(keep_tasks=True)
loop = asyncio.new_event_loop()
assert loop._keeps_tasks
loop.close()
assert asyncio.run(main()) is ferrio.Loop
ferrio.uninstall()
assert asyncio.run(main()) is asyncio.SelectorEventLoop
from ferrio.cli import facts
print(facts.policy())
"""
    done = python(program)
    assert (done.stdout, done.stderr) == ("none in this release\n", "")
