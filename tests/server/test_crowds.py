"""Clients that come at once, or only begin a TLS handshake: a limit of connections holds, and a server ends in time."""

import asyncio
import socket
import ssl
import time

import pytest
import trustme
from ferrio.server import shutting_down
from server_support import hello, run, serving

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEGUN = b"\x16\x03\x01\x02\x00\x01"


@pytest.fixture(scope="module")
def contexts():
    """Of a server, and of a client that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def connected(port, count):
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]


async def status(each, **options):
    reader, writer = await asyncio.open_connection(sock=each, **options)
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head[9:12]), writer


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_limit_of_connections_holds_for_those_that_come_at_once(contexts, is_encrypted):
    options = {"ssl": contexts[1], "server_hostname": "localhost"} if is_encrypted else {}
    tls = {"ssl_context_factory": lambda *_: contexts[0]} if is_encrypted else {}

    async def main():
        async with serving(hello, lifespan="off", limit_connections=1, **tls) as port:
            answers = await asyncio.gather(*[status(each, **options) for each in connected(port, 3)])
            for _, writer in answers:
                writer.close()
            return sorted(code for code, _ in answers)

    assert run(main()) == [200, 503, 503]


def test_a_handshake_without_an_end_keeps_no_server_from_ending(contexts):
    async def main():
        async with serving(hello, lifespan="off", ssl_context_factory=lambda *_: contexts[0]) as port:
            begun = connected(port, 3)
            for each in begun:
                each.sendall(BEGUN)
            # By the time of this answer the others were accepted.
            (whole,) = connected(port, 1)
            _, writer = await status(whole, ssl=contexts[1], server_hostname="localhost")
            writer.close()
            before = time.monotonic()
        for each in begun:
            each.close()
        return time.monotonic() - before

    assert run(main()) < 30  # a handshake may take 60 seconds


def test_a_handshake_that_ends_while_the_server_does_keeps_it_from_nothing(contexts):
    asked, answered = asyncio.Event(), asyncio.Event()
    options = {"ssl": contexts[1], "server_hostname": "localhost"}

    async def slow(scope, receive, send):
        asked.set()
        await answered.wait()
        await hello(scope, receive, send)

    async def shake_hands(late):
        await shutting_down().wait()
        _, writer = await asyncio.open_connection(sock=late, **options)
        answered.set()
        return writer

    async def main():
        async with serving(slow, lifespan="off", ssl_context_factory=lambda *_: contexts[0]) as port:
            early, late = connected(port, 2)
            asking = asyncio.create_task(status(early, **options))
            await asked.wait()
            shaking = asyncio.create_task(shake_hands(late))
            before = time.monotonic()
        took = time.monotonic() - before
        writers = [await shaking, (await asking)[1]]
        for writer in writers:
            writer.close()
        return took

    assert run(main()) < 20  # who asks for nothing may do so for 30 seconds


def test_requests_that_are_on_their_way_when_a_server_begins_to_end_are_answered():
    """Of a worker that is replaced: a connection that looks idle, or was taken just now, has sent one already."""

    async def ask(each):
        await shutting_down().wait()
        each.sendall(REQUEST)
        reader, writer = await asyncio.open_connection(sock=each)
        answer = await reader.read()
        writer.close()
        return answer

    async def main():
        async with serving(hello, lifespan="off") as port:
            new, kept = connected(port, 2)
            kept.sendall(REQUEST)
            # By the time of this answer the other one was accepted.
            await asyncio.get_running_loop().run_in_executor(None, kept.recv, 1000)
            asking = [asyncio.create_task(ask(each)) for each in (new, kept)]
            await asyncio.sleep(0)
        return await asyncio.gather(*asking)

    for answer in run(main()):
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nconnection: close\r\n" in answer


def test_an_answer_that_had_begun_when_a_server_begins_to_end_is_not_the_last():
    """Its client has read a head that did not say so, and asks on."""
    ends = asyncio.Event()

    async def slow(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await ends.wait()
        await send({"type": "http.response.body", "body": b"ended"})

    async def end():
        await shutting_down().wait()
        await asyncio.sleep(0.2)  # by now idle connections are closed
        ends.set()

    async def main():
        async with serving(slow, lifespan="off") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(REQUEST)
            ending = asyncio.create_task(end())
        await ending
        answers = await reader.read()
        writer.close()
        return head, answers

    head, answers = run(main())
    assert b"\r\nconnection: close\r\n" not in head
    assert answers.count(b"ended\r\n0\r\n\r\n") == 2 and answers.count(b"\r\nconnection: close\r\n") == 1


def test_a_server_that_is_given_no_time_cuts_off_no_idle_connection(caplog):
    async def main():
        async with serving(hello, lifespan="off", timeout_graceful_shutdown=0) as port:
            _, writer = await status(*connected(port, 1))
        writer.close()

    run(main())
    assert "exceeded" not in caplog.text
