"""A server whose surroundings are broken: no standard streams, a path that is another's, an application that hangs."""

import asyncio
import logging
import signal
import socket
import subprocess
import sys

import pytest
from ferrio.server import Config, sockets
from server_support import PATIENCE, ask_now, hello, run, server_of, write_app


def test_a_path_that_another_server_has_by_now(tmp_path):
    first, second = (Config(hello, log_config=None, uds=str(tmp_path / "app.sock")) for _ in range(2))
    with sockets.bound(first), sockets.bound(second):
        sockets.remove_path(first)
        assert (tmp_path / "app.sock").exists()
        sockets.remove_path(second)
        assert not (tmp_path / "app.sock").exists()
        sockets.remove_path(second)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_without_standard_streams(tmp_path, workers):
    write_app(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        command = [sys.executable, "-m", "ferrio", "serve", "hello:app", "--fd", str(number), "--workers", workers]
        closing = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        process = subprocess.Popen([*closing, *command], cwd=tmp_path, pass_fds=[number])
        try:
            assert ask_now(port).status == 200
            process.terminate()
            assert process.wait(PATIENCE) == (0 if workers == "2" else -signal.SIGTERM)
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_a_second_signal_ends_an_application_that_never_starts_or_ends(caplog, phase):
    caplog.set_level(logging.INFO, "uvicorn.error")
    hangs = asyncio.Event()

    async def app(scope, receive, send):
        while (await receive())["type"] != f"lifespan.{phase}":
            await send({"type": "lifespan.startup.complete"})
        hangs.set()
        await asyncio.Event().wait()

    async def main():
        server = server_of(app, lifespan="on")
        task = asyncio.create_task(server.serve())
        while phase == "shutdown" and not server.started:
            await asyncio.sleep(0)
        server.handle_exit(signal.SIGINT, None)
        await hangs.wait()
        assert not task.done()
        server.handle_exit(signal.SIGINT, None)
        server._captured_signals.clear()
        await task
        return server.started

    assert run(main()) == (phase == "shutdown")
    assert not any("Exception" in message for message in caplog.messages)
