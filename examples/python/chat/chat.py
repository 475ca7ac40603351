"""A chat over WebSocket: join, leave, talk to all, see who is here. Open the printed address in two browser tabs.

Run it:      python examples/python/chat/chat.py
On ferrio:   ferrio run examples/python/chat/chat.py

What it teaches: one task per connection reads, another writes from a queue of bounded length. Saying something to
all is then a matter of filling queues: it never waits, and a client that does not read its messages fills its own
queue and is put out, while the others notice nothing.

The client sends {"type": "join", "name": ...} until it is accepted, then {"type": "say", "text": ...}. The server
sends `refused`, `welcome`, `joined`, `said` and `left`. The page escapes what people write, not the server.
"""

import argparse
import asyncio
import contextlib
import json
import signal
from collections import deque
from pathlib import Path
from socket import SO_SNDBUF, SOL_SOCKET
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

PAGE = Path(__file__).with_name("page.html")
LONGEST_NAME = 20
LONGEST_TEXT = 500
KERNEL_BUFFER = 32768  # bytes; beyond that, messages wait in our queue
QUEUE = 64  # messages that may wait for one client
BURST, SECONDS = 10, 5.0  # a client may send that many messages in that time


class Member:
    """One connected client. `send` never waits; the task that runs `write` does."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.name = ""
        self.socket = socket
        self._transport = request.transport
        # The kernel would keep megabytes for a client that does not read, all of it old.
        request.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER)
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._received: deque[float] = deque(maxlen=BURST)

    def send(self, message: dict) -> None:
        try:
            self._queue.put_nowait(json.dumps(message))
        except asyncio.QueueFull:
            self.put_out()

    async def write(self) -> None:
        with contextlib.suppress(ConnectionError):  # the reading side sees the end too, and cleans up
            while True:
                await self.socket.send_str(await self._queue.get())

    def in_haste(self) -> bool:
        """Whether this client sends more than people can read."""
        now = asyncio.get_running_loop().time()
        if len(self._received) == BURST and now - self._received[0] < SECONDS:
            return True
        self._received.append(now)
        return False

    def put_out(self) -> None:
        """Without a farewell: it would wait behind the messages that are not being read."""
        self._transport.abort()

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):  # a client that does not read does not answer either
            async with asyncio.timeout(1):
                await self.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")
        self.put_out()


class Room:
    """Who is here, by folded name: Ada and ADA would be taken for one another."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}

    def names(self) -> list[str]:
        return sorted((member.name for member in self._members.values()), key=str.casefold)

    def join(self, member: Member, name: object) -> None:
        """Raises ValueError with a reason that the user can act on."""
        if not isinstance(name, str) or not (name := " ".join(name.split())):
            raise ValueError("Please choose a name.")
        if len(name) > LONGEST_NAME:
            raise ValueError(f"This name is too long: at most {LONGEST_NAME} characters.")
        if not name.isprintable():
            raise ValueError("This name has characters that cannot be shown.")
        if name.casefold() in self._members:
            raise ValueError("This name is taken: please choose another.")
        member.name = name
        self._members[name.casefold()] = member
        member.send({"type": "welcome", "name": name, "users": self.names()})
        self.tell({"type": "joined", "name": name, "users": self.names()}, but=member)

    def leave(self, member: Member) -> None:
        if self._members.get(member.name.casefold()) is member:
            del self._members[member.name.casefold()]
            self.tell({"type": "left", "name": member.name, "users": self.names()})

    def say(self, member: Member, text: object) -> None:
        if not isinstance(text, str) or not (text := text.strip()):
            raise ValueError("There is nothing to say in this message.")
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"This message is too long: at most {LONGEST_TEXT} characters.")
        self.tell({"type": "said", "name": member.name, "text": text})

    def tell(self, message: dict, but: Member | None = None) -> None:
        for member in self._members.values():
            if member is not but:
                member.send(message)


ROOM = web.AppKey("room", Room)
CONNECTED = web.AppKey("connected", set[Member])  # those who have not joined yet too


async def page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


async def chat(request: web.Request) -> web.StreamResponse:
    """One connection, from the handshake to the end."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="This chat is for its own page only.")  # not for any page a browser has open
    socket = web.WebSocketResponse(heartbeat=20, timeout=1, max_msg_size=8192)
    try:
        await socket.prepare(request)
    except ConnectionResetError:
        return web.Response()  # it has hung up already: nobody gets this
    if request.transport is None:
        return socket  # it has hung up already
    connected, room = request.app[CONNECTED], request.app[ROOM]
    member = Member(request, socket)
    writer = asyncio.create_task(member.write())
    connected.add(member)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                understand(room, member, message.data)
                await asyncio.sleep(0)  # messages may lie in wait: the writers get their turn between them
    finally:
        connected.discard(member)
        room.leave(member)
        writer.cancel()
        await asyncio.wait([writer])
    return socket


def understand(room: Room, member: Member, text: str) -> None:
    """What a client sends is data from a stranger: each way it can be wrong ends in a refusal, none in an error."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    try:
        match message:
            case _ if member.in_haste():
                raise ValueError("This is too fast: please wait a moment.")
            case {"type": "join", "name": name} if not member.name:
                room.join(member, name)
            case {"type": "say", "text": words} if member.name:
                room.say(member, words)
            case _:
                raise ValueError("This message makes no sense here.")
    except ValueError as refusal:
        member.send({"type": "refused", "reason": str(refusal)})


async def say_goodbye(app: web.Application) -> None:
    await asyncio.gather(*(member.close() for member in app[CONNECTED]))


def make_app() -> web.Application:
    app = web.Application()
    app[ROOM], app[CONNECTED] = Room(), set()
    app.add_routes([web.get("/", page), web.get("/chat", chat)])
    app.on_shutdown.append(say_goodbye)
    return app


async def serve(port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(), shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, port = runner.addresses[0]
        print(f"listening on http://{host}:{port}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()
    print("stopped", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat over WebSocket.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    port = parser.parse_args().port
    try:
        asyncio.run(serve(port))
    except OSError as error:
        raise SystemExit(f"cannot listen on port {port}: {error.strerror}; choose another: --port") from None


if __name__ == "__main__":
    main()
