"""Many URLs with aiohttp, one after the other and concurrently.

What it teaches: one `ClientSession` for all requests, since it keeps connections open and reuses them; a limit on
how many go to one host, in its connector; `raise_for_status`, and a time-out for the whole. The server is local, and
started by the program itself; each of its answers takes a while. Needs aiohttp.

    python examples/python/aiohttp_fetch.py
    ferrio run examples/python/aiohttp_fetch.py
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from aiohttp import web

URLS = 30
DELAY = 0.02  # seconds that the server takes over an answer
AT_ONCE = 10

Fetch = Callable[[aiohttp.ClientSession, list[str]], Awaitable[list[int]]]


async def main() -> None:
    async with local_server() as base:
        urls = [f"{base}/page/{number}" for number in range(URLS)]
        sequential = await timed("one after the other", in_turn, urls)
        concurrent = await timed(f"at most {AT_ONCE} at once", at_once, urls)
        print(f"concurrent is faster: {sequential / concurrent:.1f} x")

        async with aiohttp.ClientSession(raise_for_status=True) as session:
            try:
                await fetch(session, f"{base}/missing")
            except aiohttp.ClientResponseError as error:
                print("a missing page is an error:", error.status, error.message)


async def in_turn(session: aiohttp.ClientSession, urls: list[str]) -> list[int]:
    return [await fetch(session, url) for url in urls]


async def at_once(session: aiohttp.ClientSession, urls: list[str]) -> list[int]:
    return await asyncio.gather(*(fetch(session, url) for url in urls))


async def fetch(session: aiohttp.ClientSession, url: str) -> int:
    """The length of a page."""
    async with session.get(url) as response:
        return len(await response.read())


async def timed(name: str, fetch_all: Fetch, urls: list[str]) -> float:
    connector = aiohttp.TCPConnector(limit_per_host=AT_ONCE)
    timeout = aiohttp.ClientTimeout(total=10)  # seconds, for each request with its time in line
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, raise_for_status=True) as session:
        begin = time.perf_counter()
        lengths = await fetch_all(session, urls)
        seconds = time.perf_counter() - begin
    print(f"{name}: {len(lengths)} pages, {sum(lengths)} bytes in {seconds:.2f} s")
    return seconds


@contextlib.asynccontextmanager
async def local_server() -> AsyncIterator[str]:
    """A server on loopback for the time of the block; the value is its URL."""

    async def page(request: web.Request) -> web.Response:
        await asyncio.sleep(DELAY)
        return web.Response(text=f"page {request.match_info['number']}\n" * 100)

    application = web.Application()
    application.router.add_get("/page/{number}", page)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()  # port 0: any free one
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
