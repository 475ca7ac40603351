"""Gives each file of the suite to workers until every test of it has an outcome.

A test that hangs or takes its process down costs the file a process: the next one continues with the test after it.
Tests which failed are run again, each alone in a fresh process, and those that hung as well if asked; one which passes
there counts as passed and is listed as unstable. A crash stays one: memory that others have spoilt is whole when alone.
"""

import collections
import concurrent.futures
import os
import sys
import threading
import time

from .processes import Workers

OUTCOMES = ("passed", "failed", "error", "skipped", "crashed", "hung")
BAD = ("failed", "error", "crashed", "hung")


class Driver:
    def __init__(self, options):
        self.options = options
        self.workers = Workers(options.timeout)
        self.lock = threading.Lock()  # of the lines that say how far the run is

    def plan(self, file):
        """Return (ids, reason): the tests of a file, or why it has none."""
        ids, reason = [], ""

        def on_event(event):
            nonlocal ids, reason
            if event["event"] == "plan":
                ids = event["ids"]
            elif event["event"] == "module-skipped":
                reason = "skipped: " + event["reason"]
            elif event["event"] == "module-failed":
                reason = "import failed:\n" + event["message"]

        end = self.workers.run(worker_config(self.options, file, listing=True), on_event)
        if end is not None and not ids and not reason:
            reason = f"import failed: {end[1]}"
        return ids, reason

    def run(self, plan):
        """Run {file: ids}; return {file: {id: result}}."""
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            futures = {file: pool.submit(self.run_file, file, ids) for file, ids in plan.items() if ids}
            return {file: future.result() for file, future in futures.items()}

    def run_file(self, file, ids):
        started = time.monotonic()
        results = FileRun(self, file).run(ids)
        again = ("failed", "error", "hung") if self.options.retry_hung else ("failed", "error")
        for name in ids:
            if results[name]["outcome"] in again and not results[name]["message"].startswith("not run: "):
                results[name] = self.retry(file, name, results[name])
        counts = collections.Counter(result["outcome"] for result in results.values())
        score = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])
        self.say(f"{file:26} {len(ids):5} tests  {score}  ({time.monotonic() - started:.1f} s)")
        return results

    def retry(self, file, name, before):
        for _ in range(self.options.retries):
            again = FileRun(self, file).run([name])[name]
            if again["outcome"] not in BAD:
                message = "passed alone in a fresh process; before:\n" + before["message"]
                return {**again, "unstable": True, "message": message}
        return before

    def say(self, text):
        if not self.options.quiet:
            with self.lock:
                print(text, file=sys.stderr, flush=True)


class FileRun:
    """Tests of one file, run in as many processes as they take."""

    def __init__(self, driver, file):
        self.workers = driver.workers
        self.options = driver.options
        self.file = file
        self.results = {}
        self.running = None  # the id of the test that the worker is in
        self.fixtures = []  # set-ups of classes and modules that failed or were skipped

    def run(self, ids):
        """Return {id: result}."""
        remaining, hangs = list(ids), 0
        while remaining:
            self.running, self.fixtures = None, []
            before = len(self.results)
            config = worker_config(self.options, self.file, only=remaining)
            end = self.workers.run(config, self.on_event)
            if end is not None and self.running is not None:
                self.results[self.running] = result(end[0], end[1], touched=True)
                hangs += end[0] == "hung"
            remaining = [name for name in remaining if name not in self.results]
            if end is None or len(self.results) == before:
                self.blame_fixtures(remaining, end)
                break
            if hangs >= self.options.max_hangs:
                message = f"not run: {hangs} tests of this file hung before"
                self.results.update((name, result("hung", message)) for name in remaining)
                break
        return self.results

    def on_event(self, event):
        kind = event["event"]
        if kind == "start":
            self.running = event["id"]
        elif kind == "end":
            self.running = None
            self.results[event["id"]] = result(
                event["outcome"], event["message"], touched=event["touched"], seconds=event["seconds"]
            )
        elif kind == "fixture":
            self.fixtures.append(event)
        elif kind == "module-failed":
            self.fixtures.append({"outcome": "error", "name": self.file, "message": event["message"]})

    def blame_fixtures(self, names, end):
        """These did not run at all: the fixture of their class or module failed."""
        unknown = {"outcome": "error", "message": "not run; " + (end[1] if end else "no reason known")}
        last = self.fixtures[-1] if self.fixtures else unknown
        for name in names:
            cls = name.rpartition(".")[0]
            fixture = next((fixture for fixture in self.fixtures if cls in fixture["name"]), last)
            self.results[name] = result(fixture["outcome"], fixture["message"])


def result(outcome, message, touched=False, seconds=None):
    return {"outcome": outcome, "seconds": seconds, "touched": touched, "message": message}


def worker_config(options, file, only=None, listing=False):
    """What worker.py is told, as JSON."""
    return {
        "file": file,
        "only": only,
        "list": listing,
        "loop": options.loop,
        "install": options.install,
        "tasks": options.tasks,
        "futures": options.futures,
        "api": options.api,
        "raw_fixtures": options.raw_fixtures,
        "hosted": not options.no_hosted,
        "path": [os.path.abspath(path) for path in options.path],
    }
