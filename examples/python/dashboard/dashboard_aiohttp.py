"""The dashboard of dashboard.py, on aiohttp instead of ferrio's server. Open the printed address and press the buttons.

Run it:      python examples/python/dashboard/dashboard_aiohttp.py
On ferrio:   ferrio run examples/python/dashboard/dashboard_aiohttp.py

What it teaches: how the same stream of events looks with aiohttp's requests and responses.
"""

import argparse
import asyncio
import contextlib
from pathlib import Path
from socket import create_server

from aiohttp import web
from monitor import Monitor, Viewer, event

PAGE = Path(__file__).with_name("page.html")
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
        missed = monitor.since(seen)
        monitor.viewers.add(viewer)
        try:
            await response.write(b"retry: 1000\n\n" + b"".join(map(event, missed)))
            while (sample := await viewer.next()) is not None:
                await response.write(event(sample))
        finally:
            monitor.viewers.discard(viewer)
    return response


async def work(request: web.Request) -> web.Response:
    await request.app[MONITOR].work(request.match_info["how"])
    return web.Response(status=204)


async def sampling(app: web.Application):
    """Before `yield`: start-up. After it: the end, when the streams are over."""
    task = asyncio.create_task(app[MONITOR].run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def end_streams(app: web.Application) -> None:
    app[MONITOR].end_streams()


def make_app() -> web.Application:
    app = web.Application()
    app[MONITOR] = Monitor()
    app.add_routes([web.get("/", page), web.get("/events", events), web.post("/job/{how:block|await|thread}", work)])
    app.cleanup_ctx.append(sampling)
    app.on_shutdown.append(end_streams)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A dashboard of the event loop itself.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    port = parser.parse_args().port
    try:
        listener = create_server(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(f"cannot listen on port {port}: {error.strerror}; choose another: --port") from None
    address = "http://{}:{}".format(*listener.getsockname())
    web.run_app(
        make_app(),
        sock=listener,
        shutdown_timeout=1,
        print=lambda _: print(f"listening on {address}", flush=True),
        access_log=None,
    )
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
