"""The rows of this folder, in the order of the table. A new file beside them is added here and nowhere else."""

from __future__ import annotations

from fnmatch import fnmatch

from .. import (
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
    *task_memory.ROWS,
    *getaddrinfo.ROWS,
    *spawn.ROWS,
    *scaling_timers.ROWS,
    *scaling_tasks.ROWS,
)


def row_named(name: str, rows: tuple[Row, ...] = ROWS) -> Row:
    """The row of exactly that name."""
    return next(row for row in rows if row.name == name)


def select(patterns: str, rows: tuple[Row, ...] = ROWS) -> list[Row]:
    """The rows that match any of the comma-separated patterns, in table order."""
    wanted = patterns.split(",")
    for pattern in wanted:
        if not any(fnmatch(row.name, pattern) for row in rows):
            raise SystemExit(f"No row matches {pattern!r}; there are: {', '.join(row.name for row in rows)}")
    return [row for row in rows if any(fnmatch(row.name, pattern) for pattern in wanted)]
