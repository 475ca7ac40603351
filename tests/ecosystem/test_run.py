"""Servers, notebooks and test tools under `ferrio run`, with the options that their users know: the loop is ferrio's.

Each program answers what type the running loop has; there is nothing in it of ferrio's. Servers listen on a Unix
socket, are told to stop by SIGTERM, and leave no process behind: each test has a session of its own, which must be
empty in the end. What stock Python does with the same command is not asked here: uvloop or asyncio, as it says.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

PATIENCE = 60
OURS = b"ferrio.unix_events.Loop"
FERRIO = (sys.executable, "-m", "ferrio", "run")

KIND = """
import asyncio
def kind():
    loop = asyncio.get_running_loop()
    return f"{type(loop).__module__}.{type(loop).__qualname__}"
"""
APP = (
    KIND
    + """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (event := await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": kind().encode()})
"""
)
AIOHTTP = (
    KIND
    + """
import sys
from aiohttp import web
async def answer(request):
    return web.Response(text=kind())
application = web.Application()
application.router.add_get("/", answer)
web.run_app(application, path=sys.argv[1])
"""
)
SANIC = (
    KIND
    + """
from sanic import Sanic, text
app = Sanic("kinds")
@app.get("/")
async def answer(request):
    return text(kind())
"""
)

UVICORN = "-m uvicorn app:app --uds {}"
GRANIAN = "-m granian --interface asgi app:app --uds {}"
SERVERS = {
    "uvicorn": UVICORN,
    "uvicorn --loop auto": f"{UVICORN} --loop auto",
    "uvicorn --loop asyncio": f"{UVICORN} --loop asyncio",
    "uvicorn --loop uvloop": f"{UVICORN} --loop uvloop",
    "uvicorn --loop zuvloop": f"{UVICORN} --loop zuvloop",
    "uvicorn --workers": f"{UVICORN} --workers 2",
    "uvicorn --reload": f"{UVICORN} --reload",
    "gunicorn": "-m gunicorn -k uvicorn_worker.UvicornWorker --workers 2 --bind unix:{} app:app",
    "gunicorn, its own worker": "-m gunicorn -k asgi --bind unix:{} app:app",
    "hypercorn": "-m hypercorn --bind unix:{} app:app",
    "hypercorn --worker-class uvloop": "-m hypercorn --worker-class uvloop --bind unix:{} app:app",
    "hypercorn --workers": "-m hypercorn --workers 2 --bind unix:{} app:app",
    "granian": GRANIAN,
    **{f"granian --loop {name}": f"{GRANIAN} --loop {name}" for name in ("auto", "asyncio", "uvloop", "rloop")},
    "aiohttp": "aiohttp_app.py {}",
    "sanic": "-m sanic sanic_app:app --unix {}",
    "sanic --single-process": "-m sanic sanic_app:app --single-process --unix {}",
}


@pytest.fixture
def started(tmp_path):
    """Start a command in a session of its own; gives the process, and the file that has what it says."""

    @contextlib.contextmanager
    def start(*command):
        said = tmp_path / "said"
        with (
            said.open("wb") as file,
            subprocess.Popen(
                [*FERRIO, *command],
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
            ) as process,
        ):
            try:
                yield process, said
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    return start


@pytest.fixture
def needed():
    def needed(*modules):
        for module in modules:
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{module} is not installed: make ecosystem")

    return needed


@pytest.mark.parametrize("name", SERVERS)
def test_servers(started, needed, tmp_path, name):
    needed(name.split()[0].rstrip(","), *(["uvicorn_worker"] if name == "gunicorn" else []))
    for file, text in {"app.py": APP, "aiohttp_app.py": AIOHTTP, "sanic_app.py": SANIC}.items():
        (tmp_path / file).write_text(text)
    # Short, since some add to it, and what binds a socket takes 107 characters.
    with tempfile.TemporaryDirectory() as folder, started(*SERVERS[name].format(f"{folder}/s").split()) as running:
        path, (process, said) = f"{folder}/s", running
        answers = [answer(path, process, said) for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        left = until_empty(process.pid)
    assert set(answers) == {OURS}, said.read_text()
    assert not left, said.read_text()
    text = said.read_text()
    assert "Traceback" not in text and "Warning" not in text and "no event loop of ferrio's" not in text
    uses = [each for each in ("uvloop", "rloop", "zuvloop") if f"stands in for {each} " in text]
    wanted = name.split()[-1] if name.split()[-1].endswith("loop") else None
    assert wanted is None or uses == [wanted]


def test_a_loop_that_is_kept_is_named(started, needed, tmp_path):
    needed("uvicorn", "uvloop")
    (tmp_path / "app.py").write_text(APP)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/s"
        with started("--keep-uvloop", *UVICORN.format(path).split()) as (process, said):
            assert answer(path, process, said) == b"uvloop.Loop"
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
    text = said.read_text()
    assert text.count("RuntimeWarning: an event loop of uvloop.Loop, run here, is not ferrio's") == 1
    assert "without --keep-uvloop" in text


def answer(path, process, said):
    """The body of GET /, once somebody listens there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)  # Sanic binds the path once more: who connected before then waits in vain
            client.connect(path)
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            received = b""
            while data := client.recv(4096):
                received += data
            head, _, body = received.partition(b"\r\n\r\n")
            if b" 200 " in head.partition(b"\r\n")[0]:
                return unchunked(body) if b"chunked" in head.lower() else body
        time.sleep(0.05)
    raise AssertionError(f"status {process.poll()}: {said.read_text()}")


def unchunked(body):
    size, _, rest = body.partition(b"\r\n")
    return rest[: int(size, 16)]


def until_empty(session):
    """Whether anybody is left in the session after a while; helpers of multiprocessing end a moment later."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    return True


NOTEBOOK = (
    KIND
    + """
import nbformat
from nbclient import NotebookClient
code = '''import asyncio
async def kind():
    return type(asyncio.get_running_loop()).__module__
print(await kind())
print(asyncio.get_running_loop().is_running())'''
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
async def main():
    await NotebookClient(notebook, kernel_name="python3", timeout=50).async_execute()
    return kind()
if __name__ == "__main__":
    print("client", asyncio.run(main()))
    print("kernel", notebook.cells[0].outputs[0].text.split())
"""
)
UNITTEST = (
    KIND
    + """
import unittest
class Case(unittest.IsolatedAsyncioTestCase):
    async def test(self):
        self.assertEqual(kind(), "ferrio.unix_events.Loop")
"""
)
PYTEST = (
    KIND
    + """
import pytest
@pytest.fixture
async def inside():
    return kind()
async def test_it(inside):
    assert inside == kind() == "ferrio.unix_events.Loop"
"""
)
ANYIO = (
    KIND
    + """
import pytest
pytestmark = pytest.mark.anyio
@pytest.fixture(params=[("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})])
def anyio_backend(request):
    return request.param
@pytest.fixture
async def inside():
    return kind()
async def test_it(inside):
    assert inside == kind() == "ferrio.unix_events.Loop"
"""
)
TOOLS = {
    "nbclient": (NOTEBOOK, "test_it.py", "kernel ['ferrio.unix_events', 'True']", ("nbclient", "ipykernel")),
    "unittest": (UNITTEST, "-m unittest test_it", "Ran 1 test", ()),
    "pytest-asyncio": (
        PYTEST,
        "-m pytest -p no:cacheprovider --asyncio-mode=auto test_it.py",
        "1 passed",
        ("pytest_asyncio",),
    ),
    "anyio": (ANYIO, "-m pytest -p no:cacheprovider -p no:asyncio test_it.py", "2 passed", ("anyio",)),
}


@pytest.mark.parametrize("name", TOOLS)
def test_tools(started, needed, tmp_path, name):
    program, command, proof, modules = TOOLS[name]
    needed(*modules)
    (tmp_path / "test_it.py").write_text(program)
    with started(*command.split()) as (process, said):
        status = process.wait(PATIENCE)
        left = until_empty(process.pid)
    text = said.read_text()
    assert (status, left) == (0, False) and proof in text, text
    if name == "nbclient":
        assert "client ferrio.unix_events.Loop" in text
    assert "no event loop of ferrio's" not in text
