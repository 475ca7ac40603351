"""A live dashboard of the event loop itself, by server-sent events. Open the printed address and press the buttons.

Run it:      ferrio run examples/python/dashboard/dashboard.py

What it teaches: a loop that runs one thing at a time is late for everything else while that thing lasts. A task
sleeps for a tenth of a second, again and again, and notes how late it woke: a handler that blocks shows at once as a
peak, the same wait with `await` or in a thread does not; no loop can change that.

Server-sent events are an answer whose body does not end: one `send` for its head, one for each event. The browser's
EventSource connects again by itself and says which sample it saw last: it gets only what it missed. The samples are
taken in monitor.py. dashboard_aiohttp.py is the same dashboard on aiohttp.
"""

import argparse
import asyncio
import contextlib
from pathlib import Path

import ferrio.server
from monitor import Monitor, Viewer, event

PAGE = Path(__file__).with_name("page.html").read_bytes()
MONITOR = Monitor()


async def app(scope, receive, send) -> None:
    """Called once for each request, and once for the application's own start and end, its lifespan."""
    match scope["type"], scope.get("method"), scope.get("path"):
        case "lifespan", _, _:
            await lifespan(receive, send)
        case "websocket", _, _:
            await send({"type": "websocket.close"})  # before it is accepted: the answer is 403
        case "http", "GET" | "HEAD", "/":
            await answer(send, 200, b"text/html; charset=utf-8", PAGE)
        case "http", "GET", "/events":
            await events(scope, send)
        case "http", "POST", "/job/block" | "/job/await" | "/job/thread" as path:
            await MONITOR.work(path.removeprefix("/job/"))
            await answer(send, 204)
        case _:
            await answer(send, 404, b"text/plain", b"There is no such page.\n")


async def lifespan(receive, send) -> None:
    await receive()  # {"type": "lifespan.startup"}
    sampling = asyncio.create_task(MONITOR.run())
    ending = asyncio.create_task(end_streams())
    await send({"type": "lifespan.startup.complete"})
    await receive()  # {"type": "lifespan.shutdown"}, when the streams are over
    sampling.cancel()
    await asyncio.wait([sampling, ending])
    await send({"type": "lifespan.shutdown.complete"})


async def end_streams() -> None:
    """On Ctrl-C a server waits for what still runs. These streams would run for ever: they are ended before."""
    await ferrio.server.shutting_down().wait()
    MONITOR.end_streams()


async def events(scope, send) -> None:
    """The stream: what was missed in one go, then each sample when it is taken."""
    seen = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    missed = b"".join(map(event, MONITOR.since(seen)))
    viewer = Viewer()
    MONITOR.viewers.add(viewer)
    with contextlib.suppress(OSError):  # the browser has gone
        try:
            await send({"type": "http.response.body", "body": b"retry: 1000\n\n" + missed, "more_body": True})
            while (sample := await viewer.next()) is not None:
                await send({"type": "http.response.body", "body": event(sample), "more_body": True})
            await send({"type": "http.response.body"})
        finally:
            MONITOR.viewers.discard(viewer)


async def answer(send, status: int, kind: bytes = b"", body: bytes = b"") -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))] if body else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description="A dashboard of the event loop itself.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    port = parser.parse_args().port
    ferrio.server.run(app, port=port, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
