"""Connections on which requests come in pieces, together, behind each other, or from clients that take nothing."""

import asyncio
import contextlib
import socket
import threading

import ferrio
import pytest
from http_support import PATIENCE, body_of, client, on_ferrio, request, respond, served, settle, until

BIG = b"x" * 10_000


async def hello(scope, receive, send):
    await body_of(receive)
    await respond(send, scope["path"].encode())


@on_ferrio
async def test_half_of_a_request_behind_one_that_is_being_answered():
    answered = asyncio.Event()

    async def slow(scope, receive, send):
        if scope["path"] == "/1":
            await answered.wait()
        await respond(send, scope["path"].encode())

    async with served(slow) as server, client(server.port) as peer:
        await peer.send(request("/1") + b"GET /2 HT")
        await settle()
        answered.set()
        assert (await peer.answer()).body == b"/1"
        await peer.send(b"TP/1.1\r\nHost: a\r\n\r\n")
        assert (await peer.answer()).body == b"/2"


@pytest.mark.parametrize("body", [None, b"x" * 100_000], ids=["no body", "a body"])
def test_an_application_that_waits_learns_that_its_client_is_gone(body):
    told = []

    async def app(scope, receive, send):
        assert await body_of(receive) == (body or b"")
        told.append((await receive())["type"])

    @on_ferrio
    async def main():
        async with served(app) as server:
            async with client(server.port) as peer:
                await peer.send(request(method="POST", body=body))
                await until(lambda: server.serving.busy)
                await settle()
                assert not told
            await until(lambda: not server.serving.busy)
            assert told == ["http.disconnect"] and not server.told

    main()


@on_ferrio
async def test_answers_before_one_that_fails_are_sent():
    async def app(scope, receive, send):
        if scope["path"] == "/broken":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
            raise LookupError
        await respond(send, b"whole")

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request("/") + request("/broken") + request("/"))
        assert (await peer.answer()).body == b"whole"
        assert (await peer.to_the_end()).endswith(b"4\r\nsome\r\n")
        assert server.kinds() == ["raised"]


@on_ferrio
async def test_the_answer_of_an_application_that_returns_something_is_sent():
    async def app(scope, receive, send):
        await respond(send, b"whole")
        return "something"

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request())
        assert [each.body for each in await peer.all_answers()] == [b"whole"]
        assert server.told == [("returned", "something")]


@on_ferrio
async def test_requests_are_not_answered_faster_than_their_client_reads():
    async def app(scope, receive, send):
        await respond(send, BIG)

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request() * 5000)
        await settle()
        transport = server.connection.transport
        await until(lambda: transport.get_write_buffer_size())
        await settle()
        assert transport.get_write_buffer_size() < 1 << 20
        assert server.serving.requests < 1000
        assert len(server.serving.tasks()) <= 1
        for _ in range(50):
            assert {len(answer.body) for answer in await peer.answers(100)} == {len(BIG)}
        await until(lambda: not server.serving.busy)
        assert server.serving.requests == 5000


@on_ferrio
async def test_others_are_served_while_a_client_does_not_read():
    waits = []

    async def app(scope, receive, send):
        if scope["path"] == "/":
            return await respond(send, b"other")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3000):
            waits.append(scope["path"])
            await send({"type": "http.response.body", "body": BIG, "more_body": True})
        await send({"type": "http.response.body"})

    async with served(app) as server, client(server.port) as peer, client(server.port) as other:
        await peer.send(request("/endless"))
        await settle()
        await other.send(request() * 100)
        assert [answer.body for answer in await other.answers(100)] == [b"other"] * 100
        assert len(waits) < 3000  # 30 MB are more than kernels take
        while len(peer.received) < 3000 * len(BIG):
            assert await peer.more()


@on_ferrio
async def test_ten_thousand_requests_at_once():
    async with served(hello) as server, client(server.port) as peer:
        sending = asyncio.create_task(peer.send(b"".join(request(f"/{number}") for number in range(10_000))))
        answers = await peer.answers(10_000)
        await sending
        assert [answer.body for answer in answers] == [b"/%d" % number for number in range(10_000)]


@on_ferrio
async def test_ten_thousand_requests_to_an_application_that_waits():
    async def app(scope, receive, send):
        await asyncio.sleep(0)
        await respond(send, scope["path"].encode())

    async with served(app) as server, client(server.port) as peer:
        sending = asyncio.create_task(peer.send(b"".join(request(f"/{number}") for number in range(10_000))))
        answers = await peer.answers(10_000)
        await sending
        assert [answer.body for answer in answers] == [b"/%d" % number for number in range(10_000)]


@on_ferrio
async def test_requests_that_are_turned_away_are_not_counted_as_ended():
    begun, end = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        begun.set()
        await end.wait()
        await respond(send)

    async with served(app, concurrency=2) as server, client(server.port) as first:
        await first.send(request())
        await begun.wait()
        for _ in range(3):
            async with client(server.port) as other:
                await other.send(request())
                assert [answer.status for answer in await other.all_answers()] == [503]
        assert server.serving.busy == 1
        end.set()
        assert (await first.answer()).status == 200
        assert server.serving.busy == 0
        assert server.kinds() == ["busy"] * 3


@on_ferrio
async def test_a_request_that_is_refused_before_it_runs_is_not_counted():
    async with served(hello, concurrency=1000) as server, client(server.port) as good, client(server.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n")
        assert [answer.status for answer in await peer.all_answers()] == [400]
        await good.send(request())
        assert (await good.answer()).status == 200
        assert server.serving.busy == 0


@pytest.mark.parametrize("raising", ["failed", "access"])
def test_a_log_that_fails_keeps_no_answer_back(raising, asyncio_errors):
    def broken(*what):
        raise LookupError(raising)

    async def app(scope, receive, send):
        if scope["path"] == "/raises":
            raise ValueError
        with contextlib.suppress(LookupError):
            await respond(send, b"whole")

    @on_ferrio
    async def main():
        async with served(app, **{raising: broken}) as server, client(server.port) as peer:
            await peer.send(request("/"))
            assert (await peer.answer()).body == b"whole"
            await peer.send(request("/raises"))
            assert [answer.status for answer in await peer.all_answers()] == [500]

    main()
    assert {record.getMessage().partition("\n")[0] for record in asyncio_errors} <= {
        "Task exception was never retrieved"
    }
    asyncio_errors.clear()


@on_ferrio
async def test_one_receive_that_is_cancelled_leaves_the_others():
    outcome = []

    async def app(scope, receive, send):
        await body_of(receive)
        first, second = asyncio.create_task(receive()), asyncio.create_task(receive())
        await settle()
        first.cancel()
        await settle()
        await respond(send)
        outcome.append((first.cancelled(), await second))

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request())
        assert (await peer.answer()).status == 200
        await until(lambda: outcome)
        assert outcome == [(True, {"type": "http.disconnect"})]


@on_ferrio
async def test_receives_with_time_limits_leave_nothing_behind():
    async def app(scope, receive, send):
        await body_of(receive)
        for _ in range(1000):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await receive()
        await respond(send)

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request())
        assert (await peer.answer()).status == 200


async def slow_reader(scope, receive, send):
    await asyncio.sleep(0.4)
    body = await body_of(receive)
    if body is not None:
        await respond(send, str(len(body)).encode())


@on_ferrio
async def test_an_application_that_reads_late_does_not_cost_its_client_the_connection():
    async with served(slow_reader, body_timeout=0.1) as server, client(server.port) as peer:
        sending = asyncio.create_task(peer.send(request(method="POST", body=b"x" * 1_000_000)))
        for _ in range(30):
            await asyncio.sleep(0.02)
            server.serving.tick()
        assert (await peer.answer()).body == b"1000000"
        await sending


@on_ferrio
async def test_a_body_that_is_never_finished():
    async with served(hello, body_timeout=0.1) as server, client(server.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nsome")
        await settle()
        await asyncio.sleep(0.15)
        server.serving.tick()
        await told_to_be_late(server, peer)


@on_ferrio
async def test_a_body_that_is_never_finished_behind_a_whole_answer():
    """No second answer is sent to one request."""

    async def app(scope, receive, send):
        await respond(send, b"whole")

    async with served(app, head_timeout=0.1, body_timeout=0.1, keep_alive=0.1) as server, client(server.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nsome")
        assert (await peer.answer()).body == b"whole"
        await asyncio.sleep(0.15)
        server.serving.tick()
        assert await peer.to_the_end() == b"" and not server.told


@on_ferrio
async def test_a_client_that_says_nothing_is_told_nothing():
    async with (
        served(hello, head_timeout=0.1, keep_alive=0.1) as server,
        client(server.port) as new,
        client(server.port) as idle,
    ):
        await idle.send(request())
        await idle.answer()
        await until(lambda: len(server.serving.connections) == 2)
        await asyncio.sleep(0.15)
        server.serving.tick()
        assert await new.to_the_end() == await idle.to_the_end() == b""


@on_ferrio
async def test_a_head_that_comes_byte_by_byte():
    async with served(hello, head_timeout=0.1) as server, client(server.port) as peer:
        for byte in request():
            server.serving.tick()
            if server.told:
                break
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.02)
        await told_to_be_late(server, peer)


async def told_to_be_late(server, peer):
    (answer,) = await peer.all_answers()
    assert (answer.status, answer.body) == (408, b"the request did not come in time")
    assert server.told == [("refused", "the request did not come in time")]
    peer.close()
    await until(lambda: not server.serving.connections)


@on_ferrio
async def test_a_client_that_pings_and_never_reads():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            pass

    handshake = request("/", "GET", None, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    handshake = handshake[:-2] + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
    async with served(app) as server, client(server.port) as peer:
        await peer.send(handshake)
        assert (await peer.answer()).status == 101
        flood = asyncio.create_task(peer.send(ping * 500_000))
        transport, sizes = server.connection.transport, []
        for _ in range(200):
            await asyncio.sleep(0.005)
            sizes.append(transport.get_write_buffer_size())
        assert 0 < max(sizes) < 1 << 20
        assert not flood.done()
        flood.cancel()
        # What waited goes on once it reads.
        while peer.received.count(b"\x8a\x7d") < 1000:
            await peer.more()


def test_what_is_sent_leaves_whatever_the_application_does_next():
    """One that blocks its loop between two pieces, as none should: its client has each before the next one is made."""
    came = threading.Semaphore(0)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        assert came.acquire(timeout=PATIENCE), "the first piece is still here"
        await send({"type": "http.response.body", "body": b"k"})
        assert came.acquire(timeout=PATIENCE), "the second piece is still here"

    def ask(port):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            for _ in range(3):
                peer.sendall(request())
                for end in (b"o", b"k"):
                    answer = b""
                    while not answer.endswith(end):
                        data = peer.recv(1000)
                        assert data, answer
                        answer += data
                    came.release()

    async def main():
        async with served(app) as server:
            await asyncio.to_thread(ask, server.port)
            assert not server.told

    ferrio.run(main())


def test_answers_of_a_turn_leave_together():
    """The first is still here while the last one's application runs, unless a busy machine took too long between."""
    seen = []

    async def app(scope, receive, send):
        await respond(send, b"ok")
        if scope["path"] == "/last":
            seen.append(peers[0].take())

    peers = []

    async def main():
        async with served(app) as server, contextlib.AsyncExitStack() as stack:
            peers.extend([await stack.enter_async_context(client(server.port)) for _ in range(3)])
            for peer in peers:
                await peer.send(request())
                await peer.answer()
            for _ in range(1000):
                for peer, path in zip(peers, ("/first", "/second", "/last"), strict=True):
                    peer.received = b""
                    peer.socket.send(request(path))
                for peer in peers:
                    await peer.answer()
                if b"" in seen:
                    return
            raise AssertionError("held in no turn")

    ferrio.run(main())
