"""`ferrio repl`: statements from a pipe, and a conversation over a pseudo-terminal as a person would have it."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import time

import pytest
from cli_commands import FERRIO, ferrio, variables

PATIENCE = 20


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
    assert done.stderr.startswith('Traceback (most recent call last):\n  File "<console>", line 1, in <module>\n')
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


class Conversation:
    """A terminal with `ferrio repl` at its other end."""

    def __init__(self, cwd):
        self.near, far = pty.openpty()
        environment = variables({"TERM": "dumb", "PYTHON_HISTORY": str(cwd / "history")})
        self.process = subprocess.Popen(
            [*FERRIO, "repl"], stdin=far, stdout=far, stderr=far, cwd=cwd, env=environment, start_new_session=True,
            preexec_fn=take_terminal,
        )  # fmt: skip
        os.close(far)
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

    def type(self, text):
        os.write(self.near, text.encode())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.near)


def take_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def repl(tmp_path):
    with contextlib.closing(Conversation(tmp_path)) as conversation:
        conversation.until(">>> import asyncio\r\n")
        conversation.until(">>> ")
        yield conversation


def test_a_task_runs_while_the_prompt_waits(repl):
    repl.type("async def tell(): print('told ' + 'you')\r\r")
    repl.until("... ")
    repl.until(">>> ")
    repl.type("task = asyncio.get_running_loop().call_later(0.01, lambda: print('told ' + 'you'))\r")
    repl.until("told you")


def test_ctrl_c_cancels_the_await_and_the_session_goes_on(repl):
    repl.type("print('wait' + 'ing'); await asyncio.sleep(60)\r")
    repl.until("waiting")
    repl.type("\x03")
    repl.until("KeyboardInterrupt")
    repl.until(">>> ")
    repl.type("6 * 7\r")
    repl.until("42")


def test_ctrl_c_interrupts_a_statement_that_computes(repl):
    repl.type("print('comput' + 'ing'); exec('while True: pass')\r")
    repl.until("computing")
    repl.type("\x03")
    repl.until("KeyboardInterrupt")
    repl.until(">>> ")


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


def test_tab_completes_and_ctrl_d_leaves_and_the_history_stays(repl, tmp_path):
    repl.type("asyncio.tasks.__na\t\r")
    repl.until("'asyncio.tasks'")
    repl.until(">>> ")
    repl.type("\x04")
    assert repl.process.wait(PATIENCE) == 0
    assert "asyncio.tasks.__name__" in (tmp_path / "history").read_text()


def test_a_signal_from_elsewhere_ends_it(repl):
    repl.process.send_signal(signal.SIGTERM)
    assert repl.process.wait(PATIENCE) == -signal.SIGTERM
