"""Clients that read nothing, and a whole server: `timeout_send`, over TLS and at the server's end. Time is virtual."""

import asyncio
import functools
import ssl

import ferrio
import trustme
from ferrio.testing import VirtualLoop
from server_support import port_of, running, serving

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def in_virtual_time(function):
    """Make a test of a coroutine function."""

    @functools.wraps(function)
    def test():
        ferrio.run(function(), loop_factory=VirtualLoop)

    return test


class Endless:
    """Sends for ever, and says what ended that."""

    def __init__(self):
        self.error = None

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * (1 << 16), "more_body": True})
                await asyncio.sleep(0)
        except OSError as error:
            self.error = error
            raise


@in_virtual_time
async def test_over_tls():
    app, authority, context = Endless(), trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    config = ferrio.server.Config(
        app, port=0, log_config=None, timeout_send=60, lifespan="off", ssl_context_factory=lambda *_: context
    )
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with running(ferrio.server.Server(config)) as running_server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port_of(running_server), ssl=trusting, server_hostname="localhost"
        )
        writer.write(REQUEST)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(55)
        assert app.error is None
        while app.error is None:
            await asyncio.sleep(10)
        assert not running_server.server_state.connections
        writer.transport.abort()


@in_virtual_time
async def test_a_server_that_shuts_down_waits_no_longer_for_such_a_client():
    app = Endless()
    async with serving(app, timeout_send=60, lifespan="off") as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await asyncio.sleep(1)
        assert app.error is None
    assert app.error is not None and asyncio.get_running_loop().time() >= 60
    writer.transport.abort()
