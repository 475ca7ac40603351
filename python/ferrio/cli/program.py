"""Starting a program inside this interpreter, so that it ends as it would have ended under python itself.

Three rules. SystemExit and KeyboardInterrupt leave as they are: the interpreter knows the exit status and how to
die of SIGINT. An uncaught exception leaves too, but sys.excepthook gets to see the traceback from the program's
first frame on. Nothing here stays behind: between `run` and the end, the program's is the only code that acts.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from functools import partial
from types import CodeType, ModuleType, TracebackType
from typing import TypeVar

from .. import _compat

_T = TypeVar("_T")


def compiled(source: str | bytes, file_name: str) -> CodeType:
    """The program's code; a SyntaxError is reported as python does, without a traceback."""
    code = _apart(partial(compile, source, file_name, "exec", dont_inherit=True))
    if file_name == "<string>" and _compat.SHOWS_COMMAND_LINES:
        _remember(str(source), code)
    return code


def run(code: CodeType, stage: ModuleType, of_file: bool = False) -> None:
    """Run it in `stage`, which is `__main__`. When a file's code has ended, python takes the file's name away again."""
    _apart(partial(exec, code, vars(stage)), partial(_unname, stage) if of_file else None)


def run_main_of(name: str, alter_argv: bool) -> str:
    """Run a module, or the `__main__` of sys.path[0], by python's own means; why it cannot be found, if it cannot."""
    import runpy

    start = runpy._run_module_as_main  # type: ignore[attr-defined]
    try:
        _apart(partial(start, name, alter_argv))
    except SystemExit as error:
        frames = _frames(error.__traceback__)
        if frames and frames[-1] is start.__code__ and isinstance(error.code, str):
            return error.code.removeprefix(f"{sys.executable}: ")
        raise
    return ""


def _apart(start: Callable[[], _T], end: Callable[[], None] | None = None) -> _T:
    """Call what has no Python frame of its own, and hide ours from whoever reports an exception.

    `end` is called after the report and not at all where the program leaves by SystemExit, or first in any case.
    """
    try:
        result = start()
    except BaseException as error:
        if end and _compat.UNNAMES_FIRST:
            end()
            end = None
        if isinstance(error, SystemExit):
            raise
        assert error.__traceback__ is not None
        _hide(error.__traceback__.tb_next, end)
        raise
    if end:
        end()
    return result


def _hide(own: TracebackType | None, end: Callable[[], None] | None) -> None:
    """Have sys.excepthook, which the interpreter is about to call, see the traceback `own`; then call `end`."""
    if not hasattr(sys, "excepthook"):
        return
    hook = sys.excepthook

    def report(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        sys.excepthook = hook
        sys.last_traceback = own
        try:
            hook(kind, error.with_traceback(own), own)
        except SystemExit:
            raise
        except BaseException:
            if end:
                end()
            raise
        if end:
            end()

    sys.excepthook = report


def _unname(stage: ModuleType) -> None:
    for name in ("__file__", "__cached__"):
        vars(stage).pop(name, None)


def _remember(source: str, code: CodeType) -> None:
    """Let tracebacks show lines of `-c`, as they do from Python 3.13 on."""
    register = getattr(linecache, "_register_code", None)
    if register:
        register(code if hasattr(linecache, "_interactive_cache") else "<string>", source, "<string>")


def _frames(traceback: TracebackType | None) -> list[CodeType]:
    codes = []
    while traceback:
        codes.append(traceback.tb_frame.f_code)
        traceback = traceback.tb_next
    return codes
