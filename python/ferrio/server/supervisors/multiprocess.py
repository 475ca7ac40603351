"""`Multiprocess`: several workers on the same sockets. One that ends is replaced.

    SIGINT, SIGTERM  all workers finish what they do, and end        SIGHUP  each is replaced, the new one first
    SIGTTIN          one worker more                                 SIGTTOU one worker less

Workers inherit the sockets, so that a connection that waits for one of them is never lost with another. Signals only
queue a number; the loop of `run` acts on it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator

from ..config import STARTUP_FAILURE, Config
from ..logs import style
from .worker import Worker

SIGNALS = {
    getattr(signal, f"SIG{name}"): name for name in ("INT", "TERM", "HUP", "QUIT", "TTIN", "TTOU", "USR1", "USR2")
}
LOOK = 0.5
"""Seconds between two looks at workers."""

logger = logging.getLogger("uvicorn.error")


class Multiprocess:
    """The parent of workers. It ends with status 3 where they cannot start: none of them has ever served."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        self.config = config
        self.sockets = sockets
        self.processes_num = config.workers
        self.processes: list[Worker] = []
        self.leaving: list[Worker] = []  # told to end, and finishing what they do
        self.should_exit = threading.Event()
        self.signal_queue: list[int] = []
        self._served = self._failed = False
        self._news = threading.Event()
        for number in SIGNALS:
            signal.signal(number, self._note)

    def run(self) -> None:
        """Until a signal ends it, or no worker can start."""
        self._say("Started parent process [%s]")
        self.init_processes()
        while not self.should_exit.is_set():
            self._news.wait(LOOK)
            self._news.clear()
            self.handle_signals()
            self.keep_subprocess_alive()
            self._reap()
        self.terminate_all()
        for each in self.sockets:  # or clients would wait for workers that take nobody any more
            each.close()
        self.join_all()
        self._say("Stopping parent process [%s]")
        if self._failed:
            sys.exit(STARTUP_FAILURE)

    def init_processes(self) -> None:
        for _ in range(self.processes_num):
            self.processes.append(self._started())

    def terminate_all(self) -> None:
        for process in self.processes:
            process.terminate()

    def join_all(self) -> None:
        for process in (*self.leaving, *self.processes):
            process.join()

    def restart_all(self) -> None:
        """Replace each worker by one that serves already. If one cannot start, the others stay what they are."""
        for place, old in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            new = self._started()
            if not self.wait_until_ready(new, self.config.timeout_worker_healthcheck):
                new.kill()
                new.join()
                if not self.should_exit.is_set():
                    logger.error(
                        "New child process [%s] was not ready in time; keeping worker [%s] and aborting the restart.",
                        new.pid,
                        old.pid,
                    )
                return
            self.processes[place] = new
            self._dismiss(old)

    def wait_until_ready(self, worker: Worker, timeout: float) -> bool:
        """Whether it serves in time, as long as nobody ends everything meanwhile."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and worker.process.is_alive():
            if {signal.SIGINT, signal.SIGTERM} & set(self.signal_queue):
                self.should_exit.set()
            if self.should_exit.is_set():
                return False
            if worker.is_ready(timeout=0.2):
                return True
            time.sleep(0.05)
        return False

    def keep_subprocess_alive(self) -> None:
        """Replace those that ended or do not answer. All are asked first, so that they have the same time to answer."""
        if self.should_exit.is_set():
            return
        for process in self.processes:
            process.ask()
        deadline = time.monotonic() + self.config.timeout_worker_healthcheck
        for place, process in enumerate(self.processes):
            if process.process.is_alive() and process.answer(max(0, deadline - time.monotonic())) is not None:
                continue
            process.kill()
            process.join()
            self._served = self._served or any(each.has_served for each in self.processes)
            if process.exitcode == STARTUP_FAILURE or (not self._served and (process.exitcode or 0) > 0):
                self._failed = True
                logger.error("Child process [%s] failed to start, stopping the parent process.", process.pid)
                self.should_exit.set()
                return
            logger.info("Child process [%s] died", process.pid)
            self.processes[place] = self._started()

    def handle_signals(self) -> None:
        """Do what the signals ask for that came since."""
        while self.signal_queue:
            name = SIGNALS[self.signal_queue.pop(0)]
            handler = getattr(self, f"handle_{name.lower()}", None)
            if handler is None:
                logger.debug("Received signal %s, but no handler is defined for it.", name)
            else:
                handler()

    def handle_int(self) -> None:
        logger.info("Received SIGINT, exiting.")
        self.should_exit.set()

    def handle_term(self) -> None:
        logger.info("Received SIGTERM, exiting.")
        self.should_exit.set()

    def handle_hup(self) -> None:
        logger.info("Received SIGHUP, restarting processes.")
        self.restart_all()

    def handle_ttin(self) -> None:
        logger.info("Received SIGTTIN, increasing the number of processes.")
        self.processes_num += 1
        self.processes.append(self._started())

    def handle_ttou(self) -> None:
        logger.info("Received SIGTTOU, decreasing number of processes.")
        if self.processes_num <= 1:
            logger.info("Already reached one process, cannot decrease the number of processes anymore.")
            return
        self.processes_num -= 1
        self._dismiss(self.processes.pop())

    def _started(self) -> Worker:
        used = {process.number for process in (*self.leaving, *self.processes)}
        worker = Worker(self.config, self.sockets, next(each for each in _numbers() if each not in used))
        worker.start()
        return worker

    def _dismiss(self, worker: Worker) -> None:
        """Have it end, which may take as long as its connections do; others are looked after meanwhile."""
        worker.terminate()
        self.leaving.append(worker)

    def _reap(self) -> None:
        for worker in [each for each in self.leaving if not each.process.is_alive()]:
            worker.join()
            self.leaving.remove(worker)

    def _note(self, number: int, _: object) -> None:
        self.signal_queue.append(number)
        self._news.set()

    def _say(self, text: str) -> None:
        extra = {"color_message": text.replace("%s", style("%s", "cyan", bold=True))}
        logger.info(text, os.getpid(), extra=extra)


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1
