"""A Starlette and a FastAPI application under ferrio.server and under uvicorn: the same answers and the same log.

Each case is a request, or a talk over a WebSocket, with one program behind both servers. Compared are status, headers
but Server and Date, the body, and what the application and the servers logged, exceptions included.
"""

import asyncio
import contextlib
import contextvars
import logging
import re

import ferrio
import ferrio.server
import pytest

uvicorn = pytest.importorskip("uvicorn")
fastapi = pytest.importorskip("fastapi")
pytest.importorskip("python_multipart")
websockets = pytest.importorskip("websockets.asyncio.client")
anyio = pytest.importorskip("anyio")
background = pytest.importorskip("starlette.background")
middleware = pytest.importorskip("starlette.middleware.base")
responses = pytest.importorskip("starlette.responses")

variable = contextvars.ContextVar("variable", default="unset")
log = logging.getLogger("uvicorn.error")


def application():
    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield {"count": [0]}
        log.info("lifespan ended")

    app = fastapi.FastAPI(lifespan=lifespan)

    class Times(middleware.BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            response = await call_next(request)
            response.headers["x-through"] = "middleware"
            return response

    app.add_middleware(Times)
    for add in (add_answers, add_bodies, add_contexts, add_talks):
        add(app)
    return app


def add_answers(app):
    @app.get("/json/{number}")
    async def plain(number: int, q: str = "none"):
        return {"number": number, "q": q}

    @app.get("/sync")
    def synchronous():
        return {"variable": variable.get()}

    @app.get("/stream")
    async def stream():
        async def parts():
            for number in range(20):
                await asyncio.sleep(0)
                yield f"part {number}\n".encode() * 500

        return responses.StreamingResponse(parts(), media_type="text/plain")

    @app.get("/background")
    async def after():
        return responses.PlainTextResponse("now", background=background.BackgroundTask(log.info, "in the background"))

    @app.get("/raises")
    async def raises():
        raise LookupError("as asked")

    @app.get("/raises-late")
    async def raises_late():
        async def parts():
            yield b"some"
            raise LookupError("in the stream")

        return responses.StreamingResponse(parts())

    @app.get("/refuses")
    async def refuses():
        raise fastapi.HTTPException(418, "no coffee", headers={"x-kind": "tea"})


def add_bodies(app):
    @app.post("/upload")
    async def upload(file: fastapi.UploadFile):
        return {"name": file.filename, "size": len(await file.read())}

    @app.post("/echo")
    async def echo(request: fastapi.Request):
        body = bytearray()
        async for part in request.stream():
            body += part
        return responses.Response(bytes(body), headers={"x-length": str(len(body))})

    @app.get("/state")
    async def state(request: fastapi.Request):
        request.state.count[0] += 1
        return request.state.count


def add_contexts(app):
    @app.get("/context")
    async def context():
        before = variable.get()
        variable.set("set")
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        return {"before": before, "after": variable.get()}

    @app.get("/tasks")
    async def tasks():
        task = asyncio.current_task()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.sleep(10)
        with anyio.move_on_after(0) as scope:
            await anyio.sleep(10)
        together = await asyncio.gather(*[asyncio.sleep(0, number) for number in range(3)])
        return {"task": task in asyncio.all_tasks(), "scope": scope.cancelled_caught, "together": together}

    @app.get("/scope")
    async def scope(request: fastapi.Request):
        names = ("type", "http_version", "method", "scheme", "path", "query_string", "root_path", "raw_path")
        shown = {name: repr(request.scope[name]) for name in names}
        return shown | {"headers": [each[0].decode() for each in request.scope["headers"]]}


def add_talks(app):
    @app.websocket("/talk")
    async def talk(socket: fastapi.WebSocket):
        await socket.accept(subprotocol="upper", headers=[(b"x-own", b"1")])
        async for text in socket.iter_text():
            if text == "raise":
                raise LookupError("in a talk")
            if text == "close":
                await socket.close(4001, "enough")
                return
            await socket.send_text(text.upper())

    @app.websocket("/refused")
    async def refused(socket: fastapi.WebSocket):
        await socket.close()


MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
    + b"x" * 200_000
    + b"\r\n--b--\r\n"
)
REQUESTS = {
    "json": ("GET", "/json/7?q=%C3%A4", {}, b""),
    "not found": ("GET", "/nothing", {}, b""),
    "a wrong method": ("PUT", "/json/7", {}, b""),
    "a wrong value": ("GET", "/json/seven", {}, b""),
    "sync": ("GET", "/sync", {}, b""),
    "head": ("HEAD", "/stream", {}, b""),
    "stream": ("GET", "/stream", {}, b""),
    "background": ("GET", "/background", {}, b""),
    "raises": ("GET", "/raises", {}, b""),
    "raises late": ("GET", "/raises-late", {}, b""),
    "refuses": ("GET", "/refuses", {}, b""),
    "upload": ("POST", "/upload", {"content-type": "multipart/form-data; boundary=b"}, MULTIPART),
    "a large body": ("POST", "/echo", {}, b"y" * 3_000_000),
    "no body": ("POST", "/echo", {}, b""),
    "state": ("GET", "/state", {}, b""),
    "context": ("GET", "/context", {}, b""),
    "context again": ("GET", "/context", {}, b""),
    "tasks": ("GET", "/tasks", {}, b""),
    "scope": ("GET", "/scope/../scope?a=b&c", {"X-Odd-Name": "1"}, b""),
    "a scope": ("GET", "/scope?a=%20b", {"X-Odd-Name": "1"}, b""),
}


async def asked(port, method, path, headers, body):
    """A request; the status, headers but Server and Date, and the body up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {path} HTTP/1.1", "Host: a", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode().lower().split("\r\n")
    first = " ".join(first.split()[:2])  # Releases of Python differ in what they call a status.
    kept = sorted(field for field in fields if not field.startswith(("server:", "date:")))
    return first, kept, joined(rest) if "transfer-encoding: chunked" in kept else rest


def joined(rest):
    """Chunks as one body: how it is cut is the server's. Without an end, that shows, too."""
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if size == b"0":
            return body, rest
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body, "no end"


async def talked(port, path, words):
    """What a WebSocket says to each word, and how it ends."""
    heard = []
    try:
        async with websockets.connect(f"ws://127.0.0.1:{port}{path}", subprotocols=["upper"]) as socket:
            heard += [socket.subprotocol, socket.response.headers.get("x-own")]
            for word in words:
                await socket.send(word)
                heard.append(await socket.recv())
            await socket.close(1000, "done")
    except Exception as error:
        heard += [type(error).__name__, re.sub(r"127\S+", "", str(error))]
    return heard


@contextlib.asynccontextmanager
async def running(module):
    config = module.Config(application(), port=0, log_config=None)
    server = module.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():
        await asyncio.sleep(0.001)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


WEBSOCKETS = ("connection open", "connection closed", "connection rejected")
"""What the library of that name says by way of uvicorn's logger."""


def port_of(server):
    return server.servers[0].sockets[0].getsockname()[1]


def outcome(module, case, caplog):
    async def main():
        async with running(module) as server:
            caplog.clear()
            found = await case(port_of(server))
            while server.server_state.tasks:  # what is done after the answer
                await asyncio.sleep(0.001)
            return found

    with caplog.at_level(logging.INFO):
        result = ferrio.run(main())
    lines = [line_of(record) for record in caplog.records if record.name.startswith("uvicorn")]
    return result, [line for line in lines if not line[2].startswith(WEBSOCKETS)]


def line_of(record):
    line = re.sub(r"127\.0\.0\.1:\d+", "CLIENT", record.getMessage())
    if record.exc_info:
        line += repr(record.exc_info[1])
    return record.name, record.levelname, line


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request(name, caplog):
    def case(port):
        return asked(port, *REQUESTS[name])

    assert outcome(ferrio.server, case, caplog) == outcome(uvicorn, case, caplog)


TALKS = {
    "words": ("/talk", ["hello", "world", "x" * 100_000]),
    "the application closes": ("/talk", ["hello", "close"]),
    "the application raises": ("/talk", ["raise"]),
    "refused": ("/refused", []),
    "not found": ("/nothing", []),
}


@pytest.mark.parametrize("name", TALKS)
def test_a_talk(name, caplog):
    def case(port):
        return talked(port, *TALKS[name])

    assert outcome(ferrio.server, case, caplog) == outcome(uvicorn, case, caplog)
