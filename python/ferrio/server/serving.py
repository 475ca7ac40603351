"""What stands between a server and HTTP: the native server of one application, its settings, and what it has to tell.

`ServerState` has the figures under uvicorn's names, whoever speaks HTTP. Must not know when a server starts or ends.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Any

from .. import Loop, _ferrio
from . import logs
from .access_logger import Access
from .asgi import ASGI3
from .config import Config
from .proxy_headers import ProxyHeadersMiddleware, forwarded

Connect = Callable[[], asyncio.BaseProtocol]
logger = logging.getLogger("uvicorn.error")
native: Any = _ferrio

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

EXTENSIONS: dict[str, dict[str, Any]] = {"http.response.pathsend": {}, "http.response.early_hint": {}}


class ServerState:
    """Connections, tasks and requests of a server: the native ones, or what a protocol class of others counts here."""

    def __init__(self) -> None:
        self.serving: Any = None
        self.default_headers: list[tuple[bytes, bytes]] = []
        self._connections: set[Any] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = 0

    @property
    def total_requests(self) -> int:
        return self._requests if self.serving is None else self.serving.requests

    @total_requests.setter
    def total_requests(self, count: int) -> None:
        self._requests = count

    @property
    def connections(self) -> set[Any]:
        return self._connections if self.serving is None else self.serving.connections

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        return self._tasks if self.serving is None else self._tasks.union(self.serving.tasks())

    def tick(self, config: Config) -> None:
        """About once a second: time limits, or the headers that protocol classes of others add."""
        if self.serving is not None:
            self.serving.tick()
        else:
            from email.utils import formatdate

            date = [(b"date", formatdate(time.time(), usegmt=True).encode())] if config.date_header else []
            self.default_headers = date + config.encoded_headers


def make_serving(
    app: ASGI3, config: Config, state: ServerState, application_state: dict[str, Any], access: Access | None
) -> Connect:
    """Set up what speaks HTTP; returns the factory of protocols."""
    if config.http_protocol_class is not None:
        return _foreign(app, config, state, application_state)
    return native_serving(app, state, settings(config, application_state, access))


def native_serving(app: ASGI3, state: ServerState, given: dict[str, Any]) -> Connect:
    """The native server of `app`, with these settings; `state` has its figures."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, Loop):
        given["tasks"] = state.tasks  # those of other loops tell of themselves
    state.serving = native.HttpServing(app, loop, given)
    connect: Connect = state.serving.connect
    return connect


def settings(config: Any, state: dict[str, Any], access: Access | None) -> dict[str, Any]:
    """The configuration, ours or completed from uvicorn's, as the native server takes it."""
    websocket = {
        "max_size": config.ws_max_size,
        "queue": config.ws_max_queue,
        "ping_interval": config.ws_ping_interval,
        "ping_timeout": config.ws_ping_timeout,
        "deflate": config.ws_per_message_deflate,
    }
    return {
        "asgi": {"version": config.asgi_version, "spec_version": "2.5"},
        "root_path": config.root_path,
        "scheme": "https" if config.ssl else "http",
        "state": state,
        "extensions": EXTENSIONS,
        "headers": config.encoded_headers,
        "date": config.date_header,
        "keep_alive": float(config.timeout_keep_alive),
        "head_timeout": config.timeout_request_head,
        "body_timeout": config.timeout_request_body,
        "send_timeout": config.timeout_send,
        "most_head": config.h11_max_incomplete_event_size or config.limit_request_head,
        "most_headers": config.limit_request_headers,
        "most_body": config.limit_request_body,
        "concurrency": config.limit_concurrency,
        "most_connections": config.limit_connections,
        "fresh_contexts": config.reset_contextvars,
        "access": access,
        "failed": failed,
        "certificate": _certificate(config),
        "traced": traced if logger.isEnabledFor(logs.TRACE) else None,
        "talks": talks if logger.isEnabledFor(logging.INFO) else None,
        "trusted": forwarded(config.forwarded_allow_ips) if config.proxy_headers else None,
        "websocket": None if config.ws == "none" else websocket,
    }


MISSING = {
    "not started": "starting response",
    "not completed": "completing response",
    "no handshake": "completing handshake",
}


def failed(kind: str, value: Any) -> None:
    """Log what went wrong with a request, in uvicorn's words."""
    if kind == "raised":
        logger.error("Exception in ASGI application\n", exc_info=value)
    elif kind == "returned":
        logger.error("ASGI callable should return None, but returned '%s'.", value)
    elif kind == "busy":
        logger.warning("Exceeded concurrency limit.")
    elif kind == "refused":
        logger.warning("Invalid HTTP request received. (%s)", value)
    elif kind == "unsupported upgrade":
        logger.warning("Unsupported upgrade request. (%s)", value)
    else:
        logger.error("ASGI callable returned without %s.", MISSING[kind])


def _certificate(config: Config) -> str | None:
    """What the server shows its clients, if that is a file. A key may be in there, too: the first certificate alone."""
    if not config.ssl_certfile:
        return None
    with open(config.ssl_certfile, encoding="ascii", errors="replace") as file:
        found = _CERTIFICATE.search(file.read())
    return found[0] + "\n" if found else None


def talks(client: str, path: str, outcome: str) -> None:
    """Log how a WebSocket's handshake ended."""
    logger.info('%s - "WebSocket %s" %s', client, path, outcome)


def traced(client: tuple[str, int] | None, text: str) -> None:
    """Log that a connection begins or ends."""
    logger.log(logs.TRACE, "%s%s", "{}:{} - ".format(*client) if client else "", text)


def tick_of(config: Config) -> float:
    """Seconds between two looks at time limits, at most a quarter of the shortest of them."""
    limits = [config.timeout_keep_alive, config.timeout_request_head, config.timeout_request_body]
    limits += [config.timeout_send, config.ws_ping_interval, config.ws_ping_timeout, config.timeout_notify]
    shortest = min([each for each in limits if each], default=4.0)
    return max(0.05, min(0.1 if config.limit_max_requests is not None else 1.0, shortest / 4))


def _foreign(app: ASGI3, config: Config, state: ServerState, application_state: dict[str, Any]) -> Connect:
    """A protocol class as uvicorn has them."""
    state.tick(config)
    if config.proxy_headers:
        app = ProxyHeadersMiddleware(app, trusted_hosts=config.forwarded_allow_ips)
    config.loaded_app = app
    make: Any = config.http_protocol_class
    return lambda: make(config=config, server_state=state, app_state=application_state)
