"""Draws SVG bar charts: of ratios, on a logarithmic axis from 1, with the range of the rounds; of figures, from 0.

Standard library only. Knows nothing of rows, loops or files: `bars()` and `groups()` turn text and numbers into text.
Without a colour of its own for text and lines (`currentColor`): inside a page the chart takes the page's, light or
dark; alone, or as an image, it has those of the reader's preference and a background to match. Screen
readers get a title and a description with every figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABEL, FIGURE, ROW, TOP, BOTTOM = 760, 190, 96, 26, 58, 44
NAME = 80  # room for the names of a chart of figures
BETTER, WORSE, EVEN = "#d9622b", "#9a6bea", "#8b949e"  # 3:1 and more on white and on #1e2129
MEANING = {"+": "certainly better", "-": "certainly worse", "=": "equal", "?": "undecided"}
LEGEND = {BETTER: MEANING["+"], WORSE: MEANING["-"], EVEN: "equal (=) or undecided (?)"}
STYLE = (
    "svg.chart{font:13px system-ui,sans-serif;max-width:100%;height:auto}"
    "svg.chart:root{color:#1f2328;background:#fff}"  # :root only where the chart is not part of a page
    "@media (prefers-color-scheme:dark){svg.chart:root{color:#e6edf3;background:#1e2129}}"
)
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Bar:
    """One row: its ratio, the lowest and highest of its rounds, and the verdict, one of MEANING."""

    name: str
    value: float
    low: float
    high: float
    verdict: str

    def colour(self) -> str:
        return {"+": BETTER, "-": WORSE}.get(self.verdict, EVEN)

    def spoken(self) -> str:
        return f"{self.name} {self.value:.2f} ({self.low:.2f} to {self.high:.2f}), {MEANING[self.verdict]}"


@dataclass(frozen=True)
class Group:
    """One question, and what each loop reached there: more is better. The first figure is ours, and stands out."""

    title: str
    figures: Sequence[tuple[str, float, str]]  # whose, how much, and that in words

    def spoken(self) -> str:
        return f"{self.title}: {', '.join(f'{name} {words}' for name, _, words in self.figures)}"


def bars(key: str, title: str, note: str, rows: Sequence[Bar]) -> str:
    """The chart of ratios. `key` keeps its ids apart from those of other charts on a page."""
    height = TOP + ROW * len(rows) + BOTTOM
    axis = Axis(rows)
    parts = [text(0, 38, note, 'opacity=".8"'), *ticks(axis, TOP, TOP + ROW * len(rows))]
    for index, bar in enumerate(rows):
        parts += drawn(bar, axis, TOP + ROW * index)
    spoken = f"{note}: {'; '.join(bar.spoken() for bar in rows)}."
    return framed(key, title, spoken, height, [*parts, *legend(rows, height - 10)])


def groups(key: str, title: str, found: Sequence[Group]) -> str:
    """The chart of figures: a bar for each, from 0, on an axis of its group's own."""
    parts, top = [], 32.0
    for group in found:
        most = max(figure for _, figure, _ in group.figures)
        parts.append(text(0, top + 20, group.title, 'font-weight="600"'))
        top += 30
        for index, (name, figure, words) in enumerate(group.figures):
            length = (WIDTH - NAME - FIGURE) * figure / most
            colour, weight = (EVEN, "") if index else (BETTER, 'font-weight="600"')
            parts += [
                text(NAME - 10, top + ROW / 2 + 4, name, f'text-anchor="end" {weight}'),
                f'<rect x="{NAME}" y="{top + 3:.1f}" width="{length:.1f}" height="{ROW - 6}" rx="2" fill="{colour}"/>',
                text(NAME + length + 8, top + ROW / 2 + 4, words, weight),
            ]
            top += ROW
    return framed(key, title, f"{'; '.join(group.spoken() for group in found)}.", top + 8, parts)


def framed(key: str, title: str, spoken: str, height: float, parts: Sequence[str]) -> str:
    """The parts as a picture, with a heading that is seen and a description that screen readers say."""
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-labelledby="{key}-title {key}-description" class="chart">',
        f'<title id="{key}-title">{escape(title)}</title>',
        f'<desc id="{key}-description">{escape(spoken)}</desc>',
        f"<style>{STYLE}</style>",
        text(0, 18, title, 'font-weight="600" font-size="15"'),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


class Axis:
    """Where a ratio lies, in pixels. Reaches from the least to the greatest of all ranges, and always over 1."""

    def __init__(self, rows: Sequence[Bar]) -> None:
        lowest = min(0.9, *(bar.low for bar in rows))
        highest = max(1.1, *(bar.high for bar in rows))
        self.least, self.range = math.log(lowest), math.log(highest / lowest)
        self.ticks = [tick for tick in TICKS if lowest <= tick <= highest]

    def at(self, ratio: float) -> float:
        return LABEL + (WIDTH - LABEL - FIGURE) * (math.log(ratio) - self.least) / self.range


def ticks(axis: Axis, top: float, bottom: float) -> list[str]:
    parts = []
    for tick in axis.ticks:
        opacity = ".9" if tick == 1 else ".2"
        parts.append(line(axis.at(tick), top - 4, axis.at(tick), bottom + 2, f'opacity="{opacity}"'))
        parts.append(text(axis.at(tick), bottom + 15, f"{tick:g} x", 'text-anchor="middle" font-size="11"'))
    return parts


def drawn(bar: Bar, axis: Axis, top: float) -> list[str]:
    """Label, bar from 1 to the ratio, its range as a whisker, and the figure at the right edge."""
    middle, one, value = top + ROW / 2, axis.at(1), axis.at(bar.value)
    left, right = axis.at(bar.low), axis.at(bar.high)
    return [
        text(LABEL - 10, middle + 4, bar.name, 'text-anchor="end"'),
        f'<rect x="{min(one, value):.1f}" y="{top + 5:.1f}" width="{max(1.0, abs(value - one)):.1f}" '
        f'height="{ROW - 10}" rx="2" fill="{bar.colour()}"/>',
        line(left, middle, right, middle, 'stroke-width="1.5"'),
        *(line(end, middle - 4, end, middle + 4, 'stroke-width="1.5"') for end in (left, right)),
        text(WIDTH - 4, middle + 4, f"{bar.value:.2f} x {bar.verdict}", 'text-anchor="end"'),
    ]


def legend(rows: Sequence[Bar], y: float) -> list[str]:
    parts, x = [], float(LABEL)
    for colour, meaning in LEGEND.items():
        if any(bar.colour() == colour for bar in rows):
            parts.append(f'<rect x="{x:.0f}" y="{y - 9:.0f}" width="10" height="10" rx="2" fill="{colour}"/>')
            parts.append(text(x + 15, y, meaning, 'font-size="11"'))
            x += 35 + 7 * len(meaning)
    return parts


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="currentColor" {more}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" {more}/>'
