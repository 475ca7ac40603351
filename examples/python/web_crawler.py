"""A web crawler, on a local site that it serves itself.

What it teaches: work that makes more work, for a fixed number of workers and a queue whose `join` says when nothing
is left; each page once, though many link to it; not deeper than told, not off the site, and broken links are reported
rather than the end of the crawl. Needs aiohttp.

    python examples/python/web_crawler.py
    ferrio run examples/python/web_crawler.py --depth 2
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

import aiohttp
from aiohttp import web

# The site: what each page links to. "/gone" is not there, "/broken" fails, and one link leads away.
SITE = {
    "/": ["/a", "/b#part", "b"],
    "/a": ["/", "/a/1", "/a/2", "http://elsewhere.invalid/"],
    "/b": ["/a", "/broken", "/gone"],
    "/a/1": ["2", "/b", "../"],
    "/a/2": ["deep/1"],
    "/a/deep/1": ["2"],
    "/a/deep/2": ["3"],
    "/a/deep/3": ["/"],
}
WORKERS = 4
DELAY = 0.03  # seconds that the server takes over a page


@dataclass
class Crawl:
    """One crawl of a site: `await Crawl(base, depth).run()`, then look at `found`."""

    base: str
    depth: int  # links to follow from the start
    found: dict[str, str] = field(default_factory=dict)  # what became of each page
    queue: asyncio.Queue[tuple[str, int]] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            self.add(self.base + "/", 0)
            workers = [group.create_task(self.work(session)) for _ in range(WORKERS)]
            await self.queue.join()  # every page that was put has been done
            for worker in workers:
                worker.cancel()

    def add(self, url: str, depth: int) -> None:
        """Queue a page, unless it is known, too deep or elsewhere."""
        path = url.removeprefix(self.base)
        if url.startswith(self.base + "/") and depth <= self.depth and path not in self.found:
            self.found[path] = "queued"  # now, not when it is done: others may find it meanwhile
            self.queue.put_nowait((url, depth))

    async def work(self, session: aiohttp.ClientSession) -> None:
        while True:
            url, depth = await self.queue.get()
            try:
                self.found[url.removeprefix(self.base)] = await self.visit(session, url, depth)
            finally:
                self.queue.task_done()

    async def visit(self, session: aiohttp.ClientSession, url: str, depth: int) -> str:
        """Load a page and queue its links; what is to be said of it."""
        try:
            async with session.get(url, raise_for_status=True) as response:
                links = Links(await response.text())
        except aiohttp.ClientResponseError as error:
            return f"error {error.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"error: {error!r}"
        for link in links.targets:
            self.add(urldefrag(urljoin(url, link)).url, depth + 1)
        return f"{len(links.targets)} links"


class Links(HTMLParser):
    """The targets of the links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        target = dict(attributes).get("href")
        if tag == "a" and target:
            self.targets.append(target)


async def main(depth: int) -> None:
    async with local_site() as (base, visits):
        crawl = Crawl(base, depth)
        begin = time.perf_counter()
        await crawl.run()
        for path, state in sorted(crawl.found.items()):
            print(f"{path:<12} {state}")
        print(f"{len(crawl.found)} pages, depth {depth}, {WORKERS} workers, {time.perf_counter() - begin:.2f} s")
        print("each was visited once:", sorted(visits) == sorted(crawl.found))


@contextlib.asynccontextmanager
async def local_site() -> AsyncIterator[tuple[str, list[str]]]:
    """Serve SITE for the time of the block: its URL, and the paths that were asked for so far."""
    visits: list[str] = []

    async def page(request: web.Request) -> web.Response:
        visits.append(request.path)
        await asyncio.sleep(DELAY)
        if request.path == "/broken":
            raise web.HTTPInternalServerError
        if request.path not in SITE:
            raise web.HTTPNotFound
        body = "".join(f'<a href="{link}">{link}</a>\n' for link in SITE[request.path])
        return web.Response(text=body, content_type="text/html")

    application = web.Application()
    application.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()  # port 0: any free one
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}", visits
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Crawl a site that the program serves itself.")
    parser.add_argument("--depth", type=int, default=4, help="links to follow from the start (%(default)s)")
    asyncio.run(main(**vars(parser.parse_args())))
