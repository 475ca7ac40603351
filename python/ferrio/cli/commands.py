"""The table: every command and every option of `ferrio`, each in one entry.

Parsing (parse.py), help (help.py) and completion (completion.py) are made from it. What a command does is in the
file that its entry names; nothing here imports one of them.
"""

from __future__ import annotations

from .serving import OPTIONS
from .table import FILE, Command, Option


def at_least_one(text: str) -> int:
    """A count from 1 on."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError("a number from 1 on is needed")
    return number


def seconds(text: str) -> float:
    """A time, longer than none."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError("a number of seconds is needed, more than 0")
    return number


def kernel_name(text: str) -> str:
    """What Jupyter takes for the name of a kernel, which is that of a folder."""
    if not text.strip(".") or set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789._-"):
        raise ValueError("small letters, digits, '.', '_' and '-' are what a kernel's name may have")
    return text


def command_names() -> tuple[str, ...]:
    return tuple(command.name for command in COMMANDS)


def loop_names() -> tuple[str, ...]:
    from ferrio.benches.harness.contenders import LOOPS

    return LOOPS


def row_names() -> tuple[str, ...]:
    from ferrio.benches.harness.catalogue import ROWS

    return tuple(row.name for row in ROWS)


def shell_names() -> tuple[str, ...]:
    return ("bash", "zsh", "fish")


HELP = Option("--help", "Print this help and exit.", short="-h")
VERSION = Option("--version", "Print the versions of ferrio and Python and exit.", short="-V")
WATCHDOG = Option(
    "--watchdog",
    "Print the stack of a callback that blocks the loop for so long, while it does.",
    value="SECONDS",
    parse=seconds,
)
DUMP = Option(
    "--dump-tasks-after",
    "Print what every task waits for when one has waited so long for more than time or data.",
    value="SECONDS",
    parse=seconds,
)
KEEP_UVLOOP = Option("--keep-uvloop", "Leave uvloop, rloop, rsloop and zuvloop what they are.")
DEBUG = Option("--debug", "Put the loops in asyncio's debug mode, as PYTHONASYNCIODEBUG=1 does.")
INSPECTABLE = Option(
    "--inspectable",
    "Give sleep(), wait_for() and the like frames, for `python -m asyncio ps`.",
)

RUN = Command(
    "run",
    "run",
    "Run a Python program on ferrio, otherwise as python would",
    ("[OPTIONS] SCRIPT [ARG...]", "[OPTIONS] -m MODULE [ARG...]", "[OPTIONS] -c CODE [ARG...]", "[OPTIONS] - [ARG...]"),
    "SCRIPT is a file, or a folder or zip file with a __main__.py; - reads the program from standard input. ferrio is\n"
    "installed before the program's first import, and in Python processes that it starts: whatever makes a loop of\n"
    "asyncio's, uvloop's or rloop's makes ferrio's, which keep running tasks alive. A loop that is not ferrio's is\n"
    "named by a warning. SIGUSR1 prints what every task waits for (kill -USR1 PID), Ctrl-C does so under --watchdog.\n"
    "Python's own options go to python: python -X dev -m ferrio run SCRIPT",
    (
        DEBUG,
        WATCHDOG,
        DUMP,
        KEEP_UVLOOP,
        INSPECTABLE,
        Option("", "Run a module or package of the import path.", short="-m", value="MODULE", last=True),
        Option("", "Run the program that is this argument.", short="-c", value="CODE", last=True),
    ),
    words="SCRIPT",
    most=None,
    complete=FILE,
    last=True,
)

REPL = Command(
    "repl",
    "repl",
    "An interactive Python on ferrio, with top-level await",
    ("[--debug]",),
    "Tasks go on running between prompts. Ctrl-C cancels the await that is running, Ctrl-D or exit leaves. Editor,\n"
    "history and colours are Python's own, and so are their settings: PYTHONSTARTUP, PYTHON_HISTORY,\n"
    "PYTHON_BASIC_REPL, NO_COLOR. Statements may also come from a pipe; then there are no prompts.",
    (DEBUG,),
)

SERVE = Command(
    "serve",
    "serve",
    "Serve an ASGI or WSGI application over HTTP and WebSocket",
    ("[OPTIONS] MODULE:ATTRIBUTE", "[OPTIONS] --static /URL=DIR"),
    "The options are uvicorn's, and some more; any may come from the environment: FERRIO_PORT, or UVICORN_PORT.\n"
    "SIGTERM or Ctrl-C lets requests finish, a second Ctrl-C does not. With workers, SIGHUP replaces each of them\n"
    "without a break, SIGTTIN and SIGTTOU add and remove one. Exit status 3: the server could not start.",
    OPTIONS,
    words="APP",
    most=1,
)

BENCH = Command(
    "bench",
    "bench",
    "Compare the event loops that are installed, on this machine",
    ("[ROW...] [OPTIONS]",),
    "Without arguments: the telling rows in short windows, about a minute in all. With rows (shell patterns,\n"
    "'timer_*'): these, in full windows, 2 rounds, and up to 12 until a verdict is reached. A loop that is missing is\n"
    "named with what to do, and the rest is measured: pip install uvloop rloop rsloop. Servers, TLS and HTTP are\n"
    "measured in a checkout of ferrio, which has a load client: make bench",
    (
        Option(
            "--all", "Every row that can be measured here, in short windows: some minutes. With --full: in full ones."
        ),
        Option("--rows", "The same as naming them as arguments.", value="A,B", complete=row_names),
        Option("--quick", "Short windows and small crowds, 3 rounds: a look, not evidence."),
        Option(
            "--full",
            "The whole table in full windows: some minutes, and up to 19 until verdicts are reached.",
        ),
        Option(
            "--loops",
            "Loops to compare, [LABEL=]LOOP[@PYTHON],...; all that are installed by default.",
            value="A,B",
            complete=loop_names,
        ),
        Option("--rounds", "Just so many rounds of each row.", value="N", parse=at_least_one),
        Option("--subject", "The loop that the ratios are of; ferrio by default.", value="LABEL", complete=loop_names),
        Option("--pin", "The measuring process to one CPU, with all its threads."),
        Option("--json", "Write every figure of every round.", value="FILE", complete=FILE),
        Option("--markdown", "Write head and table as Markdown.", value="FILE", complete=FILE),
        Option("--list", "Print the names of the rows and exit."),
    ),
    words="ROW",
    most=None,
    complete=row_names,
)

DOCTOR = Command(
    "doctor",
    "doctor",
    "What a bug report needs, and a self-test",
    ("[--json]",),
    "Prints versions, the poller in use, kernel features, limits and settings, then tries the loop out. The exit\n"
    "status is 1 if a test fails.",
    (Option("--json", "Print one JSON object instead."),),
)

KERNEL = Command(
    "kernel",
    "kernel",
    "Install or remove a Jupyter kernel that runs on ferrio",
    ("install [--user | --prefix DIR] [--name NAME]", "remove [--user | --prefix DIR] [--name NAME]"),
    "Notebooks then have 'Python 3 on ferrio' to choose; asyncio.run() and ferrio.run() work in their cells. Needs\n"
    "ipykernel. In a kernel that runs already, %load_ext ferrio has both run on ferrio, and leaves its own loop alone.",
    (
        Option("--user", "In your own folder; by default in the environment of this Python."),
        Option("--prefix", "In share/jupyter/kernels of this folder.", value="DIR", complete=FILE),
        Option("--name", "What Jupyter calls it; ferrio by default.", value="NAME", parse=kernel_name),
    ),
    words="install or remove",
    fewest=1,
    most=1,
    complete=lambda: ("install", "remove"),
)

COMPLETION = Command(
    "completion",
    "completion",
    "Print a shell's completion script",
    ("SHELL",),
    'bash and zsh: eval "$(ferrio completion bash)" in ~/.bashrc, or zsh in ~/.zshrc\n'
    "fish:         ferrio completion fish | source    in ~/.config/fish/config.fish",
    words="SHELL",
    fewest=1,
    most=1,
    complete=shell_names,
)

ASSIST = Command(
    "help",
    "help",
    "Explain a command",
    ("[COMMAND]",),
    words="COMMAND",
    most=1,
    complete=command_names,
)

COMMANDS = (RUN, SERVE, REPL, BENCH, DOCTOR, KERNEL, COMPLETION, ASSIST)

FERRIO = Command("", "help", "asyncio, in Rust", ("COMMAND ...",), options=(HELP, VERSION))
"""`ferrio` itself: what may stand before a command."""
