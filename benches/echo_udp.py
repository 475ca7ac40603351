"""What does an echo of datagrams cost, on one datagram endpoint?

1 KiB from 64 client sockets, one datagram of each under way: few enough that none is lost to a full buffer.
One that is lost all the same is sent again after 100 ms, which the rate shows.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from .harness.bench import ROUND_TRIPS, Bench
from .installed.harness.row import Figures, Row


class DatagramEcho(asyncio.DatagramProtocol):
    __slots__ = ("transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.transport.sendto(data, addr)


def measure(bench: Bench) -> Figures:
    endpoint = bench.loop.create_datagram_endpoint(DatagramEcho, local_addr=("127.0.0.1", 0))
    transport, _ = bench.loop.run_until_complete(endpoint)
    port = transport.get_extra_info("sockname")[1]
    return bench.round_trips(f"udp:{port}", size=1024, connections=64)


ROWS = (Row("echo_udp_1k_x64", ROUND_TRIPS, measure, loaded=True, bare="datagrams"),)
