"""examples/python/dashboard, both versions: the stream and its resumption, what blocks and what does not, the page,
the end.
"""

import asyncio
import itertools
import json
import runpy
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from programs import FOLDER
from versions import versions

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: make examples")
browser = pytest.importorskip("browser")

version = versions("dashboard")
KEYS = {"number", "late_ms", "cpu_percent", "tasks", "viewers", "working"}


class Stream:
    """One viewer's event stream."""

    def __init__(self, response):
        self.response = response

    async def next(self):
        """The next sample, checked for its form; None at the end of the stream."""
        event = {}
        async with asyncio.timeout(10):
            while line := (await self.response.content.readline()).decode():
                if line == "\n" and "data" in event:
                    sample = json.loads(event["data"])
                    assert (set(sample), str(sample["number"])) == (KEYS, event["id"])
                    return sample
                if line != "\n":
                    name, value = line.rstrip("\n").split(": ", 1)
                    event[name] = value
        return None

    async def until(self, condition):
        """All samples up to the first for which it is true."""
        samples = [await self.next()]
        while not condition(samples[-1]):
            samples.append(await self.next())
        return samples


def watch(version, strict, story):
    """Runs `story(open_stream, session)` against a server; Ctrl-C comes when it is over."""

    async def with_session(address):
        async with aiohttp.ClientSession(address) as session:

            async def open_stream(**headers):
                response = await session.get("/events", headers=headers)
                assert (response.status, response.content_type) == (200, "text/event-stream")
                return Stream(response)

            await story(open_stream, session)

    with version.serving(strict) as server:
        asyncio.run(asyncio.wait_for(with_session(server.address), 40))
    assert version.has_ended(server)


def numbers(samples):
    return [sample["number"] for sample in samples]


def test_each_viewer_gets_every_sample(version, strict):
    async def story(open_stream, _session):
        first = await open_stream()
        assert numbers([await first.next() for _ in range(5)]) == [1, 2, 3, 4, 5]
        second = await open_stream()
        assert numbers([await second.next() for _ in range(6)]) == [1, 2, 3, 4, 5, 6]
        assert (await second.until(lambda sample: sample["viewers"] == 2))[-1]["tasks"] >= 3
        second.response.close()
        seen = await first.until(lambda sample: sample["number"] > 6 and sample["viewers"] == 1)
        assert numbers(seen) == list(range(6, 6 + len(seen)))

    watch(version, strict, story)


def test_who_comes_back_gets_what_was_missed(version):
    async def story(open_stream, _session):
        stream = await open_stream()
        await stream.until(lambda sample: sample["number"] == 5)
        for seen, first in [("3", 4), ("5", 6), ("0", 1), ("", 1), ("x", 1), ("-1", 1), ("9" * 5000, 1), ("99999", 1)]:
            assert (await (await open_stream(**{"Last-Event-ID": seen})).next())["number"] == first

    watch(version, True, story)


def test_only_blocking_makes_everybody_wait(version):
    """While a handler waits, samples go on being taken and see it at work; while one blocks, none is taken.

    A busy machine decides how many are taken, and which of them sees the work: so the work is asked for until one does.
    While it blocks no sample can see it, on any machine.
    """

    async def story(open_stream, session):
        stream = await open_stream()
        for how in ("await", "thread"):
            work = asyncio.create_task(keep_working(session, how))
            await stream.until(lambda sample: sample["working"] == 1)
            work.cancel()
            await asyncio.wait([work])
        await stream.until(lambda sample: sample["working"] == 0)
        assert (await session.post("/job/block")).status == 204
        seen = await stream.until(lambda sample: sample["late_ms"] >= 190)  # 300 less the rest of a period
        assert all(sample["working"] == 0 for sample in seen)

    watch(version, False, story)


async def keep_working(session, how):
    while True:
        assert (await session.post(f"/job/{how}")).status == 204


def test_there_is_no_other_work(version):
    async def story(_open_stream, session):
        assert (await session.post("/job/harder")).status == 404
        assert (await session.get("/job/block")).status in (404, 405)

    watch(version, True, story)


def test_a_slow_viewer_loses_the_oldest_samples():
    """Too many for its queue, before it reads one."""
    names = runpy.run_path(str(FOLDER / "dashboard/monitor.py"))

    async def read():
        viewer = names["Viewer"]()
        for number in range(names["QUEUE"] + 10):
            viewer.put(number)
        viewer.put(None)
        return [await viewer.next() for _ in range(names["QUEUE"])]

    assert asyncio.run(read()) == [*range(11, names["QUEUE"] + 10), None]


def test_ctrl_c_ends_the_streams(version, strict):
    async def read_to_the_end(address, reading):
        async with aiohttp.ClientSession(address) as session:
            stream = Stream(await session.get("/events"))
            for number in itertools.count(1):
                sample = await stream.next()
                if sample is None:
                    return
                assert sample["number"] == number
                reading.set()

    with ThreadPoolExecutor(1) as thread:
        with version.serving(strict) as server:
            reading = threading.Event()
            over = thread.submit(asyncio.run, read_to_the_end(server.address, reading))
            assert reading.wait(10)
        over.result(10)


def test_the_page(version):
    """The chart moves, shows a blocked loop, can be paused, and goes on when the server comes back."""

    async def with_browser():
        async with browser.browsing() as chromium:
            with version.serving(True) as server:
                page = await chromium.open(server.address)
                await page.wait_for("document.getElementById('state').innerText === 'live' && samples.length > 3")
                await page.evaluate("before = document.getElementById('chart').toDataURL()")
                await page.wait_for("document.getElementById('chart').toDataURL() !== before")
                assert await page.text("#viewers") == "1"
                await page.click("[data-how=block]")
                await page.wait_for("parseFloat(document.getElementById('worst').innerText) >= 190")
                await page.click("#pause")
                await page.evaluate("new Promise(requestAnimationFrame)")  # one may have been asked for already
                await page.evaluate("[seen, before] = [samples.at(-1), document.getElementById('chart').toDataURL()]")
                await page.wait_for("samples.at(-1).number > seen.number + 2")
                assert await page.evaluate("document.getElementById('chart').toDataURL() === before")
                assert await page.evaluate("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
                await page.evaluate("document.getElementById('pause').focus()")
                await page.press("Enter")
                await page.wait_for("document.getElementById('chart').toDataURL() !== before")
                assert page.errors == []
            await page.wait_for("document.getElementById('state').innerText.startsWith('no connection')")
            assert await page.evaluate("document.querySelector('[data-how]').disabled")
            port = server.address.rpartition(":")[2]
            with version.serving(True, port):
                await page.wait_for("document.getElementById('state').innerText === 'live' && samples.length < 20")

    asyncio.run(with_browser())
