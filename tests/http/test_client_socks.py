"""Proxies that speak SOCKS 5, played by a server that writes down what it was asked, and what of it went to whom."""

import asyncio
import contextlib
import ssl

import pytest
from client_server import Server
from client_support import on_both
from ferrio import http

REPLY = b"\x05\0\0\x01\0\0\0\0\0\0"


class Proxy:
    """Connects to one server, whatever name it is asked for. `says`: what it answers to a greeting and to the rest."""

    def __init__(self, to, user=None, reply=REPLY):
        self.to, self.user, self.reply = to, user, reply
        self.asked, self.tasks = [], set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        # Before Python 3.12 asyncio's streams report a handler that was cancelled.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self.talk(reader, writer)
        writer.close()

    async def talk(self, reader, writer):
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        user = None
        if self.user is not None and 2 in methods:
            writer.write(b"\x05\x02")
            _, length = await reader.readexactly(2)
            name = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            user = f"{name.decode()}:{password.decode()}"
            writer.write(b"\x01" + bytes([user != self.user]))
            if user != self.user:
                return
        else:
            writer.write(b"\x05\0" if self.user is None else b"\x05\xff")
        *_, kind = await reader.readexactly(4)
        host = await reader.readexactly({1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0])
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append((kind, host, port, user))
        # In pieces: the client may not think that an answer comes whole.
        for byte in self.reply:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        if self.reply != REPLY:
            return
        inner = await asyncio.open_connection("127.0.0.1", self.to)
        try:
            await asyncio.gather(relay(reader, inner[1]), relay(inner[0], writer))
        finally:
            inner[1].close()

    def url(self, scheme="socks5", user=""):
        return f"{scheme}://{user}127.0.0.1:{self.port}"


async def relay(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
    writer.write_eof() if writer.can_write_eof() else writer.close()


async def echoed(session, url, **options):
    async with session.get(url, **options) as answer:
        return await answer.json()


@on_both
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a_request_as_to_the_server_itself(scheme):
    """The proxy resolves the name; the server is asked as ever, and a connection is kept."""
    async with Server() as server, Proxy(server.port) as proxy, http.ClientSession() as session:
        for _ in range(2):
            told = await echoed(session, "http://nowhere.invalid/echo?a=1", proxy=proxy.url(scheme))
            assert (told["target"], server.asked[-1].header("host")) == ("/echo?a=1", "nowhere.invalid")
        assert proxy.asked == [(3, b"nowhere.invalid", 80, None)]
        await echoed(session, "http://127.0.0.2:81/echo", proxy=proxy.url(scheme))
        await echoed(session, "http://[::1]:82/echo", proxy=proxy.url(scheme))
        assert proxy.asked[1:] == [(1, bytes([127, 0, 0, 2]), 81, None), (4, bytes(15) + b"\x01", 82, None)]
        assert session.connector._pool.used == 0


@on_both
async def test_a_user_is_told_to_the_proxy_alone():
    async with Server() as server, Proxy(server.port, "me:s@fe") as proxy, http.ClientSession() as session:
        url = "http://nowhere.invalid/echo"
        await echoed(session, url, proxy=proxy.url(user="me:s%40fe@"))
        with pytest.warns(DeprecationWarning):
            await echoed(session, url, proxy=proxy.url(), proxy_auth=http.BasicAuth("me", "s@fe"))
        assert [asked[3] for asked in proxy.asked] == ["me:s@fe"] * 2
        for asked in server.asked:
            assert asked.header("proxy-authorization") == asked.header("authorization") == ""
        for user, text in (("", "wants credentials"), ("me:wrong@", "does not take these")):
            with pytest.raises(http.ClientProxyConnectionError, match=text) as failed:
                await echoed(session, url, proxy=proxy.url(user=user))
            assert "wrong" not in f"{failed.value!r}{failed.value}"
        assert session.connector._pool.used == 0


@on_both
@pytest.mark.parametrize(
    "reply, text",
    [
        (b"\x05\x05\0\x01\0\0\0\0\0\0", "the peer refused"),
        (b"\x05\x04\0\x01\0\0\0\0\0\0", "cannot reach the host"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SOCKS 5"),
        (b"\x05\0\0", "the proxy closed the connection"),
        (b"", "the proxy closed the connection"),
    ],
)
async def test_why_a_proxy_gives_no_connection(reply, text):
    async with Server() as server, Proxy(server.port, reply=reply) as proxy, http.ClientSession() as session:
        with pytest.raises(http.ClientProxyConnectionError, match=text):
            await echoed(session, "http://nowhere.invalid/", proxy=proxy.url())
        assert (server.asked, session.connector._pool.used) == ([], 0)


@on_both
async def test_a_name_that_socks_cannot_say_and_a_proxy_that_is_not_there():
    async with http.ClientSession() as session:
        with pytest.raises(ValueError, match="1 to 255 bytes"):
            await session.get("http://127.0.0.1/", proxy=f"socks5://{'a' * 256}:b@127.0.0.1:1")
        with pytest.raises(http.ClientProxyConnectionError, match=":1"):
            await session.get("http://nowhere.invalid/", proxy="socks5://127.0.0.1:1")
        assert session.connector._pool.used == 0


@on_both
async def test_a_proxy_that_is_silent_is_waited_for_as_long_as_for_a_connection():
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    proxy = f"socks5://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, http.ClientSession(timeout=http.ClientTimeout(sock_connect=0.05)) as session:
        with pytest.raises(http.ConnectionTimeoutError):
            await session.get("http://nowhere.invalid/", proxy=proxy)
        assert session.connector._pool.used == 0


@on_both
async def test_tls_within():
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("nowhere.invalid").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with Server(tls=serving) as server, Proxy(server.port) as proxy, http.ClientSession() as session:
        told = await echoed(session, "https://nowhere.invalid/echo", proxy=proxy.url(), ssl=trusting)
        assert told["target"] == "/echo"
        assert proxy.asked == [(3, b"nowhere.invalid", 443, None)]
        with pytest.raises(http.ClientConnectorCertificateError):
            await echoed(session, "https://other.invalid/echo", proxy=proxy.url(), ssl=trusting)


@on_both
@pytest.mark.parametrize(
    "names, is_used",
    [
        ({"http_proxy"}, True),
        ({"all_proxy"}, True),
        ({"all_proxy", "no_proxy"}, False),
    ],
)
async def test_proxies_of_the_environment(names, is_used, monkeypatch):
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with Server() as server, Proxy(server.port, "me:safe") as proxy:
        for name in names:
            monkeypatch.setenv(name, "127.0.0.1" if name == "no_proxy" else proxy.url("socks5h", "me:safe@"))
        async with http.ClientSession(trust_env=True) as session:
            await echoed(session, f"http://127.0.0.1:{server.port}/echo")
        assert [asked[3] for asked in proxy.asked] == ["me:safe"] * is_used


@on_both
async def test_httpx_by_a_proxy():
    httpx = pytest.importorskip("httpx")
    async with Server() as server, Proxy(server.port, "me:safe") as proxy:
        transport = http.HttpxTransport(proxy=proxy.url("socks5h", "me:safe@"))
        async with httpx.AsyncClient(transport=transport) as client:
            told = (await client.get("http://nowhere.invalid/echo")).json()
        assert (told["target"], server.asked[-1].header("proxy-authorization")) == ("/echo", "")
        assert proxy.asked == [(3, b"nowhere.invalid", 80, "me:safe")]
