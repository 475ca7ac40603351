"""What the servers of examples/python have in common: a port that is taken is named, SIGTERM ends them as Ctrl-C does,
and the pages need nothing from elsewhere.
"""

import os
import re
import signal
import socket
import struct

import pytest
from programs import FOLDER, Program, each, run, serving

PAGES = [FOLDER / f"{name}/page.html" for name in ("chat", "dashboard", "game")]
SERVERS = [Program(f"{page.parent.name}/{page.parent.name}.py", ("--port", "0"), needs=("aiohttp",)) for page in PAGES]


@each(SERVERS)
def test_a_port_that_is_taken_is_named(loop, program):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = run(loop, Program(program.file, ("--port", port), needs=program.needs), strict=True)
    assert (finished.status, finished.out) == (1, "")
    assert finished.err.startswith(f"cannot listen on port {port}: ")
    assert finished.err.endswith("; choose another: --port\n")


@each(SERVERS)
def test_sigterm_ends_it_like_ctrl_c(loop, program):
    with serving(loop, program, strict=True) as server:
        os.kill(server.pid, signal.SIGTERM)
        status = os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)  # Ctrl-C comes when it is over
        assert (status.si_code, status.si_status) == (os.CLD_EXITED, 0)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_pages_need_nothing_from_elsewhere(page):
    """No address of another host, nothing that makes HTML out of text, a label for each field."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"https?://|//cdn|@import|<script src|<link rel=.stylesheet", text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text) == []
    assert re.findall(r'<label for="(\w+)"', text) == re.findall(r'<input id="(\w+)"', text)
    assert '<html lang="en">' in text and "<title>" in text


@pytest.mark.parametrize("path", ["chat", "play", "events"])
def test_who_hangs_up_at_once_leaves_no_trace(loop, path):
    """At any point of the handshake, with a reset: the server has nothing to say about it."""
    program = SERVERS[["chat", "events", "play"].index(path)]
    with serving(loop, program, strict=True) as server:
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
