"""Everything in the text that was measured, from one report: `make plots`.

Reads docs/assets/benches.json, which `make bench BENCH='--json docs/assets/benches.json'` writes, and makes
docs/assets/*.svg and docs/assets/benches.md of it, and the words for README.md's chart between its two marks. The
other tables of the performance page are made of benches-3.14.json, which `make py314` can write, and of profile.json,
which `make profile` writes. With --check nothing is written: exit status 1 and the names of the files that differ. No
figure is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from benches.harness.plot import Bar, Group, bars, groups
from benches.harness.profiling import PARTS
from benches.harness.report import measured
from benches.installed.harness.row import Metric
from benches.installed.harness.runner import Result
from benches.installed.harness.table import Line, lines_of, number
from benches.profile import TITLES

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "docs" / "assets"
SUBJECT, STOCK = "ferrio", "asyncio"
NOTHING = "\u2013"  # a dash: no figure
MARKS = re.compile(r"(<!-- measured: begin -->\n).*?(\n<!-- measured: end -->)", re.S)
NOTE = "ferrio against stock asyncio; right of 1 is better; whiskers: lowest and highest round"

# Chart: its title and which lines it shows. One that shows none, because nobody measured them yet, is not made.
CHARTS = {
    "callbacks": (
        "Callbacks and timers",
        r"call_soon|call_soon_chain|threadsafe_\w+|timer_\w+|due_batch|chain_250_idle",
    ),
    "tasks": (
        "Tasks and what is above them",
        r"task_\w+|future_\w+|create_task|gather_\w+|queue_\w+|semaphore_\w+|lock_\w+|event_\w+|timeout|wait_for|sleeps_\w+"
        r"|to_thread\w*|run_in_executor|async_tree_\w+",
    ),
    "echo-cpu": ("Servers: CPU time per round trip", r"echo_\w+\.cpu|connection_rate\.cpu"),
    "echo-rate": ("Servers: what the client sees", r"echo_\w+|connection_rate|bulk_\w+|asyncio_tcp\w*"),
    "web": ("HTTP and WebSocket: CPU time per request", r"(http|websocket)_\w+\.cpu|http_aiohttp_client"),
    "latency": ("Latency at 10,000 requests a second, and a timer's jitter", r"(latency|timer_jitter)_\w+\.p\d+"),
    "tls": ("TLS: CPU time, memory", r"tls_\w+\.cpu|tls_idle_memory"),
    "other": ("Children, memory, and cost in a crowd", r"spawn|spawn\.stall|idle_memory|scaling_\w+(\.\w+)?"),
}
# What the README shows: a row, and what its figure means there.
HEADLINE = {
    "create_task": "Tasks made and awaited, a second",
    "http_uvicorn_asgi": "HTTP requests that uvicorn answers, a second",
}
COMPARED = (SUBJECT, "uvloop", STOCK)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    check: bool = parser.parse_args().check
    stale = 0
    names = ("benches.json", "benches-3.14.json", "profile.json")
    benches, newer, profile = (json.loads((ASSETS / name).read_text()) for name in names)
    others = {ASSETS / "benches-3.14.md": whole(newer), ASSETS / "profile.md": divided(profile)}
    for path, text in (made(benches) | others).items():
        if not path.exists() or path.read_text() != text:
            stale += 1
            print(f"{path.relative_to(ROOT)}{' differs: make plots' if check else ''}")
            if not check:
                path.write_text(text)
    return 1 if check and stale else 0


def made(report: dict[str, Any]) -> dict[Path, str]:
    """Every file that follows from the report, with its text."""
    lines, spreads = [], {}
    for row, results in measured(report):
        found = lines_of(row, results, SUBJECT)
        lines += found
        spreads |= {line.name: spread(metric, results) for line, metric in zip(found, row.metrics, strict=True)}
    drawn = {key: chart(key, title, pattern, lines, spreads) for key, (title, pattern) in CHARTS.items()}
    files = {ASSETS / f"{key}.svg": text for key, text in drawn.items() if text}
    files[ASSETS / "benches.md"] = whole(report)
    if shown := headline(lines):
        files[ASSETS / "headline.svg"] = groups("headline", "The same programs on three event loops", shown)
        image = f"![{'; '.join(group.spoken() for group in shown)}](docs/assets/headline.svg)"
        readme = ROOT / "README.md"
        files[readme] = MARKS.sub(lambda found: f"{found[1]}{image}{found[2]}", readme.read_text())
    return files


def headline(lines: list[Line]) -> list[Group]:
    """The rows of HEADLINE that were measured on all three loops."""
    found = []
    for line in (line for line in lines if line.name in HEADLINE):
        summaries = [line.cells[label].summary if label in line.cells else None for label in COMPARED]
        figures = [
            (label, summary.median, number(summary.median))
            for label, summary in zip(COMPARED, summaries, strict=True)
            if summary
        ]
        if len(figures) == len(COMPARED):
            found.append(Group(HEADLINE[line.name], figures))
    return found


def whole(report: dict[str, Any]) -> str:
    """All lines of a report, and under what conditions they were measured."""
    lines = [line for row, results in measured(report) for line in lines_of(row, results, SUBJECT)]
    return f"{table(lines)}\n\n{heading(report)}\n"


def spread(metric: Metric, results: dict[str, Result]) -> tuple[float, float] | None:
    """The lowest and the highest ratio against stock asyncio of any round."""
    if SUBJECT not in results or STOCK not in results:
        return None
    own, stock = results[SUBJECT].figures(metric.key), results[STOCK].figures(metric.key)
    ratios = [own[number] / stock[number] for number in own.keys() & stock.keys()]
    better = ratios if metric.higher_is_better else [1 / ratio for ratio in ratios]
    return (min(better), max(better)) if better else None


def chart(key: str, title: str, pattern: str, lines: list[Line], spreads: dict[str, tuple[float, float] | None]) -> str:
    shown = []
    for line in lines:
        ratio, ends = line.cells[STOCK].ratio, spreads[line.name]
        if ratio and ends and re.fullmatch(pattern, line.name):
            shown.append(Bar(line.name, ratio.value, *ends, ratio.verdict()))
    return bars(key, title, NOTE, shown) if shown else ""


def table(lines: list[Line]) -> str:
    """What ferrio reached, and how many times better that is than each other loop."""
    labels = [label for label in lines[0].cells if label != SUBJECT]
    rows = [f"| line | {SUBJECT} | {' | '.join(labels)} |", "|---" * (len(labels) + 2) + "|"]
    for line in lines:
        own = line.cells[SUBJECT].summary
        figure = f"{number(own.median)} {line.unit}" if own else NOTHING
        rows.append(f"| {' | '.join([line.name, figure, *(ratio(line, label) for label in labels)])} |")
    return "\n".join(rows)


def ratio(line: Line, label: str) -> str:
    found = line.cells[label].ratio
    return f"{found.value:.2f} {found.verdict()}" if found else NOTHING


def divided(report: dict[str, Any]) -> str:
    """Microseconds of CPU that an operation takes, and whose they are."""
    titles = [TITLES.get(part, part) for part in PARTS]
    rows = [f"| row | loop | us | {' | '.join(titles)} |", "|---" * (len(PARTS) + 3) + "|"]
    for row, profiles in report["rows"].items():
        for loop, profile in profiles.items():
            shares = (profile.get(part, 0.0) for part in PARTS)
            cells = " | ".join(f"{number(profile['us'] * share)} ({share:.0%})" for share in shares)
            rows.append(f"| {row} | {loop} | {number(profile['us'])} | {cells} |")
    return "\n".join([*rows, "", heading(report), ""])


def heading(report: dict[str, Any]) -> str:
    return "\n".join(["```text", *report["head"], "```"])


if __name__ == "__main__":
    sys.exit(main())
