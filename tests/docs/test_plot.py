"""The charts: well-formed, told to those who cannot see them, in bounds, and without colours of their own for text."""

from __future__ import annotations

from xml.etree import ElementTree

from benches.harness.plot import BETTER, EVEN, WIDTH, WORSE, Bar, Group, bars, groups

ROWS = (
    Bar("fast", 4.0, 3.5, 5.0, "+"),
    Bar("slow", 0.5, 0.25, 0.75, "-"),
    Bar("even <x>", 1.5, 0.9, 2.0, "="),
)
NAME = "{http://www.w3.org/2000/svg}"


def drawn() -> ElementTree.Element:
    return ElementTree.fromstring(bars("key", "A & B", "note", ROWS))


def test_a_screen_reader_gets_a_title_and_every_figure() -> None:
    chart = drawn()
    assert chart.get("role") == "img"
    title, description = chart.findall(f"{NAME}title") + chart.findall(f"{NAME}desc")
    assert chart.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}" == "key-title key-description"
    assert title.text == "A & B"
    for bar in ROWS:
        assert bar.spoken() in (description.text or "")


def test_bars_start_at_one_and_stay_inside() -> None:
    boxes = [box for box in drawn().iter(f"{NAME}rect") if box.get("height") != "10"]
    assert [box.get("fill") for box in boxes] == [BETTER, WORSE, EVEN]
    edges = [(float(box.get("x", "")), float(box.get("x", "")) + float(box.get("width", ""))) for box in boxes]
    fast, slow, even = edges
    assert fast[0] == even[0] and abs(slow[1] - fast[0]) < 0.2  # all from 1, one of them to the left
    assert even[1] < fast[1]
    ends = [float(line.get(name, "")) for line in drawn().iter(f"{NAME}line") for name in ("x1", "x2")]
    assert all(0 <= x <= WIDTH for x in [*ends, *fast, *slow])


def test_text_and_lines_take_the_colour_of_the_page() -> None:
    chart = drawn()
    assert {text.get("fill") for text in chart.iter(f"{NAME}text")} == {"currentColor"}
    assert {line.get("stroke") for line in chart.iter(f"{NAME}line")} == {"currentColor"}


GROUPS = (
    Group("Tasks & more", (("ours", 4.0, "4M"), ("theirs", 1.0, "1M"))),
    Group("Requests", (("ours", 5.0, "5k"), ("theirs", 10.0, "10k"))),
)


def test_figures_are_bars_from_zero_on_an_axis_of_each_group() -> None:
    chart = ElementTree.fromstring(groups("key", "Loops", GROUPS))
    widths = [float(box.get("width", "")) for box in chart.iter(f"{NAME}rect")]
    assert [round(width / max(widths), 2) for width in widths] == [1, 0.25, 0.5, 1]
    assert [box.get("fill") for box in chart.iter(f"{NAME}rect")] == [BETTER, EVEN, BETTER, EVEN]
    assert max(widths) < WIDTH
    description = chart.find(f"{NAME}desc")
    assert description is not None
    assert description.text == "Tasks & more: ours 4M, theirs 1M; Requests: ours 5k, theirs 10k."
    bottom = float(chart.get("viewBox", "").split()[3])
    assert all(0 < float(text.get("y", "")) < bottom for text in chart.iter(f"{NAME}text"))
