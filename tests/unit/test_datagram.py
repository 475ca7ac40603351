"""Datagram endpoints: UDP and Unix, connected and not, their errors, their queue and their options.

The far end is a plain socket with a timeout. A Unix datagram socket is what can be made to block: the kernel
queues some ten datagrams for a reader that does not read, then sending waits.
"""

import asyncio
import contextlib
import errno
import functools
import logging
import os
import re
import socket
import sys

import pytest
from helpers import Notes, collect_errors, on_loop, until

HOST = "127.0.0.1"


class Log(Notes, asyncio.DatagramProtocol):
    """An endpoint's notes, the packets and the errors."""

    def __init__(self, raising=None):
        super().__init__(raising)
        self.received, self.errors = [], []

    def datagram_received(self, data, addr):
        self.received.append((data, addr))
        self.saw("datagram")

    def error_received(self, exc):
        self.errors.append(exc)
        self.saw("error")


@contextlib.asynccontextmanager
async def endpoint(loop, factory=Log, **options):
    transport, protocol = await loop.create_datagram_endpoint(factory, **options)
    try:
        yield transport, protocol
    finally:
        if not protocol.closed.done():
            transport.abort()
        await protocol.closed


@contextlib.contextmanager
def udp():
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(5)
        yield sock, sock.getsockname()


@contextlib.asynccontextmanager
async def blocked(loop, folder):
    """A Unix endpoint whose reader does not read, filled until something is queued; what was sent."""
    path = os.path.relpath(folder / "reader")  # relative: the kernel takes at most 107 bytes
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as far:
        far.bind(path)
        far.setblocking(False)
        async with endpoint(loop, family=socket.AF_UNIX, remote_addr=path) as (transport, log):
            sent = []
            while not transport.get_write_buffer_size():
                sent.append(b"%04d" % len(sent) * 25)
                transport.sendto(sent[-1])
                assert len(sent) < 5000, "never blocks"
            yield transport, log, far, sent


def error_text(kind, data):
    """The message that a plain socket gives for the same address."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(kind) as caught:
        sock.sendto(b"", data)
    return str(caught.value)


@on_loop
async def test_echo_between_endpoints(loop):
    async with endpoint(loop, local_addr=(HOST, 0)) as (server, log):
        address = server.get_extra_info("sockname")

        def answer(data, addr):
            assert type(data) is bytes
            server.sendto(data, addr)

        log.datagram_received = answer
        async with endpoint(loop, remote_addr=address) as (client, client_log):
            assert client.get_extra_info("peername") == address
            messages = [b"one", b"2" * 60_000, b"three"]
            for message in messages:
                client.sendto(message)
                await until(lambda m=message: (m, address) in client_log.received)
            assert client_log.received == [(message, address) for message in messages]
            assert client_log.events == ["made", "datagram", "datagram", "datagram"]


@on_loop
async def test_sending_is_immediate_and_takes_bytes_likes(loop):
    with udp() as (far, address):
        async with endpoint(loop, local_addr=(HOST, 0)) as (transport, log):
            for data in (b"bytes", bytearray(b"bytearray"), memoryview(b"memoryview")):
                transport.sendto(data, address)
                assert far.recvfrom(100) == (bytes(data), transport.get_extra_info("sockname"))
            for wrong in ("text", 5, None):
                name = type(wrong).__name__
                with pytest.raises(TypeError, match=rf"^data argument must be a bytes-like object, not '{name}'$"):
                    transport.sendto(wrong, address)
            assert log.events == ["made"]


@on_loop
async def test_empty_datagrams(loop):
    with udp() as (far, address):
        async with endpoint(loop, local_addr=(HOST, 0)) as (transport, log):
            far.sendto(b"", transport.get_extra_info("sockname"))
            await until(lambda: log.received)
            assert log.received == [(b"", address)]
            transport.sendto(b"", address)
            transport.sendto(b"next", address)
            # Sent since 3.13; before, nothing was.
            assert far.recv(100) == (b"" if sys.version_info >= (3, 13) else b"next")


@on_loop
async def test_a_connected_endpoint_sends_to_one_address(loop):
    with udp() as (far, address), udp() as (stranger, elsewhere):
        async with endpoint(loop, local_addr=(HOST, 0), remote_addr=address) as (transport, log):
            transport.sendto(b"1")
            transport.sendto(b"2", address)
            assert (far.recv(10), far.recv(10)) == (b"1", b"2")
            message = rf"^Invalid address: must be None or {re.escape(str(address))}$"
            with pytest.raises(ValueError, match=message):
                transport.sendto(b"3", elsewhere)
            stranger.sendto(b"from a stranger", transport.get_extra_info("sockname"))
            far.sendto(b"from the peer", transport.get_extra_info("sockname"))
            await until(lambda: log.received)
            assert log.received == [(b"from the peer", address)]


@on_loop
async def test_a_refused_datagram_is_an_error_received(loop):
    with udp() as (_, address):
        pass
    async with endpoint(loop, remote_addr=address) as (transport, log):
        transport.sendto(b"1")
        await until(lambda: log.errors)
        assert [type(error) for error in log.errors] == [ConnectionRefusedError]
        transport.sendto(b"2")
        transport.sendto(b"3")  # told of the second one here
        await until(lambda: len(log.errors) >= 2)
        assert {type(error) for error in log.errors} == {ConnectionRefusedError}
        assert not transport.is_closing()


@on_loop
async def test_a_datagram_that_is_too_long_is_an_error_received(loop):
    with udp() as (far, address):
        async with endpoint(loop, local_addr=(HOST, 0)) as (transport, log):
            transport.sendto(bytes(70_000), address)
            assert [error.errno for error in log.errors] == [errno.EMSGSIZE]
            transport.sendto(b"fits", address)
            assert far.recv(10) == b"fits"


@pytest.mark.parametrize(
    ("address", "kind"),
    [(None, TypeError), ("text", TypeError), ((HOST,), TypeError), ((HOST, 70_000), OverflowError)],
)
@on_loop
async def test_a_bad_address_is_fatal(loop, address, kind):
    contexts = []
    loop.set_exception_handler(lambda loop, context: contexts.append(context))
    async with endpoint(loop, local_addr=(HOST, 0)) as (transport, log):
        transport.sendto(b"data", address)
        assert transport.is_closing() and log.events == ["made"]
        error = await log.closed
        assert type(error) is kind and str(error) == error_text(kind, address)
        message = "Fatal write error on datagram transport"
        assert contexts == [{"message": message, "exception": error, "transport": transport, "protocol": log}]


@on_loop
async def test_protocols_that_raise_are_told_and_the_endpoint_goes_on(loop):
    for raising in ("made", "datagram", "lost"):
        contexts = []
        loop.set_exception_handler(lambda loop, context, told=contexts: told.append(context))
        with udp() as (far, _):
            async with endpoint(loop, lambda name=raising: Log(name), local_addr=(HOST, 0)) as (
                transport,
                log,
            ):
                for n in range(1, 3):
                    far.sendto(b"data", transport.get_extra_info("sockname"))
                    await until(lambda n=n: len(log.received) == n)
                transport.close()
                assert await log.closed is None
                await asyncio.sleep(0)
                count = log.events.count(raising)
                assert count and [context["exception"].args for context in contexts] == [(raising,)] * count


@on_loop
async def test_a_factory_that_raises(loop):
    with udp() as (sock, _), pytest.raises(ZeroDivisionError):
        await loop.create_datagram_endpoint(lambda: 1 / 0, sock=sock)


# The queue


@on_loop
async def test_what_cannot_be_sent_is_queued_in_order(loop, tmp_path):
    async with blocked(loop, tmp_path) as (transport, log, far, sent):
        sent += [b"second", b"third"]
        transport.sendto(bytearray(b"second"))
        transport.sendto(b"third")
        assert transport.get_write_buffer_size() >= 100 + len(b"secondthird")
        assert [await loop.sock_recv(far, 1000) for _ in sent] == sent
        assert log.events == ["made"]


@on_loop
async def test_flow_control(loop, tmp_path):
    async with blocked(loop, tmp_path) as (transport, log, far, sent):
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        transport.set_write_buffer_limits(high=2000, low=1000)
        while "pause" not in log.events:
            assert transport.get_write_buffer_size() <= 2000
            sent.append(b"x" * 100)
            transport.sendto(sent[-1])
        assert [await loop.sock_recv(far, 1000) for _ in sent] == sent
        await until(lambda: "resume" in log.events)
        assert log.events == ["made", "pause", "resume"]


@on_loop
async def test_close_sends_what_is_queued(loop, tmp_path):
    async with blocked(loop, tmp_path) as (transport, log, far, sent):
        transport.close()
        assert transport.is_closing() and not log.closed.done()
        assert [await loop.sock_recv(far, 1000) for _ in sent] == sent
        assert await log.closed is None


@on_loop
async def test_abort_drops_what_is_queued(loop, tmp_path):
    async with blocked(loop, tmp_path) as (transport, log, far, sent):
        transport.abort()
        assert transport.is_closing() and not log.closed.done()
        assert await log.closed is None
        for message in sent[:-1]:
            assert far.recv(1000) == message
        with pytest.raises(BlockingIOError):
            far.recv(1000)


@on_loop
async def test_sending_after_close_is_dropped_and_in_the_end_logged(loop):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger("asyncio").addHandler(handler)
    try:
        with udp() as (_, address):
            async with endpoint(loop, remote_addr=address) as (transport, log):
                transport.close()
                transport.close()
                for _ in range(4):
                    transport.sendto(b"data")
                assert records == []
                transport.sendto(b"data")
                assert await log.closed is None
    finally:
        logging.getLogger("asyncio").removeHandler(handler)
    assert [record.getMessage() for record in records] == ["socket.send() raised exception."]


# Options and what an endpoint tells


@on_loop
async def test_extra_info_and_repr(loop):
    async with endpoint(loop, local_addr=(HOST, 0)) as (transport, log):
        sock = transport.get_extra_info("socket")
        assert sock.type == socket.SOCK_DGRAM and sock.gettimeout() == 0
        assert transport.get_extra_info("sockname") == sock.getsockname()
        assert transport.get_extra_info("peername") is None and transport.get_extra_info("nothing", 5) == 5
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 0
        assert transport.get_protocol() is log
        assert re.fullmatch(rf"<\w+ fd={sock.fileno()} read=polling write=<idle, bufsize=0>>", repr(transport))
        with pytest.raises(RuntimeError, match=r"^File descriptor .* is used by transport "):
            loop.add_reader(sock.fileno(), print)


@on_loop
async def test_allow_broadcast_names_the_address_without_connecting(loop):
    with udp() as (far, address):
        async with endpoint(loop, remote_addr=address, allow_broadcast=True) as (transport, _):
            sock = transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 1
            assert transport.get_extra_info("peername") is None
            transport.sendto(b"data")
            assert far.recv(10) == b"data"


@on_loop
async def test_reuse_port(loop):
    async with endpoint(loop, local_addr=(HOST, 0), reuse_port=True) as (first, _):
        address = first.get_extra_info("sockname")
        async with endpoint(loop, local_addr=address, reuse_port=True) as (second, _):
            assert second.get_extra_info("sockname") == address
        with pytest.raises(OSError) as caught:
            await loop.create_datagram_endpoint(Log, local_addr=address)
        assert caught.value.errno == errno.EADDRINUSE


@on_loop
async def test_a_socket_can_be_given(loop):
    with udp() as (sock, address), udp() as (far, _):
        async with endpoint(loop, sock=sock) as (transport, log):
            assert sock.gettimeout() == 0 and transport.get_extra_info("sockname") == address
            far.sendto(b"data", address)
            await until(lambda: log.received)
        assert sock.fileno() == -1


@on_loop
async def test_a_family_is_enough(loop):
    async with (
        endpoint(loop, family=socket.AF_INET) as (transport, _),
        endpoint(loop, local_addr=(HOST, 0)) as (_, log),
    ):
        transport.sendto(b"data", log.transport.get_extra_info("sockname"))
        await until(lambda: log.received)


@on_loop
async def test_create_datagram_endpoint_refuses(loop):
    create = functools.partial(loop.create_datagram_endpoint, Log)
    with socket.socket() as stream, udp() as (datagram, _):
        kind = "datagram socket" if sys.version_info >= (3, 13) else "UDP Socket"
        problems = "local_addr=('127.0.0.1', 0), family=2, proto=1, flags=1, reuse_port=True, allow_broadcast=True"
        options = {"local_addr": (HOST, 0), "family": 2, "proto": 1, "flags": 1}
        for arguments, error, message in (
            ({}, ValueError, "unexpected address family"),
            ({"sock": stream}, ValueError, f"A {kind} was expected, got {stream!r}"),
            (
                {"sock": datagram, "reuse_port": True, "allow_broadcast": True, **options},
                ValueError,
                f"socket modifier keyword arguments can not be used when sock is specified. ({problems})",
            ),
            ({"local_addr": "text"}, TypeError, "2-tuple is expected"),
            ({"remote_addr": (HOST, 1, 2)}, TypeError, "2-tuple is expected"),
            (
                {"local_addr": (HOST, 0), "remote_addr": ("::1", 1)},
                ValueError,
                "can not get address information",
            ),
            ({"family": socket.AF_UNIX, "local_addr": (HOST, 0)}, TypeError, "string is expected"),
        ):
            with pytest.raises(error, match=rf"^{re.escape(message)}$"):
                await create(**arguments)


# Unix


@on_loop
async def test_unix_datagrams(loop, tmp_path):
    first, second = (os.path.relpath(tmp_path / name) for name in ("first", "second"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
        stale.bind(first)  # the file it leaves behind is replaced
    async with (
        endpoint(loop, family=socket.AF_UNIX, local_addr=first) as (server, log),
        endpoint(loop, family=socket.AF_UNIX, local_addr=second, remote_addr=first) as (client, client_log),
    ):
        assert server.get_extra_info("sockname") == first and client.get_extra_info("peername") == first
        client.sendto(b"question")
        await until(lambda: log.received)
        assert log.received == [(b"question", second)]
        server.sendto(b"answer", second)
        await until(lambda: client_log.received)
        assert client_log.received == [(b"answer", first)]
        server.sendto(b"nobody", os.path.relpath(tmp_path / "missing"))
        assert [type(error) for error in log.errors] == [FileNotFoundError]
    with pytest.raises(FileNotFoundError):
        await loop.create_datagram_endpoint(
            Log, family=socket.AF_UNIX, remote_addr=os.path.relpath(tmp_path / "missing")
        )


# What asyncio does with what is wrong


@on_loop
async def test_a_protocol_without_methods_keeps_the_loop(loop):
    """A stream protocol by mistake: what is missing is reported."""
    errors = collect_errors(loop)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.setblocking(False)
        transport, _ = await loop.create_datagram_endpoint(asyncio.BaseProtocol, sock=sock)
        sock.sendto(b"x", sock.getsockname())
        await until(lambda: errors)
        assert isinstance(errors[0]["exception"], AttributeError)
        assert errors[0]["message"].startswith("Exception in callback ")
        transport.abort()
        await asyncio.sleep(0)


@on_loop
async def test_sendto_between_close_and_connection_lost(loop):
    with udp() as (far, address), socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.setblocking(False)
        transport, protocol = await loop.create_datagram_endpoint(Log, sock=sock)
        transport.close()
        transport.sendto(b"late", address)
        assert far.recv(10) == b"late"
        await protocol.closed


@pytest.mark.parametrize("kind", ["strided", "released"])
@on_loop
async def test_sendto_of_what_the_socket_refuses(loop, kind):
    data = memoryview(b"abcdef")[::2]
    if kind == "released":
        data.release()
    near, far = socket.socketpair(type=socket.SOCK_DGRAM)
    with far:
        errors = collect_errors(loop)
        transport, protocol = await loop.create_datagram_endpoint(Log, sock=near)
        if kind == "released" and sys.version_info < (3, 13):
            with pytest.raises(ValueError, match="released"):
                transport.sendto(data)
            transport.abort()
        else:
            transport.sendto(data)
            assert transport.is_closing()
            assert [each["message"] for each in errors] == ["Fatal write error on datagram transport"]
        await protocol.closed
