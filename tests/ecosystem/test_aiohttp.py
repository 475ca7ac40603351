"""aiohttp: server and client on one loop, over TCP, Unix sockets and TLS."""

import asyncio
import contextlib
import ssl

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: make ecosystem")
web = pytest.importorskip("aiohttp.web")

BLOCK = bytes(range(256)) * 256


class Application:
    """The server's handlers, and what they saw."""

    def __init__(self):
        self.peers, self.versions = [], []
        self.gone = asyncio.Event()
        self.app = web.Application(client_max_size=2**30)
        self.app.add_routes(
            [
                web.get("/hello", self.hello),
                web.post("/count", self.count),
                web.get("/chunks/{number}", self.chunks),
                web.get("/endless", self.endless),
                web.get("/never", self.never),
                web.get("/websocket", self.websocket),
            ]
        )

    async def hello(self, request):
        self.peers.append(request.transport.get_extra_info("peername"))
        if request.secure:
            self.versions.append(request.transport.get_extra_info("ssl_object").version())
        return web.json_response({"hello": request.query.get("name", "world"), "secure": request.secure})

    async def count(self, request):
        total, chunked = 0, "Content-Length" not in request.headers
        async for data in request.content.iter_any():
            total += len(data)
        return web.json_response({"total": total, "chunked": chunked})

    async def chunks(self, request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(int(request.match_info["number"])):
            await response.write(BLOCK)
        await response.write_eof()
        return response

    async def endless(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(BLOCK)
        finally:
            self.gone.set()

    async def never(self, request):
        try:
            await asyncio.Event().wait()
        finally:
            self.gone.set()

    async def websocket(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.data == "close":
                await socket.close(code=4001, message=b"as you wish")
            else:
                await (socket.send_bytes if isinstance(message.data, bytes) else socket.send_str)(message.data)
        return socket


@contextlib.asynccontextmanager
async def served(tls=None, client_tls=True):
    """An application that is served, and a session of clients; closes both."""
    application = Application()
    runner = web.AppRunner(application.app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    base = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    try:
        # Not the resolver by aiodns, where that is installed: it closes its descriptors later, on a thread.
        connector = aiohttp.TCPConnector(ssl=client_tls, resolver=aiohttp.ThreadedResolver())
        async with aiohttp.ClientSession(base, connector=connector) as session:
            yield application, session
    finally:
        await runner.cleanup()


def test_keep_alive_uses_one_connection(run):
    async def case():
        async with served() as (application, session):
            for name in ("ada", "grace", "barbara"):
                async with session.get("/hello", params={"name": name}) as response:
                    assert response.status == 200
                    assert await response.json() == {"hello": name, "secure": False}
            assert len(application.peers) == 3 and len(set(application.peers)) == 1

    run(case())


def test_many_requests_at_once(run):
    async def case():
        async with served() as (application, session):

            async def one(number):
                async with session.get("/hello", params={"name": str(number)}) as response:
                    return (await response.json())["hello"]

            assert await asyncio.gather(*map(one, range(300))) == [str(number) for number in range(300)]
            assert len(application.peers) == 300

    run(case())


def test_chunked_upload_and_download(run):
    async def blocks():
        for _ in range(100):
            yield BLOCK

    async def case():
        async with served() as (_, session):
            async with session.post("/count", data=blocks()) as response:
                assert await response.json() == {"total": 100 * len(BLOCK), "chunked": True}
            async with session.post("/count", data=BLOCK * 100) as response:
                assert await response.json() == {"total": 100 * len(BLOCK), "chunked": False}
            async with session.get("/chunks/100") as response:
                assert response.headers["Transfer-Encoding"] == "chunked"
                assert await response.read() == BLOCK * 100

    run(case())


def test_websocket(run):
    async def case():
        async with served() as (_, session), session.ws_connect("/websocket") as socket:
            await socket.send_str("text")
            assert await socket.receive_str() == "text"
            await socket.send_bytes(BLOCK * 16)
            assert await socket.receive_bytes() == BLOCK * 16
            await socket.ping(b"are you there")
            await socket.send_str("close")
            message = await socket.receive()
            assert (message.type, message.data, message.extra) == (
                aiohttp.WSMsgType.CLOSE,
                4001,
                "as you wish",
            )
            assert socket.close_code == 4001

    run(case())


def test_a_client_that_leaves_in_the_middle_of_a_response(run):
    async def case():
        async with served() as (application, session):
            async with session.get("/endless") as response:
                assert await response.content.readexactly(len(BLOCK)) == BLOCK
                response.close()
            await application.gone.wait()
            async with session.get("/hello") as response:
                assert response.status == 200

    run(case())


def test_timeouts(run):
    async def case():
        async with served() as (application, session):
            with pytest.raises(asyncio.TimeoutError):
                await session.get("/never", timeout=aiohttp.ClientTimeout(total=0.05))
            await application.gone.wait()
            with pytest.raises(aiohttp.ServerTimeoutError):
                await session.get("/never", timeout=aiohttp.ClientTimeout(sock_read=0.05))

    run(case())


def test_tls(run, server_tls, client_tls):
    async def case():
        async with served(server_tls, client_tls) as (application, session):
            for _ in range(2):
                async with session.get("/hello") as response:
                    assert await response.json() == {"hello": "world", "secure": True}
            assert len(set(application.peers)) == 1
            async with session.get("/chunks/20") as response:
                assert await response.read() == BLOCK * 20
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get("/hello", ssl=ssl.create_default_context())

    run(case())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_mutual_tls(run, authority, server_tls, client_tls, version):
    """A client shows its certificate; one without is refused, and the server goes on."""
    server_tls.minimum_version = server_tls.maximum_version = version
    authority.configure_trust(server_tls)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    known = ssl.create_default_context()
    authority.configure_trust(known)
    authority.issue_cert("client@example.org").configure_cert(known)

    async def case():
        async with served(server_tls, known) as (application, session):
            with pytest.raises(aiohttp.ClientError):
                await session.get("/hello", ssl=client_tls)
            async with session.get("/hello") as response:
                assert (await response.json())["secure"]
            assert application.versions == [version.name.replace("_", ".")]
            async with session.post("/count", data=BLOCK * 100) as response:
                assert (await response.json())["total"] == 100 * len(BLOCK)
            async with session.ws_connect("/websocket") as socket:
                await socket.send_bytes(BLOCK * 4)
                assert await socket.receive_bytes() == BLOCK * 4

    run(case())


def test_a_certificate_for_another_name(run, authority, client_tls):
    other = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.example").configure_cert(other)

    async def case():
        async with served(other, client_tls) as (_, session):
            with pytest.raises(aiohttp.ClientConnectorCertificateError, match="Hostname mismatch"):
                await session.get("/hello")

    run(case())


def test_tls_to_a_server_without(run, client_tls):
    async def case():
        async with served(None, client_tls) as (_, session):
            url = str(session._base_url).replace("http:", "https:")
            # Not aiodns, whose library closes its descriptors on a thread of its own, some time later.
            plain = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
            async with aiohttp.ClientSession(connector=plain) as other:
                with pytest.raises(aiohttp.ClientConnectorSSLError):
                    await other.get(url, ssl=client_tls)

    run(case())


def test_unix_socket(run, tmp_path):
    async def case():
        path = str(tmp_path / "server")
        runner = web.AppRunner(Application().app, access_log=None)
        await runner.setup()
        await web.UnixSite(runner, path).start()
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
            session.get("http://somewhere/hello") as response,
        ):
            assert (await response.json())["hello"] == "world"
        await runner.cleanup()

    run(case())
