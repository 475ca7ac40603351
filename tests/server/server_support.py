"""Servers for tests: in this process (`serving`), or as a command (`Served`), and a plain client (`ask`)."""

import asyncio
import contextlib
import http.client
import re
import signal
import socket
import subprocess
from typing import NamedTuple

import ferrio
from cli_commands import FERRIO, PYTHON, variables
from ferrio.server import Config, Server

PATIENCE = 60


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes


def ask_now(port, path="/", method="GET", headers=(), body=None, host="127.0.0.1"):
    """One request on a connection of its own. Names of headers are in lower case."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


async def ask(port, *arguments, **options):
    return await asyncio.to_thread(ask_now, port, *arguments, **options)


@contextlib.asynccontextmanager
async def serving(app, **options):
    """A server on this loop; gives its port, and the server as `.server`."""
    config = Config(app, **{"port": 0, "log_config": None, **options})
    async with running(Server(config)) as server:
        yield port_of(server)


def server_of(app=None, **options):
    """A server without logging and lifespan, of `hello` unless something else is said."""
    return Server(Config(app or hello, **{"port": 0, "log_config": None, "lifespan": "off", **options}))


@contextlib.asynccontextmanager
async def running(server):
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():
        await asyncio.sleep(0)
    try:
        if task.done():
            task.result()
        yield server
    finally:
        server.should_exit = True
        await task


def port_of(server):
    return server.servers[0].sockets[0].getsockname()[1]


def run(main):
    return ferrio.run(main)


class Served:
    """`ferrio serve` in a process of its own. Its lines are read until one matches: nothing is slept for."""

    def __init__(self, *arguments, cwd, command=(*FERRIO, "serve"), **environment):
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=variables({"PYTHONUNBUFFERED": "1", **environment}),
        )
        self.lines = []

    @classmethod
    def program(cls, *arguments, cwd, **environment):
        """A program of Python's instead."""
        return cls(*arguments, cwd=cwd, command=PYTHON, **environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.communicate()

    def wait_for(self, pattern, count=1):
        """The match of the next line that matches, or of the count-th."""
        while line := self.process.stdout.readline():
            self.lines.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                count -= 1
                if not count:
                    return match
        raise AssertionError(f"no line matches {pattern!r}:\n" + "\n".join(self.lines))

    def see(self, *patterns):
        """Wait until each has matched a line, in any order, those that were read already included."""
        for pattern in patterns:
            if not any(re.search(pattern, line) for line in self.lines):
                self.wait_for(pattern)

    def port(self):
        return int(self.wait_for(r"running on http://127.0.0.1:(\d+)")[1])

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Read what is left; the exit status."""
        output, _ = self.process.communicate(timeout=PATIENCE)
        self.lines += output.splitlines()
        return self.process.returncode


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


HELLO = """\
import os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = f"{os.getpid()} {VERSION}".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
VERSION = 1
"""


def write_app(folder, text=HELLO):
    (folder / "hello.py").write_text(text)


async def hello(scope, receive, send):
    """An application without lifespan."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})
