"""ferrio's HTTP and WebSocket inside uvicorn: what its options `--http` and `--ws` take.

    uvicorn --loop ferrio:new_event_loop --http ferrio.server:UvicornHttp --ws ferrio.server:UvicornWebSocket app:app

uvicorn's server stays what it is: it counts connections, tasks and requests, and ends them. Must not import uvicorn.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .access_logger import access_logger
from .config import Config
from .serving import native, settings, tick_of


def UvicornHttp(config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> asyncio.Protocol:
    """A connection, as uvicorn makes one of its `--http`."""
    shared = getattr(server_state, "ferrio", None)
    if shared is None:
        shared = server_state.ferrio = _Shared(config, server_state, app_state, _loop or asyncio.get_running_loop())
    connection: asyncio.Protocol = shared.connect()
    return connection


UvicornWebSocket = UvicornHttp
"""For uvicorn's `--ws`, whatever `--http` is: the handshake comes as the connection's first request."""


class _Shared:
    """What the connections of one server share. While there are some it looks at time limits now and then."""

    def __init__(self, config: Any, state: Any, app_state: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        if not config.loaded:
            config.load()
        access, _ = access_logger()
        completed: Any = _Completed(config)
        counts = {"connections": state.connections, "tasks": state.tasks, "counts": state}
        own = {**settings(completed, app_state, access), **counts}
        self._serving = native.HttpServing(config.loaded_app, loop, own)
        self._loop, self._pause, self._looks = loop, tick_of(completed), False

    def connect(self) -> Any:
        if not self._looks:
            self._looks = True
            self._loop.call_later(self._pause, self._look)
        return self._serving.connect()

    def _look(self) -> None:
        self._looks = bool(self._serving.connections)
        if self._looks:
            self._loop.call_later(self._pause, self._look)
        self._serving.tick()


class _Completed:
    """uvicorn's configuration, with our own defaults of what it has not got; proxies' headers are its middleware's."""

    def __init__(self, config: Any) -> None:
        self._config, self._ours = config, Config(None, log_config=None, proxy_headers=False)
        self.ws = "none" if config.ws_protocol_class is None else "ferrio"
        self.proxy_headers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config if hasattr(self._config, name) else self._ours, name)
