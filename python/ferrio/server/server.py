"""`Server`: one process that serves, from its start to its end; uvicorn's names, so that what drives a server works.

    serve ── startup: lifespan, sockets ── main_loop: until should_exit ── shutdown: drain, lifespan

`should_exit` and `force_exit` may be set by any thread: setting one wakes the main loop, which otherwise looks after
time limits about once a second. HTTP itself is native (`_ferrio.HttpServing`). A protocol class of others is called as
uvicorn would call it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import cached_property
from types import FrameType
from typing import Any

from . import draining, ending, sockets
from .access_logger import access_logger
from .asgi import ASGI3
from .banner import log_running
from .config import STARTUP_FAILURE, Config
from .lifespan import Lifespan
from .logs import style
from .serving import ServerState, make_serving, native_serving, settings, tick_of

HANDLED_SIGNALS = (signal.SIGINT, signal.SIGTERM)
logger = logging.getLogger("uvicorn.error")


class Server:
    """Serves what a configuration names, in this process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.server_state = ServerState()
        self.servers: list[asyncio.base_events.Server] = []
        self._figures: ServerState | None = None
        self.started = False
        self.last_notified = 0.0
        self.at_exit = contextlib.ExitStack()
        """What is to be undone before a signal may end the process: files, threads."""
        self._should_exit = self._force_exit = False
        self._captured_signals: list[int] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._phase: asyncio.Task[None] | None = None

    @property
    def should_exit(self) -> bool:
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        self._wake()

    @property
    def force_exit(self) -> bool:
        return self._force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._force_exit = value
        self._wake()

    @cached_property
    def limit_max_requests(self) -> int | None:
        limit: int | None = self.config.limit_max_requests
        if limit is None or not self.config.limit_max_requests_jitter:
            return limit
        from random import randint

        return limit + randint(0, self.config.limit_max_requests_jitter)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on a loop of ferrio's that is made for it."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets=sockets))

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on the running loop, until a signal, a limit or `should_exit`."""
        with self.capture_signals(), self.at_exit:
            await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen. SystemExit with status 3 where one of them fails."""
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        ending.begin()
        await self._unless_forced(self.lifespan.startup())
        if self.force_exit:
            return
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        access, flush = access_logger()
        self.at_exit.callback(flush)
        try:
            app = await self._measured(self.config.loaded_app)
            connect = make_serving(app, self.config, self.server_state, self.lifespan.state, access)
            await self._listen(connect, sockets)
        except OSError as error:
            logger.error(error)
            ending.shutting_down().set()
            await self.lifespan.shutdown()
            sys.exit(STARTUP_FAILURE)
        self.started = True

    async def main_loop(self) -> None:
        """Until it is time to end."""
        news, tick, counter = self._news, tick_of(self.config), 0
        assert news is not None
        while not await self.on_tick(counter):
            counter += 1
            news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), tick)

    async def on_tick(self, counter: int) -> bool:
        """What is done about once a second, and when something was set. True ends the server."""
        self.tick()
        if self.config.callback_notify is not None and time.time() - self.last_notified > self.config.timeout_notify:
            self.last_notified = time.time()
            await self.config.callback_notify()
        if self.should_exit:
            return True
        limit = self.limit_max_requests
        if limit is not None and self.server_state.total_requests >= limit:
            logger.info("Maximum request limit of %d exceeded. Terminating process.", limit)
            return True
        return False

    def tick(self) -> None:
        """Look at time limits, those of connections that ask for figures included."""
        for state in (self.server_state, self._figures):
            if state is not None:
                state.tick(self.config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let those that are there finish, then end the application."""
        logger.info("Shutting down")
        ending.shutting_down().set()
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await draining.drain(self)
        except TimeoutError:
            await draining.give_up(self.server_state)
        draining.disconnect(self.servers)
        if not self.force_exit:
            await self._unless_forced(self.lifespan.shutdown())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the server while it serves, and then do what they would have done without it, last one first."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        for number in reversed(self._captured_signals):
            signal.raise_signal(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets what runs finish, a second SIGINT does not."""
        self._captured_signals.append(sig)
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        else:
            self.should_exit = True

    async def _serve(self, sockets: list[socket.socket] | None) -> None:
        config, process = self.config, os.getpid()
        if not config.loaded:
            config.load()
        self.lifespan: Lifespan = config.lifespan_class(config)
        self._say("Started server process [%d]", process)
        await self.startup(sockets=sockets)
        if not self.should_exit:
            await self.main_loop()
        if self.started:
            await self.shutdown(sockets=sockets)
            self._say("Finished server process [%d]", process)

    async def _unless_forced(self, phase: Coroutine[Any, Any, None]) -> None:
        """The application's start or end, which a second signal cuts short: it may never come."""
        self._phase = asyncio.ensure_future(phase)
        try:
            await self._phase
        except asyncio.CancelledError:
            if not self.force_exit:
                raise
        finally:
            self._phase = None

    async def _listen(self, connect: Callable[[], asyncio.BaseProtocol], given: list[socket.socket] | None) -> None:
        """Open what was given, or what the configuration names, and in that case say where the server runs."""
        config, loop = self.config, asyncio.get_running_loop()
        options: dict[str, Any] = {"ssl": config.ssl, "backlog": config.backlog}
        own = given
        if given is None and (config.uds is not None or config.fd is not None):
            own = [sockets.bound(config)]
        if own is None:
            self.servers = [await loop.create_server(connect, host=config.host, port=config.port, **options)]
        else:
            self.servers = [await loop.create_server(connect, sock=each, **options) for each in own]
        if given is None:
            listeners = [each for server in self.servers for each in server.sockets]
            log_running(sockets.places(listeners, config), config)

    async def _measured(self, app: ASGI3) -> ASGI3:
        """The application as it is served: with its figures, where they are asked for."""
        config, loop = self.config, asyncio.get_running_loop()
        if config.metrics_port is None and config.metrics_path is None:
            return app
        from .metrics import Metrics

        metrics = Metrics(config.metrics_file, config.worker_number)
        app = metrics.measured(app)
        if config.metrics_path is not None:
            app = metrics.on_path(app, config.metrics_path)
        if config.metrics_port is not None:
            listener = config.metrics_socket or sockets.bound_to(config.host, config.metrics_port)
            own = {"scheme": "http", "root_path": "", "websocket": None, "concurrency": None, "most_connections": None}
            self._figures = ServerState()
            connect = native_serving(metrics.answer, self._figures, {**settings(config, {}, None), **own})
            server = await loop.create_server(connect, sock=listener)
            self.at_exit.callback(server.close)
            logger.info("Figures for Prometheus: %s", sockets.url("http", *listener.getsockname()[:2]))
        self.at_exit.callback(metrics.watch(lambda: len(self.server_state.connections)))
        return app

    def _say(self, text: str, number: int) -> None:
        logger.info(text, number, extra={"color_message": text.replace("%d", style("%d", "cyan"))})

    def _wake(self) -> None:
        if self._loop is not None and self._news is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):  # it is being closed
                self._loop.call_soon_threadsafe(self._hear, self._news)

    def _hear(self, news: asyncio.Event) -> None:
        news.set()
        if self._force_exit and self._phase is not None:
            self._phase.cancel()
