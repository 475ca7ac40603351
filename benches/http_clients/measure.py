"""One measurement in a process of its own: what one client's requests of one kind cost.

    python -m benches.http_clients.measure CLIENT ROW SECONDS CPU PORT [CERTIFICATE]

prints a line of JSON: CPU time a request of this process, all of its threads, in microseconds, and requests a second.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, NamedTuple

from .contenders import CONTENDERS, TOKEN, Client, Maker

WARM_UP = 0.5
BODY = bytes(1024)
NUMBERS = itertools.count()


class Row(NamedTuple):
    """A question: how many tasks ask at once, over how many connections, what."""

    tasks: int
    connections: int
    ask: Callable[[Client, str], Awaitable[Any]]
    path: str = "/"
    hosts: int = 1
    secured: bool = False
    fresh: bool = False
    """A client for each request."""


def get(client: Client, url: str) -> Awaitable[Any]:
    return client.get(url)


def stream(client: Client, url: str) -> Awaitable[Any]:
    return client.stream(url)


def post(client: Client, url: str) -> Awaitable[Any]:
    return client.post(url, BODY)


def search(client: Client, url: str) -> Awaitable[Any]:
    return client.search(url, {"q": "two words", "page": next(NUMBERS), "order": "name"})


def signed(client: Client, url: str) -> Awaitable[Any]:
    return client.signed(url, TOKEN)


def tell(client: Client, url: str) -> Awaitable[Any]:
    return client.tell(url, {"id": 7, "name": "seven"})


def fresh(client: Client, url: str) -> Awaitable[Any]:
    return client.get(f"{url}items/{next(NUMBERS)}")


ROWS = {
    "get_1": Row(1, 1, get),
    "get_64": Row(64, 64, get),
    "get_512": Row(512, 512, get),
    "get_512_of_100": Row(512, 100, get),
    "params_64": Row(64, 64, search),
    "headers_64": Row(64, 64, signed),
    "json_64": Row(64, 64, tell),
    "urls_64": Row(64, 64, fresh),
    "get_10k": Row(64, 64, get, "/10k"),
    "post_1k": Row(64, 64, post),
    "stream_10m": Row(4, 4, stream, "/10m"),
    "hosts_100": Row(64, 200, get, hosts=100),
    "tls_64": Row(64, 64, get, secured=True),
    "connect": Row(8, 8, get, fresh=True),
}


async def measure(make: Maker, row: Row, seconds: float, port: int, certificate: str | None) -> dict[str, float]:
    scheme = "https" if row.secured else "http"
    hosts = ["localhost"] if row.secured else [f"127.0.0.{number + 1}" for number in range(row.hosts)]
    urls = itertools.cycle([f"{scheme}://{host}:{port}{row.path}" for host in hosts])
    count, is_over = 0, False

    async def ask(client: Client | None) -> None:
        nonlocal count
        while not is_over:
            if client is None:
                async with make(1, certificate) as fresh:
                    await row.ask(fresh, next(urls))
            else:
                await row.ask(client, next(urls))
            count += 1

    async with make(row.connections, certificate) as client:
        tasks = [asyncio.create_task(ask(None if row.fresh else client)) for _ in range(row.tasks)]
        await asyncio.wait(tasks, timeout=WARM_UP)
        before, cpu, begun = count, time.process_time(), time.perf_counter()
        await asyncio.wait(tasks, timeout=seconds)
        done, cpu, lasted = count - before, time.process_time() - cpu, time.perf_counter() - begun
        is_over = True
        await asyncio.gather(*tasks)
    if not done:
        raise SystemExit("no request ended in time")
    return {"cpu": cpu / done * 1e6, "rate": done / lasted}


def main() -> None:
    name, row, seconds, cpu, port, *certificate = sys.argv[1:]
    os.sched_setaffinity(0, {int(cpu)})
    contender = CONTENDERS[name]
    loops: Any = import_module(contender.loop)
    work = measure(contender.make, ROWS[row], float(seconds), int(port), certificate[0] if certificate else None)
    print(json.dumps(loops.run(work)))


if __name__ == "__main__":
    main()
