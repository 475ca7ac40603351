"""Clients that people have, against one running `ferrio serve`: curl, Chromium, aiohttp, httpx, websockets, wrk.

Each is skipped where it is not installed. Every call is bounded in time.
"""

import asyncio
import json
import re
import shutil
import subprocess
import tempfile

import pytest
from server_support import PATIENCE, Served

APP = r'''
import asyncio

PAGE = b"""<!doctype html><title>clients</title><script>
async function all() {
  const socket = new WebSocket(`ws://${location.host}/echo`), big = "\u00e9".repeat(100000);
  await new Promise((go, fail) => { socket.onopen = go; socket.onerror = fail });
  const heard = new Promise(go => socket.onmessage = event => go(event.data));
  socket.send(big);
  const echoed = await heard === big;
  const closed = new Promise(go => socket.onclose = event => go([event.code, event.wasClean, socket.extensions]));
  socket.close(1000);
  const source = new EventSource("/events"), events = [];
  await new Promise(go => source.onmessage = event => { events.push(event.data); if (events.length == 3) go() });
  source.close();
  const posted = await (await fetch("/echo", { method: "POST", body: "x".repeat(300000) })).text();
  return { echoed, closed: await closed, events, posted: posted.length };
}
all().catch(error => ({ error: String(error) })).then(found =>
  fetch("/told", { method: "POST", body: JSON.stringify(found) }));
</script>"""


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/greet":
            await send({"type": "websocket.send", "text": "hello"})
            return await send({"type": "websocket.close"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        return
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    kind, parts = b"text/plain", [body or b"hello"]
    if scope["path"] == "/":
        kind, parts = b"text/html", [PAGE]
    elif scope["path"] == "/events":
        kind, parts = b"text/event-stream", [b"data: %d\n\n" % number for number in range(3)]
    elif scope["path"] == "/told":
        print("TOLD", body.decode())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body"})
'''

BIG = b"0123456789abcdef" * 65536


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    (folder / "clients.py").write_text(APP)
    with Served(
        "clients:app", "--port", "0", "--compress", "gzip", "--lifespan", "off", "--no-access-log", cwd=folder
    ) as server:
        server.address = f"127.0.0.1:{server.port()}"
        yield server


def program(name):
    path = shutil.which(name)
    return path or pytest.skip(f"{name} is not installed")


def curl(*arguments, data=None):
    command = [program("curl"), "--silent", "--show-error", "--noproxy", "*", "--max-time", str(PATIENCE), *arguments]
    return subprocess.run(command, input=data, capture_output=True, timeout=2 * PATIENCE)


def test_curl(server):
    url = f"http://{server.address}/echo"
    assert curl(url).stdout == b"hello"
    assert curl("--http1.0", url).stdout == b"hello"
    assert curl("--head", url).stdout.startswith(b"HTTP/1.1 200 OK\r\n")
    upload = ["--data-binary", "@-", "--header", "Expect: 100-continue", url]
    assert curl(*upload, data=BIG).stdout == BIG
    assert curl("--header", "Transfer-Encoding: chunked", "--header", "Expect:", *upload, data=BIG).stdout == BIG
    assert curl("--compressed", "--data-binary", "@-", url, data=BIG).stdout == BIG
    # Both requests on one connection.
    assert curl("--write-out", "%{num_connects}", url, url).stdout == b"hello1hello0"


def test_curl_and_a_websocket(server):
    fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    fields += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
    headers = [argument for field in fields for argument in ("--header", field)]
    # It does not answer the close: the server's patience with that is longer than this.
    done = curl("--include", "--no-buffer", *headers, "--max-time", "2", f"http://{server.address}/greet")
    head, _, frames = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ") and frames == b"\x81\x05hello\x88\x02\x03\xe8"
    if b" ws " not in subprocess.run([program("curl"), "--version"], capture_output=True, timeout=PATIENCE).stdout:
        pytest.skip("this curl was built without WebSocket of its own")
    assert curl(f"ws://{server.address}/greet").stdout == b"hello"


def test_wrk(server):
    command = [program("wrk"), "--threads", "1", "--connections", "16", "--duration", "1s", f"http://{server.address}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    assert int(re.search(r"(\d+) requests in", said)[1]) > 0
    assert "Socket errors" not in said and "Non-2xx" not in said


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_httpx(server, name):
    httpx = pytest.importorskip(name)
    with httpx.Client(base_url=f"http://{server.address}", timeout=PATIENCE, trust_env=False) as client:
        assert client.get("/echo").text == "hello"
        answer = client.post("/echo", content=BIG)
        assert answer.content == BIG and answer.headers["content-encoding"] == "gzip"
        assert client.post("/echo", content=iter([BIG, BIG])).content == BIG * 2
        with client.stream("GET", "/events") as stream:
            assert "".join(stream.iter_text()) == "data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_aiohttp(server):
    aiohttp = pytest.importorskip("aiohttp")

    async def main():
        async with aiohttp.ClientSession(f"http://{server.address}") as session:
            answers = await asyncio.gather(*[session.post("/echo", data=b"%d" % number) for number in range(50)])
            assert [await answer.read() for answer in answers] == [b"%d" % number for number in range(50)]
            async with session.ws_connect("/echo", compress=15, max_msg_size=0) as socket:
                await socket.send_bytes(BIG)
                assert await socket.receive_bytes() == BIG
                await socket.ping()
                await socket.send_str("é")
                assert await socket.receive_str() == "é"
            assert socket.close_code == 1000

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_websockets(server):
    client = pytest.importorskip("websockets.sync.client")
    for compression in ("deflate", None):
        url = f"ws://{server.address}/echo"
        with client.connect(url, compression=compression, max_size=None, proxy=None, open_timeout=PATIENCE) as socket:
            for message in ("é" * 100_000, BIG, "", b""):
                socket.send(message)
                assert socket.recv(PATIENCE) == message
            socket.send(iter(["in ", "three ", "fragments"]))
            assert socket.recv(PATIENCE) == "in three fragments"
            assert socket.ping().wait(PATIENCE)
        assert socket.close_code == 1000


def test_chromium(server):
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    browser = next(filter(None, map(shutil.which, names)), None) or pytest.skip("there is no Chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--no-proxy-server"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # A port for DevTools keeps it running; nobody connects to it.
        command = [browser, *flags, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [*command, f"http://{server.address}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            told = json.loads(server.wait_for(r"TOLD (.*)")[1])
        finally:
            process.terminate()
            process.wait(PATIENCE)
    code, was_clean, extensions = told.pop("closed")
    assert (code, was_clean) == (1000, True) and extensions.startswith("permessage-deflate")
    assert told == {"echoed": True, "events": ["0", "1", "2"], "posted": 300_000}
