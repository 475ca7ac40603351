"""`ferrio repl`: statements from a pipe, and a conversation over a pseudo-terminal as a person would have it.

A conversation is had with the editor of Python 3.13 and later, with lines, which is all that a simple terminal can do,
and, where the editor is, with `python -m asyncio`, which is the oracle; of what it does on Ctrl-C, 3.13.0 loses some.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
from cli_commands import FERRIO, PYTHON, execute, ferrio, variables

PATIENCE = 20
HAS_EDITOR = sys.version_info >= (3, 13)
needs_editor = pytest.mark.skipif(not HAS_EDITOR, reason="Python's editor came with 3.13")


def piped(text, tmp_path, **environment):
    return ferrio("repl", cwd=tmp_path, stdin=text, **environment)


def test_statements_from_a_pipe_print_what_they_print(tmp_path):
    done = piped(
        "async def f(x):\n    await asyncio.sleep(0)\n    return x * 2\n\nawait f(21)\n"
        "type(asyncio.get_running_loop()).__module__\n_\nfor i in range(2):\n    print(i)",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "42\n'ferrio.unix_events'\n'ferrio.unix_events'\n0\n1\n"


def test_errors_begin_in_the_statement_and_do_not_end_the_session(tmp_path):
    done = piped("1/0\nawait asyncio.sleep('x')\nx = (\n1 +* 2)\nprint('on')\n", tmp_path)
    assert (done.returncode, done.stdout) == (0, "on\n")
    assert done.stderr.count("Traceback") == 2 and done.stderr.count("SyntaxError") == 1
    assert done.stderr.startswith(
        'Traceback (most recent call last):\n  File "<python-input-0>", line 1, in <module>\n    1/0\n'
    )
    assert "repl.py" not in done.stderr and "futures" not in done.stderr


def test_tasks_run_between_statements_and_are_cancelled_at_the_end(tmp_path):
    done = piped(
        "async def forever():\n    try:\n        await asyncio.sleep(60)\n    finally:\n        print('cancelled')\n\n"
        "started = asyncio.Event()\nasync def note():\n    started.set()\n\n"
        "a, b = asyncio.create_task(forever()), asyncio.create_task(note())\nawait started.wait()\n",
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\ncancelled\n", "")


def test_context_variables_stay_set(tmp_path):
    done = piped(
        "import contextvars\nv = contextvars.ContextVar('v')\nasync def f(): _ = v.set(5)\n\nawait f()\nv.get()\n",
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("5\n", "")


@pytest.mark.parametrize(
    "text", ["raise SystemExit(3)\n", "async def f(): exit(3)\n\nawait f()\n", "import sys; sys.exit(3)\nprint(1)"]
)
def test_leaving_with_a_status(tmp_path, text):
    done = piped(text, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_startup_file_and_debug_mode(tmp_path):
    (tmp_path / "startup.py").write_text("answer = 42\n")
    startup = {"PYTHONSTARTUP": str(tmp_path / "startup.py")}
    assert piped("answer\n__name__", tmp_path, **startup).stdout == "42\n'__main__'\n"
    done = piped("print('on')\n", tmp_path, PYTHONSTARTUP="nowhere.py")
    assert done.stdout == "on\n" and "nowhere.py" in done.stderr
    done = ferrio("repl", "--debug", cwd=tmp_path, stdin="asyncio.get_running_loop().get_debug()\n")
    assert done.stdout == "True\n"


INTERRUPTED_ONCE = """
import concurrent.futures, functools, signal
import ferrio.cli.repl as repl
def once(owner, name):
    original = getattr(owner, name)
    def interrupted(*arguments, **others):
        setattr(owner, name, original)
        signal.raise_signal(signal.SIGINT)
        return original(*arguments, **others)
    setattr(owner, name, interrupted)

def factory(loop, coroutine, **others):
    loop.set_task_factory(None)
    signal.raise_signal(signal.SIGINT)
    return asyncio.Task(coroutine, loop=loop, **others)

"""


@pytest.mark.parametrize(
    ("where", "statement", "shown"),
    [
        ("once(repl.Session, '_start')", "print('no')", "KeyboardInterrupt"),
        ("once(repl, 'FunctionType')", "print('no')", "KeyboardInterrupt"),
        ("once(concurrent.futures.Future, 'set_exception')", "1/0", "ZeroDivisionError"),
        ("once(concurrent.futures.Future, 'set_result')", "pass", ""),
        ("asyncio.get_running_loop().set_task_factory(factory)", "await asyncio.sleep(60)", "KeyboardInterrupt"),
        ("once(repl.Session, '_finish')", "await asyncio.sleep(0)", ""),
        ("once(repl.Session, '_cancel')", "signal.raise_signal(2); await asyncio.sleep(60)", "KeyboardInterrupt"),
    ],
)
def test_a_signal_at_any_point_of_a_statement_leaves_the_session_whole(tmp_path, where, statement, shown):
    done = piped(f"{INTERRUPTED_ONCE}{where}\n{statement}\n6 * 7\n", tmp_path)
    assert (done.returncode, done.stdout) == (0, "42\n")
    assert shown in done.stderr if shown else not done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_a_signal_while_an_eager_task_begins(tmp_path):
    done = piped(
        "import signal\nasyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)\n"
        "signal.raise_signal(signal.SIGINT); await asyncio.sleep(60)\n6 * 7\n",
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "42\n")
    assert (
        "\nKeyboardInterrupt\n" in done.stderr
    )  # and that nobody asked for the exception of the task, as asyncio says


def test_a_signal_that_another_thread_gets_ends_the_await(tmp_path):
    """The system may choose any thread; and to the loop's own, just before the loop waits, comes to the same."""
    done = piped(
        "import signal, threading\ndef interrupt(): signal.pthread_kill(threading.get_ident(), signal.SIGINT)\n\n"
        "threading.Timer(0.2, interrupt).start(); await asyncio.sleep(60)\n6 * 7\n",
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "\nKeyboardInterrupt\n")


def test_a_traceback_shows_the_source_of_an_earlier_statement(tmp_path):
    done = piped("def f(x):\n    return 1 / x\n\nf(0)\n", tmp_path)
    shown = [line for line in done.stderr.splitlines() if not set(line) <= set(" ~^")]
    assert shown == [
        "Traceback (most recent call last):",
        '  File "<python-input-1>", line 1, in <module>',
        "    f(0)",
        '  File "<python-input-0>", line 2, in f',
        "    return 1 / x",
        "ZeroDivisionError: division by zero",
    ]


def test_audit_hooks_see_what_they_see_of_python(tmp_path):
    (tmp_path / "startup.py").write_text("")
    program = (
        "import sys; sys.addaudithook(lambda event, _: event.startswith('cpython.run_st') and print(event)); "
        "from ferrio.cli import main; sys.argv = ['ferrio', 'repl']; main()"
    )
    done = execute([*PYTHON, "-c", program], cwd=tmp_path, PYTHONSTARTUP="startup.py")
    assert done.stdout == "cpython.run_stdin\ncpython.run_startup\n"


class Conversation:
    """A terminal with a REPL at its other end."""

    def __init__(self, cwd, command=(*FERRIO, "repl"), columns=80, **environment):
        self.near, self.far = pty.openpty()
        fcntl.ioctl(self.far, termios.TIOCSWINSZ, struct.pack("hhhh", 40, columns, 0, 0))
        self.settings = termios.tcgetattr(self.far)
        defaults = {"TERM": "xterm", "PYTHON_HISTORY": str(cwd / "history"), "PYTHON_COLORS": "0"}
        self.process = subprocess.Popen(
            command, stdin=self.far, stdout=self.far, stderr=self.far, cwd=cwd, env=variables(defaults | environment),
            start_new_session=True, preexec_fn=take_terminal,
        )  # fmt: skip
        self.text = ""

    def until(self, expected):
        """Read on until it is there; what came before it, and it."""
        deadline = time.monotonic() + PATIENCE
        while expected not in self.text:
            ready, _, _ = select.select([self.near], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{expected!r} did not come: {self.text!r}"
            self.text += os.read(self.near, 4096).decode()
        before, _, self.text = self.text.partition(expected)
        return before + expected

    def begin(self):
        """Up to the prompt for the first statement."""
        self.until("import asyncio\r\n")
        self.until(">>> ")

    def type(self, text):
        os.write(self.near, text.encode())

    def left(self):
        """The status that the process ended with; by then the terminal must be what it was."""
        status = self.process.wait(PATIENCE)
        assert termios.tcgetattr(self.far) == self.settings
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.near)
        os.close(self.far)


def take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def begun(cwd, *arguments, **others):
    conversation = Conversation(cwd, *arguments, **others)
    conversation.begin()
    return contextlib.closing(conversation)


LINES = {"TERM": "dumb"}
KINDS = {
    "lines": ((*FERRIO, "repl"), LINES),
    "editor": ((*FERRIO, "repl"), {}),
    "asyncio": ((*PYTHON, "-m", "asyncio"), {}),
}


OURS = ["lines", *(["editor"] if HAS_EDITOR else [])]
ALL = [*OURS, *(["asyncio"] if HAS_EDITOR else [])]


@pytest.fixture
def repl(request, tmp_path):
    """One of KINDS; of ours, unless a test says that the oracle can do it, too, in every release with the editor."""
    command, environment = KINDS[request.param]
    with begun(tmp_path, command, **environment) as conversation:
        yield conversation


def on(kinds):
    return pytest.mark.parametrize("repl", kinds, indirect=True)


@on(ALL)
def test_a_task_runs_while_the_prompt_waits(repl):
    repl.type("async def tell(): print('told ' + 'you')\r\r")
    repl.until(">>> ")
    repl.type("task = asyncio.get_running_loop().call_later(0.01, lambda: print('told ' + 'you'))\r")
    repl.until("told you")


@on(OURS)
def test_ctrl_c_cancels_the_await_and_the_session_goes_on(repl):
    repl.type("print('wait' + 'ing'); await asyncio.sleep(60)\r")
    repl.until("waiting")
    repl.type("\x03")
    repl.until("KeyboardInterrupt")
    repl.until(">>> ")
    repl.type("6 * 7\r")
    repl.until("42")


@on(OURS)
def test_ctrl_c_interrupts_a_statement_that_computes(repl):
    repl.type("print('comput' + 'ing'); exec('while True: pass')\r")
    repl.until("computing")
    repl.type("\x03")
    repl.until("KeyboardInterrupt")
    repl.until(">>> ")


@on(OURS)
@pytest.mark.parametrize("failing", ["1 / 0", "signal.raise_signal(signal.SIGINT)", "await interrupted()"])
def test_a_statement_that_fails_is_the_last_of_its_input(repl, failing):
    """Python's own editor goes on with the next one in 3.13.0: https://github.com/python/cpython/issues/128231."""
    repl.type("import signal\r")
    repl.until(">>> ")
    repl.type("async def interrupted(): signal.raise_signal(signal.SIGINT)\r\r")
    repl.until(">>> ")
    repl.type(f"print('fir' + 'st'); {failing}; print('sec' + 'ond'); await asyncio.sleep(60)\r")
    repl.until("first")
    repl.until("ZeroDivisionError" if failing == "1 / 0" else "KeyboardInterrupt")
    assert "second" not in repl.until(">>> ")
    repl.type("6 * 7\r")
    repl.until("42")


@on(OURS)
def test_ctrl_c_between_two_statements_of_an_input_is_for_the_second(repl):
    repl.type("import signal\r")
    repl.until(">>> ")
    interrupt = "asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)"
    repl.type(f"timer = {interrupt}; await asyncio.sleep(60)\r")
    repl.until("KeyboardInterrupt")
    repl.until(">>> ")


@on(OURS)
def test_ctrl_c_at_the_prompt_discards_the_line_and_spares_tasks(repl):
    repl.type("task = asyncio.create_task(asyncio.sleep(60))\r")
    repl.until(">>> ")
    repl.type("1 + \x03")
    repl.until("KeyboardInterrupt")
    repl.until(">>> ")
    repl.type("if True:\r")
    repl.until("... ")
    repl.type("\x03")
    repl.until("KeyboardInterrupt")
    repl.until(">>> ")
    repl.type("'still', task.done()\r")
    repl.until("('still', False)")


@on(ALL)
def test_tab_completes_and_ctrl_d_leaves_and_the_history_stays(repl, tmp_path):
    repl.type("asyncio.tasks.__na\t\r")
    repl.until("'asyncio.tasks'")
    repl.until(">>> ")
    repl.type("\x04")
    repl.until("exiting asyncio REPL...")
    assert repl.left() == 0
    assert "asyncio.tasks.__name__" in (tmp_path / "history").read_text()


@on(ALL)
def test_an_error_shows_its_source(repl):
    repl.type("async def f(x): return 1 / x\r\r")
    repl.until(">>> ")
    repl.type("await f(0)\r")
    shown = repl.until("ZeroDivisionError: division by zero")
    assert '<python-input-1>", line 1, in <module>\r\n    await f(0)\r\n' in shown
    assert '<python-input-0>", line 1, in f\r\n    async def f(x): return 1 / x\r\n' in shown


@on(ALL)
@pytest.mark.parametrize("line", ["exit", "quit", "exit(0)"])
def test_exit_leaves(repl, line):
    repl.type(line + "\r")
    repl.until("exiting asyncio REPL...")
    assert repl.left() == 0


@on(ALL)
def test_a_status_is_the_process_s(repl):
    repl.type("exit(3)\r")
    repl.until("exiting asyncio REPL...")
    assert repl.left() == 3


@on(ALL)
def test_a_signal_from_elsewhere_ends_it(repl):
    repl.process.send_signal(signal.SIGTERM)
    assert repl.process.wait(PATIENCE) == -signal.SIGTERM


@pytest.mark.parametrize("environment", [KINDS[kind][1] for kind in OURS], ids=OURS)
class TestOurs:
    """What `python -m asyncio` cannot do, or not in every release."""

    def test_a_name_of_the_program_s_does_not_leave(self, tmp_path, environment):
        with begun(tmp_path, **environment) as repl:
            repl.type("exit = 'st' + 'ay'\r")
            repl.until(">>> ")
            repl.type("exit\r")
            repl.until("'stay'")

    def test_the_history_of_an_earlier_session_is_at_hand(self, tmp_path, environment):
        for keys, expected in (("6 * 7\r", "42"), ("\x10\r", "42")):  # Ctrl-P, which is the line before
            with begun(tmp_path, **environment) as repl:
                repl.type(keys)
                repl.until(expected)
                repl.until(">>> ")
                repl.type("\x04")
                assert repl.left() == 0
        assert (tmp_path / "history").read_text().count("6 * 7") == 2

    def test_a_callback_that_exits_leaves_the_terminal_as_it_was(self, tmp_path, environment):
        with begun(tmp_path, **environment) as repl:
            repl.type("timer = asyncio.get_running_loop().call_later(0.1, exit, 7)\r")
            repl.until(">>> ")
            repl.type("half a lin")
            repl.until("exiting asyncio REPL...")
            assert repl.left() == 7

    def test_a_narrow_terminal(self, tmp_path, environment):
        with begun(tmp_path, columns=20, **environment) as repl:
            repl.type("'a statement that needs more than a line', 6 * 7\r")
            repl.until(" 42)")

    def test_context_variables_and_the_startup_file(self, tmp_path, environment):
        (tmp_path / "startup.py").write_text(
            "import contextvars, sys\nv = contextvars.ContextVar('v')\nsys.ps1 = 'in> '\n"
        )
        with contextlib.closing(Conversation(tmp_path, PYTHONSTARTUP="startup.py", **environment)) as repl:
            assert repl.until("in> import asyncio").startswith(f"asyncio REPL {sys.version.split()[0]}")
            repl.until("in> ")
            repl.type("async def f(): _ = v.set('fi' + 've')\r\r")
            repl.until("in> ")
            repl.type("await f(); v.get()\r")
            repl.until("'five'")

    def test_no_banner_if_python_is_to_be_quiet(self, tmp_path, environment):
        command = (*PYTHON, "-q", "-m", "ferrio", "repl")
        with contextlib.closing(Conversation(tmp_path, command, **environment)) as repl:
            assert repl.until("import asyncio\r\n") == ">>> import asyncio\r\n"


@needs_editor
class TestEditor:
    def test_several_lines_are_recalled_as_one_statement(self, tmp_path):
        with begun(tmp_path) as repl:
            repl.type("for i in range(2):\rprint('li' + 'ne', i)\r\r")
            repl.until("line 1")
            repl.until(">>> ")
            repl.type("\x10\r\r")
            repl.until("line 1")

    def test_colours_unless_they_are_not_wanted(self, tmp_path):
        with contextlib.closing(Conversation(tmp_path, PYTHON_COLORS="1")) as repl:
            assert "\x1b" in repl.until(">>> ").rpartition("\n")[2]
            repl.until("asyncio\r\n")
            repl.type("1 / 0\r")
            assert "\x1b[35mdivision by zero\x1b[0m" in repl.until("by zero\x1b[0m")
        for unwanted in ({"PYTHON_COLORS": "0"}, {"PYTHON_COLORS": "", "NO_COLOR": "1"}):
            with begun(tmp_path, **unwanted) as repl:
                repl.type("1 / 0\r")
                repl.until("ZeroDivisionError: division by zero")

    def test_lines_if_python_is_told_so(self, tmp_path):
        with begun(tmp_path, PYTHON_BASIC_REPL="1") as repl:
            repl.type("import _pyrepl.readline; _pyrepl.readline._wrapper.reader is None\r")
            repl.until("True")
