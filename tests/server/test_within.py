"""ferrio's protocol classes inside uvicorn, which counts, limits and ends what they do."""

import logging

import pytest
from ferrio.server import UvicornHttp, UvicornWebSocket
from server_support import ask, hello, port_of, run, running

uvicorn = pytest.importorskip("uvicorn")


def within(app, **options):
    """uvicorn's server with ferrio's HTTP."""
    options = {"port": 0, "log_config": None, "http": UvicornHttp, "ws": UvicornWebSocket, "lifespan": "off", **options}
    return uvicorn.Server(uvicorn.Config(app, **options))


def test_requests_are_uvicorns_to_count():
    async def main():
        async with running(within(hello, root_path="/root", headers=[("X-Own", "1")])) as server:
            answers = [await ask(port_of(server)) for _ in range(3)]
            return answers, server.server_state.total_requests, len(server.server_state.tasks)

    answers, count, tasks = run(main())
    assert [(each.status, each.body, each.headers["x-own"]) for each in answers] == [(200, b"hello", "1")] * 3
    assert (answers[0].headers["server"], count, tasks) == ("uvicorn", 3, 0)


def test_what_raises_is_a_500(caplog):
    async def app(scope, receive, send):
        raise RuntimeError("as asked")

    async def main():
        async with running(within(app)) as server:
            return await ask(port_of(server))

    assert run(main()).status == 500
    assert [str(each.exc_info[1]) for each in caplog.records if each.exc_info] == ["as asked"]


def test_a_limit_of_requests_ends_uvicorn(caplog):
    async def main():
        server = within(hello, limit_max_requests=2)
        async with running(server):
            for _ in range(2):
                await ask(port_of(server))
            while server.server_state.total_requests < 2:
                await ask(port_of(server))

    with caplog.at_level(logging.INFO, "uvicorn.error"):
        run(main())


async def echo(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"].upper()})


@pytest.mark.parametrize("http", [UvicornHttp, "h11"])
def test_websockets(http):
    websockets = pytest.importorskip("websockets.asyncio.client")
    if http == "h11":
        pytest.importorskip("h11")

    async def main():
        async with (
            running(within(echo, http=http)) as server,
            websockets.connect(f"ws://127.0.0.1:{port_of(server)}/") as client,
        ):
            await client.send("hello")
            return await client.recv()

    assert run(main()) == "HELLO"
