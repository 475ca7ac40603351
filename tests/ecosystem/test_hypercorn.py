"""hypercorn: HTTP/1.1 and HTTP/2 over TLS, and its shutdown, as a task of the loop."""

import asyncio
import socket

import pytest

hypercorn = pytest.importorskip("hypercorn.asyncio", reason="hypercorn is not installed: make ecosystem")
config = pytest.importorskip("hypercorn.config")
httpx = pytest.importorskip("httpx", reason="httpx is not installed: make ecosystem")
pytest.importorskip("h2")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    size = 0
    while True:
        event = await receive()
        size += len(event.get("body", b""))
        if not event.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(10):
        await send({"type": "http.response.body", "body": b"%d," % size, "more_body": True})
    await send({"type": "http.response.body", "body": scope["http_version"].encode()})


@pytest.mark.parametrize("http2", [False, True])
def test_requests(run, authority, client_tls, tmp_path, http2):
    leaf = authority.issue_cert("127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "certificate")
    leaf.private_key_pem.write_to_path(tmp_path / "key")

    async def case():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            settings = config.Config()
            settings.bind = [f"fd://{listener.detach()}"]
        settings.certfile, settings.keyfile = str(tmp_path / "certificate"), str(tmp_path / "key")
        settings.errorlog = None
        stop = asyncio.Event()
        serving = asyncio.create_task(hypercorn.serve(app, settings, shutdown_trigger=stop.wait))
        async with httpx.AsyncClient(verify=client_tls, http2=http2, trust_env=False) as client:
            url = f"https://127.0.0.1:{port}/"
            answers = await asyncio.gather(*[client.post(url, content=bytes(50_000)) for _ in range(20)])
            version = b"2" if http2 else b"1.1"
            assert {answer.content for answer in answers} == {b"50000," * 10 + version}
        stop.set()
        await serving

    run(case())
