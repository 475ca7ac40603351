"""The guard of the hot paths: it counts the same twice, fails when a path grew, and says why when it cannot compare."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib

import pytest

from benches import instructions
from benches.instructions import Setting, compare, not_comparable, sums, written

HERE = Setting("rustc 1", "valgrind-3", "3.13.0", "abc")
COUNTS = {"chain": {"ours": 1000.0, "all": 2000.0}, "lock": {"ours": 10.0, "all": 30.0}}


def known(**others):
    return tomllib.loads(written({}, Setting(**{**vars(HERE), **others}), COUNTS))


def grown(path, kind, factor):
    return COUNTS | {path: COUNTS[path] | {kind: COUNTS[path][kind] * factor}}


def test_the_file_holds_what_was_counted_and_keeps_other_releases_of_the_same_tools():
    assert known() == {
        "made_with": {"rustc": "rustc 1", "valgrind": "valgrind-3"},
        "3.13.0": {"interpreter": "abc"} | COUNTS,
    }
    older = Setting("rustc 1", "valgrind-3", "3.9.0", "def")
    assert list(tomllib.loads(written(known(), older, COUNTS))) == ["made_with", "3.9.0", "3.13.0"]
    newer = Setting("rustc 2", "valgrind-3", "3.9.0", "def")
    assert list(tomllib.loads(written(known(), newer, COUNTS))) == ["made_with", "3.9.0"]


@pytest.mark.parametrize("kind", ["ours", "all"])
def test_a_path_that_grew_by_more_than_three_per_cent_fails_with_its_name_and_the_remedy(kind):
    said = compare(known()["3.13.0"], grown("chain", kind, 1.031), HERE)
    assert said[0].startswith("FAILED: chain: ") and said[0].endswith(f"instructions ({kind}), +3.1%")
    assert said[1:] == [instructions.REMEDY]
    assert not any("FAILED" in line for line in compare(known()["3.13.0"], grown("chain", kind, 1.029), HERE))


def test_another_build_of_the_interpreter_is_not_compared_the_extension_is():
    other = known(interpreter="other")["3.13.0"]
    assert len(compare(other, grown("lock", "all", 9), HERE)) == 1
    assert compare(other, grown("lock", "ours", 9), HERE)[0].startswith("FAILED: lock")


def test_a_path_that_shrank_is_named_and_a_new_or_missing_one_fails():
    assert compare(known()["3.13.0"], grown("lock", "ours", 0.5), HERE)[0].startswith("lock: -50.0% (ours)")
    assert compare(known()["3.13.0"], COUNTS | {"new": COUNTS["lock"]}, HERE)[0] == "FAILED: new: only counted"
    assert compare(known()["3.13.0"], {"lock": COUNTS["lock"]}, HERE)[0] == "FAILED: chain: only in the file"


@pytest.mark.parametrize(
    ("others", "said"),
    [({}, ""), ({"rustc": "rustc 2"}, "made with rustc 2, here is rustc 1"), ({"python": "3.12.1"}, "CPython 3.13.0"),
     ({"valgrind": "valgrind-4"}, "made with valgrind-4, here is valgrind-3")],
)  # fmt: skip
def test_other_tools_are_named(others, said):
    reason = not_comparable(known(**others), HERE)
    assert said in reason and bool(said) == bool(reason)


def test_what_a_call_costs_is_not_counted_twice():
    listing = "ob=/a/python\nfl=x.c\nfn=f\n10 5\ncfn=g\ncalls=2 20\n+1 100\n* 6\nob=/b/_ferrio.so\nfn=g\n20 100\n"
    assert sums(listing) == {"ours": 100, "all": 111}


@pytest.mark.skipif(shutil.which("valgrind") is None or sys.platform != "linux", reason="it counts with valgrind")
def test_counts_come_out_the_same_and_a_smaller_figure_in_the_file_fails(tmp_path, monkeypatch, capsys):
    file, count = tmp_path / "instructions.toml", instructions.count
    some = ("sleep_zero", "lock")  # all take a minute where others keep the cores busy
    monkeypatch.setattr(instructions, "count", lambda: count(*some))
    monkeypatch.setattr(sys, "argv", ["instructions", f"--file={file}", "--update"])
    assert instructions.main() == 0
    counts = count(*some)
    monkeypatch.setattr(instructions, "count", lambda: counts)
    monkeypatch.setattr(sys, "argv", ["instructions", f"--file={file}"])
    assert instructions.main() == 0
    assert "2 paths within 3 % of" in capsys.readouterr().out
    file.write_text(re.sub(r"(?m)^lock = { ours = [0-9.]+", "lock = { ours = 1.0", file.read_text()))
    assert instructions.main() == 1
    assert "FAILED: lock: " in capsys.readouterr().out


def test_a_path_that_grew_once_is_counted_again(tmp_path, monkeypatch, capsys):
    file = tmp_path / "instructions.toml"
    file.write_text(written({}, HERE, COUNTS))
    monkeypatch.setattr(instructions, "setting", lambda: HERE)
    monkeypatch.setattr(sys, "argv", ["instructions", f"--file={file}"])
    counted = [grown("chain", "ours", 2), COUNTS]
    monkeypatch.setattr(instructions, "count", lambda: counted.pop(0))
    assert instructions.main() == 0 and not counted
    assert "2 paths within 3 % of" in capsys.readouterr().out
    counted = [grown("chain", "ours", factor) for factor in (2, 1.5, 1.4)]
    assert instructions.main() == 1 and not counted
    assert "FAILED: chain: 1,000 -> 1,400 instructions (ours), +40.0%" in capsys.readouterr().out
