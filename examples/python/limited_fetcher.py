"""Many fetches, at most so many at once: a semaphore.

What it teaches: starting a thousand coroutines is cheap, but a server does not like a thousand requests. A semaphore
lets a number of them in and makes the others wait in line; and a time-out belongs inside it, so that it does not
count the time in line.

    python examples/python/limited_fetcher.py
    ferrio run examples/python/limited_fetcher.py
"""

import asyncio
import time

PAGES = 40
AT_ONCE = 8
TIMEOUT = 0.2  # seconds


class MockServer:
    """Answers after a while, never to page 13, and remembers how many it had to do with at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def fetch(self, page: int) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(3600 if page == 13 else 0.05)
        finally:
            self.now -= 1
        return f"page {page}"


async def main() -> None:
    for limit in (PAGES, AT_ONCE):
        server = MockServer()
        begin = time.perf_counter()
        pages = await fetch_all(server, limit)
        missing = [number for number, page in enumerate(pages) if page is None]
        print(
            f"limit {limit:>2}: {PAGES - len(missing)} pages in {time.perf_counter() - begin:.2f} s, "
            f"at most {server.most} at once, timed out: {missing}"
        )


async def fetch_all(server: MockServer, limit: int) -> list[str | None]:
    """All pages in order, None for those that did not come in time."""
    semaphore = asyncio.Semaphore(limit)

    async def fetch(number: int) -> str | None:
        async with semaphore:
            try:
                async with asyncio.timeout(TIMEOUT):
                    return await server.fetch(number)
            except TimeoutError:
                return None

    return await asyncio.gather(*(fetch(number) for number in range(PAGES)))


if __name__ == "__main__":
    asyncio.run(main())
