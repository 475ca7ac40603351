"""Applications that break every rule, clients that are gone at every point: others are served, and nothing is left."""

import asyncio
import contextlib
import gc
import threading
import weakref

import ferrio
import pytest
from http_support import body_of, client, on_ferrio, request, respond, served, until

START = {"type": "http.response.start", "status": 200, "headers": []}

LARGE = b"x" * 50_000


class Odd(BaseException):
    pass


async def says(send, *messages):
    for message in messages:
        await send(message)


def part(body=b"x", more=False):
    return {"type": "http.response.body", "body": body, "more_body": more}


# What an application sends, and what its client gets: a status, 0 for a connection that is closed without an answer.
WRONG = {
    "nothing": ([], 500),
    "no dictionary": ([None], 500),
    "a number": ([7], 500),
    "no type": ([{}], 500),
    "a type that is no text": ([{"type": 1}], 500),
    "an unknown type": ([{"type": "http.nothing"}], 500),
    "a body first": ([part()], 500),
    "no status": ([{"type": "http.response.start"}], 500),
    "a status of text": ([{"type": "http.response.start", "status": "200"}, part()], 500),
    "a status that is none": ([{"type": "http.response.start", "status": 99}, part()], 500),
    "an enormous status": ([{"type": "http.response.start", "status": 1 << 70}, part()], 500),
    "headers of text": ([{**START, "headers": [("a", "b")]}, part()], 500),
    "headers that are none": ([{**START, "headers": 7}, part()], 500),
    "half a header": ([{**START, "headers": [(b"a",)]}, part()], 500),
    "a line in a header": ([{**START, "headers": [(b"a", b"b\r\nc: d")]}, part()], 500),
    "a name with a space": ([{**START, "headers": [(b"a b", b"c")]}, part()], 500),
    "two lengths": ([{**START, "headers": [(b"content-length", b"1"), (b"content-length", b"2")]}, part()], 500),
    "a length that is none": ([{**START, "headers": [(b"content-length", b"many")]}, part()], 500),
    "more than its length": ([{**START, "headers": [(b"content-length", b"1")]}, part(b"xx")], 500),
    "less than its length": ([{**START, "headers": [(b"content-length", b"9")]}, part()], 500),
    "a first part that is too long": ([{**START, "headers": [(b"content-length", b"1")]}, part(b"xx", True)], 500),
    "a large part that is too long": ([{**START, "headers": [(b"content-length", b"1")]}, part(LARGE)], 500),
    "a large part that is too short": ([{**START, "headers": [(b"content-length", b"99999")]}, part(LARGE)], 500),
    "a start alone": ([START], 500),
    "a start twice": ([START, START], 500),
    "a body of text": ([START, part("x")], 500),
    "a body that is None": ([START, part(None)], 500),
    "a part alone": ([START, part(more=True)], 200),
    "a part, then a start": ([START, part(more=True), START], 200),
    "a WebSocket's": ([{"type": "websocket.accept"}], 500),
    "an answer, then more": ([START, part(), part()], 200),
    "an answer, then a start": ([START, part(), START], 200),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_an_application_may_not_send(name):
    messages, status = WRONG[name]

    async def app(scope, receive, send):
        if scope["path"] == "/good":
            return await respond(send, b"good")
        await says(send, *messages)

    @on_ferrio
    async def main():
        async with served(app) as server, client(server.port) as peer, client(server.port) as other:
            await peer.send(request())
            if name.startswith("an answer"):
                assert (await peer.answer()).status == 200
            else:
                received = await peer.to_the_end()
                assert received.startswith(b"HTTP/1.1 %d " % status), received
                assert (status == 200) != received.endswith(b"Internal Server Error")
            assert len(server.told) == 1
            await other.send(request("/good"))
            assert (await other.answer()).body == b"good"
            assert not server.serving.busy

    main()


ERRORS = [
    LookupError,
    Odd,
    GeneratorExit,
    StopIteration,
    OSError,
    SystemExit,
    KeyboardInterrupt,
    "recursion",
    "cancelled",
]


def raising(error):
    def recursive():
        return recursive() + 1

    if error == "recursion":
        recursive()
    if error == "cancelled":
        asyncio.current_task().cancel()
        return
    raise error("as asked")


@pytest.mark.parametrize("point", ["at once", "after a wait", "started", "in the body", "answered", "afterwards"])
@pytest.mark.parametrize("error", ERRORS)
def test_errors_at_every_point(point, error):
    async def app(scope, receive, send):
        if point == "at once":
            raising(error)
        await asyncio.sleep(0)
        if point == "after a wait":
            raising(error)
        await send(START)
        if point == "started":
            raising(error)
        await send(part(more=True))
        if point == "in the body":
            raising(error)
        await send(part())
        if point == "answered":
            raising(error)
        await asyncio.sleep(0)
        raising(error)
        await asyncio.sleep(0)

    @on_ferrio
    async def main():
        async with served(app) as server, client(server.port) as peer:
            await peer.send(request())
            # What is cancelled notices where it waits, and sends do not.
            if point in ("answered", "afterwards") or (error == "cancelled" and point != "at once"):
                assert (await peer.answer()).body == b"xx"
            else:
                status = 200 if point == "in the body" else 500
                assert (await peer.to_the_end()).startswith(b"HTTP/1.1 %d " % status)
            await until(lambda: not server.serving.busy)
            assert server.kinds() == ["raised"], server.told

    main()


@on_ferrio
async def test_an_application_that_is_no_coroutine_function():
    answers = []
    for app in (lambda scope, receive, send: None, lambda scope, receive, send: 7, lambda: None, 7):
        async with served(app) as server, client(server.port) as peer:
            await peer.send(request())
            answers += [answer.status for answer in await peer.all_answers()]
            assert server.kinds() == ["raised"]
    assert answers == [500] * 4


@on_ferrio
async def test_awaitables_that_are_no_coroutines():
    class Awaitable:
        def __init__(self, scope, receive, send):
            self.send = send

        def __await__(self):
            return respond(self.send, b"two").__await__()

    async with served(Awaitable) as server, client(server.port) as peer:
        await peer.send(request())
        assert (await peer.answer()).body == b"two"


@on_ferrio
async def test_send_and_receive_that_are_kept():
    kept = []

    async def app(scope, receive, send):
        kept.append((receive, send))
        await respond(send)

    async with served(app) as server, client(server.port) as peer:
        await peer.send(request())
        await peer.answer()
        receive, send = kept[0]
        assert (await receive())["type"] == "http.disconnect"
        with pytest.raises(RuntimeError, match="after response already completed"):
            await send(part())
        await peer.send(request())
        assert (await peer.answer()).status == 200
        with pytest.raises(RuntimeError):
            await send(START)
    assert (await receive())["type"] == "http.disconnect"
    with contextlib.suppress(RuntimeError, OSError):
        await kept[1][1](part())


@on_ferrio
async def test_send_from_other_tasks_and_threads():
    async def app(scope, receive, send):
        if scope["path"] == "/task":
            return await asyncio.create_task(respond(send, b"task"))
        loop, refused = asyncio.get_running_loop(), []

        def foreign():
            # Whatever comes of it, nothing breaks: loops are one thread's.
            with contextlib.suppress(Exception):
                send(START)
                refused.append("not")

        thread = threading.Thread(target=foreign)
        thread.start()
        await loop.run_in_executor(None, thread.join)
        if not refused:
            await send(START)
        await send(part(b"thread"))

    async with served(app) as server, client(server.port) as peer:
        for path in ("/task", "/thread"):
            await peer.send(request(path))
            assert (await peer.answer()).body == path[1:].encode()


@on_ferrio
async def test_clients_that_are_gone_at_every_point():
    seen = []

    async def app(scope, receive, send):
        body = await body_of(receive)
        await asyncio.sleep(0)
        await send(START)
        for _ in range(5):
            await asyncio.sleep(0)
            await send(part(b"x" * 20_000, more=True))
        await send(part())
        seen.append(body)

    whole = request("/", "POST", b"body" * 10)
    async with served(app) as server:
        for size in range(len(whole) + 1):
            for turns in range(4):
                async with client(server.port) as peer:
                    await peer.send(whole[:size])
                    for _ in range(turns):
                        await asyncio.sleep(0)
        await until(lambda: not server.serving.connections and not server.serving.busy)
        assert not server.told
        async with client(server.port) as peer:
            await peer.send(whole)
            assert len((await peer.answer()).body) == 100_001


@on_ferrio
async def test_garbage_is_collected_while_requests_are_under_way():
    async def app(scope, receive, send):
        gc.collect()
        body = await body_of(receive)
        gc.collect()
        await asyncio.sleep(0)
        gc.collect()
        await respond(send, body)

    async with served(app) as server, client(server.port) as peer:
        for number in range(20):
            await peer.send(request("/", "POST", b"%d" % number))
            gc.collect()
            assert (await peer.answer()).body == b"%d" % number


def test_what_a_request_held_is_free_afterwards():
    class Mark:
        pass

    marks = []

    async def app(scope, receive, send):
        mark = Mark()
        marks.append(weakref.ref(mark))
        scope["mark"] = mark, receive, send, scope
        await respond(send)
        if scope["path"] == "/raises":
            raise LookupError

    async def main():
        async with served(app, failed=None) as server, client(server.port) as peer:
            for path in ("/", "/raises", "/"):
                await peer.send(request(path))
                assert (await peer.answer()).status == 200

    ferrio.run(main())
    gc.collect()
    assert [mark() for mark in marks] == [None] * 3


def test_a_loop_that_is_closed_with_open_connections(asyncio_errors, recwarn):
    from ferrio import _ferrio

    async def app(scope, receive, send):
        await asyncio.Event().wait()

    async def main():
        serving = _ferrio.HttpServing(app, asyncio.get_running_loop(), {})
        server = await asyncio.get_running_loop().create_server(serving.connect, "127.0.0.1", 0)
        peers = [await asyncio.open_connection(*server.sockets[0].getsockname()) for _ in range(3)]
        for _, writer in peers:
            writer.write(request())
        await until(lambda: serving.busy == 3)
        return serving, server, peers

    for _ in range(3):
        loop = ferrio.new_event_loop()
        kept = loop.run_until_complete(main())
        loop.close()
        del kept
        gc.collect()
    asyncio_errors.clear()  # tasks that are pending say so


@on_ferrio
async def test_bodies_both_ways_take_no_memory():
    size, piece = 1 << 28, b"x" * (1 << 16)

    async def app(scope, receive, send):
        await send(START)
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send(part(message["body"], more=True))
        await send(part())

    async with served(app) as server, client(server.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)

        async def write():
            for _ in range(size // len(piece)):
                await peer.send(piece)

        await until(lambda: server.serving.connections)
        transport = server.connection.transport
        writing, count, most = asyncio.create_task(write()), 0, 0
        while data := await peer.more():
            count += len(data)
            peer.received = b""
            most = max(most, transport.get_write_buffer_size())
        await writing
        assert size < count and most < 1 << 20
        assert not server.serving.busy
