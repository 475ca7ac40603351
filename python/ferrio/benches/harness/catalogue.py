"""The list of questions, in the order of the table. A new file in benches/ is added here and nowhere else."""

from __future__ import annotations

from fnmatch import fnmatch

from .. import (
    bulk,
    call_soon,
    call_soon_chain,
    call_soon_threadsafe,
    connection_rate,
    due_batch,
    echo_readexactly,
    echo_readline,
    echo_sock,
    echo_streams,
    echo_tcp,
    echo_udp,
    echo_unix,
    idle_chain,
    idle_memory,
    scaling_connections,
    scaling_timers,
    spawn,
    timer_cancel,
    timer_rearm,
    timer_rounds,
)
from .row import Row

ROWS: tuple[Row, ...] = (
    *call_soon.ROWS,
    *call_soon_chain.ROWS,
    *call_soon_threadsafe.ROWS,
    *timer_cancel.ROWS,
    *timer_rounds.ROWS,
    *timer_rearm.ROWS,
    *due_batch.ROWS,
    *idle_chain.ROWS,
    *echo_tcp.ROWS,
    *echo_sock.ROWS,
    *echo_streams.ROWS,
    *echo_readline.ROWS,
    *echo_readexactly.ROWS,
    *echo_unix.ROWS,
    *echo_udp.ROWS,
    *bulk.ROWS,
    *connection_rate.ROWS,
    *spawn.ROWS,
    *idle_memory.ROWS,
    *scaling_timers.ROWS,
    *scaling_connections.ROWS,
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
