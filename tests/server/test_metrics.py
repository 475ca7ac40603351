"""Figures for Prometheus: what is counted, over a port and a path, and that rows of several processes are added up."""

import asyncio
import os
import re

import pytest
from ferrio.server.metrics import Metrics, shared_file
from server_support import PATIENCE, ask, ask_now, free_port, hello, run, serving


def figures(text):
    """The value of each line, by its name and label."""
    return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, re.M) if name != "#"}


async def app(scope, receive, send):
    if scope["path"] == "/raise":
        raise RuntimeError("as asked")
    status = int(scope["path"][1:] or 200)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def test_requests_are_counted_by_status_and_duration():
    async def main():
        async with serving(app, lifespan="off", metrics_path="/metrics") as port:
            for path in ("/", "/201", "/404", "/503", "/raise"):
                await ask(port, path)
            answer = await ask(port, "/metrics")
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            return answer.body.decode()

    text = run(main())
    found = figures(text)
    counted = {each: found[f'ferrio_requests_total{{status="{each}"}}'] for each in ("1xx", "2xx", "3xx", "4xx", "5xx")}
    assert counted == {"1xx": 0, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 2}
    assert found["ferrio_request_duration_seconds_count"] == 5
    assert found['ferrio_request_duration_seconds_bucket{le="+Inf"}'] == 5
    assert found["ferrio_workers"] == 1 and found["ferrio_requests_in_flight"] == 0
    assert found['ferrio_loop_lag_seconds{worker="0"}'] >= 0
    families = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
    assert len(families) == len(set(families)) == 6
    buckets = [value for name, value in found.items() if "_bucket" in name]
    assert buckets == sorted(buckets)


def test_requests_in_flight():
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waits(scope, receive, send):
        begun.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async def main():
        async with serving(waits, lifespan="off", metrics_path="/metrics") as port:
            request = asyncio.create_task(ask(port))
            await begun.wait()
            during = figures((await ask(port, "/metrics")).body.decode())["ferrio_requests_in_flight"]
            go_on.set()
            await request
            return during, figures((await ask(port, "/metrics")).body.decode())["ferrio_requests_in_flight"]

    assert run(main()) == (1, 0)


def test_a_port_of_its_own():
    async def main():
        metrics = free_port()
        async with serving(hello, lifespan="off", metrics_port=metrics) as port:
            await ask(port)
            return await ask(metrics, "/metrics"), (await ask(port, "/metrics")).body

    answer, other = run(main())
    assert b'ferrio_requests_total{status="2xx"} 1\n' in answer.body and other == b"hello"
    with pytest.raises(ConnectionRefusedError):
        ask_now(free_port())


@pytest.mark.parametrize("http", ["auto", "ferrio.server:UvicornHttp"])
def test_a_port_of_its_own_has_time_limits_and_no_websockets(http):
    handshake = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )

    async def main():
        metrics = free_port()
        options = {"lifespan": "off", "http": http, "metrics_port": metrics, "timeout_keep_alive": 0.1}
        async with serving(hello, **options), asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", metrics)
            writer.write(handshake)
            answer = await reader.read()
            writer.close()
            return answer

    answer = run(main())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"ferrio_requests_total" in answer


def test_rows_of_several_processes_are_one():
    path = shared_file()
    try:
        rows = [Metrics(path, number) for number in range(3)]

        async def main():
            for count, row in enumerate(rows, 1):
                for _ in range(count):
                    await row.measured(app)({"type": "http", "path": "/"}, None, ignored)
            ends = [row.watch(lambda: 7) for row in rows]
            first = figures(rows[0].text())
            ends[2]()
            second = figures(rows[1].text())
            for end in ends[:2]:
                end()
            return first, second

        async def ignored(message):
            return

        first, second = run(main())
        assert first['ferrio_requests_total{status="2xx"}'] == second['ferrio_requests_total{status="2xx"}'] == 6
        assert (first["ferrio_connections"], first["ferrio_workers"]) == (21, 3)
        assert (second["ferrio_connections"], second["ferrio_workers"]) == (14, 2)
        again = figures(Metrics(path, 2).text())
        assert again['ferrio_requests_total{status="2xx"}'] == 6, "a worker that replaces another goes on with its row"
    finally:
        os.remove(path)
