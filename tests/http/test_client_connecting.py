"""A connection to one address, which ferrio's loop makes without a socket of Python's, and asyncio's with one."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
from unittest import mock

import ferrio
import pytest
from client_support import on_both, saying, scripted
from ferrio import http
from ferrio.http.resolver import AbstractResolver

BODY = bytes(3_000_000)  # more than is read of what nobody asks for
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def descriptors():
    return len(os.listdir("/dev/fd"))


@contextlib.contextmanager
def deaf_port(family=socket.AF_INET, host="127.0.0.1"):
    """The port of a server whose queue is full: who connects waits."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket(family))
        listening.bind((host, 0))
        listening.listen(0)
        place = listening.getsockname()
        for _ in range(8):
            waiting = stack.enter_context(socket.socket(family))
            waiting.setblocking(False)
            waiting.connect_ex(place)
        yield place[1]


def test_a_program_that_replaced_sockets_has_its_own_used(monkeypatch):
    """Such as who forbids tests to use the network."""

    async def ask(port, session):
        async with session.get(f"http://127.0.0.1:{port}/") as answer:
            return await answer.read()

    async def main():
        async with scripted(saying(OK, OK, OK)) as peer, http.ClientSession() as session:
            assert await ask(peer.port, session) == b"hi"

            class Guarded(socket.socket):
                def __new__(cls, *arguments, **names):
                    raise RuntimeError("no network")

            with monkeypatch.context() as patch:
                patch.setattr(socket, "socket", Guarded)
                async with http.ClientSession() as other:
                    with pytest.raises(RuntimeError, match="no network"):
                        await ask(peer.port, other)

            def connect(self, address):
                raise RuntimeError("not there")

            with monkeypatch.context() as patch:
                patch.setattr(socket.socket, "connect", connect)
                async with http.ClientSession() as other:
                    with pytest.raises(RuntimeError, match="not there"):
                        await ask(peer.port, other)

    ferrio.run(main())


def test_a_class_that_was_patched_often_is_looked_at_all_the_same():
    """CPython 3.13 numbers a thousand states of a class, and no more: a test suite that patches it gets there."""
    program = """
import asyncio, socket, sys
import ferrio
from ferrio import http

def connect(self, address):
    raise RuntimeError("not there")

real = socket.socket.connect
for _ in range(1500):
    socket.socket.connect = connect
    socket.socket.connect  # which has it numbered
    socket.socket.connect = real
    socket.socket.connect

async def main():
    async def serve(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = "http://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]
    async with http.request("GET", url) as answer:
        assert answer.status == 204
    # By a socket of Python's, of which native code learns.
    (await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1]))[1].close()
    socket.socket.connect = connect
    try:
        async with http.request("GET", url):
            print("connected")
    except RuntimeError as error:
        print(error)

ferrio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "not there\n", ran


@pytest.mark.parametrize("run", ["ferrio.run", "asyncio.run"])
@pytest.mark.parametrize("refused", ["socket.__new__", "socket.connect"])
def test_audit_hooks_are_told_and_may_refuse(run, refused):
    program = f"""
import asyncio, socket, sys
import ferrio
from ferrio import http

told, allowed = [], True

def hook(event, arguments):
    if event == "socket.connect":
        assert arguments[0].family == socket.AF_INET and arguments[0].type == socket.SOCK_STREAM
        told.append(arguments[1])
    if event == {refused!r} and not allowed:
        raise RuntimeError("refused")

async def serve(reader, writer):
    if await reader.read(1000):
        writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    writer.close()

async def main():
    global allowed
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    place = server.sockets[0].getsockname()
    sys.addaudithook(hook)  # for good: there is no taking it away
    for _ in range(2):  # the second is made natively
        async with http.request("GET", "http://127.0.0.1:%d/" % place[1]) as answer:
            assert answer.status == 204
    assert told == [place] * 2, told
    allowed = False
    try:
        async with http.request("GET", "http://127.0.0.1:%d/" % place[1]):
            print("connected")
    except RuntimeError as error:
        print(error)

{run}(main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("refused\n", ""), ran


@on_both
async def test_who_connects_to_no_address_in_particular_is_told_which_it_was():
    async with (
        scripted(saying(LARGE, end=False)) as peer,
        http.ClientSession() as session,
        session.get(f"http://0.0.0.0:{peer.port}/") as answer,
    ):
        assert answer.connection.transport.get_extra_info("peername") == ("127.0.0.1", peer.port)


@on_both
async def test_a_connection_knows_its_addresses_and_its_socket():
    async with (
        scripted(saying(LARGE, end=False)) as peer,
        http.ClientSession() as session,
        session.get(f"http://127.0.0.1:{peer.port}/") as answer,
    ):
        transport = answer.connection.transport
        assert transport.get_extra_info("peername") == ("127.0.0.1", peer.port)
        assert transport.get_extra_info("socket").getsockname() == transport.get_extra_info("sockname")


@on_both
async def test_a_port_that_nobody_listens_on_is_named():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with http.ClientSession() as session:
            with pytest.raises(http.ClientConnectorError) as caught:
                await session.get(f"http://127.0.0.1:{port}/")
    text = f"Cannot connect to host 127.0.0.1:{port} ssl:default [Connect call failed ('127.0.0.1', {port})]"
    assert re.sub(r"ssl:\w+", "ssl:default", str(caught.value)) == text
    assert isinstance(caught.value.os_error, ConnectionRefusedError)


@on_both
@pytest.mark.parametrize("ended_by", ["limit", "total", "cancel"])
async def test_who_gives_up_connecting_leaves_nothing_open(ended_by):
    timeout = http.ClientTimeout(**{"limit": {"sock_connect": 0.2}, "total": {"total": 0.2}}.get(ended_by, {}))
    with deaf_port() as port:
        async with http.ClientSession(timeout=timeout) as session:
            before = descriptors()
            asking = asyncio.ensure_future(session.get(f"http://127.0.0.1:{port}/"))
            if ended_by == "cancel":
                for _ in range(5):
                    await asyncio.sleep(0)
                assert descriptors() == before + 1
                asking.cancel()
            expected = {"limit": http.ConnectionTimeoutError, "total": TimeoutError, "cancel": asyncio.CancelledError}
            with pytest.raises(expected[ended_by]):
                await asking
            assert descriptors() == before
            assert session.connector._pool.used == 0


@on_both
async def test_a_session_that_is_closed_meanwhile():
    with deaf_port() as port:
        session = http.ClientSession()
        before = descriptors()
        asking = asyncio.ensure_future(session.get(f"http://127.0.0.1:{port}/"))
        for _ in range(5):
            await asyncio.sleep(0)
        await session.close()
        asking.cancel()
        await asyncio.wait([asking])
        assert descriptors() == before


def test_a_loop_that_ends_meanwhile_closes_the_socket():
    with deaf_port() as port:
        before = descriptors()
        loop = ferrio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            asking = loop.create_task(_ask(port))
            loop.run_until_complete(asyncio.sleep(0.01))
            asking.cancel()
            loop.run_until_complete(asyncio.wait([asking]))
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        assert descriptors() == before


async def _ask(port):
    async with http.ClientSession() as session:
        await session.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("method", ["create_connection", "sock_connect"])
@on_both
async def test_a_program_that_replaced_how_its_loop_connects_has_its_own_used(method):
    loop = asyncio.get_running_loop()
    async with scripted(saying(OK)) as peer, http.ClientSession() as session:
        own = mock.patch.object(loop, method, side_effect=OSError(5, "mine"))
        with own, pytest.raises(http.ClientConnectorError, match="mine"):
            await session.get(f"http://127.0.0.1:{peer.port}/")


class Resolver(AbstractResolver):
    """As programs write them: the port is a text."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": "127.0.0.1", "port": str(port), "family": family, "proto": 0, "flags": 0}]

    async def close(self):
        pass


@on_both
async def test_a_port_that_is_a_text():
    async with (
        scripted(saying(OK)) as peer,
        http.ClientSession(connector=http.TCPConnector(resolver=Resolver())) as session,
        session.get(f"http://name.test:{peer.port}/") as answer,
    ):
        assert await answer.read() == b"hi"


@on_both
async def test_an_address_of_the_sixth_version():
    async def connected(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.close()

    try:
        server = await asyncio.start_server(connected, "::1", 0)
    except OSError:
        pytest.skip("there is no ::1")
    url = f"http://[::1]:{server.sockets[0].getsockname()[1]}/"
    async with server, http.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == b"hi"
