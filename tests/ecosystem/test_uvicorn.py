"""uvicorn and FastAPI: endpoints of both kinds, background tasks, streams, lifespan, graceful shutdown."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed: make ecosystem")
fastapi = pytest.importorskip("fastapi", reason="fastapi is not installed: make ecosystem")
httpx = pytest.importorskip("httpx", reason="httpx is not installed: make ecosystem")
responses = pytest.importorskip("starlette.responses")
httptools = pytest.importorskip("httptools", reason="httptools is not installed: make ecosystem")

SLOW = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        print("loop", type(asyncio.get_running_loop()).__module__.split(".")[0], flush=True)
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        print("lifespan ended", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"ended"})
"""


def application(events):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        events.append("start")
        yield {"loop": asyncio.get_running_loop()}
        events.append("stop")

    app = fastapi.FastAPI(lifespan=lifespan)

    @app.get("/async/{number}")
    async def asynchronous(number: int, request: fastapi.Request):
        await asyncio.sleep(0)
        assert request.state.loop is asyncio.get_running_loop()
        return {"twice": 2 * number}

    @app.get("/sync/{number}")
    def synchronous(number: int):
        return {"twice": 2 * number, "threaded": threading.current_thread() is not threading.main_thread()}

    @app.post("/length")
    async def length(request: fastapi.Request):
        return {"length": len(await request.body())}

    @app.get("/background")
    async def background(tasks: fastapi.BackgroundTasks):
        tasks.add_task(events.append, "background")
        return {}

    @app.get("/stream")
    async def stream():
        async def blocks():
            for number in range(50):
                yield f"{number},".encode() * 2000

        return responses.StreamingResponse(blocks())

    @app.get("/fails")
    async def fails():
        raise fastapi.HTTPException(418, "teapot")

    return app


@contextlib.asynccontextmanager
async def served(app, **options):
    """A server as a task of this loop, and a client."""
    config = uvicorn.Config(app, port=0, loop="none", log_level="critical", **options)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_fastapi(run, http):
    events = []

    async def case():
        async with served(application(events), http=http) as client:
            assert events == ["start"]
            assert (await client.get("/async/21")).json() == {"twice": 42}
            assert (await client.get("/sync/21")).json() == {"twice": 42, "threaded": True}
            assert (await client.get("/async/x")).status_code == 422
            assert (await client.get("/fails")).json() == {"detail": "teapot"}
            assert (await client.post("/length", content=bytes(3_000_000))).json() == {"length": 3_000_000}
            assert (await client.get("/background")).status_code == 200
            streamed = await client.get("/stream")
            assert streamed.content == b"".join(f"{number},".encode() * 2000 for number in range(50))
        assert events == ["start", "background", "stop"]

    run(case())


def test_many_requests_at_once(run):
    async def case():
        async with served(application([])) as client:
            paths = [f"/{kind}/{number}" for number in range(60) for kind in ("async", "sync")]
            answers = await asyncio.gather(*map(client.get, paths))
            assert [answer.json()["twice"] for answer in answers] == [2 * (i // 2) for i in range(120)]

    run(case())


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_certificates(run, http, authority, client_tls, tmp_path):
    """Served by TLS, to httpx and to curl; whoever does not trust the certificate gets nothing, and does no harm."""
    certificate, trusted = tmp_path / "server.pem", tmp_path / "authority.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(trusted))

    async def fetch(port, *arguments):
        url = f"https://127.0.0.1:{port}/async/21"
        process = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--max-time", "10", *arguments, url, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return (await process.communicate())[0], process.returncode

    async def case():
        async with served(application([]), http=http, ssl_certfile=certificate) as plain:
            port = plain.base_url.port
            url = f"https://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, trust_env=False, verify=client_tls) as client:
                assert (await client.get("/async/21")).json() == {"twice": 42}
                assert (await client.post("/length", content=bytes(3_000_000))).json() == {"length": 3_000_000}
                streamed = await client.get("/stream")
                assert streamed.content == b"".join(f"{number},".encode() * 2000 for number in range(50))
            async with httpx.AsyncClient(base_url=url, trust_env=False) as stranger:
                with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                    await stranger.get("/async/21")
            with pytest.raises(httpx.TransportError):
                await plain.get("/async/21")  # HTTP in the clear
            if shutil.which("curl"):
                assert await fetch(port, "--cacert", trusted) == (b'{"twice":42}', 0)
                assert await fetch(port) == (b"", 60)

    run(case())


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_sigterm_lets_requests_finish(aio, tmp_path, http):
    (tmp_path / "slow.py").write_text(SLOW)
    path = str(tmp_path / "socket")
    loop = {"asyncio": "asyncio", "ferrio": "ferrio:new_event_loop"}[aio.__name__]
    command = [sys.executable, "-m", "uvicorn", "slow:app", "--uds", path, "--loop", loop, "--http", http]
    server = subprocess.Popen(
        [*command, "--lifespan", "on", "--no-access-log"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            for line in server.stderr:
                if "running on" in line:
                    break
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(path)
                client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
                answer = b""
                while b"begun" not in answer:
                    data = client.recv(1000)
                    assert data, answer
                    answer += data
                server.send_signal(signal.SIGTERM)
                while data := client.recv(1000):
                    answer += data
            out, err = server.communicate(timeout=10)
        finally:
            server.kill()
    assert b"ended" in answer
    assert "Finished server process" in err and "Traceback" not in err
    assert out.splitlines() == [f"loop {aio.__name__}", "lifespan ended"]
    assert server.returncode == -signal.SIGTERM
