"""What is misspelled, missing or too much: one line, the nearest thing there is, exit status 2; and the help."""

import os
import re
import subprocess
import sys

import ferrio as package
import pytest
from cli_commands import FERRIO, ferrio
from ferrio.cli.commands import COMMANDS

MISTAKES = {
    ("rnu", "x.py"): "unknown command 'rnu'; did you mean 'run'?",
    ("frobnicate",): "unknown command 'frobnicate'; ferrio --help lists them",
    ("program.py",): "unknown command 'program.py'; did you mean 'ferrio run program.py'?",
    ("help", "benhc"): "unknown command 'benhc'; did you mean 'bench'?",
    ("--versoin",): "unknown option '--versoin'; did you mean '--version'?",
    ("-m", "x"): "unknown option '-m'; did you mean 'ferrio run -m ...'?",
    ("run",): "run: name a script, -m MODULE, -c CODE, or - for standard input",
    ("run", "-m"): "run: -m needs a value: -m MODULE",
    ("run", "--debgu", "program.py"): "run: unknown option '--debgu'; did you mean '--debug'?",
    ("run", "--debug=1", "program.py"): "run: --debug takes no value",
    ("run", "-u", "program.py"): "run: unknown option '-u'; Python's own options go to python: "
    "python -u -m ferrio run ...",
    ("run", "progam.py"): "can't open file 'progam.py': No such file or directory; did you mean 'program.py'?",
    ("run", "folder/hlper"): "can't open file 'folder/hlper': No such file or directory; "
    "did you mean 'folder/helper.py'?",
    ("run", "nowhere/x.py"): "can't open file 'nowhere/x.py': No such file or directory; there is no folder 'nowhere'",
    ("run", "folder"): "can't find '__main__' module in 'FOLDER'",
    ("run", "-m", "progam"): "No module named progam; did you mean 'program'?",
    ("run", "-m", "asyncio.quues"): "No module named asyncio.quues; did you mean 'asyncio.queues'?",
    ("bench", "cal_soon"): "bench: no row matches 'cal_soon'; did you mean 'call_soon'?",
    ("bench", "--loops", "ferrio,ulvoop"): "bench: no event loop 'ulvoop'; did you mean 'uvloop'?",
    ("bench", "--subject", "asynci"): "bench: --subject 'asynci' is none of ferrio, uvloop, rloop, rsloop, "
    "zuvloop, asyncio; did you mean 'asyncio'?",
    ("bench", "--rounds", "none"): "bench: --rounds 'none': a number from 1 on is needed",
    ("bench", "--quick", "--full"): "bench: --quick and --full exclude each other",
    ("bench", "--json", "nowhere/x"): "bench: --json 'nowhere/x': there is no folder 'nowhere'",
    ("doctor", "--jsno"): "doctor: unknown option '--jsno'; did you mean '--json'?",
    ("doctor", "extra"): "doctor: an argument too many: 'extra'",
    ("kernel",): "kernel: install or remove is missing: ferrio kernel install [--user | --prefix DIR] [--name NAME]",
    ("kernel", "instal"): "kernel: unknown action 'instal'; did you mean 'install'?",
    ("kernel", "list"): "kernel: unknown action 'list'; known are install, remove",
    ("kernel", "install", "ferrio"): "kernel: an argument too many: 'ferrio'",
    ("kernel", "remove", "--user", "--prefix", "x"): "kernel: --user and --prefix exclude each other",
    ("kernel", "install", "--name", "My Kernel"): "kernel: --name 'My Kernel': small letters, digits, '.', '_' and '-' "
    "are what a kernel's name may have",
    ("kernel", "install", "--name", ".."): "kernel: --name '..': small letters, digits, '.', '_' and '-' "
    "are what a kernel's name may have",
    ("completion",): "completion: SHELL is missing: ferrio completion SHELL",
    ("completion", "bahs"): "completion: unknown shell 'bahs'; did you mean 'bash'?",
    ("repl", "program.py"): "repl: an argument too many: 'program.py'",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_line_and_status_2(tmp_path, arguments):
    (tmp_path / "program.py").write_text("raise SystemExit('it ran')")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "helper.py").touch()
    done = ferrio(*arguments, cwd=tmp_path)
    said = done.stderr.replace(repr(str(tmp_path / "folder")), "'FOLDER'").replace("'folder' at 'FOLDER'", "'FOLDER'")
    assert (done.returncode, done.stdout, said) == (2, "", f"ferrio: {MISTAKES[arguments]}\n")


def test_a_programs_own_words_about_missing_modules_are_left_alone(tmp_path):
    (tmp_path / "program.py").write_text("import sys; sys.exit(f'{sys.executable}: No module named asyncoi')")
    done = ferrio("run", "-m", "program", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"{sys.executable}: No module named asyncoi\n")


def test_version(tmp_path):
    expected = f"ferrio {package.__version__} (CPython {'.'.join(map(str, sys.version_info[:3]))})\n"
    for option in ("--version", "-V"):
        done = ferrio(option, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_help_is_asked_for_in_four_ways_and_without_asking_it_is_an_error(tmp_path):
    texts = {ferrio(*arguments, cwd=tmp_path).stdout for arguments in (["-h"], ["--help"], ["help"])}
    assert len(texts) == 1 and all(f"  {command.name} " in next(iter(texts)) for command in COMMANDS)
    done = ferrio(cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", next(iter(texts)))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_is_explained_within_the_width_of_a_line(tmp_path, command):
    done = ferrio("help", command.name, cwd=tmp_path)
    assert done.returncode == 0
    assert ferrio(command.name, "--help", cwd=tmp_path).stdout == done.stdout
    for option in command.options:
        assert re.search(rf"^  {re.escape(option.spelling())}  +{re.escape(option.doc)}$", done.stdout, re.M)
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_help_into_a_pipe_that_is_closed(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        process = subprocess.run([*FERRIO, "--help"], stdout=output, stderr=subprocess.PIPE, timeout=30, cwd=tmp_path)
    assert (process.returncode, process.stderr) == (141, b"")
