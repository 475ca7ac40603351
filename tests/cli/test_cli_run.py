"""`ferrio run` against `python`: the same program has the same stage, output, traceback and end.

Each test runs both and compares; what is asserted besides only proves that the program did what it was written for.
"""

import os
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from cli_commands import FERRIO, PYTHON, execute, ferrio, result, same, variables

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

STAGE = """
import __main__, os, sys
print(__name__, sys.argv, sys.path[0], __main__ is sys.modules["__main__"], __main__.__dict__ is globals())
print(globals().get("__file__"), __spec__ and __spec__.name, __package__, sys._getframe().f_code.co_filename)
print(type(__loader__).__name__, __builtins__, list(globals()), getattr(__main__, "__cached__", "none"))
"""

UNCAUGHT = {
    "nested": "def inner():\n    return 1 / 0\n\ndef outer():\n    inner()\n\nouter()\n",
    "chained": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e\n",
    "context": "try:\n    {}['a']\nexcept KeyError:\n    [][1]\n",
    "group": "raise ExceptionGroup('several', [ValueError(1), TypeError('two')])\n",
    "notes": "e = ValueError('x')\ne.add_note('a note')\nraise e\n",
    "syntax": "def f(:\n    pass\n",
    "indentation": "if 1:\n  a = 1\n   b = 2\n",
    "task": "import asyncio\nasync def main():\n    raise LookupError('in a task')\nasyncio.run(main())\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "generator": "raise GeneratorExit('odd')\n",
    "import": "import module_that_does_not_exist\n",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0], a[2].tb_lineno, file=sys.stderr)\n1/0\n",
    "hook that raises": "import sys\ndef hook(*a):\n    sys.exit(7)\nsys.excepthook = hook\n1/0\n",
    "no hook": "import sys\ndel sys.excepthook\nraise SystemExit('left')\n",
}

ENDS = {
    "nothing": "",
    "none": "raise SystemExit",
    "number": "import sys; sys.exit(3)",
    "large": "import sys; sys.exit(259)",
    "negative": "import sys; sys.exit(-1)",
    "text": "import sys; sys.exit('a reason')",
    "tuple": "import sys; sys.exit((1, 2))",
    "bool": "import sys; sys.exit(True)",
    "in a task": "import asyncio, sys\nasync def main(): sys.exit(5)\nasyncio.run(main())",
    "at once": "import os; os._exit(9)",
    "atexit": "import atexit; atexit.register(print, 'last'); print('first'); 1/0",
    "thread": "import threading; threading.Thread(target=lambda: print('thread')).start(); raise SystemExit(2)",
    "finalizer": "class A:\n    def __del__(self): print('gone')\na = A()",
    "warning": "import warnings; warnings.warn('old', DeprecationWarning); warnings.warn('user')",
    "never awaited": "async def f(): pass\nf()",
    "invalid escape": "print('\\d')",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.fixture
def write(tmp_path):
    def put(text, name="program.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    return put


@pytest.mark.parametrize("name", ["program.py", "./program.py", "folder/program.py", "no_suffix"])
def test_a_script_finds_the_stage_that_python_sets(write, tmp_path, name):
    status, output, _ = same(write(STAGE, name), "-x", "--debug", "a b", "--", "-h", cwd=tmp_path)
    assert status == 0 and "'-x', '--debug', 'a b', '--', '-h'" in output


def test_an_absolute_path_and_a_link(write, tmp_path):
    write(STAGE, "real/program.py")
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "program.py")
    same(str(tmp_path / "real" / "program.py"), cwd=tmp_path)
    _, output, _ = same("link.py", cwd=tmp_path)
    assert str(tmp_path / "real") in output


@pytest.mark.parametrize("arguments", [("-m", "package.module"), ("-m", "package"), ("-m", "alone"), ("-mpackage",)])
def test_a_module_finds_the_stage_that_python_sets(write, tmp_path, arguments):
    for name in ("package/module.py", "package/__main__.py", "alone.py"):
        write(STAGE, name)
    write("print('package', __name__)", "package/__init__.py")
    status, output, _ = same(*arguments, "-c", "--help", cwd=tmp_path)
    assert status == 0 and "'-c', '--help'" in output


@pytest.mark.parametrize("arguments", [("-c", STAGE), (f"-c{STAGE}",), ("-c", STAGE, "-m", "x")])
def test_code_finds_the_stage_that_python_sets(tmp_path, arguments):
    assert same(*arguments, cwd=tmp_path)[0] == 0


def test_standard_input_as_a_program(tmp_path):
    assert same("-", "x", cwd=tmp_path, stdin=STAGE + "print(repr(sys.stdin.read()))")[0] == 0
    assert same("-", cwd=tmp_path, stdin="1/0")[0] == 1


def test_a_folder_a_zip_file_and_compiled_code(write, tmp_path):
    write("import helper\n" + STAGE + "1/0", "folder/__main__.py")
    write("print('helper', __file__)", "folder/helper.py")
    with zipfile.ZipFile(tmp_path / "packed.pyz", "w") as packed:
        for name in ("__main__.py", "helper.py"):
            packed.write(tmp_path / "folder" / name, name)
    assert same("folder", "x", cwd=tmp_path)[0] == 1
    assert same("packed.pyz", "x", cwd=tmp_path)[0] == 1
    subprocess.run([*PYTHON, "-m", "compileall", "-qb", "folder"], cwd=tmp_path, check=True, timeout=60)
    assert same("folder/helper.pyc", cwd=tmp_path)[0] == 0


@pytest.mark.parametrize("name", UNCAUGHT)
def test_an_uncaught_exception_looks_and_ends_as_under_python(write, tmp_path, name):
    program = write(UNCAUGHT[name])
    status, _, complaint = same(program, cwd=tmp_path)
    assert status != 0 and complaint + name
    same("-m", "program", cwd=tmp_path)
    same("-c", UNCAUGHT[name], cwd=tmp_path)


@pytest.mark.parametrize("source", [b"x = 1\0\n", b"# coding: nonsense\n", b"\xff = 2\n"])
def test_a_file_that_cannot_be_read_as_text_is_the_same_error_in_other_words(tmp_path, source):
    """Python words these after the file it reads, compile() after the bytes it gets."""
    (tmp_path / "program.py").write_bytes(source)
    done = [execute([*start, "program.py"], cwd=tmp_path) for start in (PYTHON, (*FERRIO, "run"))]
    assert [each.returncode for each in done] == [1, 1]
    assert all("SyntaxError: " in each.stderr and "Traceback" not in each.stderr for each in done)


def test_recursion_ends_at_the_limit(write, tmp_path):
    program = write("def f():\n    f()\nf()\n")
    done = [execute([*start, program], cwd=tmp_path) for start in (PYTHON, (*FERRIO, "run"))]
    first, second = ([line for line in each.stderr.splitlines() if "repeated" not in line] for each in done)
    assert first == second and first[-1].startswith("RecursionError")


@pytest.mark.parametrize("name", ENDS)
def test_every_way_to_end(write, tmp_path, name):
    same(write(ENDS[name]), cwd=tmp_path)
    same("-c", ENDS[name], cwd=tmp_path)


def test_a_package_that_cannot_be_imported(write, tmp_path):
    write("raise ValueError('broken')", "broken/__init__.py")
    write("", "broken/__main__.py")
    assert same("-m", "broken", cwd=tmp_path)[0] == 1


def test_standard_input_belongs_to_the_program(write, tmp_path):
    program = write("import sys\nprint(input('name? '), sys.stdin.read().split())")
    assert "'b', 'c'" in same(program, cwd=tmp_path, stdin="a\nb c\n")[1]


def test_the_installed_script_is_no_different(write, tmp_path):
    """As pip writes it: there python put the script's folder before the path."""
    script = tmp_path / "bin" / "ferrio"
    script.parent.mkdir()
    script.write_text("import sys\nfrom ferrio.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n")
    program = write(STAGE + "1/0")
    for arguments in ([program], ["-m", "program"], ["-c", STAGE + "1/0"]):
        done = execute([*PYTHON, str(script), "run", *arguments], cwd=tmp_path)
        assert result(done) == result(execute([*PYTHON, *arguments], cwd=tmp_path))
    assert tomllib.loads(PROJECT.read_text())["project"]["scripts"] == {"ferrio": "ferrio.cli:main"}


def test_interpreter_options_stay_pythons(write, tmp_path):
    program = write("import sys, warnings\nprint(sys.flags)\nwarnings.warn('x')")
    both = [[*start, program] for start in ((sys.executable, "-W", "error", "-X", "dev", "-P", "-B", "-O"),)]
    oracle = subprocess.run(both[0], cwd=tmp_path, capture_output=True, text=True, timeout=30, env=variables({}))
    command = [*both[0][:-1], "-m", "ferrio", "run", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, env=variables({}))
    assert result(done) == result(oracle)
    assert "UserWarning: x" in done.stderr


def test_pickle_and_spawned_processes_find_the_program(write, tmp_path):
    program = write("""
import multiprocessing, pickle
from concurrent.futures import ProcessPoolExecutor

class Point:
    def __init__(self, x): self.x = x

def double(point): return Point(point.x * 2)

if __name__ == "__main__":
    print(pickle.loads(pickle.dumps(Point(1))).x, Point.__module__)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        print(pool.submit(double, Point(21)).result().x)
""")
    assert same(program, cwd=tmp_path)[1].endswith("42\n")
    assert same("-m", "program", cwd=tmp_path)[1].endswith("42\n")


LOOPS = """
import asyncio, sys
async def kind(): return type(asyncio.get_running_loop()).__module__
print(asyncio.run(kind()))
with asyncio.Runner() as runner: print(runner.run(kind()))
loop = asyncio.new_event_loop(); print(loop.run_until_complete(kind())); loop.close()
asyncio.set_event_loop(asyncio.get_event_loop_policy().new_event_loop())
loop = asyncio.get_event_loop(); print(loop.run_until_complete(kind()), loop.get_debug()); loop.close()
"""


FRAMED = """
import asyncio, inspect

async def main():
    print(*(inspect.iscoroutine(each) for each in (asyncio.sleep(0), asyncio.Queue().get(), asyncio.Lock().acquire())))
    print(*(each.__qualname__ for each in (asyncio.sleep, asyncio.wait_for, asyncio.Queue.get, asyncio.Lock.acquire)))
    condition = asyncio.Condition()
    async with asyncio.Lock(), condition:
        print(await asyncio.wait_for(asyncio.sleep(0, "slept"), 60), await condition.wait_for(lambda: True))

asyncio.run(main())
"""


def test_native_coroutines_have_frames_where_asked_for(tmp_path):
    (tmp_path / "program.py").write_text(FRAMED)
    flags = "-W", "ignore"
    expected = result(execute([*PYTHON, *flags, "program.py"], cwd=tmp_path))
    assert expected[0] == 0 and expected[1].startswith("True True True\nsleep wait_for Queue.get Lock.acquire\n")
    command = [PYTHON[0], *flags, "-m", "ferrio", "run"]
    assert result(execute([*command, "--inspectable", "program.py"], cwd=tmp_path)) == expected
    assert result(execute([*command, "program.py"], cwd=tmp_path, FERRIO_INSPECTABLE="1")) == expected
    assert result(execute([*command, "program.py"], cwd=tmp_path)) != expected
    starter = "import subprocess, sys; subprocess.run([sys.executable, '-W', 'ignore', 'program.py'], check=True)"
    assert result(execute([*command, "--inspectable", "-c", starter], cwd=tmp_path)) == expected


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_asyncio_makes_ferrios_loops(write, tmp_path, debug):
    done = ferrio("run", *debug, write(LOOPS), cwd=tmp_path)
    assert done.stdout.split() == ["ferrio.unix_events"] * 4 + [str(bool(debug))]


@pytest.mark.parametrize("waits", ["time.sleep(60)", "asyncio.run(asyncio.sleep(60))", "input()"])
@pytest.mark.parametrize("form", ["script", "-m", "-c"])
def test_ctrl_c(write, tmp_path, waits, form):
    text = f"import asyncio, atexit, sys, time\natexit.register(print, 'bye')\nprint('ready', flush=True)\n{waits}\n"
    program = {"script": [write(text)], "-m": ["-m", "program"], "-c": ["-c", text]}[form]
    outcomes = [interrupted([*start, *program], tmp_path) for start in (PYTHON, (*FERRIO, "run"))]
    assert outcomes[0][0] == -signal.SIGINT and outcomes[0][1] == "bye\n"
    if "asyncio.run" not in waits:
        assert outcomes[1] == outcomes[0]
    else:  # the frames of the two loops differ
        assert outcomes[1][:2] == outcomes[0][:2]
        assert outcomes[1][2].splitlines()[0] == outcomes[0][2].splitlines()[0]
        assert outcomes[1][2].splitlines()[-1] == "KeyboardInterrupt"
        assert "cli/" not in outcomes[1][2]


def interrupted(command, cwd):
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=variables({})) as it:
        assert it.stdout.readline() == "ready\n"
        wait_for_sleep(it.pid)
        it.send_signal(signal.SIGINT)
        it.wait(timeout=30)  # with its standard input open: the end of it would race the signal
        return it.returncode, it.stdout.read(), it.stderr.read()


def wait_for_sleep(pid):
    """Until the process has been seen to wait in a system call."""
    if sys.platform != "linux":
        return
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        os.sched_yield()


def test_output_that_nobody_reads(write, tmp_path):
    program = write("import sys\nfor _ in range(20000): print('a line')")
    outcomes = []
    for start in (PYTHON, (*FERRIO, "run")):
        reading, writing = os.pipe()
        with subprocess.Popen(
            [*start, program], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, env=variables({})
        ) as process:
            os.close(writing)
            os.close(reading)
            outcomes.append((process.communicate(timeout=30)[1], process.returncode))
    assert outcomes[0] == outcomes[1] and "BrokenPipeError" in outcomes[0][0]
