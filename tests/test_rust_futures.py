"""Rust futures on a Python loop: polled on the loop's thread, between Python callbacks.

These run on ferrio only; the oracle of a Rust sleep is `asyncio.sleep` on the same loop.
"""

from __future__ import annotations

import asyncio
import time

import ferrio
import pytest
from ferrio import _ferrio


@pytest.fixture
def run():
    loop = ferrio.new_event_loop()
    yield loop.run_until_complete
    loop.close()


def test_a_rust_sleep_lets_python_run_and_ends_in_order(run):
    async def main():
        seen = []

        async def rust(delay):
            await _ferrio.rust_sleep(delay)
            seen.append(("rust", delay))

        async def python(delay):
            await asyncio.sleep(delay)
            seen.append(("python", delay))

        begin = time.monotonic()
        await asyncio.gather(rust(0.12), python(0.08), rust(0.04), python(0.16))
        return seen, time.monotonic() - begin

    seen, elapsed = run(main())
    assert seen == [("rust", 0.04), ("python", 0.08), ("rust", 0.12), ("python", 0.16)]
    assert 0.16 <= elapsed < 10


def test_a_rust_round_trip_meets_a_python_server_on_the_same_loop(run):
    async def main():
        loop = asyncio.get_running_loop()

        class Echo(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport = transport

            def data_received(self, data):
                self.transport.write(data)

        server = await loop.create_server(Echo, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        data = bytes(range(256)) * 4096
        answers = await asyncio.gather(*(_ferrio.rust_round_trip(f"{host}:{port}", data) for _ in range(8)))
        server.close()
        return [answer == data for answer in answers]

    assert run(main()) == [True] * 8


def test_cancelling_the_awaitable_drops_the_future(run):
    async def main():
        sleeping = _ferrio.rust_sleep(3600)
        await asyncio.sleep(0)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_ferrio.rust_sleep(3600), 0.01)

    run(main())


def test_a_refused_connection_is_an_oserror(run):
    async def main():
        with pytest.raises(ConnectionRefusedError):
            await _ferrio.rust_round_trip("127.0.0.1:1", b"data")

    run(main())


def test_bad_arguments_are_named(run):
    async def main():
        with pytest.raises(ValueError, match="not an IP address and port: localhost"):
            _ferrio.rust_round_trip("localhost", b"")
        with pytest.raises(ValueError, match="negative"):
            _ferrio.rust_sleep(-1)

    run(main())


def test_another_loop_is_refused():
    async def main():
        _ferrio.rust_sleep(0)

    loop = asyncio.SelectorEventLoop()
    with pytest.raises(RuntimeError, match="the running loop is not ferrio's"):
        loop.run_until_complete(main())
    loop.close()


def test_a_loop_closes_over_a_sleeping_future():
    loop = ferrio.new_event_loop()

    async def main():
        return _ferrio.rust_sleep(3600)

    sleeping = loop.run_until_complete(main())
    loop.close()
    assert not sleeping.done()
