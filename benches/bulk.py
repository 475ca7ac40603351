"""How fast does one TCP connection carry bulk data, sent by the server or received by it, and at what CPU?

`send`: transport.write of 256 KiB pieces under pause_writing and resume_writing, at most eight a callback, so
that a loop whose writes go straight to the kernel still turns. `writelines`: the same bytes in lines of 1 KiB, as
programs send that have a message in parts. `receive`: data_received drops what comes.
Bytes are counted by the client.
"""

from __future__ import annotations

import asyncio
from typing import cast

from .harness.bench import BULK, Bench, per_mebibyte
from .harness.servers import tcp_server
from .installed.harness.row import Figures, Row

PIECE = bytes(256 * 1024)
LINES = [bytes(1024)] * 256
PIECES_A_CALLBACK = 8


class Source(asyncio.Protocol):
    """Writes whenever it may."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._may_write = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop.call_soon(self._pump)

    def connection_lost(self, exc: Exception | None) -> None:
        self._may_write = False

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        for _ in range(PIECES_A_CALLBACK):
            if not self._may_write:
                return
            self._write()
        if self._may_write:
            self._loop.call_soon(self._pump)

    def _write(self) -> None:
        self._transport.write(PIECE)


class Lines(Source):
    """Writes them line by line."""

    def _write(self) -> None:
        self._transport.writelines(LINES)


class Sink(asyncio.Protocol):
    def data_received(self, data: bytes) -> None:
        pass


def measure_send(bench: Bench) -> Figures:
    return per_mebibyte(bench.load("sink", tcp_server(bench.loop, lambda: Source(bench.loop))))


def measure_writelines(bench: Bench) -> Figures:
    return per_mebibyte(bench.load("sink", tcp_server(bench.loop, lambda: Lines(bench.loop))))


def measure_receive(bench: Bench) -> Figures:
    return per_mebibyte(bench.load("source", tcp_server(bench.loop, Sink)))


ROWS = (
    Row("bulk_send", BULK, measure_send, loaded=True, bare="source"),
    Row("bulk_writelines", BULK, measure_writelines, loaded=True, bare="source"),
    Row("bulk_receive", BULK, measure_receive, loaded=True, bare="sink"),
)
