"""`ferrio run` means ferrio: whoever makes a loop gets ferrio's, here and in children; what else runs is named.

What frameworks do is in tests/ecosystem/test_run.py.
"""

import sys

import pytest
from cli_commands import execute, ferrio, result

OURS = "ferrio.unix_events"
LINE = "ferrio: ferrio's loop stands in for {} (ferrio run --keep-uvloop keeps it)\n"
NONE_RAN = "ferrio: no event loop of ferrio's ran in this program"

KIND = """
import asyncio
async def kind(): return type(asyncio.get_running_loop()).__module__
"""

MAKERS = {
    "SelectorEventLoop": "asyncio.SelectorEventLoop()",
    "with a selector": "asyncio.SelectorEventLoop(__import__('selectors').SelectSelector())",
    "private name": "asyncio.unix_events._UnixSelectorEventLoop()",
    "default policy": "asyncio.DefaultEventLoopPolicy().new_event_loop()",
    "policy of unix_events": "asyncio.unix_events.DefaultEventLoopPolicy().new_event_loop()",
    "ferrio": "__import__('ferrio').new_event_loop()",
    "uvloop": "__import__('uvloop').new_event_loop()",
    "uvloop.Loop": "__import__('uvloop').Loop()",
    "uvloop.loop": "__import__('uvloop.loop').loop.Loop()",
    "uvloop's policy": "__import__('uvloop').EventLoopPolicy().new_event_loop()",
    "rloop": "__import__('rloop').RLoop()",
    "zuvloop": "__import__('zuvloop').new_event_loop()",
}
if sys.version_info >= (3, 13):
    MAKERS["EventLoop"] = "asyncio.EventLoop()"
if sys.version_info >= (3, 14):  # asyncio warns of the others, and warnings are errors here
    policy = "asyncio.unix_events._DefaultEventLoopPolicy().new_event_loop()"
    MAKERS["default policy"] = MAKERS["policy of unix_events"] = policy


@pytest.fixture
def put(tmp_path):
    def put(name, text):
        (tmp_path / name).write_text(text)
        return name

    return put


@pytest.mark.parametrize("name", MAKERS)
def test_whoever_makes_a_loop_gets_ferrios_with_the_options(tmp_path, put, name):
    program = KIND + f"loop = {MAKERS[name]}\nprint(loop.run_until_complete(kind()), loop._keeps_tasks)\nloop.close()\n"
    done = ferrio("run", "--watchdog", "60", put("program.py", program), cwd=tmp_path, PYTHONWARNINGS="error")
    package = MAKERS[name].partition("'")[2].partition("'")[0].partition(".")[0]
    line = LINE.format(package) if package.endswith("loop") else ""
    assert result(done) == (0, f"{OURS} True\n", line)


def test_ways_to_run_by_uvloop(tmp_path, put):
    program = (
        KIND
        + """
import uvloop
print(uvloop.run(kind()))
asyncio.set_event_loop_policy(None)
uvloop.install()
print(asyncio.run(kind()), isinstance(asyncio.new_event_loop(), uvloop.Loop), uvloop.loop.Loop is uvloop.Loop)
class Mine(uvloop.Loop): pass
print(isinstance(Mine(), __import__("ferrio").Loop), uvloop.__version__ > "0")
try: uvloop.nonsense
except AttributeError as error: print(error)
"""
    )
    done = ferrio("run", put("program.py", program), cwd=tmp_path, PYTHONWARNINGS="ignore")
    assert done.stdout.splitlines() == [
        OURS,
        f"{OURS} True True",
        "True True",
        "module 'uvloop' has no attribute 'nonsense': ferrio stands in for it",
    ]
    assert done.stderr == LINE.format("uvloop")


def test_an_import_that_asks_for_nothing_says_nothing(tmp_path):
    done = ferrio(
        "run", "-c", "import uvloop, rloop; print(uvloop.__spec__.origin.endswith('stand_ins.py'))", cwd=tmp_path
    )
    assert result(done) == (0, "True\n", "")


OTHER = """
import asyncio
class Loop(asyncio.SelectorEventLoop): pass
new_event_loop = Loop
"""


def test_keep_uvloop(tmp_path, put):
    put("uvloop.py", OTHER)
    program = put("program.py", KIND + "import uvloop\nprint(uvloop.new_event_loop().run_until_complete(kind()))")
    done = ferrio("run", "--keep-uvloop", program, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "uvloop\n")
    assert "program.py:5: RuntimeWarning: an event loop of uvloop.Loop, made here, is not ferrio's" in done.stderr
    assert done.stderr.endswith(f"{NONE_RAN}; the warning above says which did\n")
    assert ferrio("run", program, cwd=tmp_path).stdout == OURS + "\n"


CHILDREN = {
    "subprocess": "subprocess.run([sys.executable, 'child.py'], check=True)",
    "module": "subprocess.run([sys.executable, '-m', 'child'], check=True)",
    "copied environment": "subprocess.run([sys.executable, 'child.py'], env=dict(os.environ), check=True)",
    "exec": "os.execv(sys.executable, [sys.executable, 'child.py'])",
    "grandchild": "subprocess.run([sys.executable, '-c', 'import subprocess, sys; "
    "subprocess.run([sys.executable, sys.argv[1]])', 'child.py'], check=True)",
    "os.fork": "import child; os.fork() or child.main() or os._exit(0); os.wait()",
    **{
        method: f"context = multiprocessing.get_context('{method}'); import child\n"
        "    process = context.Process(target=child.main); process.start(); process.join()"
        for method in ("fork", "spawn", "forkserver")
    },
    "pool": "import child\n    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:\n"
    "        pool.submit(child.main).result()",
}
PARENT = """
import multiprocessing, os, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
if __name__ == "__main__":
    {}
"""
CHILD = """
def main():
    import asyncio, uvloop
    async def kind(): return type(asyncio.get_running_loop()).__module__
    loops = asyncio.new_event_loop(), asyncio.SelectorEventLoop(), uvloop.new_event_loop()
    for loop in loops:
        name = loop.run_until_complete(kind())
        print(name, loop._keeps_tasks, loop._watchdog._seconds, asyncio.sleep.__module__, flush=True)
        loop.close()
if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("name", CHILDREN)
def test_children_have_it_too(tmp_path, put, name):
    put("child.py", CHILD)
    parent = put("parent.py", PARENT.format(CHILDREN[name]))
    done = ferrio("run", "--watchdog", "60", parent, cwd=tmp_path, PYTHONPATH=str(tmp_path), PYTHONWARNINGS="ignore")
    assert result(done) == (0, f"{OURS} True 60.0 ferrio\n" * 3, LINE.format("uvloop"))


ORDERS = [
    "import ferrio, asyncio",
    "import asyncio, ferrio",
    "import uvloop, asyncio",
    "from asyncio import events; import asyncio",
    "import importlib.util; assert importlib.util.find_spec('rloop'); import asyncio",
]


@pytest.mark.parametrize("order", ORDERS)
def test_a_child_may_import_in_any_order(tmp_path, order):
    child = f"{order}\nprint(type(asyncio.new_event_loop()).__module__, asyncio.sleep.__module__)"
    done = ferrio(
        "run", "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])", cwd=tmp_path
    )
    assert done.stdout == f"{OURS} ferrio\n"
    assert "Error" not in done.stderr


def test_a_child_that_needs_no_loop_imports_none_and_looks_as_ever(tmp_path, put):
    child = put("child.py", "import sys; print(sys.path); print(*sorted(sys.modules)); print(sys.orig_argv[1:])")
    run = f"import subprocess, sys; subprocess.run([sys.executable, '{child}'])"
    plain = execute([sys.executable, "-c", run], cwd=tmp_path).stdout.splitlines()
    under = ferrio("run", "-c", run, cwd=tmp_path).stdout.splitlines()
    assert [under[0], under[2]] == [plain[0], plain[2]]
    assert set(under[1].split()) - set(plain[1].split()) <= {"sitecustomize"}
    done = ferrio("run", "-c", run.replace(f"'{child}'", f"'-I', '{child}'"), cwd=tmp_path).stdout.splitlines()
    assert "sitecustomize" not in done[1].split() or "sitecustomize" in plain[1].split()


def test_a_sitecustomize_of_the_environments_own_is_imported(tmp_path, put):
    put("sitecustomize.py", "print('mine')")
    child = "import sitecustomize; print(sitecustomize.__file__)"
    run = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    done = ferrio("run", "-c", run, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.stdout.splitlines() == ["mine", "mine", str(tmp_path / "sitecustomize.py")]  # in both processes


def test_a_broken_sitecustomize_is_reported_as_ever(tmp_path, put):
    put("sitecustomize.py", "import not_there_at_all")
    run = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'])"
    plain = execute([sys.executable, "-c", run], cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert result(ferrio("run", "-c", run, cwd=tmp_path, PYTHONPATH=str(tmp_path))) == result(plain)


def test_a_child_without_ferrio_keeps_its_loops_and_says_so(tmp_path, put):
    """As one in another environment: here the first ferrio on its path cannot be imported."""
    (tmp_path / "other").mkdir()
    put("other/ferrio.py", "raise ImportError('not for this Python')")
    put(
        "other/child.py",
        "import asyncio\nprint(asyncio.run(asyncio.sleep(0, type(asyncio.new_event_loop()).__module__)))",
    )
    run = "import subprocess, sys; subprocess.run([sys.executable, 'other/child.py'])"
    done = ferrio("run", "-c", run, cwd=tmp_path, PYTHONWARNINGS="ignore")
    assert done.stdout == "asyncio.unix_events\n"
    assert done.stderr == f"ferrio: {sys.executable} keeps its own event loops: not for this Python\n"


def test_a_child_with_options_that_it_does_not_know_keeps_its_loops(tmp_path):
    """As one with another release of ferrio."""
    child = "import os, asyncio; print(asyncio.run(asyncio.sleep(0, 1)))"
    run = (
        "import os, subprocess, sys; os.environ['FERRIO_RUN'] += '\\n--nonsense'; "
        f"subprocess.run([sys.executable, '-c', {child!r}])"
    )
    done = ferrio("run", "--keep-uvloop", "-c", run, cwd=tmp_path)
    assert done.stdout == "1\n"
    assert done.stderr.startswith(f"ferrio: {sys.executable} keeps its own event loops: run: unknown option")


def test_one_ferrio_run_inside_another(tmp_path, put):
    put("uvloop.py", OTHER)
    program = put("program.py", "import uvloop; print(uvloop.__file__)")
    inner = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-m', 'ferrio', 'run', '--keep-uvloop', {program!r}])"
    )
    done = ferrio("run", "-c", inner, cwd=tmp_path)
    assert done.stdout == f"{tmp_path / 'uvloop.py'}\n"


def test_a_subclass_of_asyncios_loop_works_and_is_named_once(tmp_path, put):
    program = (
        KIND
        + """
class Mine(asyncio.SelectorEventLoop):
    def _run_once(self):
        turns.append(1)
        super()._run_once()
turns = []
for _ in range(3):
    loop = Mine()
    print(loop.run_until_complete(kind()), len(turns) > 0)
    loop.close()
print(asyncio.run(kind()))
"""
    )
    done = ferrio("run", put("program.py", program), cwd=tmp_path)
    assert done.stdout == "__main__ True\n" * 3 + OURS + "\n"
    where = f"{tmp_path / 'program.py'}:11: RuntimeWarning: an event loop of __main__.Mine, made here, is not ferrio's"
    assert done.stderr.splitlines() == [f"{where}: derive the class from ferrio.Loop", "  loop = Mine()"]


ENDS = {
    "no asyncio": ("print(1)", False),
    "a loop": ("import asyncio\nasyncio.run(asyncio.sleep(0))", False),
    "a thread's": (
        "import asyncio, threading\nthreading.Thread(target=asyncio.run, args=[asyncio.sleep(0.2)]).start()",
        False,
    ),
    "at exit": ("import asyncio, atexit\natexit.register(lambda: asyncio.run(asyncio.sleep(0)))", False),
    "imported": ("import asyncio", True),
    "a function": ("from asyncio import run", True),
    "a class": ("from asyncio import Protocol", True),
    "exit 0": ("import asyncio, sys\nsys.exit()", True),
    "exit 1": ("import asyncio, sys\nsys.exit(1)", False),
    "raises": ("import asyncio\n1/0", False),
    "a child": ("import asyncio, subprocess\nsubprocess.run(['true'])", False),
    "a fork": ("import asyncio, os, sys\nos.fork() and os.wait()", False),
    "closed": ("import asyncio, sys\nsys.stderr.close()", False),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_program_without_a_loop_of_ferrios_says_so_at_its_end(tmp_path, put, name):
    text, says = ENDS[name]
    done = ferrio("run", put("program.py", text), cwd=tmp_path)
    assert (NONE_RAN in done.stderr) is says
    if says:
        assert done.stderr == NONE_RAN + "\n"


@pytest.mark.parametrize("argument", ["--help", "-h", "--version"])
def test_who_asks_for_help_is_not_told(tmp_path, put, argument):
    assert ferrio("run", put("program.py", "import asyncio"), argument, cwd=tmp_path).stderr == ""
