"""`Worker`: one serving process, as its parent sees it, and what runs in it.

A worker is a Python of its own (`spawn`: nothing of the parent's loop or threads comes along). Between them is a pipe:
the parent asks whether the worker lives, a thread of the worker's answers whether it serves yet. Where the pipe ends,
the parent is gone, and the worker ends, too.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from ..config import Config
from ..server import Server

multiprocessing.allow_connection_pickling()
spawn = multiprocessing.get_context("spawn")
logger = logging.getLogger("uvicorn.error")

Target = Callable[..., None]


class Worker:
    """A process that serves. `number` tells those that are there at the same time apart."""

    def __init__(self, config: Config, sockets: list[socket.socket], number: int) -> None:
        self.number = number
        self.has_served = False
        self._pipe, theirs = spawn.Pipe()
        self._theirs: Connection | None = theirs
        self.process = subprocess_of(config, serve, sockets, theirs, number)

    @property
    def pid(self) -> int | None:
        return self.process.pid

    @property
    def exitcode(self) -> int | None:
        return self.process.exitcode

    def start(self) -> None:
        self.process.start()
        assert self._theirs is not None
        self._theirs.close()  # so that the pipe ends with the worker

    def ask(self) -> None:
        """Ask whether it lives; `answer` has the answer."""
        with contextlib.suppress(OSError):
            self._pipe.send(b"ping")

    def answer(self, timeout: float) -> bool | None:
        """Whether it serves, None without an answer in time."""
        try:
            if not self._pipe.poll(timeout):
                return None
            while True:
                serves = bool(self._pipe.recv())
                self.has_served = self.has_served or serves
                if not self._pipe.poll(0):
                    return serves
        except (OSError, EOFError):
            return None

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether the process is there and answers in time."""
        if not self.process.is_alive():
            return False
        self.ask()
        return self.answer(timeout) is not None

    def is_ready(self, timeout: float = 5) -> bool:
        """Whether it answers, and its server has started."""
        self.ask()
        return self.answer(timeout) is True

    def terminate(self) -> None:
        """Have it finish what it does, and end."""
        if self.exitcode is None and self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            logger.info("Terminated child process [%s]", self.pid)

    def kill(self) -> None:
        self.process.kill()

    def join(self) -> None:
        logger.info("Waiting for child process [%s]", self.pid)
        self.process.join()
        self._pipe.close()


def subprocess_of(config: Config, target: Target, sockets: list[socket.socket], *arguments: Any) -> BaseProcess:
    """A process that will call `target` with configuration and sockets; it is not started yet."""
    try:
        stdin = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        stdin = None
    return spawn.Process(target=_begin, args=(config, target, sockets, stdin, *arguments))


def serve(config: Config, sockets: list[socket.socket], pipe: Connection, number: int) -> None:
    """What a worker does."""
    server = Server(config)
    config.worker_number = number
    threading.Thread(target=_answer, args=(server, pipe), name="ferrio healthcheck", daemon=True).start()
    server.run(sockets)


def _begin(config: Config, target: Target, sockets: list[socket.socket], stdin: int | None, *arguments: Any) -> None:
    """The first thing in the new process: its standard input, for debuggers, and its logging."""
    if stdin is not None:
        with contextlib.suppress(OSError):
            sys.stdin = os.fdopen(stdin)
    config.configure_logging()
    with contextlib.suppress(KeyboardInterrupt):  # the parent knows, and says so
        target(config, sockets, *arguments)


def _answer(server: Server, pipe: Connection) -> None:
    """Answer the parent for as long as it is there."""
    with contextlib.suppress(OSError, EOFError):
        while pipe.recv():
            pipe.send(server.started)
    server.should_exit = True
