"""The goals of the loop, in one place: which line of the table, against whom, by how much.

A ratio above 1 always means that ferrio is better, whichever way the figure itself runs, so "half the
memory of uvloop" is 2.0 here. Must not know how anything is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

BEST = "best peer"
ITSELF = "itself"


@dataclass(frozen=True)
class Goal:
    """At least `at_least` times as good as `against`; with ITSELF, a figure of at most `at_most`."""

    lines: str
    against: str
    at_least: float = 1.0
    at_most: float | None = None

    def __str__(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return f">= {self.at_least:g} x {self.against}"


GOALS = (
    Goal("call_soon*", BEST),
    Goal("threadsafe_*", BEST),
    Goal("timer_*", BEST),
    Goal("due_batch", BEST),
    Goal("chain_250_idle", BEST),
    Goal("task_switch_*", "uvloop", at_least=4.0),
    Goal("queue_pair", "uvloop", at_least=4.0),
    Goal("future_ping_pong", "uvloop", at_least=3.0),
    Goal("create_task", "uvloop", at_least=3.0),
    Goal("gather_*", "uvloop", at_least=3.0),
    Goal("task_group_*", "uvloop", at_least=3.0),
    Goal("semaphore_*", "uvloop", at_least=3.0),
    Goal("lock_*", "uvloop", at_least=3.0),
    Goal("event_ping_pong", "uvloop", at_least=3.0),
    Goal("timeout", "uvloop", at_least=3.0),
    Goal("wait_for", "uvloop", at_least=3.0),
    Goal("sleeps_*", "uvloop", at_least=3.0),
    Goal("to_thread*", "uvloop", at_least=5.0),
    # uvloop has no eager tasks on CPython 3.13: its create_task() does not take eager_start.
    Goal("async_tree_eager*", "asyncio", at_least=1.5),
    Goal("async_tree_*", "uvloop", at_least=1.5),
    Goal("task_memory_*", "asyncio"),
    Goal("echo_1*k_x1", "uvloop", at_least=1.0),
    Goal("echo_1*k_x1.cpu", "uvloop", at_least=1.0),
    Goal("echo_1*k_x8", "uvloop", at_least=1.0),
    Goal("echo_1*k_x8.cpu", "uvloop", at_least=1.0),
    Goal("echo_1*k_x512", "uvloop", at_least=1.0),
    Goal("echo_1*k_x512.cpu", "uvloop", at_least=1.0),
    Goal("echo_sock_1k_*", "uvloop", at_least=1.5),
    Goal("echo_streams_1k_*", "uvloop", at_least=2.0),
    Goal("echo_read*", "uvloop", at_least=2.5),
    Goal("echo_unix_*", "uvloop", at_least=1.1),
    Goal("echo_udp_*", "uvloop", at_least=1.1),
    Goal("echo_1*k_x64", "uvloop", at_least=1.25),
    Goal("echo_1*k_x64.cpu", "uvloop", at_least=1.25),
    Goal("bulk_*", "uvloop", at_least=1.1),
    Goal("idle_memory", "uvloop", at_least=2.0),
    # What a user sees, against uvloop; what it costs the server, against the closest rival.
    Goal("tls_echo_1k_x64", "uvloop", at_least=1.5),
    Goal("tls_echo_1k_x64.cpu", "uvloop+aiofastnet", at_least=1.0),
    Goal("tls_echo_1k_x1*", "uvloop", at_least=1.0),
    Goal("tls_bulk_*", "uvloop", at_least=1.3),
    Goal("tls_handshakes*", "uvloop", at_least=1.2),
    Goal("tls_idle_memory", "uvloop", at_least=2.0),
    Goal("scaling_tasks.[tmw]*", ITSELF, at_most=1.3),
    Goal("scaling_timers.*", ITSELF, at_most=1.5),
    Goal("scaling_connections*", ITSELF, at_most=1.5),
)


def goal_of(line: str) -> Goal | None:
    """The first goal that covers a line of the table."""
    return next((goal for goal in GOALS if fnmatch(line, goal.lines)), None)
