"""ferrio.server: serve an ASGI or WSGI application over HTTP/1.1 and WebSocket, as uvicorn does, natively.

    import ferrio.server

    ferrio.server.run("app:app", host="0.0.0.0", port=8000)

    server = ferrio.server.Server(ferrio.server.Config(app, port=8000))
    await server.serve()

`ferrio serve app:app` is the same as a command. Names and options are uvicorn's, so that a program that uses
`uvicorn.run`, `uvicorn.Config` or `uvicorn.Server` works with the import replaced.
"""

from __future__ import annotations

from .config import Config
from .running import run
from .server import Server

__all__ = ["Config", "Server", "run"]
