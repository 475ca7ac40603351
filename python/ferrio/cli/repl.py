"""`ferrio repl`: Python's prompt on ferrio's loop, with top-level await; as `python -m asyncio`, and where it differs:

The loop runs in the main thread, statements too; only reading and compiling lines is another thread's, so tasks go on
while the prompt waits. Ctrl-C reaches what runs: an await is cancelled, a statement is interrupted, a task in the
background is spared unless it is what keeps the loop busy. At the end tasks are cancelled, as asyncio.run() does.
"""

from __future__ import annotations

import ast
import asyncio
import code
import concurrent.futures
import contextlib
import contextvars
import inspect
import os
import signal
import sys
import threading
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any

import ferrio

from .help import version
from .parse import Request
from .stage import prepare
from .terminal import Terminal

BANNER = """{}, asyncio REPL on {}
Use "await" directly instead of "asyncio.run()"; tasks go on between prompts. Ctrl-C cancels, Ctrl-D leaves.
{}import asyncio
"""


def main(request: Request) -> int:
    """Converse until the end of the input; a SystemExit of a statement is ours."""
    if request.has("--debug"):
        os.environ["PYTHONASYNCIODEBUG"] = "1"
    ferrio.install()
    namespace = vars(prepare([""], ""))
    namespace["asyncio"] = asyncio
    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        session = Session(runner.get_loop(), namespace)
        session.run()
    if session.leaving is not None:
        raise session.leaving
    return 0


class Session:
    """The main thread's side: the loop, and the statement that it runs, if any."""

    def __init__(self, loop: asyncio.AbstractEventLoop, namespace: dict[str, Any]) -> None:
        self.leaving: SystemExit | None = None
        self._loop = loop
        self._namespace = namespace
        self._context = contextvars.copy_context()
        self._is_over = False
        self._is_executing = False
        self._task: asyncio.Task[Any] | None = None
        self._interrupted: asyncio.Task[Any] | None = None

    def run(self) -> None:
        """Run the loop until the other thread has nothing more to say."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        with Terminal(self._namespace) as terminal:
            thread = threading.Thread(target=self._converse, args=(terminal,), name="ferrio repl", daemon=True)
            thread.start()
            try:
                while not self._is_over:
                    self._turn()
            finally:
                signal.signal(signal.SIGINT, before)

    def execute(self, code: CodeType) -> concurrent.futures.Future[None]:
        """Have the loop run a statement; called by the other thread."""
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(self._start, code, done)
        return done

    def _turn(self) -> None:
        """Run the loop until it is stopped, or something leaves it: a KeyboardInterrupt was the running task's."""
        try:
            self._loop.run_forever()
        except KeyboardInterrupt:
            pass
        except SystemExit as leaving:
            self.leaving, self._is_over = leaving, True

    def _converse(self, terminal: Terminal) -> None:
        try:
            Console(self, terminal, self._namespace).converse()
        except SystemExit as leaving:
            self.leaving = leaving
        finally:
            self._is_over = True
            with contextlib.suppress(RuntimeError):  # closed already: a SystemExit left the loop itself
                self._loop.call_soon_threadsafe(self._loop.stop)

    def _start(self, code: CodeType, done: concurrent.futures.Future[None]) -> None:
        self._is_executing = True
        try:
            outcome = self._context.run(FunctionType(code, self._namespace))
        except BaseException as error:
            done.set_exception(error)
            return
        finally:
            self._is_executing = False
        if not code.co_flags & inspect.CO_COROUTINE:
            done.set_result(None)
            return
        self._task = self._loop.create_task(outcome, context=self._context)
        self._task.add_done_callback(lambda task: self._finish(task, done))

    def _finish(self, task: asyncio.Task[Any], done: concurrent.futures.Future[None]) -> None:
        self._task = None
        if task.cancelled():
            done.set_exception(KeyboardInterrupt() if task is self._interrupted else asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            done.set_exception(error)
        else:
            done.set_result(None)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """SIGINT. What computes gets a KeyboardInterrupt where it is; what awaits is cancelled."""
        if self._is_executing or asyncio.current_task(self._loop) is not None:
            signal.default_int_handler(number, frame)
        elif self._task is not None:
            self._interrupted = self._task
            self._loop.call_soon_threadsafe(self._task.cancel)


class Console(code.InteractiveConsole):
    """The other thread's side: lines, compiled, and tracebacks that begin in the statement."""

    def __init__(self, session: Session, terminal: Terminal, namespace: dict[str, Any]) -> None:
        super().__init__(namespace)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._session = session
        self._terminal = terminal

    def converse(self) -> None:
        """Read and run until the input ends."""
        prompts = str(getattr(sys, "ps1", ">>> ")), str(getattr(sys, "ps2", "... "))
        self._run_startup_file()
        if self._terminal.is_interactive:
            self.write(BANNER.format(version(), sys.platform, prompts[0]))
        more = False
        while True:
            try:
                line = self._terminal.ask(prompts[more])
            except EOFError:
                break
            except KeyboardInterrupt:
                self.write("KeyboardInterrupt\n")
                self.resetbuffer()
                more = False
                continue
            more = self.push(line)
        if more:
            self.push("")  # a block that the end of the input completes
        if self._terminal.is_interactive:
            self.write("\n")

    def runcode(self, code: CodeType) -> None:
        """Have a statement run, and wait for it; what it raised is reported here."""
        error = self._session.execute(code).exception()
        if error is None:
            return
        if isinstance(error, SystemExit):
            raise error
        if isinstance(error, KeyboardInterrupt):
            self.write("\nKeyboardInterrupt\n")
            return
        try:
            raise error.with_traceback(_from_statement(error.__traceback__, code))
        except BaseException:
            self.showtraceback()

    def _run_startup_file(self) -> None:
        """PYTHONSTARTUP, as Python's own prompts do."""
        path = "" if sys.flags.ignore_environment else os.environ.get("PYTHONSTARTUP", "")
        if not path:
            return
        try:
            with open(path, "rb") as file:
                program = compile(file.read(), path, "exec")
        except OSError as error:
            self.write(f"Could not open PYTHONSTARTUP\n{type(error).__name__}: {error}\n")
        except (SyntaxError, ValueError):
            self.showsyntaxerror(path)
        else:
            self.runcode(program)


def _from_statement(traceback: TracebackType | None, code: CodeType) -> TracebackType | None:
    """The part of a traceback that begins in the statement; all of it, if it is not there."""
    part = traceback
    while part is not None and part.tb_frame.f_code is not code:
        part = part.tb_next
    return part or traceback
