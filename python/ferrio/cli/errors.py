"""`Mistake`: what the user got wrong, in one line and with the nearest thing there is; exit status 2.

Must not know any command. difflib is imported only once there is a mistake to explain.
"""

from __future__ import annotations

from collections.abc import Iterable


class Mistake(Exception):
    """A wrong argument, option, file or module. Its text follows `ferrio: ` on standard error."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'known'?`, or nothing when nothing is near."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
