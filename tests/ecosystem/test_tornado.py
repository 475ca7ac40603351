"""tornado: HTTP, TLS and websockets, streams, callbacks; its IOLoop wraps the running loop."""

import asyncio

import pytest

tornado = pytest.importorskip("tornado", reason="tornado is not installed: make ecosystem")
httpclient = pytest.importorskip("tornado.httpclient")
ioloop = pytest.importorskip("tornado.ioloop")
iostream = pytest.importorskip("tornado.iostream")
netutil = pytest.importorskip("tornado.netutil")
tcpclient = pytest.importorskip("tornado.tcpclient")
tcpserver = pytest.importorskip("tornado.tcpserver")
httpserver = pytest.importorskip("tornado.httpserver")
web = pytest.importorskip("tornado.web")
websocket = pytest.importorskip("tornado.websocket")


class Hello(web.RequestHandler):
    async def get(self, name):
        await asyncio.sleep(0)
        self.write({"hello": name})

    def post(self, _):
        self.write(str(len(self.request.body)))


class Stream(web.RequestHandler):
    async def get(self):
        for number in range(50):
            self.write(f"{number}," * 1000)
            await self.flush()


class Echo(websocket.WebSocketHandler):
    async def on_message(self, message):
        if message == "close":
            self.close(4003, "enough")
        else:
            await self.write_message(message, binary=isinstance(message, bytes))


def serve(**options):
    """A server of these handlers, and the port it listens on."""
    app = web.Application([("/hello/(.*)", Hello), ("/stream", Stream), ("/echo", Echo)])
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server = httpserver.HTTPServer(app, **options)
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]


async def close(server):
    server.stop()
    await server.close_all_connections()


def test_http(run):
    async def case():
        server, port = serve()
        client = httpclient.AsyncHTTPClient(force_instance=True)
        base = f"http://127.0.0.1:{port}"
        answers = await asyncio.gather(*[client.fetch(f"{base}/hello/{number}") for number in range(50)])
        assert [answer.body for answer in answers] == [b'{"hello": "%d"}' % number for number in range(50)]
        posted = await client.fetch(f"{base}/hello/x", method="POST", body=bytes(2_000_000))
        assert posted.body == b"2000000"
        streamed = await client.fetch(f"{base}/stream")
        assert streamed.body == b"".join(b"%d," % number * 1000 for number in range(50))
        with pytest.raises(httpclient.HTTPClientError, match="404"):
            await client.fetch(f"{base}/nowhere")
        client.close()
        await close(server)

    run(case())


def test_tls(run, server_tls, client_tls):
    async def case():
        server, port = serve(ssl_options=server_tls)
        client = httpclient.AsyncHTTPClient(force_instance=True, hostname_mapping={"localhost": "127.0.0.1"})
        answer = await client.fetch(f"https://localhost:{port}/hello/tls", ssl_options=client_tls)
        assert answer.body == b'{"hello": "tls"}'
        client.close()
        await close(server)

    run(case())


def test_websocket(run):
    async def case():
        server, port = serve()
        socket = await websocket.websocket_connect(f"ws://127.0.0.1:{port}/echo")
        for message in ("text", b"bytes", "x" * 300_000):
            await socket.write_message(message, binary=isinstance(message, bytes))
            assert await socket.read_message() == message
        await socket.write_message("close")
        assert await socket.read_message() is None
        assert (socket.close_code, socket.close_reason) == (4003, "enough")
        await close(server)

    run(case())


def test_streams(run):
    class Server(tcpserver.TCPServer):
        async def handle_stream(self, stream, address):
            try:
                while True:
                    await stream.write((await stream.read_until(b"\n")).upper())
            except iostream.StreamClosedError:
                ended.set()

    ended = asyncio.Event()

    async def case():
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        server = Server()
        server.add_sockets(sockets)
        stream = await tcpclient.TCPClient().connect("127.0.0.1", sockets[0].getsockname()[1])
        for size in (1, 1000, 100_000):
            await stream.write(b"a" * size + b"\n")
            assert await stream.read_until(b"\n") == b"A" * size + b"\n"
        stream.close()
        await ended.wait()
        server.stop()

    run(case())


def test_callbacks(run):
    async def case():
        loop = ioloop.IOLoop.current()
        assert loop.asyncio_loop is asyncio.get_running_loop()
        seen, done = [], asyncio.Event()
        ticking = ioloop.PeriodicCallback(lambda: seen.append("tick") or (len(seen) >= 5 and done.set()), 1)
        ticking.start()
        loop.add_callback(seen.append, "callback")
        loop.remove_timeout(loop.call_later(0.001, seen.append, "never"))
        assert await loop.run_in_executor(None, sum, [1, 2]) == 3
        await done.wait()
        ticking.stop()
        assert seen.count("callback") == 1 and seen.count("tick") >= 4 and "never" not in seen

    run(case())
