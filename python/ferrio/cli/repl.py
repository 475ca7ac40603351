"""`ferrio repl`: Python's prompt on ferrio's loop, with top-level await; as `python -m asyncio`, and where it differs:

The loop runs in the main thread, statements too; only reading and compiling lines is another thread's, so tasks go on
while the prompt waits. Ctrl-C reaches what runs: an await is cancelled, a statement is interrupted, a task in the
background is spared unless it is what keeps the loop busy. A statement that fails is the last of its input, with every
editor (that of 3.13.0 goes on with the next). At the end tasks are cancelled, as asyncio.run() does.
A traceback begins in the statement, and shows its source; statements share a context, on every Python. A pipe gets
neither prompts nor a banner. Lines come from editor.py or terminal.py.
"""

from __future__ import annotations

import ast
import asyncio
import code
import concurrent.futures
import contextlib
import contextvars
import inspect
import linecache
import os
import signal
import socket
import sys
import threading
import tokenize
import warnings
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any

import ferrio

from .editor import Editor, console_class, editor, variable
from .parse import Request
from .stage import prepare
from .terminal import Terminal

BANNER = f"""asyncio REPL {sys.version} on {sys.platform}
ferrio {ferrio.__version__} runs the loop. Use "await" directly instead of "asyncio.run()".
Type "help", "copyright", "credits" or "license" for more information.
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
    warnings.filterwarnings("ignore", "coroutine .* was never awaited$", RuntimeWarning)  # the namespace ends with us
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
        self._is_expecting = False
        self._is_interrupted = False
        self._task: asyncio.Task[Any] | None = None
        self._cancelled: asyncio.Task[Any] | None = None

    def run(self) -> None:
        """Run the loop until the other thread has nothing more to say."""
        sys.audit("cpython.run_stdin")
        is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        with (is_terminal and editor()) or Terminal(self._namespace, is_terminal) as terminal:
            self._interrupt_prompt = terminal.interrupt
            before = signal.signal(signal.SIGINT, self._interrupt)
            thread = threading.Thread(target=self._converse, args=(terminal,), name="ferrio repl", daemon=True)
            try:
                with self._woken_by_signals():
                    thread.start()
                    while not self._is_over:
                        self._turn()
            finally:
                signal.signal(signal.SIGINT, before)
        if is_terminal:
            print("exiting asyncio REPL...", file=sys.stderr)

    def execute(self, code: CodeType) -> concurrent.futures.Future[None]:
        """Have the loop run a statement; called by the other thread."""
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(self._start, code, done)
        return done

    @contextlib.contextmanager
    def expecting(self) -> Iterator[None]:
        """Until the other thread reads again, Ctrl-C is for its statements: the editor has several of one input."""
        self._is_interrupted = False  # by a Ctrl-C that came while the last input ended
        self._is_expecting = True
        try:
            yield
        finally:
            self._is_expecting = False
            if self._is_interrupted:
                self._is_interrupted = False
                self._interrupt_prompt()

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Iterator[None]:
        """A signal that comes just before the loop waits, or to another thread, does not end the wait; a byte does."""
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            far.setblocking(False)
            self._loop.add_reader(near, near.recv, 4096)
            before = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
            try:
                yield
            finally:
                signal.set_wakeup_fd(before)
                self._loop.remove_reader(near)

    def _turn(self) -> None:
        """Run the loop until it is stopped, or something leaves it: a KeyboardInterrupt was the running task's."""
        try:
            self._loop.run_forever()
        except KeyboardInterrupt:
            pass
        except SystemExit as leaving:
            self.leaving, self._is_over = leaving, True

    def _converse(self, terminal: Editor | Terminal) -> None:
        console = Console(self, terminal, self._namespace)
        try:
            console.converse()
        except SystemExit as leaving:
            self.leaving = leaving
        except BaseException:  # the terminal failed, or the editor did
            console.showtraceback()
            self.leaving = SystemExit(1)
        finally:
            self._is_over = True
            with contextlib.suppress(RuntimeError):  # closed already: a SystemExit left the loop itself
                self._loop.call_soon_threadsafe(self._loop.stop)

    def _start(self, code: CodeType, done: concurrent.futures.Future[None]) -> None:
        """Run a statement. Python has a signal's handler run after a call, hence none between the assignments here."""
        self._is_executing = True
        try:
            if self._is_interrupted:
                self._is_interrupted = False
                raise KeyboardInterrupt
            outcome = self._context.run(FunctionType(code, self._namespace))
        except BaseException as error:
            self._is_executing = False  # first: what the statement came to must be told
            done.set_exception(error)
            return
        self._is_executing = False
        if not code.co_flags & inspect.CO_COROUTINE:
            done.set_result(None)
            return
        try:
            self._task = self._loop.create_task(outcome, context=self._context)
        except BaseException as error:  # a task factory's, or what an eager task leaves the loop with
            done.set_exception(error)
            return
        self._task.add_done_callback(lambda task: self._finish(task, done))
        if self._is_interrupted:
            self._is_interrupted = False
            self._cancel(self._task)

    def _finish(self, task: asyncio.Task[Any], done: concurrent.futures.Future[None]) -> None:
        self._task = None
        if task.cancelled():
            done.set_exception(KeyboardInterrupt() if task is self._cancelled else asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            done.set_exception(error)
        else:
            done.set_result(None)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._cancelled = task
        task.cancel()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """What computes gets a KeyboardInterrupt where it is; what awaits is cancelled; else what comes next is."""
        if self._is_executing or asyncio.current_task(self._loop) is not None:
            signal.default_int_handler(number, frame)
        elif self._task is not None and not self._task.done():
            self._loop.call_soon_threadsafe(self._cancel, self._task)
        elif self._is_expecting:
            self._is_interrupted = True
        else:
            self._interrupt_prompt()


class StatementFailed(Exception):
    """What a statement raised was reported, and the rest of its input is not to be run."""


class Console(console_class()):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    """The other thread's side: statements, compiled, and tracebacks that begin in the statement and show its source."""

    def __init__(self, session: Session, terminal: Editor | Terminal, namespace: dict[str, Any]) -> None:
        super().__init__(namespace)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._session = session
        self._terminal = terminal
        self._inputs = 0

    def converse(self) -> None:
        """Read and run until the input ends."""
        is_interactive = self._terminal.is_interactive
        if is_interactive and not sys.flags.quiet:
            self.write(BANNER)
        self._run_startup_file()
        if is_interactive:
            self.write(self._terminal.heading(str(getattr(sys, "ps1", ">>> ")), "import asyncio\n"))
        self._terminal.converse(self)

    def runsource(self, source: str, filename: str = "", symbol: str = "single") -> bool:
        """Run a statement, if it is one and complete. The editor's come with a file name; lines get the same here."""
        more: bool = False
        if isinstance(self._terminal, Editor):
            with self._input():
                more = super().runsource(source, filename, symbol)
            return more
        filename = f"<python-input-{self._inputs}>"
        lines = [line + "\n" for line in source.splitlines()]
        linecache.cache[filename] = (len(source), None, lines, filename)
        with self._input():
            more = code.InteractiveConsole.runsource(self, source, filename, symbol)
        self._inputs += not more
        return more

    def runcode(self, code: CodeType) -> object:
        """Have a statement run, and wait for it; what it raised is reported here."""
        error = self._session.execute(code).exception()
        if error is None:
            return None
        if isinstance(error, SystemExit):
            raise error
        if isinstance(error, KeyboardInterrupt):
            self.write("\nKeyboardInterrupt\n")
        else:
            try:
                raise error.with_traceback(_from_statement(error.__traceback__, code))
            except BaseException:
                self.showtraceback()
        raise StatementFailed

    @contextlib.contextmanager
    def _input(self) -> Iterator[None]:
        """The statements of one input, to the first that fails."""
        with self._session.expecting(), contextlib.suppress(StatementFailed):
            yield

    def _run_startup_file(self) -> None:
        """PYTHONSTARTUP, as Python's own prompts do."""
        path = variable("PYTHONSTARTUP")
        if not path:
            return
        sys.audit("cpython.run_startup", path)
        try:
            with tokenize.open(path) as file:
                program = compile(file.read(), path, "exec")
        except OSError as error:
            self.write(f"Could not open PYTHONSTARTUP\n{type(error).__name__}: {error}\n")
        except (SyntaxError, ValueError):
            self.showsyntaxerror(path)
        else:
            with self._input():
                self.runcode(program)


def _from_statement(traceback: TracebackType | None, code: CodeType) -> TracebackType | None:
    """The part of a traceback that begins in the statement; all of it, if it is not there."""
    part = traceback
    while part is not None and part.tb_frame.f_code is not code:
        part = part.tb_next
    return part or traceback
