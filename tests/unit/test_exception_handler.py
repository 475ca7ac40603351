"""Whatever a transport meets goes to the exception handler: only KeyboardInterrupt and SystemExit leave the loop.

One connection of a server must not end the server: a protocol that has no such method, a socket whose end is an error.
"""

import asyncio
import os
import signal
import socket
import sys

import pytest
from helpers import Log, collect_errors, connected, fill, on_loop, until


class Closing(socket.socket):
    def close(self):
        super().close()
        raise ZeroDivisionError


@pytest.mark.parametrize("behind", [False, True])
@on_loop
async def test_a_socket_that_cannot_be_closed(loop, behind):
    errors = collect_errors(loop)
    near, far = socket.socketpair()
    if not behind:
        near = Closing(fileno=near.detach())
    transport, log = await loop.create_connection(Log, sock=near)
    if behind:
        os.close(near.fileno())
        errors.clear()
    transport.abort()
    await log.closed
    await until(lambda: errors)
    assert isinstance(errors[0]["exception"], OSError if behind else ZeroDivisionError)
    await asyncio.sleep(0.01)
    far.close()
    near.detach()


@pytest.mark.parametrize("kind", [lambda: None, object, asyncio.BaseProtocol])
@on_loop
async def test_a_server_goes_on_whatever_its_factory_makes(loop, kind):
    errors = collect_errors(loop)
    made = []

    def factory():
        made.append(kind())
        return made[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0)
    for count in (1, 2):
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.sendall(b"x")
            await until(lambda: len(made) >= count)  # noqa: B023  # it is called at once
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)
    assert len(made) == 2
    server.close()
    errors.clear()


@on_loop
async def test_a_datagram_protocol_without_methods(loop):
    errors = collect_errors(loop)
    transport, _ = await loop.create_datagram_endpoint(asyncio.BaseProtocol, local_addr=("127.0.0.1", 0))
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", transport.get_extra_info("sockname"))
        await until(lambda: errors)
    assert isinstance(errors[0]["exception"], AttributeError)
    transport.close()
    await asyncio.sleep(0.01)


def fails(*args):
    raise LookupError


def writable_once(loop):
    near, far = socket.socketpair()

    def ready():
        loop.remove_writer(near)
        near.close()
        far.close()
        fails()

    loop.add_writer(near, ready)


def done_with(loop):
    future = loop.create_future()
    future.add_done_callback(fails)
    future.set_result(None)


def signalled(loop):
    loop.add_signal_handler(signal.SIGUSR1, fails)
    os.kill(os.getpid(), signal.SIGUSR1)


CALLBACKS = {
    "call_soon": lambda loop: loop.call_soon(fails),
    "call_later": lambda loop: loop.call_later(0, fails),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(fails),
    "done callback": done_with,
    "writer": writable_once,
    "signal": signalled,
}


def collect_handled(loop):
    """What the exception handler is told of, and what is handled meanwhile: it may call logging.exception()."""
    seen = []
    loop.set_exception_handler(lambda loop, context: seen.append((context["exception"], sys.exc_info()[1])))
    return seen


async def was_handled(seen):
    await until(lambda: seen)
    (error, handled), *more = seen
    assert isinstance(error, LookupError)
    assert handled is error
    assert not more


@pytest.mark.parametrize("schedule", CALLBACKS.values(), ids=CALLBACKS)
@on_loop
async def test_what_a_callback_raised_is_handled_while_it_is_reported(loop, schedule):
    seen = collect_handled(loop)
    schedule(loop)
    await was_handled(seen)
    assert sys.exc_info()[1] is None


@pytest.mark.parametrize("event", ["made", "data", "eof", "pause", "resume", "lost"])
@on_loop
async def test_what_a_protocol_raised_is_handled_while_it_is_reported(loop, event):
    seen = collect_handled(loop)
    async with connected(loop, lambda: Log(raising=event)) as (transport, log, far):
        await until(lambda: "made" in log.events)
        far.setblocking(False)
        if event in ("pause", "resume"):
            # Also where the coroutine that writes handles nothing, and who awaits it does.
            async def writes():
                fill(transport)
                assert sys.exc_info()[1] is outer
                await asyncio.sleep(0)
                assert sys.exc_info()[1] is outer

            try:
                raise KeyError
            except KeyError as error:
                outer = error
                await writes()
                assert sys.exc_info()[1] is outer
            while event == "resume" and "resume" not in log.events:
                await loop.sock_recv(far, 1 << 16)
        elif event == "data":
            far.send(b"x")
        elif event == "eof":
            far.shutdown(socket.SHUT_WR)
        elif event == "lost":
            transport.abort()
        await was_handled(seen)
    assert sys.exc_info()[1] is None
