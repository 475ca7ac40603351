"""A live dashboard of the event loop itself, by server-sent events. Open the printed address and press the buttons.

Run it:      python examples/python/dashboard/dashboard.py
On ferrio:   ferrio run examples/python/dashboard/dashboard.py

What it teaches: a loop that runs one thing at a time is late for everything else while that thing lasts. A task
sleeps for a tenth of a second, again and again, and notes how late it woke: a handler that blocks shows at once as a
peak, the same wait with `await` or in a thread does not; no loop can change that.

Each viewer has its own bounded queue. Who reads slowly loses the oldest samples, never the newest, and delays nobody.
The browser's EventSource connects again by itself and says which sample it saw last: it gets only what it missed.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import time
from collections import deque
from pathlib import Path

from aiohttp import web

PAGE = Path(__file__).with_name("page.html")
PERIOD = 0.1  # seconds from one sample to the next
HISTORY = 300  # samples kept for those who come later
QUEUE = 50  # samples that may wait for one viewer
WORK_SECONDS = 0.3  # how long each of the buttons makes the server wait


class Viewer:
    """The samples on their way to one browser: at most QUEUE, the newest ones. None ends the stream."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[dict | None] = asyncio.Queue(QUEUE)

    def put(self, sample: dict | None) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(sample)

    async def next(self) -> dict | None:
        return await self._queue.get()


class Monitor:
    """Takes the samples, keeps the last ones and hands each to every viewer."""

    def __init__(self) -> None:
        self.samples: deque[dict] = deque(maxlen=HISTORY)
        self.viewers: set[Viewer] = set()
        self._working = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        busy, number = time.process_time(), 0
        while True:
            before = loop.time()
            await asyncio.sleep(PERIOD)
            took = loop.time() - before
            busy, busy_before = time.process_time(), busy
            number += 1
            self._publish(
                {
                    "number": number,
                    "late_ms": round(max(0.0, took - PERIOD) * 1000, 2),
                    "cpu_percent": round((busy - busy_before) / took * 100, 1),
                    "tasks": len(asyncio.all_tasks()),
                    "viewers": len(self.viewers),
                    "working": self._working,
                }
            )

    def _publish(self, sample: dict) -> None:
        self.samples.append(sample)
        for viewer in self.viewers:
            viewer.put(sample)

    def since(self, number: int) -> list[dict]:
        """The kept samples after that one. A greater number than the last is from before a restart: all of them."""
        last = self.samples[-1]["number"] if self.samples else 0
        return [sample for sample in self.samples if sample["number"] > number or number > last]

    @contextlib.contextmanager
    def working(self):
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1


MONITOR = web.AppKey("monitor", Monitor)


async def page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


async def events(request: web.Request) -> web.StreamResponse:
    """The stream: what was missed in one go, then each sample when it is taken."""
    monitor = request.app[MONITOR]
    seen = request.headers.get("Last-Event-ID", "0")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    viewer = Viewer()
    with contextlib.suppress(ConnectionError):  # the browser has gone
        await response.prepare(request)
        missed = monitor.since(int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else 0)
        monitor.viewers.add(viewer)
        try:
            await response.write(b"retry: 1000\n\n" + b"".join(map(event, missed)))
            while (sample := await viewer.next()) is not None:
                await response.write(event(sample))
        finally:
            monitor.viewers.discard(viewer)
    return response


def event(sample: dict) -> bytes:
    return f"id: {sample['number']}\ndata: {json.dumps(sample)}\n\n".encode()


async def work(request: web.Request) -> web.Response:
    """The same wait in three ways; the chart tells them apart."""
    with request.app[MONITOR].working():
        match request.match_info["how"]:
            case "block":
                time.sleep(WORK_SECONDS)  # wrong, on purpose: nothing else runs meanwhile
            case "await":
                await asyncio.sleep(WORK_SECONDS)
            case "thread":
                await asyncio.to_thread(time.sleep, WORK_SECONDS)
    return web.Response(status=204)


async def sampling(app: web.Application):
    """Before `yield`: start-up. After it: the end, when the streams are over."""
    task = asyncio.create_task(app[MONITOR].run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def end_streams(app: web.Application) -> None:
    for viewer in app[MONITOR].viewers:
        viewer.put(None)


def make_app() -> web.Application:
    app = web.Application()
    app[MONITOR] = Monitor()
    app.add_routes([web.get("/", page), web.get("/events", events), web.post("/job/{how:block|await|thread}", work)])
    app.cleanup_ctx.append(sampling)
    app.on_shutdown.append(end_streams)
    return app


async def serve(port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, port = runner.addresses[0]
        print(f"listening on http://{host}:{port}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()
    print("stopped", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="A dashboard of the event loop itself.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    port = parser.parse_args().port
    try:
        asyncio.run(serve(port))
    except OSError as error:
        raise SystemExit(f"cannot listen on port {port}: {error.strerror}; choose another: --port") from None


if __name__ == "__main__":
    main()
