"""`Options`: what `run()` takes, each as `Config` does, for type checkers and editors.

No program that runs imports it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import IO, TYPE_CHECKING, Any, Literal, TypedDict

from .tls import ContextFactory, Path

if TYPE_CHECKING:
    from configparser import RawConfigParser


class Options(TypedDict, total=False):
    """The parameters of `Config`, but for the application."""

    host: str
    port: int
    uds: str | None
    fd: int | None
    loop: str
    http: type[asyncio.Protocol] | str
    http2: bool
    ws: type[asyncio.Protocol] | str
    ws_max_size: int
    ws_max_queue: int
    ws_ping_interval: float | None
    ws_ping_timeout: float | None
    ws_per_message_deflate: bool
    lifespan: str
    env_file: Path | None
    log_config: dict[str, Any] | str | os.PathLike[str] | RawConfigParser | IO[Any] | None
    log_level: str | int | None
    access_log: bool
    use_colors: bool | None
    interface: str
    reload: bool
    reload_dirs: list[str] | str | None
    reload_delay: float
    reload_includes: list[str] | str | None
    reload_excludes: list[str] | str | None
    workers: int | None
    proxy_headers: bool
    server_header: bool
    date_header: bool
    forwarded_allow_ips: list[str] | str | None
    root_path: str
    limit_concurrency: int | None
    limit_max_requests: int | None
    limit_max_requests_jitter: int
    backlog: int
    timeout_keep_alive: float
    timeout_notify: float
    timeout_graceful_shutdown: float | None
    timeout_worker_healthcheck: float
    callback_notify: Callable[..., Awaitable[None]] | None
    ssl_keyfile: Path | None
    ssl_certfile: Path | None
    ssl_keyfile_password: str | None
    ssl_version: int
    ssl_cert_reqs: int
    ssl_ca_certs: Path | None
    ssl_ciphers: str | None
    ssl_context_factory: ContextFactory | None
    headers: list[tuple[str, str]] | None
    factory: bool
    h11_max_incomplete_event_size: int | None
    reset_contextvars: bool
    timeout_request_head: float | None
    timeout_request_body: float | None
    timeout_send: float | None
    limit_request_head: int
    limit_request_headers: int
    limit_request_body: int | None
    limit_connections: int | None
    access_log_format: Literal["text", "json"]
    metrics_port: int | None
    metrics_path: str | None
    static: list[tuple[str, str]] | None
    compress: list[str] | str | None
    compress_min_size: int
    wsgi_on_loop: bool
    pid_file: Path | None
