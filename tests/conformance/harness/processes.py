"""Starts worker processes and watches them; knows nothing of what their tests mean.

Each worker runs in an empty working directory and a process group of its own. One that says nothing for longer than
the time-out is killed, after it has printed the stacks of its threads.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import clip

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cpython_asyncio.py")
PYTHON = (sys.executable, "-X", "faulthandler", "-W", "default")


class Workers:
    def __init__(self, timeout):
        self.timeout = timeout
        self.running = set()
        self.directory = tempfile.mkdtemp(prefix="aioconf-")

    def run(self, config, on_event):
        """Run one worker; return None, or (outcome, how it ended) if it ended before it was done."""
        directory = tempfile.mkdtemp(dir=self.directory)
        try:
            log_path = os.path.join(directory, "log")
            read_fd, write_fd = os.pipe()
            try:
                try:
                    worker = start(config, directory, log_path, write_fd)
                finally:
                    os.close(write_fd)
                self.running.add(worker)
                end = self.watch(worker, read_fd, on_event)
            finally:
                os.close(read_fd)
            self.running.discard(worker)
            if end is None:
                return None
            outcome, how = end
            with open(log_path, "rb") as log:
                return outcome, how + "\n" + clip(log.read().decode("utf-8", "replace"))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def kill(self):
        """Take the workers along, when the program is stopped."""
        for worker in list(self.running):
            kill_group(worker)
        self.clean()

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def watch(self, worker, fd, on_event):
        """Pass the events on until the worker ends or hangs; return None, or the outcome and how it ended."""
        try:
            done, hung = self.follow(worker, fd, on_event)
        finally:
            kill_group(worker)
            worker.wait()
        if hung:
            return "hung", f"no progress for {self.timeout:g} s"
        return None if done else how_ended(worker.returncode)

    def follow(self, worker, fd, on_event):
        """Return whether the worker said that it is done, and whether it had to be killed."""
        buffer, done = b"", False
        last = time.monotonic()
        while True:
            ready, _, _ = select.select([fd], [], [], 0.25)
            if ready:
                data = os.read(fd, 1 << 16)
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    last = time.monotonic()
                    event = json.loads(line)
                    done = done or event["event"] == "done"
                    on_event(event)
                if data and not done:
                    continue
            if worker.poll() is not None and not ready:
                return done, False
            if ready and not data:  # every writer is gone
                wait(worker, 10)
                return done, False
            if done:
                wait(worker, 5)
                return done, False
            if time.monotonic() - last > self.timeout:
                with contextlib.suppress(ProcessLookupError):
                    worker.send_signal(signal.SIGABRT)  # prints stacks
                wait(worker, 3)
                return done, True


def start(config, directory, log_path, events):
    """Start a worker that writes its events to the descriptor `events`, and all else to the log."""
    work = os.path.join(directory, "w")
    os.mkdir(work)
    config_path = os.path.join(directory, "config.json")
    with open(config_path, "w") as file:
        json.dump(config, file)
    with open(log_path, "wb") as log:
        return subprocess.Popen(
            [*PYTHON, SCRIPT, "--worker", str(events), config_path],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=work,
            env=environment(work),
            pass_fds=(events,),
            start_new_session=True,
        )


def environment(directory):
    env = dict(os.environ)
    for name in ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONWARNINGS"):
        env.pop(name, None)
    if env.get("PYTHONPATH"):
        paths = env["PYTHONPATH"].split(os.pathsep)
        env["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths if path)
    env["TMPDIR"] = directory
    return env


def wait(worker, seconds):
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(seconds)


def kill_group(worker):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)


def how_ended(code):
    if code == 0:
        return None
    try:
        return "crashed", "signal " + signal.Signals(-code).name
    except ValueError:
        return "crashed", f"exit status {code}"
