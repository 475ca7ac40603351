"""`ferrio run`: sets the stage for a program as python would have, puts ferrio in place, and starts it.

The stage is in stage.py; what is put in place, for children too, in everywhere.py; how a program is started, and how it
may end, in program.py. Every difference between `python` and `ferrio run` is a defect of these files, except that
ferrio is imported already and children are told of it, that who walks the stack down to its bottom finds frames of ours
there, that what is missing is status 2 and a hint, that SIGUSR1, unless the program has a use for it, has tasks
reported instead of ending the process, and what ending.py says.
"""

from __future__ import annotations

import atexit
import os
import sys
from importlib.machinery import SourceFileLoader
from types import CodeType

from ferrio import events

from . import program
from .errors import Mistake
from .everywhere import begin
from .missing import like_file, like_module
from .parse import Request
from .stage import prepare, set_file


def main(request: Request) -> int:
    """Run what was named; returns when the program came to its end."""
    module, code = request.options.get("-m"), request.options.get("-c")
    if module is None and code is None and not request.words:
        raise Mistake("run: name a script, -m MODULE, -c CODE, or - for standard input")
    if request.has("--debug"):
        os.environ["PYTHONASYNCIODEBUG"] = "1"
    begin(request)
    status: list[object] = []
    atexit.register(_end, os.getpid(), status)
    try:
        start(request)
    except SystemExit as error:
        status.append(error.code)
        raise
    status.append(0)
    return 0


def _end(process: int, status: list[object]) -> None:
    """Registered before the program's own, so that it comes after them; a forked process has it, too."""
    if os.getpid() == process and status in ([0], [None]) and not events.has_run():
        from .ending import tell

        tell()


def start(request: Request) -> None:
    """Run what was named."""
    module, code = request.options.get("-m"), request.options.get("-c")
    if module is not None:
        run_module(str(module), request.words)
    elif code is not None:
        run_code(str(code), request.words)
    elif request.words[0] == "-":
        run_input(request.words[1:])
    else:
        run_script(request.words[0], request.words[1:])


def run_module(name: str, arguments: list[str]) -> None:
    """`python -m name`."""
    prepare(["-m", *arguments], _current_folder())
    if reason := program.run_main_of(name, alter_argv=True):
        raise Mistake(reason + like_module(name))


def run_code(text: str, arguments: list[str]) -> None:
    """`python -c text`."""
    stage = prepare(["-c", *arguments], "")
    program.run(program.compiled(text + "\n", "<string>"), stage)


def run_input(arguments: list[str]) -> None:
    """`python -`."""
    stage = prepare(["-", *arguments], "")
    set_file(stage, "<stdin>")
    program.run(program.compiled(sys.stdin.buffer.read(), "<stdin>"), stage, of_file=True)


def run_script(path: str, arguments: list[str]) -> None:
    """`python path`."""
    file_name = path if os.path.isabs(path) else os.path.join(_current_folder(), path)
    if _is_importable(path):
        prepare([path, *arguments], file_name, always=True)
        if reason := program.run_main_of("__main__", alter_argv=False):
            raise Mistake(reason)
        return
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        hint = like_file(path) if isinstance(error, FileNotFoundError) else ""
        raise Mistake(f"can't open file {path!r}: {error.strerror}{hint}") from None
    stage = prepare([path, *arguments], os.path.dirname(os.path.realpath(path)))
    set_file(stage, file_name)
    stage.__loader__ = SourceFileLoader("__main__", file_name)
    program.run(_code_of(source, file_name), stage, of_file=True)


def _is_importable(path: str) -> bool:
    """Whether it is a folder or a zip file: something that can stand in sys.path."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _code_of(source: bytes, file_name: str) -> CodeType:
    """Compiled source, or what is in a .pyc file."""
    from importlib.util import MAGIC_NUMBER

    if source[:4] != MAGIC_NUMBER:
        return program.compiled(source, file_name)
    import marshal

    code: CodeType = marshal.loads(source[16:])
    return code
