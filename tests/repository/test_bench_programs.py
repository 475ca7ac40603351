"""The rows that run programs of the installed pyperformance: how those are found, and that both loops run them.

The rows themselves are skipped where the package is missing; what finds its programs is tried on a made-up one.
"""

import importlib
import socket
import sys
from contextlib import ExitStack, suppress

import pytest

from benches.harness.catalogue import ROWS, row_named
from benches.harness.pyperformance import PACKAGE, PLACE, program
from benches.installed.harness.child import first_of
from benches.installed.harness.contenders import Contender
from benches.installed.harness.runner import run_once
from benches.run import NO_CLIENT, Options, settings_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite measures with Linux's clocks and epoll")
PROGRAMS = [row.name for row in ROWS if PACKAGE in row.needs]
PORT = 8882


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of a package of that name, which nobody may import."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    importlib.invalidate_caches()
    return folder


def measure(row, loop):
    return run_once(
        row_named(row), Contender(loop, loop, sys.executable, ""), settings_of(Options(quick=True), NO_CLIENT)
    )


def test_a_program_is_loaded_from_its_file_anew_each_time(package):
    path = package / PLACE.format("made_up")
    path.parent.mkdir(parents=True)
    path.write_text("here, size = __file__, 6\nif __name__ == '__main__':\n    raise AssertionError('run')\n")
    loaded = program("made_up")
    assert loaded.here == str(path) and loaded.size == 6
    loaded.size = 1
    assert program("made_up").size == 6


def test_another_layout_is_named_with_the_remedy(package):
    with pytest.raises(ImportError, match=r"has no .*bm_made_up/run_benchmark\.py: install "):
        program("made_up")


def test_a_missing_package_is_named_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    with pytest.raises(ModuleNotFoundError, match=f"no package {PACKAGE}: install "):
        program("async_tree")


def test_the_rows_are_pyperformance_s_and_say_what_they_need():
    trees = [name for name in PROGRAMS if name.startswith("async_tree_")]
    assert (len(trees), sorted(set(PROGRAMS) - set(trees))) == (16, ["asyncio_tcp", "asyncio_tcp_ssl"])


@pytest.mark.parametrize("loop", ["ferrio", "asyncio"])
@pytest.mark.parametrize("row", PROGRAMS)
def test_the_row_gives_figures(row, loop):
    pytest.importorskip(PACKAGE)
    answer = measure(row, loop)
    if "eager" in row and sys.version_info < (3, 12):
        assert answer == {"unsupported": "CPython 3.12"}
    else:
        assert not answer.get("notes") and all(figure > 0 for figure in answer["figures"].values()), answer


def test_whoever_has_the_program_s_own_port_is_not_in_the_way():
    pytest.importorskip(PACKAGE)
    with ExitStack() as held:
        with suppress(OSError):  # somebody else has it, which is as good
            held.enter_context(socket.create_server(("127.0.0.1", PORT)))
        assert measure("asyncio_tcp", "asyncio")["figures"]["rate"] > 0


def test_of_a_group_of_exceptions_the_first_is_told():
    error = TypeError("unexpected")
    assert first_of(ExceptionGroup("outer", [ExceptionGroup("inner", [error, ValueError()])])) is error
    assert first_of(error) is error
