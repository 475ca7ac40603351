"""The goals of ferrio's server, in one place: which lines, against whom, by how much; a line may have several.

A ratio above 1 means that ferrio is better, whichever way the figure runs. Must not know how anything is measured.
"""

from __future__ import annotations

from fnmatch import fnmatch

from ..goals import BEST, ITSELF, Goal

GOALS = (
    Goal("asgi_plaintext.cpu", ITSELF, at_most=7.0),
    Goal("asgi_plaintext.cpu", "peregrine", at_least=1.2),
    Goal("asgi_plaintext.cpu", "weft", at_least=1.4),
    Goal("asgi_plaintext.cpu", "granian", at_least=2.5),
    Goal("fastapi_json.cpu", BEST, at_least=1.1),
    Goal("fastapi_database.cpu", BEST, at_least=1.25),
    Goal("websocket_*125.cpu", BEST, at_least=1.2),
    Goal("websocket_idle_memory", "uvicorn", at_least=2.0),
    Goal("resident_memory", "uvicorn"),
)

ANY_OTHER = BEST
"""No line may be below the best peer."""


def goals_of(line: str) -> list[Goal]:
    """All goals that cover a line of the table."""
    return [goal for goal in GOALS if fnmatch(line, goal.lines)] or [Goal(line, ANY_OTHER)]
