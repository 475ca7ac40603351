"""Lifespan: the application's own start and end, as ASGI has them. Words and order of the lines are uvicorn's.

`LifespanOn` has the application run in a task for as long as the server does; with `lifespan="auto"` an application
that raises instead of starting has no lifespan. `LifespanOff` does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from .asgi import Message

if TYPE_CHECKING:
    from .config import Config

logger = logging.getLogger("uvicorn.error")


class Lifespan(Protocol):
    """What a server asks of a lifespan."""

    should_exit: bool
    state: dict[str, Any]

    def __init__(self, config: Config) -> None: ...

    async def startup(self) -> None:
        """Returns when the application has started, or failed to, which sets `should_exit`."""

    async def shutdown(self) -> None:
        """Returns when the application has ended."""


def _is_cancelled(error: BaseException) -> bool:
    """Whether the loop ends and the application with it, after a second signal."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and bool(task.cancelling())


class LifespanOff:
    """No lifespan."""

    def __init__(self, config: Config) -> None:
        self.should_exit = False
        self.state: dict[str, Any] = {}

    async def startup(self) -> None:
        return

    async def shutdown(self) -> None:
        return


class LifespanOn:
    """The application's lifespan, in a task of its own."""

    def __init__(self, config: Config) -> None:
        if not config.loaded:
            config.load()
        self.config = config
        self.should_exit = False
        self.state: dict[str, Any] = {}
        self.error_occurred = self.startup_failed = self.shutdown_failed = False
        self.startup_event, self.shutdown_event = asyncio.Event(), asyncio.Event()
        self.receive_queue: asyncio.Queue[Message] = asyncio.Queue()

    async def startup(self) -> None:
        logger.info("Waiting for application startup.")
        self._task = asyncio.get_running_loop().create_task(self.main())
        await self._ask("startup", self.startup_event)
        self._conclude("startup", self.startup_failed)

    async def shutdown(self) -> None:
        if self.error_occurred:
            return
        logger.info("Waiting for application shutdown.")
        await self._ask("shutdown", self.shutdown_event)
        self._conclude("shutdown", self.shutdown_failed)

    async def main(self) -> None:
        """Run the application; what it raises is remembered, and told unless it has said so itself."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self.config.loaded_app(scope, self.receive_queue.get, self.send)
        except BaseException as error:
            self.error_occurred = True
            if self.startup_failed or self.shutdown_failed or _is_cancelled(error):
                return
            if self.config.lifespan == "auto":
                logger.info("ASGI 'lifespan' protocol appears unsupported.")
            else:
                logger.error("Exception in 'lifespan' protocol\n", exc_info=error)
        finally:
            self.startup_event.set()
            self.shutdown_event.set()

    async def send(self, message: Message) -> None:
        kind = str(message["type"])
        _, phase, outcome = [*kind.split("."), "", ""][:3]
        assert (
            kind.startswith("lifespan.") and phase in ("startup", "shutdown") and outcome in ("complete", "failed")
        ), f"unexpected message {kind!r} on lifespan protocol"
        started = self.startup_event.is_set()
        in_turn = started if phase == "shutdown" else not started
        assert in_turn and not self.shutdown_event.is_set(), "Got invalid state transition on lifespan protocol."
        if outcome == "failed":
            setattr(self, f"{phase}_failed", True)
            if text := message.get("message"):
                logger.error(text)
        (self.startup_event if phase == "startup" else self.shutdown_event).set()

    async def _ask(self, phase: str, done: asyncio.Event) -> None:
        self.receive_queue.put_nowait({"type": f"lifespan.{phase}"})
        await done.wait()

    def _conclude(self, phase: str, failed: bool) -> None:
        if failed or (self.error_occurred and self.config.lifespan == "on"):
            logger.error("Application %s failed. Exiting.", phase)
            self.should_exit = True
        else:
            logger.info("Application %s complete.", phase)
