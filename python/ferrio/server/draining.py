"""The end of a server: waiting for what still runs, and saying what that is.

A request tells by its task: the coroutine of the native server has the scope.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import Server
    from .serving import ServerState

LOOK, AGAIN, SHOWN = 0.05, 10.0, 5
"""Seconds between two looks, and before the first; seconds between two reports, how many requests one report names."""

logger = logging.getLogger("uvicorn.error")


async def drain(server: Server) -> None:
    """Tell connections to end, and wait until they are closed and tasks have ended, or for a second signal."""
    state = server.server_state
    told: set[Any] = set()

    def are_closed() -> bool:
        # Also those whose TLS handshake has ended since.
        for connection in state.connections - told:
            told.add(connection)
            connection.shutdown()
        return not state.connections

    # Requests that are on their way are answered: a connection that looks idle is not closed yet.
    for connection in state.connections:
        if hasattr(connection, "retire"):
            connection.retire()
    if moment := LOOK if (limit := server.config.timeout_graceful_shutdown) is None else min(LOOK, limit / 2):
        await asyncio.sleep(moment)
    are_closed()
    await asyncio.sleep(LOOK)
    if state.connections and not server.force_exit:
        logger.info("Waiting for connections to close. (CTRL+C to force quit)")
        await _until(server, are_closed)
    if state.tasks and not server.force_exit:
        logger.info("Waiting for background tasks to complete. (CTRL+C to force quit)")
        await _until(server, lambda: not state.tasks)


async def give_up(state: ServerState) -> None:
    """The time is over: cancel what still runs, and disconnect clients that have not taken their answers yet."""
    left = list(state.tasks)
    if left:
        logger.error("Cancel %s running task(s), timeout graceful shutdown exceeded", len(left))
        for task in left:
            task.cancel(msg="Task cancelled, timeout graceful shutdown exceeded")
        await asyncio.wait(left, timeout=LOOK)  # before what they use ends
    if connections := [each for one in state.connections if (each := getattr(one, "transport", None))]:
        logger.error("Close %s connection(s), timeout graceful shutdown exceeded", len(connections))
        for transport in connections:
            transport.abort()


def disconnect(servers: list[asyncio.base_events.Server]) -> None:
    """Who is still in a TLS handshake has asked for nothing. Before Python 3.13 those connections end with the loop."""
    for each in servers:
        if hasattr(each, "abort_clients"):
            each.abort_clients()


async def _until(server: Server, is_over: Any) -> None:
    loop, report_at = asyncio.get_running_loop(), 0.0
    while not is_over() and not server.force_exit:
        server.tick()  # clients that read nothing, or never finish what they send
        if loop.time() >= report_at:
            report_at = loop.time() + AGAIN
            if names := running(server.server_state.tasks):
                logger.info("Still running: %s", names)
        await asyncio.sleep(LOOK)


def running(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """`GET /report for 127.0.0.1:50000, ..., and 3 more`."""
    scopes = [scope for task in tasks if (scope := getattr(task.get_coro(), "scope", None))]
    names = [_name(scope) for scope in scopes[:SHOWN]]
    if len(scopes) > SHOWN:
        names.append(f"and {len(scopes) - SHOWN} more")
    return ", ".join(names)


def _name(scope: Any) -> str:
    if "REQUEST_METHOD" in scope:  # an environment of WSGI's
        scope = _scope_of(scope)
    client = scope.get("client")
    whose = " for {}:{}".format(*client) if client else ""
    return f"{scope.get('method', 'WebSocket')} {scope.get('path', '')}{whose}"


def _scope_of(environ: Any) -> dict[str, Any]:
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}".encode("latin1", "replace")
    client = environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT")
    return {
        "method": environ["REQUEST_METHOD"],
        "path": path.decode("utf-8", "replace"),
        "client": client if all(client) else None,
    }
