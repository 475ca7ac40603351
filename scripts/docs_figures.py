"""Everything in the text that was measured, from tables of what was measured: `make plots`.

Reads docs/assets/benches.tsv, a digest of a report of `make bench`, and makes docs/assets/*.svg and
docs/assets/benches.md of it, and the words for README.md's chart between its two marks. The other tables of the
performance page are made of benches-3.14.tsv, a digest of what `make py314` measures, of profile.tsv, which
`make profile` writes, and of those of servers, clients and the Rust door (ABOVE). With --check nothing is written:
exit status 1 and the names of the files that differ. No figure is typed by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

from benches.digest import Entry, digest, read
from benches.harness.plot import Bar, Group, bars, groups
from benches.harness.profiling import PARTS
from benches.installed.harness.table import number
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
# What stands on the loop, beside its peers: digests of `make bench-servers`, `make bench-clients`, `make bench-rust`.
ABOVE = ("servers", "clients", "rust")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    check: bool = parser.parse_args().check
    stale = 0
    benches, newer = (Report(*digest(ASSETS / name)) for name in ("benches.tsv", "benches-3.14.tsv"))
    others = {ASSETS / "benches-3.14.md": whole(newer), ASSETS / "profile.md": divided(ASSETS / "profile.tsv")}
    others |= {ASSETS / f"{name}.md": whole(Report(*digest(ASSETS / f"{name}.tsv"))) for name in ABOVE}
    for path, text in (made(benches) | others).items():
        if not path.exists() or path.read_text() != text:
            stale += 1
            print(f"{path.relative_to(ROOT)}{' differs: make plots' if check else ''}")
            if not check:
                path.write_text(text)
    return 1 if check and stale else 0


class Report(NamedTuple):
    """The head, and what was measured."""

    head: list[str]
    entries: list[Entry]

    def lines(self) -> dict[str, dict[str, Entry]]:
        """By the line's name and the loop's label, in the order of the table."""
        found: dict[str, dict[str, Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.line, {})[entry.loop] = entry
        return found


def made(report: Report) -> dict[Path, str]:
    """Every file that follows from the report, with its text."""
    lines = report.lines()
    drawn = {key: chart(key, title, pattern, lines) for key, (title, pattern) in CHARTS.items()}
    files = {ASSETS / f"{key}.svg": text for key, text in drawn.items() if text}
    files[ASSETS / "benches.md"] = whole(report)
    if shown := headline(lines):
        files[ASSETS / "headline.svg"] = groups("headline", "The same programs on three event loops", shown)
        image = f"![{'; '.join(group.spoken() for group in shown)}](docs/assets/headline.svg)"
        readme = ROOT / "README.md"
        files[readme] = MARKS.sub(lambda found: f"{found[1]}{image}{found[2]}", readme.read_text())
    return files


def headline(lines: dict[str, dict[str, Entry]]) -> list[Group]:
    """The rows of HEADLINE that were measured on all three loops."""
    found = []
    for name in (name for name in lines if name in HEADLINE):
        medians = [(label, lines[name][label].median) for label in COMPARED if label in lines[name]]
        figures = [(label, median, number(median)) for label, median in medians if median is not None]
        if len(figures) == len(COMPARED):
            found.append(Group(HEADLINE[name], figures))
    return found


def whole(report: Report) -> str:
    """All lines of a report, and under what conditions they were measured."""
    return f"{table(report.lines())}\n\n{heading(report.head)}\n"


def chart(key: str, title: str, pattern: str, lines: dict[str, dict[str, Entry]]) -> str:
    shown = []
    for name, loops in lines.items():
        stock = loops[STOCK]
        if stock.ratio and stock.worst and stock.best and re.fullmatch(pattern, name):
            shown.append(Bar(name, stock.ratio, stock.worst, stock.best, stock.verdict))
    return bars(key, title, NOTE, shown) if shown else ""


def table(lines: dict[str, dict[str, Entry]]) -> str:
    """What ferrio reached, and how many times better that is than each other loop."""
    labels = [label for label in next(iter(lines.values())) if label != SUBJECT]
    rows = [f"| line | {SUBJECT} | {' | '.join(labels)} |", "|---" * (len(labels) + 2) + "|"]
    for name, loops in lines.items():
        own = loops[SUBJECT]
        figure = f"{number(own.median)} {own.unit}" if own.median is not None else NOTHING
        rows.append(f"| {' | '.join([name, figure, *(ratio(loops[label]) for label in labels)])} |")
    return "\n".join(rows)


def ratio(entry: Entry) -> str:
    return f"{entry.ratio:.2f} {entry.verdict}".rstrip() if entry.ratio is not None else NOTHING


def divided(path: Path) -> str:
    """Microseconds of CPU that an operation takes, and whose they are."""
    head, profiles = read(path)
    titles = [TITLES.get(part, part) for part in PARTS]
    rows = [f"| row | loop | us | {' | '.join(titles)} |", "|---" * (len(PARTS) + 3) + "|"]
    for profile in profiles:
        whole = float(profile["us"])
        shares = (float(profile.get(part, 0.0)) for part in PARTS)
        cells = " | ".join(f"{number(whole * share)} ({share:.0%})" for share in shares)
        rows.append(f"| {profile['row']} | {profile['label']} | {number(whole)} | {cells} |")
    return "\n".join([*rows, "", heading(head), ""])


def heading(head: list[str]) -> str:
    return "\n".join(["```text", *head, "```"])


if __name__ == "__main__":
    sys.exit(main())
