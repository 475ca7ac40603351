"""Which transport has which descriptor: `add_reader()` and its like refuse a transport's, and nobody else's.

asyncio has this in `loop._transports`, a WeakValueDictionary. A transport leaves that table by closing, by being freed,
by being collected in a cycle, whatever its loop does; its number is soon another's.
"""

import asyncio
import contextlib
import gc
import socket
import tempfile
import warnings
import weakref

import pytest
from helpers import Log, asyncio_log, noop, on_loop, pipe, tcp_pair, turn, until

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class Silent(asyncio.Protocol, asyncio.DatagramProtocol):
    pass


async def stream(loop, sock):
    transport, _ = await loop.create_connection(Silent, sock=sock)
    transport.pause_reading()
    return transport


async def datagrams(loop, sock):
    transport, _ = await loop.create_datagram_endpoint(Silent, sock=sock)
    return transport


def stream_socket():
    return socket.socketpair()


def datagram_socket():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


KINDS = [(stream, stream_socket), (datagrams, datagram_socket)]
kinds = pytest.mark.parametrize(("connect", "make"), KINDS, ids=["stream", "datagram"])


def unwatched(transport):
    """Have the loop forget a transport that waits for data, and so keeps it alive."""
    transport._loop._remove_reader(transport._sock_fd)


def in_a_cycle(transport):
    protocol = Silent()
    protocol.transport = transport
    transport.set_protocol(protocol)


def is_free(loop, number):
    """Whether `number`, which somebody has open, is nobody's transport."""
    try:
        loop.add_reader(number, noop)
    except RuntimeError as error:
        assert "is used by transport" in str(error)
        return False
    loop.remove_reader(number)
    return True


def in_its_place():
    """Objects of about a transport's size: where one was freed, something else is now."""
    return [bytes([65]) * size for size in range(200, 500, 8) for _ in range(60)]


@contextlib.contextmanager
def opened(number):
    """A socket with that number, as the kernel gives them: the lowest that is free."""
    others = []
    near, far = socket.socketpair()
    try:
        while number not in (near.fileno(), far.fileno()):
            others += [near, far]
            near, far = socket.socketpair()
        yield near if near.fileno() == number else far
    finally:
        for sock in (near, far, *others):
            sock.close()


@kinds
@on_loop
async def test_only_an_open_transport_has_its_descriptor(loop, connect, make):
    near, far = make()
    with far:
        transport, number = await connect(loop, near), near.fileno()
        assert not is_free(loop, number)
        transport.close()
        assert is_free(loop, number)  # it is closing
        await until(lambda: near.fileno() == -1)
        with opened(number):
            assert is_free(loop, number)


@kinds
@pytest.mark.parametrize("cycle", [True, False])
@on_loop
async def test_a_transport_that_nobody_closed(loop, connect, make, cycle):
    near, far = make()
    with far:
        transport, number = await connect(loop, near), near.fileno()
        unwatched(transport)
        if cycle:
            in_a_cycle(transport)
        dead = weakref.ref(transport)
        del transport, near
        await asyncio.sleep(0)
        gc.collect()
        assert dead() is None
    memory = in_its_place()
    with opened(number):
        assert is_free(loop, number)
    assert memory


@kinds
def test_a_transport_that_outlives_its_loop(new_loop, connect, make):
    loop = new_loop()
    near, far = make()
    with far:
        transport = loop.run_until_complete(connect(loop, near))
        unwatched(transport)
        in_a_cycle(transport)
        loop.close()
        dead = weakref.ref(transport)
        del near, transport
        gc.collect()
        assert dead() is None


@kinds
@on_loop
async def test_looking_while_a_transport_dies(loop, connect, make):
    """Weak references' callbacks, and the end of what the transport has, run while it is being freed."""
    seen = []

    class Looks:
        def __del__(self):
            loop._ensure_fd_no_transport(number)
            seen.append(is_free(loop, spare.fileno()))

    near, far = make()
    with far, contextlib.ExitStack() as stack:
        transport, number = await connect(loop, near), near.fileno()
        spare = stack.enter_context(socket.socket())
        unwatched(transport)
        transport.last_words = Looks()
        watch = weakref.ref(transport, lambda _: seen.append(is_free(loop, spare.fileno())))
        del transport, near
        await asyncio.sleep(0)
        gc.collect()
    assert watch() is None
    assert seen == [True, True]


@kinds
@on_loop
async def test_a_transport_that_a_finalizer_brings_back(loop, connect, make):
    kept = []

    class Keeps(Silent):
        def __del__(self):
            kept.append(self.transport)

    near, far = make()
    with far:
        transport, number = await connect(loop, near), near.fileno()
        unwatched(transport)
        protocol = Keeps()
        protocol.transport = transport
        transport.set_protocol(protocol)
        del transport, protocol, near
        await asyncio.sleep(0)
        gc.collect()
        with opened(number):
            assert is_free(loop, number)
        assert repr(kept[0])
        kept.pop().abort()
        await asyncio.sleep(0)
        gc.collect()
        with opened(number):
            assert is_free(loop, number)


@on_loop
async def test_the_end_of_a_pipe_is_no_transports(loop):
    with pipe() as (near, far):
        reading, log = await loop.connect_read_pipe(Log, near)
        writing, _ = await loop.connect_write_pipe(Log, far)
        assert loop.remove_reader(near)  # where a transport has it, this is refused
        assert not loop.remove_writer(far.fileno())
        writing.write(b"data")
        for _ in range(3):
            await asyncio.sleep(0)
        assert not log.data
        reading.close()
        writing.close()
        await asyncio.sleep(0.001)


# Sending files: meanwhile the descriptor is the socket's


async def abort_while_sending(loop, near, dead):
    transport, log = await loop.create_connection(Log, sock=near)
    dead.append(weakref.ref(transport))
    with tempfile.TemporaryFile() as file:
        file.truncate(50_000_000)
        loop.call_later(0.005, transport.abort)
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            async with asyncio.timeout(0.05):
                await loop.sendfile(transport, file)
    await log.closed


@on_loop
async def test_a_transport_that_is_lost_while_it_sends_a_file(loop):
    dead = []
    for _ in range(3):
        with tcp_pair() as (near, _far), asyncio_log():  # whoever waits for the last write is told twice, which fails
            number = near.fileno()
            await asyncio.create_task(abort_while_sending(loop, near, dead))
        await asyncio.sleep(0)
        loop._remove_writer(number)  # left there by sock_sendfile(), whose socket was closed
        gc.collect()
        assert dead.pop()() is None
        memory = in_its_place()
        with opened(number):
            assert is_free(loop, number)
        assert memory


@on_loop
async def test_a_transport_has_its_descriptor_again_after_a_file(loop):
    with tcp_pair() as (near, far):
        transport, log = await loop.create_connection(Log, sock=near)
        with tempfile.TemporaryFile() as file:
            file.write(b"data")
            file.seek(0)
            assert await loop.sendfile(transport, file) == 4
        assert far.recv(4) == b"data"
        assert not is_free(loop, near.fileno())
        transport.close()
        await log.closed


def test_forgetting_everything_at_once(new_loop):
    """Transports, protocols and the loop in one cycle, collected together."""
    loop = new_loop()
    pairs = [make() for _, make in KINDS for _ in range(3)]
    connects = [connect for connect, _ in KINDS for _ in range(3)]
    for connect, (near, _) in zip(connects, pairs, strict=True):
        transport = loop.run_until_complete(connect(loop, near))
        unwatched(transport)
        in_a_cycle(transport)
        loop.mine = [*getattr(loop, "mine", ()), transport]
    turn(loop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loop.close()
        del transport, loop, near
        for near, far in pairs:
            near.close()
            far.close()
        del pairs
        gc.collect()
