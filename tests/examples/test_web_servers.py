"""What the servers of examples/python have in common: a port that is taken is named, SIGTERM ends them as Ctrl-C does,
and the pages need nothing from elsewhere.
"""

import os
import re
import signal
import socket
import struct
import urllib.error
import urllib.request

import pytest
from programs import FOLDER, Program, run, serving
from versions import NAMES, all_of

PAGES = [FOLDER / f"{name}/page.html" for name in NAMES]
VERSIONS = [version for name in NAMES for version in all_of(name)]
each_version = pytest.mark.parametrize("version", VERSIONS, ids=str)


@each_version
def test_a_port_that_is_taken_is_named(version):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = run(version.loop, version.on(port), strict=True)
    if version.native:
        assert finished.status == 3
        assert f"error while attempting to bind on address ('127.0.0.1', {port})" in finished.err
        return
    assert (finished.status, finished.out) == (1, "")
    assert finished.err.startswith(f"cannot listen on port {port}: ")
    assert finished.err.endswith("; choose another: --port\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_command_serves_the_application_too(name):
    with serving("serve", Program(name, (f"{name}:app", "--port", "0"), logs=True), strict=True) as server:
        with urllib.request.urlopen(server.address, timeout=10) as page:
            assert page.read() == (FOLDER / name / "page.html").read_bytes()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{server.address}/{name}.py", timeout=10)


@each_version
def test_sigterm_ends_it_like_ctrl_c(version):
    """ferrio's server finishes likewise, and then lets the signal have its way, as uvicorn does."""
    status = -signal.SIGTERM if version.native else 0
    with serving(version.loop, version.on("0"), strict=True, status=status) as server:
        os.kill(server.pid, signal.SIGTERM)
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)  # Ctrl-C comes when it is over
    assert version.has_ended(server)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_pages_need_nothing_from_elsewhere(page):
    """No address of another host, nothing that makes HTML out of text, a label for each field."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"https?://|//cdn|@import|<script src|<link rel=.stylesheet", text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text) == []
    assert re.findall(r'<label for="(\w+)"', text) == re.findall(r'<input id="(\w+)"', text)
    assert '<html lang="en">' in text and "<title>" in text


@each_version
def test_who_hangs_up_at_once_leaves_no_trace(version):
    """At any point of the handshake, with a reset: the server has nothing to complain of."""
    path = {"chat": "chat", "dashboard": "events", "game": "play"}[version.program.file.partition("/")[0]]
    with version.serving(strict=True) as server:
        host, port = server.address.removeprefix("http://").split(":")
        request = (
            f"GET /{path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        for attempt in range(60):
            with socket.create_connection((host, int(port)), timeout=10) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(request if attempt % 3 else request[: attempt * 3])
                if attempt % 2:
                    client.recv(10 if attempt % 3 else 0)  # an answer comes only to a whole request
