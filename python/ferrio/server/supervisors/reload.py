"""`ChangeReload`: one serving process, which is started anew when a file changes.

Changes come from watchfiles where that is installed, otherwise from the times of the files. Which folders and patterns
count is in the configuration.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ..config import Config
from ..logs import style
from .changes import Changes, FileFilter, changes_of
from .worker import subprocess_of

logger = logging.getLogger("uvicorn.error")


class ChangeReload:
    """The parent of a server that is reloaded. `target` is called there with `sockets`."""

    def __init__(
        self, config: Config, target: Callable[..., None], sockets: list[socket.socket], changes: Changes | None = None
    ) -> None:
        self.config = config
        self.target = target
        self.sockets = sockets
        self.should_exit = threading.Event()
        self.filter = FileFilter(config)
        self.changes = changes or changes_of(config, self.should_exit)

    def run(self) -> None:
        """Until SIGINT or SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.signal_handler)
        self.startup()
        for changed in self:
            if changed:
                names = ", ".join(map(display_path, changed))
                logger.warning("%s detected changes in %s. Reloading...", self.changes.name, names)
                self.restart()
        self.shutdown()

    def signal_handler(self, sig: int, frame: object) -> None:
        self.should_exit.set()

    def __iter__(self) -> Iterator[list[Path]]:
        """What changed, each time somebody looked; ends when the parent is to end."""
        while not self.should_exit.wait(self.config.reload_delay):
            yield sorted({path for path in self.changes.look() if self.filter(path)})

    def startup(self) -> None:
        text, values = "Started reloader process [%s] using %s", (os.getpid(), self.changes.name)
        coloured = text.replace("%s", style("%s", "cyan", bold=True))
        logger.info(text, *values, extra={"color_message": coloured})
        self._start()

    def restart(self) -> None:
        """Let the process finish what it does, then start another."""
        self.process.terminate()
        self.process.join()
        self._start()

    def shutdown(self) -> None:
        self.process.terminate()
        for each in self.sockets:  # or clients would wait for a process that takes nobody any more
            each.close()
        self.process.join()
        text = "Stopping reloader process [%s]"
        extra = {"color_message": text.replace("%s", style("%s", "cyan", bold=True))}
        logger.info(text, os.getpid(), extra=extra)

    def _start(self) -> None:
        self.process = subprocess_of(self.config, _serve, self.sockets, self.target)
        self.process.start()


def display_path(path: Path) -> str:
    """As seen from the current folder, if it is in there."""
    try:
        return f"'{path.relative_to(Path.cwd())}'"
    except ValueError:
        return f"'{path}'"


def _serve(config: Config, sockets: list[socket.socket], target: Callable[..., None]) -> None:
    threading.Thread(target=_end_with_parent, name="ferrio parent", daemon=True).start()
    target(sockets=sockets)


def _end_with_parent() -> None:
    """Nobody else would end this process, or have its port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
