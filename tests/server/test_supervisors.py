"""Workers and reloading, as commands: signals, deaths, restarts; and which files mean a reload."""

import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from ferrio.server import Config
from ferrio.server.supervisors import Multiprocess, changes
from ferrio.server.supervisors.changes import FileFilter, StatReload
from ferrio.server.supervisors.reload import ChangeReload, display_path
from ferrio.server.supervisors.worker import Worker
from server_support import HELLO, PATIENCE, Served, ask_now, write_app

STARTED = r"Started server process \[(\d+)\]"
READY = "Application startup complete."


@pytest.fixture
def handlers():
    """Signals' handlers are put back: a supervisor in this process sets them."""
    numbers = [*{*signal.Signals} - {signal.SIGKILL, signal.SIGSTOP}]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


class Workers(Served):
    """`ferrio serve --workers`, and the numbers of its processes as its lines tell them."""

    def __init__(self, folder, count, *options):
        super().__init__("hello:app", "--port", "0", "--workers", str(count), *options, cwd=folder)

    def ready(self, count):
        """The processes that have started, when the last of them serves."""
        begin = len(self.lines)
        self.wait_for(READY, count)
        return [int(found[1]) for line in self.lines[begin:] if (found := re.search(STARTED, line))]


def answering(port):
    """Who answers, asked until each has had a chance."""
    return {int(ask_now(port).body.split()[0]) for _ in range(30)}


def test_a_worker_that_dies_is_replaced(tmp_path):
    write_app(tmp_path)
    with Workers(tmp_path, 2) as served:
        port, first = served.port(), served.ready(2)
        assert answering(port) <= {*first}
        os.kill(first[0], signal.SIGKILL)
        served.wait_for(rf"Child process \[{first[0]}\] died")
        (new,) = served.ready(1)
        assert answering(port) <= {first[1], new}
        served.signal(signal.SIGTERM)
        assert served.end() == 0
    assert sum("Finished server process" in line for line in served.lines) == 2


def test_more_and_fewer_workers(tmp_path):
    write_app(tmp_path)
    with Workers(tmp_path, 2) as served:
        port, first = served.port(), served.ready(2)
        served.signal(signal.SIGTTIN)
        served.wait_for("Received SIGTTIN, increasing the number of processes.")
        (third,) = served.ready(1)
        served.signal(signal.SIGTTOU)
        served.wait_for(rf"Finished server process \[{third}\]")
        served.signal(signal.SIGTTOU)
        gone = int(served.wait_for(rf"Finished server process \[({first[0]}|{first[1]})\]")[1])
        served.signal(signal.SIGTTOU)
        served.wait_for("Already reached one process, cannot decrease the number of processes anymore.")
        assert answering(port) == {*first} - {gone}
        served.signal(signal.SIGINT)
        assert served.end() == 0


def test_a_restart_replaces_all_and_loses_no_request(tmp_path):
    write_app(tmp_path)
    with Workers(tmp_path, 2) as served:
        port, first = served.port(), served.ready(2)
        write_app(tmp_path, HELLO.replace("VERSION = 1", "VERSION = 2"))
        served.signal(signal.SIGHUP)
        bodies = [ask_now(port).body.split() for _ in range(300)]
        new = served.ready(2)
        served.see(*(rf"Finished server process \[{each}\]" for each in first))
        assert {int(process) for process, _ in bodies} <= {*first, *new}
        assert {ask_now(port).body.split()[1] for _ in range(20)} == {b"2"} and answering(port) <= {*new}


def test_a_restart_that_fails_leaves_what_is_there(tmp_path):
    write_app(tmp_path)
    with Workers(tmp_path, 2, "--timeout-worker-healthcheck", "20") as served:
        port, first = served.port(), served.ready(2)
        write_app(tmp_path, "raise RuntimeError('a mistake')")
        served.signal(signal.SIGHUP)
        served.wait_for(rf"was not ready in time; keeping worker \[({first[0]}|{first[1]})\] and aborting the restart.")
        assert answering(port) <= {*first}


@pytest.mark.parametrize("text", ["async def app(scope, receive, send):\n    raise RuntimeError('never')\n", "1 / 0\n"])
def test_workers_that_cannot_start_end_everything(tmp_path, text):
    write_app(tmp_path, text)
    with Workers(tmp_path, 2, "--lifespan", "on") as served:
        assert served.end() == 3
    assert any("failed to start, stopping the parent process." in line for line in served.lines)


WAITS = (
    HELLO.replace("import os", "import asyncio, os")
    + """
hello = app

async def app(scope, receive, send):
    if scope["type"] == "http":
        print("it begins", flush=True)
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
    await hello(scope, receive, send)
"""
)


@pytest.mark.parametrize("options", [("--workers", "2"), ("--reload",)], ids=["workers", "reload"])
def test_who_comes_while_the_last_answers_are_given_is_refused(tmp_path, options):
    """The parent has the sockets, too: clients would wait for somebody to take them, and be reset in the end."""
    write_app(tmp_path, WAITS)
    with Served("hello:app", "--port", "0", *options, cwd=tmp_path) as served, ThreadPoolExecutor() as pool:
        port = served.port()
        served.see(READY)
        asked = pool.submit(ask_now, port)
        try:
            served.wait_for("it begins")
            served.signal(signal.SIGTERM)
            deadline = time.monotonic() + PATIENCE
            with pytest.raises(ConnectionRefusedError):
                while time.monotonic() < deadline:
                    socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
                    time.sleep(0.01)
        finally:
            (tmp_path / "go").touch()
        assert asked.result().status == 200
        assert served.end() == 0


def test_a_program_that_serves_when_it_is_imported(tmp_path):
    write_app(tmp_path, "from ferrio.server import run\nrun('hello:app', port=0, workers=2)\n")
    with Served.program("hello.py", cwd=tmp_path) as served:
        served.wait_for("RuntimeError: a worker imports the program: call run\\(\\) below `if __name__ == '__main__':`")
        served.signal(signal.SIGTERM)
        served.end()


def test_a_worker_ends_after_so_many_requests(tmp_path):
    write_app(tmp_path)
    with Workers(tmp_path, 2, "--limit-max-requests", "1") as served:
        port, first = served.port(), served.ready(2)
        busy = int(ask_now(port).body.split()[0])
        assert busy in first
        served.wait_for("Maximum request limit of 1 exceeded. Terminating process.")
        served.wait_for(rf"Child process \[{busy}\] died")
        (new,) = served.ready(1)
        assert new not in first


def test_workers_end_with_their_parent(tmp_path):
    write_app(tmp_path)
    with Workers(tmp_path, 2) as served:
        first = served.ready(2)
        served.process.kill()
        for _ in first:
            served.wait_for("Finished server process")


def test_a_reloaded_server_ends_with_its_parent(tmp_path):
    write_app(tmp_path)
    with Served("hello:app", "--port", "0", "--reload", cwd=tmp_path) as served:
        served.wait_for("Application startup complete.")
        served.process.kill()
        served.wait_for("Finished server process")


def test_figures_of_all_workers(tmp_path):
    write_app(tmp_path)
    with Workers(tmp_path, 2, "--metrics-path", "/metrics") as served:
        port = served.port()
        served.ready(2)
        for _ in range(20):
            ask_now(port)
        wanted = (b'ferrio_requests_total{status="2xx"} 20\n', b"ferrio_workers 2\n")
        for _ in range(1000):  # One that is ready may not have begun to count yet.
            text = ask_now(port, "/metrics").body
            if all(each in text for each in wanted):
                break
    assert all(each in text for each in wanted)


def test_a_worker_that_does_not_answer(tmp_path, monkeypatch, handlers):
    monkeypatch.chdir(tmp_path)
    worker = Worker(Config("hello:app", log_config=None), [], 0)
    assert not worker.is_alive(0)
    worker._theirs.send(True)
    assert worker.answer(0) is True and worker.has_served
    assert worker.answer(0) is None
    worker._theirs.close()
    assert worker.answer(1) is None
    worker._pipe.close()


def test_signals_are_queued(handlers):
    parent = Multiprocess(Config("hello:app", log_config=None, workers=2), [])
    os.kill(os.getpid(), signal.SIGHUP)
    assert parent.signal_queue == [signal.SIGHUP]
    parent.signal_queue[:] = [signal.SIGUSR1, signal.SIGTERM]
    parent.handle_signals()
    assert parent.should_exit.is_set() and not parent.signal_queue


@pytest.mark.parametrize("by", ["WatchFiles", "StatReload"])
def test_a_change_is_a_reload(tmp_path, by):
    if by == "WatchFiles":
        pytest.importorskip("watchfiles")
    write_app(tmp_path)
    arguments = ["hello:app", "--port", "0", "--reload", "--reload-delay", "0.05"]
    without = (
        "import sys; sys.modules['watchfiles'] = None; from ferrio.cli import main; main(['serve', *sys.argv[1:]])"
    )
    start = Served if by == "WatchFiles" else partial(Served.program, "-c", without)
    with start(*arguments, cwd=tmp_path) as served:
        port = served.port()
        served.wait_for(rf"Started reloader process \[\d+\] using {by}")
        served.wait_for(READY)
        assert ask_now(port).body.split()[1] == b"1"
        write_app(tmp_path, HELLO.replace("VERSION = 1", "VERSION = 2"))
        served.wait_for(rf"{by} detected changes in 'hello\.py'\. Reloading\.\.\.")
        served.wait_for(READY)
        assert ask_now(port).body.split()[1] == b"2"
        served.signal(signal.SIGINT)
        assert served.end() == 0
    assert any("Stopping reloader process" in line for line in served.lines)


FILES = ["app/main.py", "app/data.json", "app/.hidden.py", "app/x.pyc", "app/~backup.py", "out/gen.py", "app/style.css"]

FILTERS = [
    {},
    {"reload_includes": ["*.json"]},
    {"reload_includes": ["*.css", "data.json"], "reload_excludes": ["*.json"]},
    {"reload_excludes": ["*.py"]},
    {"reload_excludes": ["out"]},
    {"reload_excludes": ["out/*"]},
    {"reload_includes": [".*"]},
    {"reload_includes": ["*"], "reload_excludes": ["app"]},
]


@pytest.mark.parametrize("options", FILTERS, ids=str)
def test_which_files_count_is_as_under_uvicorn(options, tmp_path, monkeypatch):
    uvicorn = pytest.importorskip("uvicorn")
    theirs = pytest.importorskip("uvicorn.supervisors.watchfilesreload").FileFilter
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    theirs = theirs(uvicorn.Config("x:app", log_config=None, reload=True, **options))
    theirs.exclude_dirs = [each.resolve() for each in theirs.exclude_dirs]  # or names of folders never match
    ours = FileFilter(Config("x:app", log_config=None, reload=True, **options))
    assert {name: ours(tmp_path / name) for name in FILES} == {name: theirs(tmp_path / name) for name in FILES}


def test_times_of_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file, other = tmp_path / "a.py", tmp_path / "b.txt"
    file.touch()
    look = StatReload(Config("x:app", log_config=None, reload=True)).look
    assert look() == set()
    other.touch()
    assert look() == set()
    os.utime(file, (1, 1))
    assert look() == {file}
    file.rename(tmp_path / "c.py")
    assert look() == {file, tmp_path / "c.py"}
    assert look() == set()


def test_a_reloader_ends_when_it_is_told(tmp_path, monkeypatch, handlers):
    monkeypatch.chdir(tmp_path)

    class Nothing:
        name = "Nothing"

        def look(self):
            reloader.should_exit.set()
            return [tmp_path / "a.py", tmp_path / "b.txt"]

    config = Config("x:app", log_config=None, reload=True, reload_delay=0)
    reloader = ChangeReload(config, print, [], Nothing())
    assert [*reloader] == [[tmp_path / "a.py"]]
    assert isinstance(changes.changes_of(config, reloader.should_exit), changes.Changes)


def test_names_of_files_in_the_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert display_path(tmp_path / "sub" / "a.py") == "'sub/a.py'"
    assert display_path(tmp_path.parent / "a.py") == f"'{tmp_path.parent / 'a.py'}'"
