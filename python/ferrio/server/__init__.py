"""ferrio.server: serve an ASGI or WSGI application over HTTP/1.1 and WebSocket, as uvicorn does, natively.

    import ferrio.server

    ferrio.server.run("app:app", host="0.0.0.0", port=8000)

    server = ferrio.server.Server(ferrio.server.Config(app, port=8000))
    await server.serve()

`ferrio serve app:app` is the same as a command. Names and options are uvicorn's, so that a program that uses
`uvicorn.run`, `uvicorn.Config` or `uvicorn.Server` works with the import replaced. `UvicornHttp`, `UvicornWebSocket`
and `GunicornWorker` are for those who keep uvicorn or gunicorn. `shutting_down()` tells an application that its server
ends.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .config import Config
from .ending import shutting_down
from .running import run
from .server import Server

if TYPE_CHECKING:
    from .gunicorn_worker import GunicornWorker
    from .within import UvicornHttp, UvicornWebSocket

__all__ = ["Config", "GunicornWorker", "Server", "UvicornHttp", "UvicornWebSocket", "run", "shutting_down"]

_LATER = {"GunicornWorker": ".gunicorn_worker", "UvicornHttp": ".within", "UvicornWebSocket": ".within"}


def __getattr__(name: str) -> Any:
    """What is imported when it is asked for: one of them needs gunicorn."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(_LATER[name], __name__), name))
