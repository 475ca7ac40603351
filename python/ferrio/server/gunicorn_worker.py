"""`GunicornWorker`: gunicorn's processes, signals, settings and log, with ferrio's server in each.

gunicorn imports the application, and this class hands it and gunicorn's sockets to our `Server`. Applications may be
ASGI or WSGI. Imported by `ferrio.server` when it is asked for, since it imports gunicorn, where that is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import ferrio

from .config import Config
from .server import Server

if TYPE_CHECKING:
    Worker: Any = object
else:
    try:
        Worker = import_module("gunicorn.workers.base").Worker
    except ImportError:  # Who looks at the package without gunicorn finds the class all the same.
        Worker = object


class GunicornWorker(Worker):  # type: ignore[misc]  # Any, for type checkers
    """One of gunicorn's processes."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {}
    """Options of `Config`, for subclasses to set."""

    def init_process(self) -> None:
        """Called in the new process, before the application is imported."""
        ferrio.install()
        super().init_process()

    def init_signals(self) -> None:
        """The server takes the signals that end it, so gunicorn's handlers must not swallow them."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.siginterrupt(signal.SIGUSR1, False)

    def run(self) -> None:
        """Called once the application is there; returns when the process is to end."""
        self._use_log()
        config = Config(self.wsgi, **{**self._options(), **self.CONFIG_KWARGS})
        server = Server(config)
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._serve(server))
        if not server.started:
            sys.exit(import_module("gunicorn.arbiter").Arbiter.WORKER_BOOT_ERROR)

    async def _serve(self, server: Server) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.handle_exit, signal.SIGQUIT, None)
        self._server = server
        await server.serve(sockets=self.sockets)

    async def _notify(self) -> None:
        """Tell gunicorn that the process lives; end where gunicorn is gone."""
        self.notify()
        if self.ppid != os.getppid():
            self._server.should_exit = True

    def _options(self) -> dict[str, Any]:
        """gunicorn's settings, as ours."""
        settings = self.cfg
        options: dict[str, Any] = {
            "log_config": None,
            "timeout_keep_alive": settings.keepalive,
            "timeout_notify": max(1, self.timeout // 2),
            "timeout_graceful_shutdown": settings.graceful_timeout,
            "callback_notify": self._notify,
            "limit_max_requests": self.max_requests if self.max_requests < sys.maxsize else None,
            "forwarded_allow_ips": settings.forwarded_allow_ips,
            "limit_request_headers": settings.limit_request_fields,
            "backlog": settings.backlog,
        }
        if settings.is_ssl:
            files = settings.ssl_options
            options |= {f"ssl_{name}": files.get(name) for name in ("keyfile", "certfile", "ca_certs", "ciphers")}
            options["ssl_cert_reqs"] = files.get("cert_reqs", 0)
        return options

    def _use_log(self) -> None:
        """Errors and accesses go where gunicorn's go."""
        for name, log in (("error", self.log.error_log), ("access", self.log.access_log)):
            logger = logging.getLogger(f"uvicorn.{name}")
            logger.handlers, logger.propagate = log.handlers, False
            logger.setLevel(log.level)
