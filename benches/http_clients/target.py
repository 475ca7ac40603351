"""The server that clients are measured against: ferrio's, in a process of its own, on a CPU of its own.

    python -m benches.http_clients.target CPU [CERTIFICATE]

prints its port when it listens, and ends with its standard input. Must not know any client.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import threading
from typing import Any

import ferrio
from ferrio import _ferrio

BODIES = {"/": b"Hello, World!", "/10k": bytes(10 << 10), "/10m": bytes(10 << 20)}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The body of that path, once the request's is read."""
    while (await receive()).get("more_body"):
        pass
    body = BODIES.get(scope["path"], BODIES["/"])
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve(certificate: str | None) -> None:
    loop = asyncio.get_running_loop()
    secured = None
    if certificate:
        secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secured.load_cert_chain(certificate)
    serving = _ferrio.HttpServing(app, loop, {})
    # Every address of loopback, so that one server stands for a hundred hosts.
    server = await loop.create_server(serving.connect, "0.0.0.0", 0, backlog=4096, ssl=secured)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True).start()
    await over.wait()


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    ferrio.run(serve(sys.argv[2] if len(sys.argv) > 2 else None))
