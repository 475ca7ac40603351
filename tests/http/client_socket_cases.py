"""Cases for the comparison of clients: WebSockets, with a scripted server, and with aiohttp's own."""

import asyncio
import contextlib

from client_oracle import case, failed

SPOILT = ("upgrade", "connection", "accept")
for name in SPOILT:

    async def handshake(http, session, at, name=name):
        await session.ws_connect(at.url(f"/ws/{name}"))

    handshake.__name__ = f"ws_handshake_{name}"
    case(handshake)


@case
async def ws_handshake_no_upgrade(http, session, at):
    await session.ws_connect(at.url("/raw/plain"))


@case
async def ws_handshake_request(http, session, at):
    with contextlib.suppress(http.WSServerHandshakeError):
        await session.ws_connect(
            at.url("/echo"), protocols=("a", "b"), origin="http://o", headers={"X-A": "1"}, compress=15
        )
    shown = at.asked[-1].shown(at.server.place)
    return [pair for pair in shown["headers"] if pair[0] != "sec-websocket-key"]


for name in (
    "text", "pieces", "no-code", "reason", "ping", "large",
):  # fmt: skip

    async def received(http, session, at, name=name):
        messages = []
        async with session.ws_connect(at.url(f"/ws/{name}")) as socket:
            for _ in range(4):
                message = await socket.receive(timeout=5)
                messages.append((message.type, message.data, message.extra))
                if message.type in (http.WSMsgType.CLOSED, http.WSMsgType.ERROR):
                    break
            return messages, socket.closed, socket.close_code, socket.protocol, socket.exception()

    received.__name__ = f"ws_{name}"
    case(received)
for name in ("masked", "reserved", "opcode", "not-utf8", "bad-code", "cut"):

    async def broken_socket(http, session, at, name=name):
        async with session.ws_connect(at.url(f"/ws/{name}")) as socket:
            message = await socket.receive(timeout=5)
            code = getattr(message.data, "code", None)
            return message.type, code, socket.closed, socket.close_code, type(message.data).__name__

    broken_socket.__name__ = f"ws_broken_{name}"
    case(broken_socket)


async def with_echo(http, use, **options):
    """aiohttp's own server, which sends back what comes."""
    from aiohttp import web

    async def echo(request):
        socket = web.WebSocketResponse(protocols=("chat",), **options)
        await socket.prepare(request)
        async for message in socket:
            if message.type == web.WSMsgType.TEXT and message.data == "close":
                await socket.close(code=4000, message=b"as asked")
            elif message.type == web.WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        return await use(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()


for name, options in {"plain": {}, "compressed": {"compress": 15}, "protocol": {"protocols": ("x", "chat")}}.items():

    async def talk(http, session, at, options=options):
        async def use(url):
            async with session.ws_connect(url, **options) as socket:
                results = [socket.protocol, bool(socket.compress)]
                await socket.send_str("hello " * 100)
                results.append(len(await socket.receive_str()))
                await socket.send_bytes(b"x" * 100_000)
                results.append(len(await socket.receive_bytes()))
                await socket.send_json({"a": 1})
                results.append(await socket.receive_json())
                await socket.ping()
                await socket.send_str("close")
                message = await socket.receive()
                results.append((message.type, message.data, message.extra, socket.closed, socket.close_code))
                results.append((await socket.receive()).type)
                return results

        return await with_echo(http, use)

    talk.__name__ = f"ws_talk_{name}"
    case(talk)


@case
async def ws_each_compressed(http, session, at):
    async def use(url):
        async with session.ws_connect(url, compress=15) as socket:
            await socket.send_str("a", compress=15)
            await socket.send_bytes(b"", compress=9)
            await socket.send_json({"a": 1}, compress=12)
            await socket.send_frame(b"b" * 1000, http.WSMsgType.BINARY, compress=15)
            return [(await socket.receive()).data for _ in range(4)]

    return await with_echo(http, use)


@case
async def ws_both_ways(http, session, at):
    """More goes each way at once than sockets hold: whoever sends goes on reading."""
    message, count = b"x" * 60_000, 400

    async def use(url):
        async with session.ws_connect(url) as socket, asyncio.timeout(60):

            async def send():
                for _ in range(count):
                    await socket.send_bytes(message)

            async def receive():
                return sum([await socket.receive_bytes() == message for _ in range(count)])

            return (await asyncio.gather(send(), receive()))[1]

    return await with_echo(http, use)


@case
async def ws_misuse(http, session, at):
    async def use(url):
        results = []
        async with session.ws_connect(url) as socket:
            for wrong in (socket.send_str(b"x"), socket.send_bytes("x")):
                try:
                    await wrong
                except TypeError as error:
                    results.append(failed(error))
            await socket.send_str("text")
            try:
                await socket.receive_bytes()
            except TypeError as error:
                results.append(failed(error))
            results.append(await socket.close())
            results.append((await socket.close(), socket.closed, socket.close_code))
            try:
                await socket.send_str("late")
            except Exception as error:
                results.append(failed(error))
            results.append((await socket.receive()).type)
        return results

    return await with_echo(http, use)


@case
async def ws_times_out(http, session, at):
    async def use(url):
        async with session.ws_connect(url) as socket:
            try:
                await socket.receive(timeout=0.05)
            except TimeoutError as error:
                return failed(error), socket.close_code, socket.closed

    return await with_echo(http, use)


@case
async def ws_heartbeat(http, session, at):
    async with session.ws_connect(at.url("/ws/quiet"), heartbeat=0.02) as socket:
        message = await socket.receive()
        return (
            message.type,
            type(message.data).__name__,
            socket.closed,
            socket.close_code,
            type(socket.exception()).__name__,
        )


@case
async def ws_closed_by_another_task(http, session, at):
    async def use(url):
        async with session.ws_connect(url) as socket:
            receiving = asyncio.create_task(socket.receive())
            await asyncio.sleep(0.01)
            closed = await socket.close()
            message = await receiving
            return closed, message.type, socket.close_code

    return await with_echo(http, use)


@case
async def ws_iterated(http, session, at):
    async def use(url):
        async with session.ws_connect(url) as socket:
            for word in ("a", "b", "close"):
                await socket.send_str(word)
            return [message.data async for message in socket], socket.close_code

    return await with_echo(http, use)


@case
async def ws_not_decoded(http, session, at):
    async with session.ws_connect(at.url("/ws/text"), decode_text=False) as socket:
        message = await socket.receive()
        return message.type, message.data


@case
async def ws_too_large(http, session, at):
    async with session.ws_connect(at.url("/ws/large"), max_msg_size=100) as socket:
        message = await socket.receive(timeout=5)
        return message.type, getattr(message.data, "code", None), socket.close_code
