"""ferrio.http beyond the comparison: its names, tests without a network, hooks, forks, secrets, cancelled requests."""

import ast
import asyncio
import gc
import gzip
import os
import random
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import ferrio
import ferrio.http
import pytest
from client_server import Server
from ferrio.http import encodings, testing

HERE = Path(ferrio.http.__file__).parent


def run(main):
    return ferrio.run(main)


def python(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_every_name_is_there_for_people_and_for_type_checkers():
    tree = ast.parse((HERE / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    typed = {(node.module or "", name.asname) for node in imports for name in node.names}
    assert {name for _, name in typed} == set(ferrio.http.__all__)
    for module, name in typed - {("", "hdrs")}:
        assert ferrio.http._HOMES[name] == module
        assert getattr(ferrio.http, name) is not None
    assert sorted(dir(ferrio.http)) == sorted(ferrio.http.__all__)


def test_aiohttps_modules_are_there():
    assert ferrio.http.client_exceptions.ClientError is ferrio.http.ClientError
    assert ferrio.http.payload.BytesPayload is ferrio.http.BytesPayload


def test_servers_are_not_there():
    with pytest.raises(AttributeError, match=r"ferrio\.server serves ASGI"):
        _ = ferrio.http.web
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ferrio.http.nothing


def test_what_to_install_is_said_in_a_line():
    said = python(
        """
        import sys
        sys.modules["multidict"] = None
        import ferrio.http
        try:
            ferrio.http.ClientSession
        except ImportError as error:
            print(error)
        """
    )
    assert said == "ferrio.http needs multidict: pip install 'ferrio[http]'\n"


def test_importing_it_imports_little():
    said = python("import sys, ferrio.http; print({'yarl', 'multidict', 'ferrio.http.client'} & set(sys.modules))")
    assert said == "set()\n"


def packed(encoding):
    """What is packed well, and a body of two members or frames where there can be two."""
    whole = bytes(range(256)) * 20_000
    if encoding == "br":
        brotli = pytest.importorskip("brotli", reason="brotli is not installed")
        return whole, brotli.compress(whole)
    if encoding == "zstd":
        zstd = pytest.importorskip("backports.zstd", reason="backports.zstd is not installed")
        return whole * 2, zstd.compress(whole) * 2
    if encoding == "gzip":
        return whole * 2, gzip.compress(whole) * 2
    return whole, zlib.compress(whole)


@pytest.mark.parametrize("encoding", ("gzip", "deflate", "br", "zstd"))
@pytest.mark.parametrize("size", (1, 1000, 10**7))
def test_all_of_a_packed_body_comes_in_bounded_pieces(encoding, size):
    whole, body = packed(encoding)
    decoder = encodings.decoder(encoding)
    pieces = []
    for start in range(0, len(body), size):
        pieces.append(decoder.decode(body[start : start + size]))
        while decoder.has_more:
            pieces.append(decoder.decode(b""))
    decoder.finish()
    assert b"".join(pieces) == whole
    assert max(map(len, pieces)) <= 2**18


PLAIN = {
    "get": lambda session, url: session.get(url),
    "head": lambda session, url: session.head(url),
    "delete": lambda session, url: session.delete(url),
    "post": lambda session, url: session.post(url, data=b"abc"),
}
SPECIAL = {
    "option": ({}, {"cookies": {"a": "1"}}),
    "middleware": ({"middlewares": [lambda request, handler: handler(request)]}, {}),
    "trace": ({"trace_configs": [ferrio.http.TraceConfig()]}, {}),
    "limit": ({"timeout": ferrio.http.ClientTimeout(sock_read=1)}, {}),
    "proxy": ({"trust_env": True}, {}),
}


class Asked(Exception):
    """Python code was asked."""


def refuse(*args, **options):
    raise Asked


@pytest.mark.parametrize("name", PLAIN)
def test_plain_requests_run_natively(name, monkeypatch):
    async def main():
        async with Server() as server, ferrio.http.ClientSession(headers={"X-B": "2"}) as session:
            url = f"http://{server.place}/echo"
            async with PLAIN[name](session, url) as response:
                await response.read()
            monkeypatch.setattr(ferrio.http.client, "Call", refuse)
            async with PLAIN[name](session, url) as response:
                await response.read()
            first, second = (one.shown(server.place) for one in server.asked)
            return first == second, response.request_info.headers["X-B"], str(response.url).endswith("/echo")

    assert run(main()) == (True, "2", True)


@pytest.mark.parametrize("name", SPECIAL)
def test_special_requests_do_not(name, monkeypatch):
    settings, options = SPECIAL[name]

    async def main():
        async with Server() as server, ferrio.http.ClientSession(**settings) as session:
            url = f"http://{server.place}/echo"
            async with session.get(url, **options) as response:
                await response.read()
            monkeypatch.setattr(ferrio.http.client, "Call", refuse)
            with pytest.raises(Asked):
                await session.get(url, **options)

    run(main())


def test_cookies_that_change_are_sent_natively_too(monkeypatch):
    async def main():
        jar = ferrio.http.CookieJar(unsafe=True)
        async with Server() as server, ferrio.http.ClientSession(cookie_jar=jar) as session:
            url = f"http://{server.place}/echo"
            seen = []
            for change in (lambda: None, lambda: jar.update_cookies({"a": "1"}), jar.clear):
                change()
                async with session.get(url) as response:
                    await response.read()
                monkeypatch.setattr(ferrio.http.client, "Call", refuse)
                seen.append(server.asked[-1].header("cookie"))
            return seen

    assert run(main()) == ["", "a=1", ""]


async def app(scope, receive, send):
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/away":
        start = {"type": "http.response.start", "status": 302, "headers": [(b"location", b"/there?x=1")]}
        await send(start)
        await send({"type": "http.response.body"})
        return
    headers = [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    shown = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} ".encode()
    await send({"type": "http.response.body", "body": shown, "more_body": True})
    await send({"type": "http.response.body", "body": body})


def test_an_application_in_the_process():
    async def main():
        async with ferrio.http.ClientSession("http://app.example/", middlewares=[testing.InProcess(app)]) as session:
            async with session.post("away", data=b"abc") as response:
                redirected = (response.status, await response.text(), len(response.history))
            async with session.post("/there", data=b"abc") as response:
                posted = (response.status, response.reason, await response.text(), response.content_type)
            return redirected, posted, [cookie.value for cookie in session.cookie_jar]

    assert run(main()) == (
        (201, "GET /there x=1 ", 1),
        (201, "Created", "POST /there  abc", "text/plain"),
        ["1"],
    )


def test_an_application_that_does_not_answer():
    async def silent(scope, receive, send):
        pass

    async def main():
        async with ferrio.http.ClientSession(middlewares=[testing.InProcess(silent)]) as session:
            await session.get("http://app.example/")

    with pytest.raises(ferrio.http.ClientConnectionError, match="has not answered"):
        run(main())


def test_recorded_answers():
    async def main():
        answers = testing.Answers()
        answers.add("GET", "http://api.example/users", json=["ada"])
        answers.add("GET", "http://api.example/flaky", error=ferrio.http.ServerDisconnectedError())
        answers.add("GET", "http://api.example/flaky", body="at last")
        answers.add("POST", "http://api.example/users", status=409, headers={"X-A": "1"})
        async with ferrio.http.ClientSession(middlewares=[answers]) as session:
            async with session.get("http://api.example/users?page=1") as response:
                users = await response.json()
            async with session.get("http://api.example/flaky") as response:
                flaky = await response.text()
            async with session.post("http://api.example/users", json={"name": "eve"}) as response:
                conflict = (response.status, response.reason, response.headers["x-a"])
            with pytest.raises(ferrio.http.ClientConnectionError, match=r"recorded for GET http://api\.example/x"):
                await session.get("http://api.example/x")
            return users, flaky, conflict, [(seen.method, seen.url.path, seen.body) for seen in answers.requests]

    users, flaky, conflict, seen = run(main())
    assert (users, flaky, conflict) == (["ada"], "at last", (409, "Conflict", "1"))
    assert seen[0] == ("GET", "/users", b"")
    assert seen[-2] == ("POST", "/users", b'{"name": "eve"}')


def test_hooks_of_opentelemetry():
    instrumentation = pytest.importorskip(
        "opentelemetry.instrumentation.aiohttp_client", reason="OpenTelemetry is not installed: make ecosystem"
    )
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def main():
        config = instrumentation.create_trace_config(tracer_provider=provider)
        async with Server() as server, ferrio.http.ClientSession(trace_configs=[config]) as session:
            async with session.get(f"http://{server.place}/status/404") as response:
                await response.read()
            return server.asked[0].header("traceparent")

    parent = run(main())
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET"
    assert parent.split("-")[2] == f"{span.context.span_id:016x}"


def test_a_child_does_not_use_its_parents_connections():
    said = python(
        f"""
        import asyncio, os, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import ferrio, ferrio.http
        from client_server import Server

        async def ask(session, url):
            async with session.get(url) as response:
                return await response.text()

        async def main():
            async with Server() as server, ferrio.http.ClientSession() as session:
                url = f"http://{{server.place}}/raw/plain"
                await ask(session, url)
                idle = session.connector._pool.idle
                child = os.fork()
                if child == 0:
                    os._exit(40 + session.connector._pool.idle)
                while True:
                    done, status = os.waitpid(child, os.WNOHANG)
                    if done:
                        break
                    await asyncio.sleep(0.01)
                print(idle, os.waitstatus_to_exitcode(status), await ask(session, url), server.connections)

        ferrio.run(main())
        """
    )
    assert said == "1 40 plain 1\n"


def test_no_text_shows_a_password():
    async def main():
        async with ferrio.http.ClientSession() as session:
            with pytest.raises(ferrio.http.ClientConnectorError) as refused:
                await session.get("http://user:secret@127.0.0.1:1/")
        async with Server() as server, ferrio.http.ClientSession() as session:  # noqa: SIM117
            async with session.get(f"http://user:secret@{server.place}/status/404") as response:
                with pytest.raises(ferrio.http.ClientResponseError) as missing:
                    response.raise_for_status()
                return [*map(str, (refused.value, missing.value)), repr(refused.value), repr(response), repr(session)]

    assert not [text for text in run(main()) if "secret" in text]


def test_cancelled_requests_give_no_answer_to_others():
    """A thousand, each cancelled after a random number of turns of the loop; then every answer is still its own."""

    async def main():
        chance = random.Random(5)
        async with (
            Server() as server,
            ferrio.http.ClientSession(connector=ferrio.http.TCPConnector(limit=8)) as session,
        ):
            kinds = ("echo", "drip/", "raw/gzip", "to/302", "raw/chunks", "once/")

            async def one(number):
                # What may be sent again: `once/` leaves connections that can end as they are used next.
                async with session.put(f"http://{server.place}/echo/{number}", data=b"%d" % number) as response:
                    assert (await response.json())["body"] == str(number)

            async def other(number):
                async with session.get(f"http://{server.place}/{chance.choice(kinds)}?n={number}") as response:
                    await response.read()

            for number in range(250):
                tasks = [asyncio.create_task(other(number)) for _ in range(4)]
                for _ in range(chance.randrange(30)):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                if number % 10 == 0:
                    await asyncio.gather(*(one(number * 10 + each) for each in range(10)))
            pool = session.connector._pool
            return pool.used, pool.waiting

    assert run(main()) == (0, 0)


def test_a_body_is_not_written_when_nobody_wants_the_answer():
    async def main():
        stopped = asyncio.Event()

        async def endless():
            try:
                while True:
                    yield b"x"
                    await asyncio.sleep(0.001)
            finally:
                stopped.set()

        async with Server() as server, ferrio.http.ClientSession() as session:
            async with session.post(f"http://{server.place}/unread", data=endless()) as response:
                status = response.status
            await asyncio.wait_for(stopped.wait(), 5)
            return status

    assert run(main()) == 200


def test_descriptors_are_closed():
    before = len(os.listdir("/dev/fd"))

    async def main():
        async with Server() as server, ferrio.http.ClientSession() as session:
            for name in ("plain", "cut", "garbage", "until-end", "reset"):
                for _ in range(3):
                    try:
                        async with session.get(f"http://{server.place}/raw/{name}") as response:
                            await response.read()
                    except ferrio.http.ClientError:
                        pass
            await asyncio.sleep(0.05)

    run(main())
    assert len(os.listdir("/dev/fd")) == before


def test_sessions_that_are_collected_while_their_jar_tells_them():
    """A collection may come between any two instructions: here behind so many of them."""

    async def main():
        for most in range(0, 120, 2):
            jar, seen = ferrio.http.CookieJar(), 0
            jar.update_cookies({"a": "b"})
            for _ in range(3):
                async with ferrio.http.ClientSession(cookie_jar=jar) as session:
                    session._skip_auto_headers = frozenset((session,))  # a cycle
            del session

            def trace(frame, event, argument, most=most):
                nonlocal seen
                frame.f_trace_opcodes = frame.f_code.co_name == "_changed"
                seen += frame.f_trace_opcodes
                if seen == most:
                    gc.collect()
                return trace

            traced = sys.gettrace()
            gc.disable()
            sys.settrace(trace)
            try:
                jar.clear()
            finally:
                sys.settrace(traced)
                gc.enable()
            gc.collect()
            assert not jar._watchers

    run(main())
