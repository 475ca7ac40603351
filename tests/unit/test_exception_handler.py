"""Whatever a transport meets goes to the exception handler: only KeyboardInterrupt and SystemExit leave the loop.

One connection of a server must not end the server: a protocol that has no such method, a socket whose end is an error.
"""

import asyncio
import os
import socket

import pytest
from helpers import Log, collect_errors, on_loop, until


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
