"""How fast do 1,000 MiB go from a server to a client in the same process, through streams, plain or over TLS?

The installed pyperformance's program bm_asyncio_tcp, as it is: start_server() and open_connection() on one loop, a
hundred writes of 10 MiB with drain(), reads of whatever is there, and the orderly end. `_ssl` does it over TLS with the
program's certificate, which is CPython's own test certificate.

Two things differ from pyperformance. The port is a free one: the program's own, 8882, is not for a minute after each
run, and not every loop sets SO_REUSEADDR as asyncio does. And how the time is taken: one run by the stopwatch, with
everything from the server's start to its end in it. There is no warm-up, which a gigabyte does not need. A run that
does not end is given up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from functools import partial
from typing import Any

from .harness.bench import Bench
from .harness.pyperformance import PACKAGE, program
from .installed.harness.row import Figures, Metric, Row
from .installed.harness.window import Stopwatch

WRITES = 100
"""As the program has it; the size of each is its CHUNK_SIZE."""
PATIENCE = 10.0
"""Seconds, several times what a slow loop takes; rloop 0.5.0 carries every byte and then never ends."""


def measure(bench: Bench, with_tls: bool) -> Figures:
    tcp = program("asyncio_tcp")
    tcp.asyncio = OnFreePort()
    tcp.CHUNK_SIZE = bench.scaled(tcp.CHUNK_SIZE, tcp.CHUNK_SIZE // 10)
    stopwatch = Stopwatch()
    started = stopwatch.read()
    bench.loop.run_until_complete(bounded(tcp.main(with_tls)))
    elapsed = stopwatch.read() - started
    return {"rate": WRITES * tcp.CHUNK_SIZE / 2**20 / elapsed}


class OnFreePort:
    """asyncio, but for the port of the program's server and client."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def start_server(self, handle: Any, host: str, _: int, **options: Any) -> asyncio.Server:
        return await asyncio.start_server(handle, host, self._port, **options)

    async def open_connection(self, host: str, _: int, **options: Any) -> Any:
        return await asyncio.open_connection(host, self._port, **options)


async def bounded(run: Coroutine[Any, Any, None]) -> None:
    try:
        await asyncio.wait_for(run, PATIENCE)
    except TimeoutError:
        raise TimeoutError(f"the program had not ended after {PATIENCE:.0f} s") from None


ROWS = tuple(
    Row(
        name,
        (Metric("rate", "MiB/s"),),
        partial(measure, with_tls=with_tls),
        rounds=3,
        streams=True,
        needs=(PACKAGE,),
    )
    for name, with_tls in (("asyncio_tcp", False), ("asyncio_tcp_ssl", True))
)
