"""Writing to standard output for commands whose reader may be gone: `ferrio --help | head -1` is no error.

Programs under `ferrio run` never come here: what happens to their output is Python's business.
"""

from __future__ import annotations

import os
import sys


def say(text: str) -> None:
    """Print and flush; when nobody reads any more, leave quietly with the status that a SIGPIPE would give."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at exit complains again
        raise SystemExit(141) from None
