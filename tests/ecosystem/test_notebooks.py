"""Notebooks run by nbclient, in the kernel that `ferrio kernel install` installs and in ipykernel's own."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("ipykernel", reason="ipykernel is not installed: make ecosystem")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: make ecosystem")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: make ecosystem")

LIMIT = 90

SETUP = """
import asyncio, ferrio

async def ask():
    await asyncio.sleep(0.01)
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]
"""


def ferrio(*arguments):
    command = [sys.executable, "-m", "ferrio", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    """Nothing of the user's is read or written, and the environment's kernels are found."""
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix/share/jupyter"))
    monkeypatch.delenv("JUPYTER_PREFER_ENV_PATH", raising=False)
    return tmp_path


@pytest.fixture
def kernel(own_folders):
    """The name of ferrio's kernel, installed for the test."""
    done = ferrio("kernel", "install", "--prefix", str(own_folders / "prefix"), "--name", "on-ferrio")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("kernel 'on-ferrio' is in ")
    return "on-ferrio"


def execute(kernel, *cells):
    """The last output of each cell, in one word: what it shows, prints or raises.

    By a process of its own: nbclient and zmq leave threads and descriptors behind until theirs ends.
    """
    program = """
import json, sys
import nbformat
from nbclient import NotebookClient

kernel, cells = json.load(sys.stdin)
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
NotebookClient(notebook, kernel_name=kernel, timeout=60, allow_errors=True).execute()
warnings = [o.text for cell in notebook.cells for o in cell.outputs if o.get("name") == "stderr"]
assert not warnings, warnings
outputs = [cell.outputs[-1] if cell.outputs else {} for cell in notebook.cells]
print(json.dumps([o.get("evalue") or o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([kernel, [SETUP, *cells]]),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])[1:]


def test_the_kernel_is_ferrios(kernel):
    cells = {
        "await ask()": "'ferrio'",
        "await asyncio.sleep(0.01, 5)": "5",
        "asyncio.run(ask())": "'ferrio'",
        "ferrio.run(ask())": "'ferrio'",
        "asyncio.run(ask()), await ask()": "('ferrio', 'ferrio')",
        "asyncio.get_event_loop().run_until_complete(ask())": "'ferrio'",
        "background = asyncio.create_task(ask()); asyncio.run(asyncio.sleep(0.1)); background.done()": "True",
        "background = asyncio.create_task(ask())": "",
        "await background": "'ferrio'",
        "asyncio.run(asyncio.wait_for(asyncio.sleep(60), 0.01))": "",
        "type(asyncio.get_event_loop()).__name__": "'Loop'",
        "%load_ext ferrio": "",
        "asyncio.run(ask()), ferrio.run(ask()), await ask()": "('ferrio', 'ferrio', 'ferrio')",
    }
    assert execute(kernel, *cells) == list(cells.values())


@pytest.mark.parametrize("name", ["nest_asyncio", "nest_asyncio2"])  # the second comes with ipykernel
def test_nest_asyncio_in_the_kernel(kernel, name):
    pytest.importorskip(name, reason=f"{name} is not installed: make ecosystem")
    cells = {
        f"import {name}; {name}.apply()": "",
        "asyncio.run(ask())": "'ferrio'",
        "asyncio.get_event_loop().run_until_complete(ask())": "'ferrio'",
        "await ask()": "'ferrio'",
        "isinstance(asyncio.ensure_future(ask()), asyncio.Task)": "True",
    }
    assert execute(kernel, *cells) == list(cells.values())


def test_the_extension_in_ipykernels_own_kernel(own_folders):
    answers = execute(
        "python3",
        "%load_ext ferrio",
        "asyncio.run(ask())",
        "ferrio.run(ask())",
        "await ask()",
        "asyncio.run(ask()), await ask()",
        "%unload_ext ferrio",
        "coroutine = ask(); asyncio.run(coroutine)",
    )
    assert answers[0].endswith(
        "stays on this kernel's own loop, which is asyncio's. For a kernel that is ferrio's from "
        "the beginning: ferrio kernel install\n"
    )
    assert answers[1:6] == ["'ferrio'", "'ferrio'", "'asyncio'", "('ferrio', 'asyncio')", ""]
    assert "cannot be called from a running event loop" in answers[6]


def test_ipython_without_a_notebook(own_folders):
    source = "\n".join(
        [*SETUP.splitlines(), "", "await ask()", "%load_ext ferrio", "await ask()", "asyncio.run(ask())", ""]
    )
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=LIMIT, check=False)
    shown = [line.partition("Out[")[2].partition("]: ")[2] for line in done.stdout.splitlines() if "Out[" in line]
    assert shown == ["'asyncio'", "'ferrio'", "'ferrio'"], done.stdout + done.stderr


def test_installed_for_the_user_and_removed(own_folders):
    done = ferrio("kernel", "install", "--user")
    folder = own_folders / "JUPYTER_DATA_DIR/kernels/ferrio"
    assert (done.returncode, done.stdout) == (0, f"kernel 'ferrio' is in {folder}\n")
    assert ferrio("kernel", "install", "--user").returncode == 0, "again does no harm"
    assert "ferrio.kernel" in (folder / "kernel.json").read_text()
    assert ferrio("kernel", "remove").stdout == f"kernel 'ferrio' is gone from {folder}\n"
    assert not folder.exists()
    done = ferrio("kernel", "remove", "--user")
    assert (done.returncode, done.stderr) == (2, "ferrio: kernel: there is no kernel 'ferrio'\n")


def test_removed_from_a_prefix(kernel, own_folders):
    prefix = str(own_folders / "prefix")
    done = ferrio("kernel", "remove", "--prefix", prefix, "--name", "ferrio")
    assert (done.returncode, done.stderr) == (2, "ferrio: kernel: there is no kernel 'ferrio'\n")
    assert ferrio("kernel", "remove", "--name", "on-feriro").stderr.endswith("; did you mean 'on-ferrio'?\n")
    assert ferrio("kernel", "remove", "--prefix", prefix, "--name", kernel).returncode == 0


def test_others_kernels_are_theirs(own_folders):
    for command in ("install", "remove"):
        folder = own_folders / "prefix/share/jupyter/kernels/theirs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kernel.json").write_text('{"argv": ["other"], "display_name": "Other"}')
        done = ferrio("kernel", command, "--prefix", str(own_folders / "prefix"), "--name", "theirs")
        assert done.returncode == 2 and "'theirs'" in done.stderr and "Traceback" not in done.stderr
        assert (folder / "kernel.json").read_text() == '{"argv": ["other"], "display_name": "Other"}'


def test_a_folder_that_cannot_be_written(own_folders):
    (own_folders / "file").write_text("")
    done = ferrio("kernel", "install", "--prefix", str(own_folders / "file"))
    assert done.returncode == 2 and "Not a directory; --user is your own folder" in done.stderr
