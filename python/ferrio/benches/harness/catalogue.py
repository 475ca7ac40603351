"""The list of questions, in the order of the table. A new file in benches/ is added here and nowhere else."""

from __future__ import annotations

from fnmatch import fnmatch

from .. import (
    async_tree,
    asyncio_tcp,
    bulk,
    call_soon,
    call_soon_chain,
    call_soon_threadsafe,
    connection_rate,
    create_task,
    due_batch,
    echo_readexactly,
    echo_readline,
    echo_sock,
    echo_streams,
    echo_tcp,
    echo_udp,
    echo_unix,
    event_ping_pong,
    future_ping_pong,
    gather,
    getaddrinfo,
    http_client,
    http_server,
    idle_chain,
    idle_memory,
    latency,
    lock,
    queue_pair,
    run_in_executor,
    scaling_connections,
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
    tls_bulk,
    tls_echo,
    tls_handshakes,
    tls_idle_memory,
    to_thread,
    websocket,
)
from .row import Row

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
    return next(row for row in ROWS if row.name == name)


def select(patterns: str) -> list[Row]:
    """The rows that match any of the comma-separated patterns, in table order."""
    wanted = patterns.split(",")
    for pattern in wanted:
        if not any(fnmatch(row.name, pattern) for row in ROWS):
            raise SystemExit(f"No row matches {pattern!r}; there are: {', '.join(row.name for row in ROWS)}")
    return [row for row in ROWS if any(fnmatch(row.name, pattern) for pattern in wanted)]
