"""Connections that the server ends, whose clients are still sending, or have reset them."""

import asyncio
import socket

import ferrio
import pytest
from http_support import client, on_ferrio, request, served, settle, until


@pytest.mark.parametrize("way", ["whole", "raises", "longer"])
def test_a_client_that_sends_more_requests_than_are_answered_gets_the_last_answer(way):
    """Closed with requests unread in the kernel, the connection would be reset, and what had not left been dropped."""
    size = 8 << 20

    async def app(scope, receive, send):
        await until(lambda: sent.done())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(size), "more_body": way != "whole"})
        if way == "raises":
            raise LookupError
        if way == "longer":
            await send({"type": "http.response.body"})

    async def main():
        nonlocal sent
        async with served(app) as server, client(server.port) as peer:
            sent = asyncio.get_running_loop().create_future()
            await peer.send(request("/", "GET", None, *["Connection: close"][: way != "raises"]))
            for _ in range(8):
                await peer.send(request("/next", "POST", bytes(20_000)))
            await settle()
            sent.set_result(None)
            while (data := await peer.more()) and len(peer.received) < size:
                await asyncio.sleep(0.001)
            assert len(peer.received) > size, data
            while await peer.more():
                pass

    sent = None
    ferrio.run(main())


@on_ferrio
async def test_a_client_that_resets_a_connection_is_no_error_of_the_application():
    begun, gone = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
        begun.set()
        await gone.wait()
        await send({"type": "http.response.body"})

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request("/", "POST", bytes(200_000)))  # so much that nothing more is read
        await begun.wait()
        await settle()
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        await settle()
        gone.set()
        await until(lambda: not server.serving.tasks())
        assert not server.told
