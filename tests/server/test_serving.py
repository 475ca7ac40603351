"""`Server`: start, limits, signals and end, with real connections; and `run()` of programs and of the command."""

import asyncio
import contextvars
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from http.client import IncompleteRead

import pytest
from cli_commands import execute, ferrio
from ferrio import __version__
from ferrio import run as ferrio_run
from ferrio.server import run as serve
from ferrio.server import shutting_down
from ferrio.server.draining import running as still_running
from server_support import Served, ask, ask_now, free_port, hello, port_of, run, running, server_of, serving, write_app


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "uvicorn.error")
    return caplog


def test_from_start_to_end(lines):
    async def main():
        server = server_of()
        async with running(server):
            port = port_of(server)
            answer = await ask(port)
            state = server.server_state
            figures = state.total_requests, len(state.tasks)
        with pytest.raises(OSError):
            await ask(port)
        return answer, figures, port, server

    answer, figures, port, server = run(main())
    assert (answer.status, answer.body, answer.headers["server"]) == (200, b"hello", "ferrio")
    assert figures == (1, 0) and server.started and "date" in answer.headers
    assert lines.messages == [
        f"Started server process [{os.getpid()}]",
        f"Ferrio running on http://127.0.0.1:{port} (Press CTRL+C to quit)",
        f"Serving server_support:hello with ferrio {__version__} on CPython {sys.version.split()[0]}",
        "Shutting down",
        f"Finished server process [{os.getpid()}]",
    ]


def test_on_stock_asyncio():
    async def main():
        async with serving(hello, lifespan="off") as port:
            return (await ask(port)).body

    assert asyncio.run(main()) == b"hello"


def test_exiting_is_at_once_and_from_any_thread():
    async def main():
        server = server_of()
        async with running(server):
            loop = asyncio.get_running_loop()
            begin = loop.time()
            threading.Thread(target=lambda: setattr(server, "should_exit", True)).start()
            while server.servers[0].is_serving():
                await asyncio.sleep(0.005)
            return loop.time() - begin

    assert run(main()) < 0.5, "the main loop looks about once a second, unless it is woken"


def test_exit_during_startup():
    ended = []

    async def app(scope, receive, send):
        await receive()
        server.should_exit = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ended.append(True)
        await send({"type": "lifespan.shutdown.complete"})

    server = server_of(app, lifespan="on")
    run(server.serve())
    assert server.started and ended


def test_startup_that_fails(lines):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(SystemExit) as raised:
        server_of(app, lifespan="auto").run()
    assert raised.value.code == 3
    assert lines.messages[-2:] == ["no database", "Application startup failed. Exiting."]


def test_a_port_that_is_taken_ends_the_application_too(lines):
    ended = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ended.append(shutting_down().is_set())
        await send({"type": "lifespan.shutdown.complete"})

    with socket.socket() as taken, pytest.raises(SystemExit) as raised:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server_of(app, lifespan="on", port=taken.getsockname()[1]).run()
    assert raised.value.code == 3 and ended == [True] and "address already in use" in lines.text.lower()


def test_state_of_the_lifespan_reaches_requests():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            scope["state"]["count"] = [0]
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        scope["state"]["count"][0] += 1
        scope["state"]["mine"] = "request's own: " + str(scope["state"].get("mine"))
        body = f"{scope['state']['count'][0]} {scope['state']['mine']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def main():
        async with serving(app, lifespan="on") as port:
            return [(await ask(port)).body for _ in range(2)]

    assert run(main()) == [b"1 request's own: None", b"2 request's own: None"]


@pytest.mark.parametrize("fresh", [False, True])
def test_context_variables(fresh):
    name = contextvars.ContextVar("name", default="none")

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.get().encode()})

    async def main():
        name.set("the server's")
        async with serving(app, lifespan="off", reset_contextvars=fresh) as port:
            return (await ask(port)).body

    assert run(main()) == (b"none" if fresh else b"the server's")


@pytest.mark.parametrize("jitter", [0, 3])
def test_most_requests(lines, jitter):
    server = server_of(limit_max_requests=2, limit_max_requests_jitter=jitter)
    assert 2 <= server.limit_max_requests <= 2 + jitter

    async def main():
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        for _ in range(server.limit_max_requests):
            await ask(port_of(server))
        await task

    run(main())
    assert f"Maximum request limit of {server.limit_max_requests} exceeded. Terminating process." in lines.messages


def test_most_connections():
    async def main():
        async with serving(hello, lifespan="off", limit_connections=1) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"hello")
            refused = await ask(port)
            writer.close()
            await writer.wait_closed()
            while (again := await ask(port)).status == 503:
                await asyncio.sleep(0.01)
            return refused.status, again.status

    assert run(main()) == (503, 200)


def test_being_told_at_intervals():
    told = asyncio.Event()

    async def tell():
        told.set()

    async def main():
        async with serving(hello, lifespan="off", callback_notify=tell, timeout_notify=0.01):
            await told.wait()

    run(main())


def test_sockets_that_are_given(lines):
    async def main():
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        ports = [each.getsockname()[1] for each in listeners]
        server = server_of()
        task = asyncio.create_task(server.serve(sockets=listeners))
        while not server.started:
            await asyncio.sleep(0)
        bodies = [(await ask(port)).body for port in ports]
        server.should_exit = True
        await task
        return bodies, [each.fileno() for each in listeners]

    assert run(main()) == ([b"hello"] * 2, [-1, -1])
    assert not any("running on" in line for line in lines.messages)


def ask_path(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        parts = iter(lambda: client.recv(65536), b"")
        return b"".join(parts)


def test_unix_sockets_and_descriptors(lines, tmp_path):
    path = str(tmp_path / "app.sock")

    async def main():
        async with running(server_of(uds=path)):
            first = await asyncio.to_thread(ask_path, path)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with running(server_of(fd=listener.fileno())) as server:
                second = await ask(port_of(server))
            return first, second, listener.getsockname()

    first, second, name = run(main())
    assert first.endswith(b"hello") and second.body == b"hello"
    assert f"Ferrio running on unix socket {path} (Press CTRL+C to quit)" in lines.messages
    assert f"Ferrio running on socket {name} (Press CTRL+C to quit)" in lines.messages


def test_several_addresses():
    async def main():
        async with running(server_of(host="localhost", port=free_port())) as server:
            return [
                (await ask(each.getsockname()[1], host=each.getsockname()[0])).body
                for each in server.servers[0].sockets
            ]

    assert set(run(main())) == {b"hello"}


def begins_and_waits(begun, go_on):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"start ", "more_body": True})
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"end"})

    return app


def test_a_signal_lets_requests_finish(lines):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def main():
        server = server_of(begins_and_waits(begun, go_on))
        async with running(server):
            request = asyncio.create_task(ask(port_of(server)))
            await begun.wait()
            server.handle_exit(signal.SIGINT, None)
            while "Waiting for connections to close. (CTRL+C to force quit)" not in lines.messages:
                await asyncio.sleep(0.01)
            server._captured_signals.clear()  # or it would interrupt the test
            go_on.set()
            return await request

    assert run(main()).body == b"start end"


@pytest.mark.parametrize("run", [ferrio_run, asyncio.run])
def test_time_for_that_is_limited(lines, run):
    begun = asyncio.Event()
    app = begins_and_waits(begun, asyncio.Event())

    async def main():
        server = server_of(app, timeout_graceful_shutdown=0.2)
        async with running(server):
            request = asyncio.create_task(ask(port_of(server)))
            await begun.wait()
            server.should_exit = True
            with pytest.raises(IncompleteRead):
                await request

    run(main())
    assert "Cancel 1 running task(s), timeout graceful shutdown exceeded" in lines.messages


def test_clients_that_never_take_their_answers_do_not_keep_the_server(lines):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 50_000_000})

    async def main():
        server = server_of(app, timeout_graceful_shutdown=0.2)
        async with running(server):
            with socket.create_connection(("127.0.0.1", port_of(server))) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                while not server.server_state.total_requests:
                    await asyncio.sleep(0.01)
                server.should_exit = True
                while server.server_state.connections:
                    await asyncio.sleep(0.01)

    run(main())
    assert "Close 1 connection(s), timeout graceful shutdown exceeded" in lines.messages


def test_an_application_is_told_that_its_server_ends():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello ", "more_body": True})
        begun.set()
        await shutting_down().wait()
        await send({"type": "http.response.body", "body": b"goodbye"})

    async def main():
        nonlocal begun
        for _ in range(2):  # the next server of the loop begins anew
            begun, server = asyncio.Event(), server_of(app)
            async with running(server):
                request = asyncio.create_task(ask(port_of(server)))
                await begun.wait()
                assert not shutting_down().is_set()
                server.should_exit = True
                assert (await request).body == b"hello goodbye"
                assert shutting_down().is_set()

    begun = None
    run(main())


def test_a_second_signal_does_not(lines):
    begun = asyncio.Event()
    app = begins_and_waits(begun, asyncio.Event())

    async def main():
        server = server_of(app)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        request = asyncio.create_task(ask(port_of(server)))
        await begun.wait()
        for _ in range(2):
            server.handle_exit(signal.SIGINT, None)
        server._captured_signals.clear()
        await task
        forced = server.force_exit
        for each in server.server_state.tasks:
            each.cancel()
        await asyncio.gather(request, return_exceptions=True)
        return forced

    assert run(main())


def test_handlers_of_signals_are_put_back_and_called():
    called = []
    before = signal.signal(signal.SIGTERM, lambda *_: called.append("mine"))
    try:

        async def main():
            async with running(server_of()):
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.sleep(0)

        run(main())
        assert called == ["mine"]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_still_runs():
    class Task:
        def __init__(self, scope):
            self.scope = scope

        def get_coro(self):
            return self

    scopes = [{"method": "GET", "path": f"/{number}", "client": ("::1", number)} for number in range(7)]
    names = ", ".join(f"GET /{number} for ::1:{number}" for number in range(5))
    assert still_running(map(Task, scopes)) == f"{names}, and 2 more"
    assert still_running([Task({"type": "websocket", "path": "/chat", "client": None})]) == "WebSocket /chat"
    assert still_running([]) == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_the_command_ends_with_a_signal_and_leaves_no_file(tmp_path, number, status):
    write_app(tmp_path)
    files = tmp_path / "server.pid", tmp_path / "app.sock"
    options = "hello:app", "--pid-file", str(files[0]), "--uds", str(files[1])
    with Served(*options, cwd=tmp_path) as served:
        served.wait_for("running on")
        assert int(files[0].read_text()) == served.process.pid
        assert ask_path(str(files[1])).startswith(b"HTTP/1.1 200 OK\r\n")
        served.signal(number)
        assert served.end() == status
    assert not any(each.exists() for each in files)
    assert any("Application shutdown complete." in line for line in served.lines)
    assert any("GET / HTTP/1.1" in line for line in served.lines)


def test_sockets_of_systemd(tmp_path):
    write_app(tmp_path)
    (tmp_path / "handed.py").write_text(
        "import os, sys\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'ferrio', 'serve', 'hello:app'])\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if listener.fileno() != 3:
            copy = f"import os; os.dup2({listener.fileno()}, 3); exec(open('handed.py').read())"
        else:
            copy = "exec(open('handed.py').read())"
        process = subprocess.Popen(
            [sys.executable, "-c", copy], cwd=tmp_path, pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True
        )
        port = listener.getsockname()[1]
    try:
        while "running on" not in (line := process.stderr.readline()):
            assert line
        assert f"http://127.0.0.1:{port} " in line
        assert ask_now(port).status == 200
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("app", ["nowhere:app", "hello:nothing", "hello"])
def test_an_application_that_is_not_there(tmp_path, app):
    write_app(tmp_path)
    done = ferrio("serve", app, cwd=tmp_path)
    assert done.returncode == 3 and done.stderr.startswith("ERROR:    Error loading ASGI app. ")
    assert len(done.stderr.splitlines()) == 1


def test_workers_and_reload_need_a_name(caplog):
    for options in ({"workers": 2}, {"reload": True}):
        caplog.clear()
        with pytest.raises(SystemExit) as raised:
            serve(hello, log_config=None, **options)
        assert raised.value.code == 3
        assert caplog.messages == ["You must pass the application as an import string to enable 'reload' or 'workers'."]


def test_importing_ferrio_does_not_import_the_server(tmp_path):
    done = execute([sys.executable, "-c", "import ferrio, sys; print('ferrio.server' in sys.modules)"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "False\n")


@pytest.mark.parametrize(("raises", "is_logged"), [("the same", False), ("another for it", False), ("its own", True)])
def test_what_an_application_raises_when_its_client_is_gone(raises, is_logged, caplog):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": bytes(1000), "more_body": True})
                await asyncio.sleep(0)
        except OSError:
            if raises == "the same":
                raise
            if raises == "another for it":
                raise ValueError("the client is gone") from None
        raise OSError("no space left")

    async def main():
        async with serving(app, lifespan="off") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readexactly(10)
            writer.transport.abort()

    run(main())
    assert any("Exception in ASGI" in record.getMessage() for record in caplog.records) is is_logged
