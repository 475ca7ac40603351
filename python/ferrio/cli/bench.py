"""`ferrio bench`: the options of ferrio.benches, checked before anything is measured, and a minute's run by default.

What is measured and how the table reads is the suite's own. Rows with connections need a load client, which a checkout
has, and are measured there.
"""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

from ferrio.benches.harness.catalogue import ROWS
from ferrio.benches.harness.contenders import LOOPS, VARIANTS, parse
from ferrio.benches.run import Options, run

from .errors import Mistake, nearest
from .output import say
from .parse import Request

TELLING = (
    "call_soon",
    "call_soon_chain",
    "threadsafe_other",
    "timer_cancel",
    "due_batch",
    "task_switch_x100",
    "create_task",
    "gather_10k",
    "queue_pair",
    "to_thread",
)
"""What a short run measures: callbacks, timers, tasks, a queue, threads."""

LEGEND = """\
Figures are medians over the rounds, lowest and highest below. A ratio says how many times better ferrio (or --subject)
is than that loop; above 1 it is better, whichever way the unit runs. + better, - worse, = within 2 %, ? undecided.
"""


def main(request: Request) -> int:
    """Measure what was asked for."""
    if request.has("--list"):
        say("\n".join(row.name for row in ROWS))
        return 0
    if request.has("--quick") and request.has("--full"):
        raise Mistake("bench: --quick and --full exclude each other")
    if request.has("--all") and _named(request):
        raise Mistake("bench: --all is every row; leave out either --all or the names")
    if sys.platform != "linux":
        raise Mistake("bench: it measures with Linux's own clocks and epoll, so it needs Linux")
    for pattern in _named(request):
        if not any(fnmatch(row.name, pattern) for row in ROWS):
            hint = nearest(pattern, (row.name for row in ROWS))
            raise Mistake(f"bench: no row matches {pattern!r}{hint or '; ferrio bench --list names them'}")
    options = _options(request)
    print(LEGEND, flush=True)
    run(options)
    if options.rows == ",".join(TELLING):
        print(f"{len(ROWS) - len(TELLING)} rows more: ferrio bench --all; ferrio bench --list names them")
    print("Servers, TLS and HTTP are measured in a checkout of ferrio: make bench")
    return 0


def _options(request: Request) -> Options:
    named = _named(request)
    every = request.has("--all") or request.has("--full") or request.has("--quick")
    rows = named or (["*"] if every else TELLING)
    usual = Options()
    loops = str(request.options.get("--loops", usual.loops))
    return Options(
        rows=",".join(rows),
        loops=loops,
        subject=_subject(request, [_label(each) for each in loops.split(",")]),
        rounds=int(str(request.options.get("--rounds", usual.rounds))),
        brief=not (named or every),
        minutes=usual.minutes if named or every else 1.0,
        quick=request.has("--quick") or not (named or request.has("--full")),
        pin=request.has("--pin"),
        json=_file(request, "--json"),
        markdown=_file(request, "--markdown"),
    )


def _named(request: Request) -> list[str]:
    """The rows, or patterns of rows, that were asked for."""
    option = str(request.options.get("--rows", ""))
    return [*request.words, *filter(None, option.split(","))]


def _label(specification: str) -> str:
    """What the loop is called in the table; Mistake if there is no such loop."""
    label, loop, python = parse(specification)
    known = (*LOOPS, *VARIANTS)
    if python == sys.executable and loop not in known and (not loop.isidentifier() or find_spec(loop) is None):
        raise Mistake(f"bench: no event loop {loop!r}{nearest(loop, known) or '; known are ' + ', '.join(known)}")
    return label


def _subject(request: Request, labels: list[str]) -> str:
    wanted = str(request.options.get("--subject", "ferrio"))
    if request.has("--subject") and wanted not in labels:
        raise Mistake(f"bench: --subject {wanted!r} is none of {', '.join(labels)}{nearest(wanted, labels)}")
    return wanted


def _file(request: Request, name: str) -> Path | None:
    """The file to write; Mistake now, not after minutes of measuring, if its folder is not there."""
    if not request.has(name):
        return None
    path = Path(str(request.options[name]))
    if not path.parent.is_dir():
        raise Mistake(f"bench: {name} {str(path)!r}: there is no folder {str(path.parent)!r}")
    return path
