"""Servers started by their own commands, unchanged, in the shortest spelling that has them on ferrio.

Each serves one application, which answers with the module of the running loop, over a Unix socket or a port that the
system chose, and ends by SIGTERM.
"""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT = 60.0

ASGI = """
import asyncio

def ask():
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    text = f"{ask()} {asyncio.sleep.__module__}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})
"""
WSGI = """
import asyncio

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{asyncio.sleep.__module__} {asyncio.sleep.__module__}".encode()]
"""
INSTALLS = "import ferrio\n\nferrio.install()\n"
AIOHTTP = """
import asyncio
from aiohttp import web

async def answer(request):
    owner = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return web.Response(text=f"{owner} {asyncio.sleep.__module__}")

app = web.Application()
app.router.add_get("/", answer)

def make(argv):
    return app
"""
WHOLE, LOOP_ONLY, STOCK = "ferrio ferrio", "ferrio asyncio.tasks", "asyncio asyncio.tasks"


def served(folder, command, text=ASGI, **environment):
    """What the application answers, and how the server ended."""
    (folder / "served.py").write_text(text)
    path, port = folder / "socket", free_port()
    words = [word.format(socket=path, port=port) for word in command]
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(folder), **environment},
        )
    try:
        answer = ask(path if "{socket}" in " ".join(command) else port, server, log)
        server.send_signal(signal.SIGTERM)
        server.wait(LIMIT)
        return answer, log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # its workers, too
        server.wait(LIMIT)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def ask(where, server, log):
    end = time.monotonic() + LIMIT
    while True:
        try:
            return get(where).rpartition(b"\r\n")[2].decode()
        except (ConnectionError, FileNotFoundError):
            assert server.poll() is None, f"it ended instead of serving:\n{log.read_text()}"
            assert time.monotonic() < end, f"it never served:\n{log.read_text()}"
            time.sleep(0.05)


def get(where):
    family, address = (
        (socket.AF_UNIX, str(where)) if isinstance(where, Path) else (socket.AF_INET, ("127.0.0.1", where))
    )
    with socket.socket(family) as client:
        client.settimeout(LIMIT)
        client.connect(address)
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := client.recv(65536):
            answer += data
        if not answer:
            raise ConnectionError
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return answer


GUNICORN = {
    "UvicornWorker": ("uvicorn_worker", ASGI),
    "UvicornH11Worker": ("uvicorn_worker", ASGI),
    "AiohttpWorker": ("aiohttp", AIOHTTP),
    "ASGIWorker": ("gunicorn.workers.gasgi", ASGI),
}


@pytest.mark.parametrize("worker", GUNICORN)
def test_gunicorn(tmp_path, worker):
    needed, text = GUNICORN[worker]
    pytest.importorskip("gunicorn", reason="gunicorn is not installed: make ecosystem")
    pytest.importorskip(needed, reason=f"{needed} is not installed: make ecosystem")
    command = ["gunicorn", "-k", f"ferrio.workers.{worker}", "-w", "2", "-b", "unix:{socket}", "served:app"]
    answer, log = served(tmp_path, command, text)
    assert answer == WHOLE
    assert "Traceback" not in log, log


@pytest.mark.parametrize("text", [ASGI, WSGI], ids=["ASGI", "WSGI"])
def test_gunicorn_with_ferrios_own_server(tmp_path, text):
    pytest.importorskip("gunicorn", reason="gunicorn is not installed: make ecosystem")
    command = ["gunicorn", "-k", "ferrio.server.GunicornWorker", "-w", "2", "-b", "unix:{socket}", "served:app"]
    answer, log = served(tmp_path, command, text)
    assert answer == WHOLE
    assert "Traceback" not in log
    assert ("Application shutdown complete." in log) == (text == ASGI), log


def test_gunicorn_with_a_worker_that_does_not_exist(tmp_path):
    pytest.importorskip("gunicorn", reason="gunicorn is not installed: make ecosystem")
    command = [sys.executable, "-m", "gunicorn", "-k", "ferrio.workers.UvcornWorker", "-b", f"unix:{tmp_path}/s", "a:b"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode != 0
    assert "has no 'UvcornWorker'; its workers are UvicornWorker, " in done.stderr.splitlines()[-1]


def test_workers_are_classes_of_their_libraries():
    pytest.importorskip("gunicorn", reason="gunicorn is not installed: make ecosystem")
    theirs = pytest.importorskip("uvicorn_worker", reason="uvicorn-worker is not installed: make ecosystem")
    workers = importlib.import_module("ferrio.workers")
    assert issubclass(workers.UvicornWorker, theirs.UvicornWorker)
    assert workers.UvicornWorker is workers.UvicornWorker
    assert workers.UvicornWorker.__module__ == "ferrio.workers"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_uvicorn(tmp_path, workers):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed: make ecosystem")
    command = ["uvicorn", "--loop", "ferrio:Loop", "--workers", workers, "--port", "{port}", "served:app"]
    assert served(tmp_path, command)[0] == LOOP_ONLY


def test_uvicorn_by_the_environment(tmp_path):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed: make ecosystem")
    assert served(tmp_path, ["uvicorn", "--uds", "{socket}", "served:app"], UVICORN_LOOP="ferrio:Loop")[0] == LOOP_ONLY


@pytest.mark.parametrize("workers", ["1", "2"])
def test_hypercorn_with_an_application_that_installs(tmp_path, workers):
    """hypercorn imports the application in each worker before it makes the loop."""
    pytest.importorskip("hypercorn", reason="hypercorn is not installed: make ecosystem")
    command = ["hypercorn", "-b", "127.0.0.1:{port}", "-w", workers, "served:app"]
    assert served(tmp_path, command, INSTALLS + ASGI)[0] == WHOLE


def test_hypercorn_without_workers(tmp_path):
    pytest.importorskip("hypercorn", reason="hypercorn is not installed: make ecosystem")
    command = ["ferrio", "run", "-m", "hypercorn", "-w", "0", "-b", "127.0.0.1:{port}", "served:app"]
    assert served(tmp_path, command)[0] == WHOLE


def test_aiohttp(tmp_path):
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: make ecosystem")
    command = ["ferrio", "run", "-m", "aiohttp.web", "-U", "{socket}", "served:make"]
    assert served(tmp_path, command, AIOHTTP)[0] == WHOLE


def test_daphne(tmp_path):
    pytest.importorskip("daphne", reason="daphne is not installed: make ecosystem")
    assert served(tmp_path, ["ferrio", "run", "-m", "daphne", "-u", "{socket}", "served:app"])[0] == WHOLE


GRANIAN = """
import sys

import granian
import ferrio

@granian.loops.register("auto")
def ferrio_loop():
    ferrio.install()
    return ferrio.new_event_loop()

if __name__ == "__main__":
    granian.Granian("served:app", interface="asgi", port=int(sys.argv[1])).serve()
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="granian spawns its workers there: see the next test")
def test_granian(tmp_path):
    """Its worker is a fork of the process that `ferrio run` began."""
    pytest.importorskip("granian", reason="granian is not installed: make ecosystem")
    command = [
        "ferrio",
        "run",
        "-m",
        "granian",
        "--loop",
        "asyncio",
        "--interface",
        "asgi",
        "--port",
        "{port}",
        "served:app",
    ]
    assert served(tmp_path, command)[0] == WHOLE


def test_granian_by_its_registry(tmp_path):
    """A program of a few lines, as guides/servers.md has it; each worker imports it, however it is started."""
    pytest.importorskip("granian", reason="granian is not installed: make ecosystem")
    (tmp_path / "serve.py").write_text(GRANIAN)
    assert served(tmp_path, ["serve", "{port}"])[0] == WHOLE


def test_nothing_said_is_asyncio(tmp_path):
    """So the answers above are not those of every run."""
    pytest.importorskip("hypercorn", reason="hypercorn is not installed: make ecosystem")
    assert served(tmp_path, ["hypercorn", "-b", "127.0.0.1:{port}", "served:app"])[0] == STOCK
