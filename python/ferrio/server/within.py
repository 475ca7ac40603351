"""ferrio's HTTP and WebSocket inside uvicorn: what its options `--http` and `--ws` take.

    uvicorn --loop ferrio:new_event_loop --http ferrio.server:UvicornHttp --ws ferrio.server:UvicornWebSocket app:app

uvicorn's server stays what it is: it counts connections, tasks and requests, and ends them. Must not import uvicorn.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .access_logger import access_logger
from .config import Config
from .serving import native, settings

LOOK = 1.0
"""Seconds between two looks at time limits; uvicorn has timers of its own for them."""


def UvicornHttp(config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> asyncio.Protocol:
    """A connection, as uvicorn makes one of its `--http`."""
    serving = getattr(server_state, "ferrio", None)
    if serving is None:
        serving = server_state.ferrio = _serving(config, server_state, app_state, _loop or asyncio.get_running_loop())
    connection: asyncio.Protocol = serving.connect()
    return connection


UvicornWebSocket = UvicornHttp
"""For uvicorn's `--ws`, whatever `--http` is: the handshake comes as the connection's first request."""


def _serving(config: Any, state: Any, app_state: dict[str, Any], loop: asyncio.AbstractEventLoop) -> Any:
    access, _ = access_logger()
    own = settings(_Completed(config), app_state, access)
    shared = {"connections": state.connections, "tasks": state.tasks, "counts": state}
    serving = native.HttpServing(config.loaded_app, loop, {**own, **shared})

    def look() -> None:
        serving.tick()
        loop.call_later(LOOK, look)

    loop.call_later(LOOK, look)
    return serving


class _Completed:
    """uvicorn's configuration, with our own defaults of what it has not got; proxies' headers are its middleware's."""

    def __init__(self, config: Any) -> None:
        self._config, self._ours = config, Config(None, log_config=None, proxy_headers=False)
        self.ws = "none" if config.ws_protocol_class is None else "ferrio"
        self.proxy_headers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config if hasattr(self._config, name) else self._ours, name)
