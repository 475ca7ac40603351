"""The benchmarks' verdicts: as often wrong as they say, and rounds spent where none is reached."""

from __future__ import annotations

import json
import math
import random
import sys

import pytest

from benches import agree
from benches.harness import distance
from benches.harness.catalogue import row_named
from benches.installed.harness import rounds
from benches.installed.harness.contenders import Contender
from benches.installed.harness.rounds import Budget, Rounds
from benches.installed.harness.runner import Result, at_once
from benches.installed.harness.statistics import MARGIN, Noise, Ratio, compare, noise_of
from benches.installed.harness.table import undecided
from benches.run import NO_CLIENT, Options, settings_of

SETTINGS = settings_of(Options(quick=True), NO_CLIENT)


def line(levels, scatter, number, chance, gaps=0.0):
    """Figures of a line: a level of the loop times one of the round times noise, some rounds missing."""
    tides = [chance.gauss(0, 0.3) for _ in range(number)]
    return {
        loop: {
            each: level * math.exp(tides[each] + chance.gauss(0, scatter))
            for each in range(number)
            if each < 2 or chance.random() >= gaps
        }
        for loop, level in levels.items()
    }


def ratio_of(figures, peer="peer", higher_is_better=True):
    return compare(figures["ferrio"], figures[peer], higher_is_better, noise_of(figures.values()))


@pytest.mark.parametrize("number", [2, 3, 8])
def test_the_range_holds_the_truth_in_ninety_nine_of_a_hundred(number):
    """For two loops that are equal and for two that are not, however much the machine's own speed changes."""
    chance, levels = random.Random(number), {"ferrio": 3.0, "peer": 2.0, "same": 3.0, "other": 7.0}
    missed = 0
    for _ in range(1000):
        figures = line(levels, 0.05, number, chance)
        for peer, truth in (("peer", 1.5), ("same", 1.0)):
            ratio = ratio_of(figures, peer)
            missed += not ratio.low < truth < ratio.high
    assert 4 <= missed <= 40  # of 2000, where 20 are to be expected


def test_the_loops_of_a_line_together_tell_its_noise():
    chance = random.Random(1)
    for gaps in (0.0, 0.4):
        found = noise_of(line({"a": 1.0, "b": 5.0, "c": 2.0, "d": 9.0}, 0.1, 200, chance, gaps).values())
        assert found.squares / found.freedom == pytest.approx(2 * 0.1**2, rel=0.15)
    assert noise_of([{0: 1.0}, {0: 2.0}]) == noise_of([]) == Noise(0.0, 0)
    assert noise_of([{0: 1.0, 1: 2.0}, {0: 2.0, 1: 4.0}]).squares == pytest.approx(0.0)
    assert noise_of([{0: 0.0, 1: 2.0}, {0: 2.0, 1: 4.0}, {}]).freedom == 0  # nothing to take a logarithm of


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (MARGIN * 1.01, 2.0, "+"), (1.01, 2.0, "?"), (0.99, 1.01, "="), (1 / MARGIN, MARGIN, "="), (0.99, 1.2, "?"),
    (0.5, 0.96, "-"), (0.5, 0.99, "?"), (0.0, math.inf, "?"),
])  # fmt: skip
def test_a_verdict_is_given_on_one_side_of_the_margin_only(low, high, verdict):
    assert Ratio(1.0, low, high).verdict() == verdict


def test_above_one_is_better_whichever_way_the_unit_runs():
    figures = line({"ferrio": 2.0, "peer": 1.0}, 0.001, 4, random.Random(2))
    assert ratio_of(figures).verdict() == "+" and ratio_of(figures).value == pytest.approx(2.0, rel=0.01)
    assert ratio_of(figures, higher_is_better=False).verdict() == "-"


def test_one_round_decides_nothing_and_no_common_round_says_nothing():
    assert compare({0: 2.0}, {0: 1.0}, True, Noise(0.0, 0)).is_open()
    assert compare({0: 2.0}, {1: 1.0}, True, Noise(0.0, 0)) is None
    assert compare({0: 2.0}, {0: 0.0}, True, Noise(0.0, 0)) is None


def measured(levels, monkeypatch, scatter=0.02, rows=("call_soon",), **budget):
    """Which contenders each round of a row had, when figures are those levels with noise."""
    chance, had = random.Random(3), []

    def measure_round(row, contenders, number, settings, around, results, once):
        had.append((row.name, number, {each.label for each in contenders}))
        for each in contenders:
            figure = levels[each.label] * math.exp(chance.gauss(0, scatter))
            results[each.label].rounds[number] = {metric.key: figure for metric in row.metrics}

    monkeypatch.setattr(rounds, "measure_round", measure_round)
    contenders = [Contender(label, label, sys.executable, "") for label in levels]
    plan = Rounds(
        [row_named(each) for each in rows], contenders, SETTINGS, at_once, Budget(**budget), lambda doing: None
    )
    return plan.measure(lambda row, results: undecided(row, results, "ferrio")), had


def test_further_rounds_are_for_what_is_undecided_and_the_subject(monkeypatch):
    levels = {"ferrio": 2.0, "far": 1.0, "near": 1.93}
    results, had = measured(levels, monkeypatch, rows=("call_soon", "gather_10k"), first=2, most=40, minutes=1)
    everybody = set(levels)
    assert had[:4] == [("call_soon", 0, everybody), ("gather_10k", 0, everybody),
                       ("call_soon", 1, everybody), ("gather_10k", 1, everybody)]  # fmt: skip
    further = had[4:]
    assert further and all("ferrio" in labels and "near" in labels for _, _, labels in further)
    assert {"ferrio", "near"} in [labels for _, _, labels in further]
    assert len(further) < 2 * 38
    assert undecided(row_named("call_soon"), results["call_soon"], "ferrio") == set()


def test_further_rounds_end_with_the_time_and_their_number(monkeypatch):
    alike = {"ferrio": 1.0, "again": 1.04}
    assert len(measured(alike, monkeypatch, scatter=0.5, first=2, most=5, minutes=1)[1]) == 5
    assert len(measured(alike, monkeypatch, scatter=0.5, first=2, most=5, minutes=0)[1]) == 2
    assert len(measured(alike, monkeypatch, scatter=0.5, first=3, most=3, minutes=1)[1]) == 3


def test_a_row_that_allows_few_rounds_has_no_more(monkeypatch):
    alike = {"ferrio": 1.0, "again": 1.04}
    assert row_named("scaling_tasks").rounds == 1 and row_named("task_memory_asleep").rounds == 2
    budget = {"first": 3, "most": 3, "minutes": 1}
    assert len(measured(alike, monkeypatch, rows=("task_memory_asleep",), **budget)[1]) == 2
    budget["most"] = 9
    assert len(measured(alike, monkeypatch, 0.5, ("scaling_tasks",), **budget)[1]) == 1


def test_without_its_subject_a_table_has_nothing_to_decide():
    results = {"asyncio": Result({0: {"rate": 1.0}, 1: {"rate": 2.0}})}
    assert undecided(row_named("call_soon"), results, None) == set()


def report(path, levels, number=6, scatter=0.001, seed=4):
    """A report of one row, as --json writes it."""
    figures = line(levels, scatter, number, random.Random(seed))
    row = {
        label: {"rounds": {str(each): {"rate": figure} for each, figure in taken.items()}, "unsupported": None,
                "problems": [], "notes": []}
        for label, taken in figures.items()
    }  # fmt: skip
    path.write_text(json.dumps({"head": [], "remarks": [], "rows": {"call_soon": row}}))
    return str(path)


@pytest.mark.parametrize(
    ("levels", "scatter", "status", "last"),
    [
        (
            {"ferrio": 2.0, "uvloop": 1.0},
            0.001,
            0,
            "1 ratios: 1 with the same verdict, 0 with different ones, 0 ",
        ),
        (
            {"ferrio": 2.0, "uvloop": 2.0},
            0.001,
            1,
            "1 ratios: 0 with the same verdict, 1 with different ones, 0 ",
        ),
        (
            {"ferrio": 1.0, "uvloop": 2.0},
            0.001,
            1,
            "1 ratios: 0 with the same verdict, 1 with different ones, 0 ",
        ),
        ({"ferrio": 1.0, "uvloop": 1.0}, 3.0, 0, "1 ratios: 0 with the same verdict, 0 with different ones, 1 "),
    ],
)
def test_two_reports_agree_where_no_verdict_contradicts_another(
    levels, scatter, status, last, tmp_path, capsys, monkeypatch
):
    one = report(tmp_path / "one.json", {"ferrio": 2.0, "uvloop": 1.0})
    other = report(tmp_path / "other.json", levels, scatter=scatter, seed=5)
    monkeypatch.setattr(sys, "argv", ["benches.agree", one, other])
    assert agree.main() == status
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith(last)
    assert [each.partition(":")[0] for each in said[:-1]] == ["call_soon against uvloop"] * status


def test_reports_with_nothing_in_common_do_not_agree(tmp_path, capsys, monkeypatch):
    one = report(tmp_path / "one.json", {"ferrio": 2.0, "uvloop": 1.0})
    other = report(tmp_path / "other.json", {"ferrio": 2.0, "uvloop": 1.0}, number=1)
    monkeypatch.setattr(sys, "argv", ["benches.agree", one, other])
    assert agree.main() == 1
    assert "in common" in capsys.readouterr().out


class Apart(distance.Distance):
    """CPUs as far from each other as a script says, in nanoseconds."""

    def __init__(self, *seen: float) -> None:
        self._seen = iter(seen)
        super().__init__("no such program", 0, 1)

    def _ask(self) -> float:
        return next(self._seen)


def test_what_was_measured_with_the_cpus_apart_is_measured_again(monkeypatch):
    monkeypatch.setattr(distance, "PAUSE", 0)
    calm = [100.0] * 10
    made = iter(range(10))
    near = Apart(*calm, 120.0, 200.0)
    assert near.near(lambda: next(made)) == 0 and near.apart == 0
    moved = Apart(*calm, 400.0, 400.0, 90.0, 400.0, 90.0, 90.0)  # waits, measures, apart at the end, again
    assert moved.near(lambda: next(made)) == 2 and moved.apart == 0
    monkeypatch.setattr(distance, "CALM", 0)
    away = Apart(*calm, *[400.0] * 6)
    assert away.near(lambda: next(made)) == 5 and away.apart == 1
