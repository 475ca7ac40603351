"""`Config`: everything a server is told, under uvicorn's names, and the application that it names, loaded.

What the names mean is said once, where the command has its table (`cli/serving.py`). `load()` imports the application
and puts around it what the options ask for, from inside out: the interface's adapter, the trace of messages, static
files, compression, metrics. Must not know the loop: a configuration is made in one process and used in others.

    app ◀── asgi2, wsgi ◀── trace ◀── static ◀── compression ◀── metrics ◀── the server
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Literal

from . import logs, sockets, tls
from .asgi import ASGI2Middleware, interface_of
from .banner import log_running, name_of
from .importer import ImportFromStringError, import_from_string
from .lifespan import Lifespan, LifespanOff, LifespanOn
from .logs import LOGGING_CONFIG as LOGGING_CONFIG
from .tls import ContextFactory, Path

if TYPE_CHECKING:
    from configparser import RawConfigParser

STARTUP_FAILURE = 3
LOOPS = ("auto", "none", "ferrio", "ferrio:new_event_loop")
HTTP = ("auto", "ferrio", "h11", "httptools", "zttp")
WEBSOCKETS = ("auto", "ferrio", "websockets", "websockets-sansio", "wsproto")
WEBSOCKETS_OR_NONE = (*WEBSOCKETS, "none")
INTERFACES = ("auto", "asgi3", "asgi2", "wsgi")
LIFESPANS = ("auto", "on", "off")

logger = logging.getLogger("uvicorn.error")


class Config:
    """A server's settings. The names below the comment are ferrio's own, the others uvicorn's."""

    def __init__(
        self,
        app: Any,
        host: str = "127.0.0.1",
        port: int = 8000,
        uds: str | None = None,
        fd: int | None = None,
        loop: str = "auto",
        http: type[asyncio.Protocol] | str = "auto",
        http2: bool = False,
        ws: type[asyncio.Protocol] | str = "auto",
        ws_max_size: int = 16 * 1024 * 1024,
        ws_max_queue: int = 32,
        ws_ping_interval: float | None = 20.0,
        ws_ping_timeout: float | None = 20.0,
        ws_per_message_deflate: bool = True,
        lifespan: str = "auto",
        env_file: Path | None = None,
        log_config: dict[str, Any] | str | os.PathLike[str] | RawConfigParser | IO[Any] | None = LOGGING_CONFIG,
        log_level: str | int | None = None,
        access_log: bool = True,
        use_colors: bool | None = None,
        interface: str = "auto",
        reload: bool = False,
        reload_dirs: list[str] | str | None = None,
        reload_delay: float = 0.25,
        reload_includes: list[str] | str | None = None,
        reload_excludes: list[str] | str | None = None,
        workers: int | None = None,
        proxy_headers: bool = True,
        server_header: bool = True,
        date_header: bool = True,
        forwarded_allow_ips: list[str] | str | None = None,
        root_path: str = "",
        limit_concurrency: int | None = None,
        limit_max_requests: int | None = None,
        limit_max_requests_jitter: int = 0,
        backlog: int = 2048,
        timeout_keep_alive: float = 5,
        timeout_notify: float = 30,
        timeout_graceful_shutdown: float | None = None,
        timeout_worker_healthcheck: float = 5,
        callback_notify: Callable[..., Awaitable[None]] | None = None,
        ssl_keyfile: Path | None = None,
        ssl_certfile: Path | None = None,
        ssl_keyfile_password: str | None = None,
        ssl_version: int = ssl.PROTOCOL_TLS_SERVER,
        ssl_cert_reqs: int = ssl.CERT_NONE,
        ssl_ca_certs: Path | None = None,
        ssl_ciphers: str | None = None,
        ssl_context_factory: ContextFactory | None = None,
        headers: list[tuple[str, str]] | None = None,
        factory: bool = False,
        h11_max_incomplete_event_size: int | None = None,
        reset_contextvars: bool = False,
        # ferrio's own:
        *,
        timeout_request_head: float | None = 30,
        timeout_request_body: float | None = None,
        timeout_send: float | None = 60,
        limit_request_head: int = 64 * 1024,
        limit_request_headers: int = 256,
        limit_request_body: int | None = None,
        limit_connections: int | None = None,
        access_log_format: Literal["text", "json"] = "text",
        metrics_port: int | None = None,
        metrics_path: str | None = None,
        static: list[tuple[str, str]] | None = None,
        compress: list[str] | str | None = None,
        compress_min_size: int = 500,
        wsgi_on_loop: bool = False,
        pid_file: Path | None = None,
    ) -> None:
        given = locals()
        for name in given.keys() - {"self", "reload_dirs", "reload_includes", "reload_excludes", "env_file"}:
            setattr(self, name, given[name])
        self.app, self.ws, self.interface = app, ws, interface
        self.loaded_app: Any = None
        self.workers = workers or 1
        self.worker_number = 0  # which of them this is, in a worker
        self.headers = headers or []
        self.encoded_headers: list[tuple[bytes, bytes]] = []
        self.compress = _split(compress)
        self.static = static or []
        self.uds_made: tuple[int, int] | None = None  # which file the Unix socket is
        self.metrics_file: str | None = None  # shared by workers
        self.metrics_socket: socket.socket | None = None  # theirs, too
        self.loaded = False
        self.configure_logging()
        self._watch(reload_dirs, reload_includes, reload_excludes)
        if env_file is not None:
            _load_environment(env_file)
        if workers is None and os.environ.get("WEB_CONCURRENCY"):
            self.workers = int(os.environ["WEB_CONCURRENCY"])
        if forwarded_allow_ips is None:
            self.forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
        if self.reload and self.workers > 1:
            logger.warning('"workers" flag is ignored when reloading is enabled.')
        if loop not in LOOPS:
            logger.warning("loop=%r is ignored: the loop is ferrio's.", loop)

    def __getattr__(self, name: str) -> Any:
        """For type checkers: attributes are called as the parameters are. Whoever comes here asked for none of them."""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def asgi_version(self) -> Literal["2.0", "3.0"]:
        return "2.0" if self.interface == "asgi2" else "3.0"

    @property
    def is_ssl(self) -> bool:
        return bool(self.ssl_keyfile or self.ssl_certfile or self.ssl_context_factory)

    @property
    def should_reload(self) -> bool:
        return isinstance(self.app, str) and self.reload

    @property
    def use_subprocess(self) -> bool:
        return bool(self.reload or self.workers > 1)

    def configure_logging(self) -> None:
        """Called when the configuration is made, and in each process that gets it."""
        logs.configure(self.log_config, self.use_colors, self.access_log_format)
        if self.log_level is not None:
            logs.set_levels(self.log_level)
        if self.access_log is False:
            access = logging.getLogger("uvicorn.access")
            access.handlers, access.propagate = [], False

    def load_app(self) -> Any:
        """Import the application. Ends the process with status 3 where the text names none."""
        try:
            return import_from_string(self.app)
        except ImportFromStringError as error:
            logger.error("Error loading ASGI app. %s", error)
            sys.exit(STARTUP_FAILURE)

    def load(self) -> None:
        """Make everything that a server uses: application, TLS, headers, and which classes speak and start."""
        assert not self.loaded
        if self.http2:
            raise ValueError("http2=True: ferrio serves HTTP/1.1; put a proxy that speaks HTTP/2 in front of it")
        self.http_protocol_class = None if self.http in HTTP else import_from_string(self.http)
        self.ws_protocol_class = None if self.ws in WEBSOCKETS_OR_NONE else import_from_string(self.ws)
        try:
            self.ssl = tls.context_of(self)
        except (OSError, ValueError) as error:
            logger.error("Error loading TLS of %s and %s. %s", self.ssl_certfile, self.ssl_keyfile, error)
            sys.exit(STARTUP_FAILURE)
        self.encoded_headers = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in self.headers]
        if self.server_header and b"server" not in dict(self.encoded_headers):
            self.encoded_headers.insert(0, (b"server", b"ferrio"))
        self.loaded_app = self._made(self.load_app())
        if not callable(self.loaded_app):
            logger.error("Error loading ASGI app. %s is no application: it cannot be called.", name_of(self.loaded_app))
            sys.exit(STARTUP_FAILURE)
        if self.interface == "auto":
            self.interface = interface_of(self.loaded_app)
        without = self.lifespan == "off" or (self.interface == "wsgi" and self.lifespan == "auto")
        self.lifespan_class: type[Lifespan] = LifespanOff if without else LifespanOn
        self._adapt()
        self.loaded = True

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """ferrio's, whatever `loop` says."""
        from ferrio import new_event_loop

        return new_event_loop

    def setup_event_loop(self) -> None:
        """What uvicorn had up to 0.35: from now on asyncio makes the server's loops."""
        from ferrio import install

        install()

    def bind_socket(self) -> socket.socket:
        """Bind what the configuration names, and say so. Ends the process with status 3 where that fails."""
        try:
            listener = sockets.bound(self)
        except OSError as error:
            logger.error(error)
            sys.exit(STARTUP_FAILURE)
        listener.set_inheritable(True)
        listener.listen(self.backlog)  # so that clients wait, and are not refused, while no process serves yet
        log_running(sockets.places([listener], self), self)
        return listener

    def _made(self, app: Any) -> Any:
        """The application, or what its factory makes."""
        try:
            made = app()
        except TypeError as error:
            if self.factory:
                logger.error("Error loading ASGI app factory: %s", error)
                sys.exit(STARTUP_FAILURE)
            return app
        if not self.factory:
            logger.warning(
                "ASGI app factory detected. Using it, but please consider setting the --factory flag explicitly."
            )
        return made

    def _adapt(self) -> None:
        """Put around the application what was asked for."""
        if self.interface == "wsgi":
            from .wsgi import WSGIMiddleware

            self.loaded_app, self.ws = WSGIMiddleware(self.loaded_app, self.wsgi_on_loop), "none"
        elif self.wsgi_on_loop:
            logger.warning('"wsgi-on-loop" flag is ignored: the interface of the application is %s.', self.interface)
        if self.interface == "asgi2":
            self.loaded_app = ASGI2Middleware(self.loaded_app)
        if logger.getEffectiveLevel() <= logs.TRACE:
            from .tracing import MessageLoggerMiddleware

            self.loaded_app = MessageLoggerMiddleware(self.loaded_app)
        if self.static:
            from .static import StaticFiles

            self.loaded_app = StaticFiles(self.loaded_app, self.static)
        if self.compress:
            from .compression import CompressionMiddleware

            self.loaded_app = self._or_exit(CompressionMiddleware, self.compress, self.compress_min_size)

    def _or_exit(self, middleware: Callable[..., Any], *options: Any) -> Any:
        """The application in that middleware. Ends the process with status 3 where its options cannot be."""
        try:
            return middleware(self.loaded_app, *options)
        except ValueError as error:
            logger.error(error)
            sys.exit(STARTUP_FAILURE)

    def _watch(
        self, dirs: list[str] | str | None, includes: list[str] | str | None, excludes: list[str] | str | None
    ) -> None:
        self.reload_dirs, self.reload_dirs_excludes, self.reload_includes, self.reload_excludes = [], [], [], []
        if not self.should_reload:
            if dirs or includes or excludes:
                logger.warning(
                    "Current configuration will not reload as not all conditions are met, "
                    "please refer to documentation."
                )
            return
        from .watched import as_list, watched

        found = watched(as_list(dirs), as_list(includes), as_list(excludes))
        self.reload_dirs, self.reload_dirs_excludes = found.dirs, found.dirs_excludes
        self.reload_includes, self.reload_excludes = found.includes, found.excludes
        if found.missing:
            logger.warning(
                "Provided reload directories %s did not contain valid directories, watching current working directory.",
                found.missing,
            )
        logger.info("Will watch for changes in these directories: %s", sorted(map(str, found.dirs)))


def _split(names: list[str] | str | None) -> list[str]:
    listed = names.split(",") if isinstance(names, str) else names or []
    return [name.strip() for name in listed if name.strip()]


def _load_environment(path: Path) -> None:
    try:
        dotenv: Any = import_module("dotenv")
    except ImportError:
        raise ImportError(
            f"env_file={os.fspath(path)!r}: reading it needs python-dotenv (pip install python-dotenv)"
        ) from None
    logger.info("Loading environment from '%s'", path)
    dotenv.load_dotenv(dotenv_path=path)
