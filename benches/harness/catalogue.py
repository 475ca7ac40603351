"""The list of all questions, in the order of the table: those of the installed part, and those of this folder.

A new file in benches/ is added here and nowhere else; one in python/ferrio/benches/ in the list there, too.
"""

from __future__ import annotations

from .. import (
    async_tree,
    asyncio_tcp,
    bulk,
    connection_rate,
    echo_readexactly,
    echo_readline,
    echo_sock,
    echo_streams,
    echo_tcp,
    echo_udp,
    echo_unix,
    http_client,
    http_server,
    idle_chain,
    idle_memory,
    latency,
    scaling_connections,
    tls_bulk,
    tls_echo,
    tls_handshakes,
    tls_idle_memory,
    websocket,
)
from ..installed import (
    call_soon,
    call_soon_chain,
    call_soon_threadsafe,
    create_task,
    due_batch,
    event_ping_pong,
    future_ping_pong,
    gather,
    getaddrinfo,
    lock,
    queue_pair,
    run_in_executor,
    scaling_tasks,
    scaling_timers,
    semaphore,
    sleeps,
    spawn,
    task_group,
    task_memory,
    task_switch,
    timeouts,
    timer_cancel,
    timer_jitter,
    timer_rearm,
    timer_rounds,
    to_thread,
)
from ..installed.harness import catalogue
from ..installed.harness.row import Row

ROWS: tuple[Row, ...] = (
    *call_soon.ROWS,
    *call_soon_chain.ROWS,
    *call_soon_threadsafe.ROWS,
    *timer_cancel.ROWS,
    *timer_rounds.ROWS,
    *timer_rearm.ROWS,
    *timer_jitter.ROWS,
    *due_batch.ROWS,
    *idle_chain.ROWS,
    *task_switch.ROWS,
    *future_ping_pong.ROWS,
    *create_task.ROWS,
    *gather.ROWS,
    *task_group.ROWS,
    *queue_pair.ROWS,
    *semaphore.ROWS,
    *lock.ROWS,
    *event_ping_pong.ROWS,
    *timeouts.ROWS,
    *sleeps.ROWS,
    *to_thread.ROWS,
    *run_in_executor.ROWS,
    *async_tree.ROWS,
    *task_memory.ROWS,
    *echo_tcp.ROWS,
    *echo_sock.ROWS,
    *echo_streams.ROWS,
    *echo_readline.ROWS,
    *echo_readexactly.ROWS,
    *echo_unix.ROWS,
    *echo_udp.ROWS,
    *latency.ROWS,
    *bulk.ROWS,
    *asyncio_tcp.ROWS,
    *connection_rate.ROWS,
    *getaddrinfo.ROWS,
    *spawn.ROWS,
    *http_server.ROWS,
    *http_client.ROWS,
    *websocket.ROWS,
    *idle_memory.ROWS,
    *tls_echo.ROWS,
    *tls_bulk.ROWS,
    *tls_handshakes.ROWS,
    *tls_idle_memory.ROWS,
    *scaling_timers.ROWS,
    *scaling_connections.ROWS,
    *scaling_tasks.ROWS,
)


def row_named(name: str) -> Row:
    """The row of exactly that name."""
    return catalogue.row_named(name, ROWS)


def select(patterns: str) -> list[Row]:
    """The rows that match any of the comma-separated patterns, in table order."""
    return catalogue.select(patterns, ROWS)
