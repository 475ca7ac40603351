"""The access log, at little cost for the loop: `access_logger()` gives what a server calls for each answer.

Where the logger `uvicorn.access` has nothing but our own handler, lines are made on the loop without a record (0.5 us
instead of 12) and written in batches by a thread. Where the program has handlers or filters of its own, each line is a
record, as under uvicorn. Which of the two is decided once, when the server starts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from io import TextIOWrapper
from typing import TextIO

from .logs import LOGGING_CONFIG, AccessFormatter, AccessJsonFormatter, json_line, level_prefix, status_text, style

Access = Callable[[str, str, str, str, int], None]
logger, errors = logging.getLogger("uvicorn.access"), logging.getLogger("uvicorn.error")

BATCH = 0.05
"""Seconds between a batch's first line and its writing."""
MOST = 100_000
"""Lines that may wait. Where the log is read too slowly, or not at all, others are left out and counted."""
PATIENCE = 5.0
"""Seconds that the last lines may take: a server ends although nobody reads its log."""


def access_logger() -> tuple[Access | None, Callable[[], None]]:
    """What to call with `(client, method, path, version, status)`, if anything; what writes the last lines."""
    if not logger.hasHandlers() or not logger.isEnabledFor(logging.INFO):
        return None, _nothing
    if (handler := _own_handler()) is None:
        return _by_record, _nothing
    batches = Batches(handler)
    return _line_maker(handler, batches.add), batches.close


class Batches:
    """Lines that wait to be written, and the thread that writes them. `add` may be called by one thread only."""

    def __init__(self, handler: logging.StreamHandler[TextIO]) -> None:
        self._handler = handler
        self._lines: list[str] = []
        self._left_out = 0
        self._there_are, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write, name="ferrio access log", daemon=True)
        self._thread.start()

    def add(self, line: str) -> None:
        if len(self._lines) >= MOST:
            self._left_out += 1
            return
        self._lines.append(line)
        if len(self._lines) == 1:
            self._there_are.set()

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self._closing.set()
        self._there_are.set()
        self._thread.join(PATIENCE)

    def _write(self) -> None:
        while not self._closing.is_set():
            self._there_are.wait()
            self._closing.wait(BATCH)
            self._there_are.clear()
            count = len(self._lines)
            lines = self._lines[:count]
            del self._lines[:count]  # lines that came meanwhile stay
            if self._lines:
                self._there_are.set()
            self._put("".join(lines))
        self._put("".join(self._lines))

    def _put(self, text: str) -> None:
        handler = self._handler
        with handler.lock or threading.Lock():
            try:
                if type(stream := handler.stream) is TextIOWrapper:
                    # A print() of the program's goes there in several steps, and may not be torn apart.
                    stream.buffer.write(text.encode(stream.encoding, stream.errors or "strict"))
                    stream.buffer.flush()
                else:
                    stream.write(text)
                    handler.flush()
            except Exception:
                record = logging.LogRecord(logger.name, logging.INFO, __file__, 0, text, (), None)
                handler.handleError(record)
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            errors.warning("%d lines of the access log were left out: it is written too slowly.", left_out)


def _own_handler() -> logging.StreamHandler[TextIO] | None:
    """The only handler there is, if it is what our own configuration makes, and nobody wants to see records."""
    handlers = logger.handlers
    if logger.propagate or len(handlers) != 1 or logger.filters or type(logger) is not logging.Logger:
        return None
    handler = handlers[0]
    if type(handler) is not logging.StreamHandler or handler.filters or handler.level > logging.INFO:
        return None
    formatter = handler.formatter
    usual = type(formatter) is AccessFormatter and formatter._fmt == LOGGING_CONFIG["formatters"]["access"]["fmt"]
    own = usual or type(formatter) is AccessJsonFormatter
    return handler if own and logging.getLogRecordFactory() is logging.LogRecord else None


def _line_maker(handler: logging.StreamHandler[TextIO], add: Callable[[str], None]) -> Access:
    formatter = handler.formatter
    if not isinstance(formatter, AccessFormatter):
        return lambda *values: add(json_line(time.time(), values) + "\n")
    colours = bool(formatter.use_colors)
    prefix = level_prefix("INFO", logging.INFO, colours)
    before, after = style("|", bold=True).split("|") if colours else ("", "")
    status = cache(lambda code: status_text(code, colours))

    def line(client: str, method: str, path: str, version: str, code: int) -> None:
        add(f'{prefix} {client} - "{before}{method} {path} HTTP/{version}{after}" {status(code)}\n')

    return line


def _by_record(client: str, method: str, path: str, version: str, code: int) -> None:
    logger.info('%s - "%s %s HTTP/%s" %d', client, method, path, version, code)


def _nothing() -> None:
    return
