"""`ferrio doctor`: the facts that a bug report needs (facts.py), then a self-test (selftest.py), as text or as JSON.

Finds nothing out itself; it only prints, and makes the exit status.
"""

from __future__ import annotations

import json

from .facts import Facts, collect
from .output import say
from .parse import Request
from .selftest import Outcome, examine


def main(request: Request) -> int:
    """Print facts and outcomes; 1 if a test failed."""
    facts, outcomes = collect(), examine()
    say(as_json(facts, outcomes) if request.has("--json") else as_text(facts, outcomes))
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def as_json(facts: Facts, outcomes: list[Outcome]) -> str:
    """The sections of the text as objects, `self-test` among them."""
    tests = {
        outcome.name: {"ok": outcome.ok, "detail": outcome.detail, "remedy": outcome.remedy} for outcome in outcomes
    }
    return json.dumps({**facts, "self-test": tests}, indent=2)


def as_text(facts: Facts, outcomes: list[Outcome]) -> str:
    """Sections of aligned lines; a failed test has its remedy below."""
    width = max(len(name) for section in facts.values() for name in section)
    lines = []
    for title, section in facts.items():
        lines += [title, *(f"  {name:<{width}}  {value}" for name, value in section.items()), ""]
    lines.append("self-test")
    for outcome in outcomes:
        lines.append(f"  {outcome.name:<{width}}  {'ok' if outcome.ok else 'FAILED'}  {outcome.detail}".rstrip())
        lines += [f"  {'':<{width}}  -> {outcome.remedy}"] if outcome.remedy else []
    return "\n".join(lines)
