"""Names and addresses: loop.getaddrinfo() and loop.getnameinfo().

The oracle is twofold: stock asyncio runs every case too, and results and errors are compared with those of
the socket module. No test asks a real resolver: names are resolved by a replaced socket.getaddrinfo.
"""

import asyncio
import itertools
import logging
import random
import re
import socket
import sys
import threading

import ferrio
import pytest

V4 = (
    "127.0.0.1",
    b"127.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "127.1",
    "1",
    "0x7f.1",
    "0177.0.0.1",
    "4294967295",
)
V6 = ("::1", b"::1", "::", "::ffff:1.2.3.4", "2001:DB8::1", "fe80::1")
ZONES = ("fe80::1%1", "fe80::1%lo", b"fe80::1%lo", "ff02::1%lo", "::1%1")
ADDRESSES = (None, *V4, *V6, *ZONES)
# Refused without a look-up, whoever asks.
REFUSED = ("fe80::1%nope", "fe80::1%", "::1%nope", "fe80::1%lo%lo", 5, 1.5, bytearray(b"127.0.0.1"))
NUMBERS = (None, 0, 80, 65535, 65536, -1, 1 << 70, "80", b"80", "0", "00080")
PORTS = (*NUMBERS, "http", b"http", "no-such", 1.5, True)
FAMILIES = (0, socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, 99)
TYPES = (0, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, 77, "x")
PROTOCOLS = (0, socket.IPPROTO_TCP, socket.IPPROTO_UDP, 255, -1)
ASKED = (
    socket.AI_PASSIVE,
    socket.AI_CANONNAME,
    socket.AI_NUMERICHOST,
    socket.AI_NUMERICSERV,
    socket.AI_ADDRCONFIG,
)
FLAGS = (0, *ASKED, socket.AI_V4MAPPED | socket.AI_ALL, 1 << 20, -1)


def outcome(function, *args):
    """What the call returns or raises, comparable."""
    try:
        return repr(function(*args))
    except Exception as error:
        return type(error), error.args


async def awaited(function, *args, **options):
    try:
        return repr(await function(*args, **options))
    except Exception as error:
        return type(error), error.args


def threads(prefixes):
    return [thread for thread in threading.enumerate() if thread.name.startswith(prefixes)]


def none_of_an_earlier_loop():
    """A loop that closes does not wait for its threads to end; here they must have."""
    names = ("ferrio-resolver", "asyncio")
    for thread in threads(names):
        thread.join(10)
    assert not threads(names)


class Slow:
    """A resolver that answers when it is released."""

    def __init__(self):
        self.asked, self.release, self.threads = threading.Semaphore(0), threading.Event(), set()

    def __call__(self, host, port, family=0, type=0, proto=0, flags=0):
        self.threads.add(threading.current_thread().name)
        self.asked.release()
        self.release.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def slow(monkeypatch):
    resolver = Slow()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.release.set()


def test_results_are_those_of_the_socket_module(new_loop):
    combinations = list(itertools.product(ADDRESSES + REFUSED, PORTS, FAMILIES, TYPES, PROTOCOLS, FLAGS))

    async def main(loop):
        for host, port, *rest in random.Random(5).sample(combinations, 4000):
            options = dict(zip(("family", "type", "proto", "flags"), rest, strict=True))
            expected = outcome(socket.getaddrinfo, host, port, *rest)
            assert await awaited(loop.getaddrinfo, host, port, **options) == expected, (host, port, rest)

    loop = new_loop()
    loop.run_until_complete(main(loop))


def any_address(rng):
    """The text of some address, half of the time with many zeros, now and then not as libc would write it."""
    if rng.random() < 0.3:
        return ".".join(str(rng.choice((0, 1, 127, 255, rng.randrange(300)))) for _ in range(4))
    groups = [rng.choice((0, 0, 1, 0xFFFF, rng.getrandbits(16))) if rng.random() < 0.7 else 0 for _ in range(8)]
    text = ":".join(f"{group:x}" for group in groups)
    packed = socket.inet_pton(socket.AF_INET6, text)
    return rng.choice((text, text.upper(), *[socket.inet_ntop(socket.AF_INET6, packed)] * 6))


def test_native_answers_are_those_of_the_socket_module():
    from ferrio._ferrio import literal_address

    rng, answers = random.Random(7), 0
    kinds = list(itertools.product(FAMILIES, TYPES, PROTOCOLS, (0, socket.AI_PASSIVE, 0.0, None)))
    for _ in range(5000):
        host, port = any_address(rng), rng.choice((0, 80, 65535))
        for rest in ((0, socket.SOCK_STREAM, 0, 0), rng.choice(kinds)):
            answer = literal_address(host, port, *rest)
            if answer is not None:
                answers += 1
                assert repr(answer) == outcome(socket.getaddrinfo, host, port, *rest), (host, rest)
                assert type(answer[0]) is tuple and type(answer[0][2]) is int
    assert answers > 3000
    for host in ("127.1", "localhost", "::1%lo", "127.0.0.1\0", "\ud800", b"127.0.0.1", None, 5):
        assert literal_address(host, 80, 0, socket.SOCK_STREAM, 0, 0) is None
    for port in (None, "80", -1, 65536, True, 80.0):
        assert literal_address("127.0.0.1", port, 0, socket.SOCK_STREAM, 0, 0) is None


def test_look_ups_are_audited(new_loop):
    events, loop = [], new_loop()

    def hook(event, args):
        if event == "socket.getaddrinfo" and on:
            events.append(args)

    on = True
    sys.addaudithook(hook)  # for good: there is no taking it away
    for host in ("127.0.0.1", "127.1"):
        loop.run_until_complete(loop.getaddrinfo(host, 80, type=socket.SOCK_STREAM))
    on = False
    assert events == [(host, 80, 0, 1, 0) for host in ("127.0.0.1", "127.1")]


def test_names_in_numbers_are_those_of_the_socket_module(new_loop):
    good = [
        ("127.0.0.1", 80),
        ("::1", 80),
        ("::1", 80, 0, 0),
        ("fe80::1", 80, 0, 1),
        ("fe80::1%lo", 80, 7, 0),
    ]
    bad = [("127.0.0.1",), ("127.0.0.1", "80"), ("no address", 80), ("127.0.0.1", 70000), [], None, ()]
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    others = (0, socket.NI_DGRAM, socket.NI_NAMEREQD, socket.NI_NOFQDN)
    flags = [*(numeric | other for other in others), "x"]

    async def main(loop):
        for sockaddr, flag in itertools.product(good + bad, flags):
            expected = outcome(socket.getnameinfo, sockaddr, flag)
            assert await awaited(loop.getnameinfo, sockaddr, flag) == expected, (sockaddr, flag)

    loop = new_loop()
    loop.run_until_complete(main(loop))


def test_addresses_take_no_thread():
    async def main(loop):
        for host in ADDRESSES:
            await awaited(loop.getaddrinfo, host, 80, type=socket.SOCK_STREAM)
            await awaited(loop.getaddrinfo, host, "443", flags=socket.AI_PASSIVE)
        await loop.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
        assert not threads("ferrio-resolver")
        await awaited(loop.getaddrinfo, "127.0.0.1", "http")
        assert len(threads("ferrio-resolver")) == 1 and not threads("asyncio")

    none_of_an_earlier_loop()
    loop = ferrio.new_event_loop()
    try:
        loop.run_until_complete(main(loop))
    finally:
        loop.close()
    none_of_an_earlier_loop()


def test_what_is_no_address_is_left_to_a_thread():
    from ferrio.resolver import is_address, is_number

    for host in ("", "localhost", "1.2.3.4.", "1.2.3.4 ", " 1.2.3.4", "256.1.1.1", "08.1", "1..2", "face"):
        assert not is_address(host) and not is_address(host.encode())
    for host in (
        "1.2.3.4\0",
        "::1\0",
        "::1%\xe9",
        ":1",
        "1::2::3",
        "[::1]",
        "1.2.3.4%1",
        "\uff11.1",
        b"\xff",
        5,
    ):
        assert not is_address(host)
    for port in ("", "http", b"http", "-1", "+1", " 1", "1 ", "\u0663", "123456", -1, 65536, True, 1.0, [1]):
        assert not is_number(port)


def test_a_replaced_resolver_is_asked_whatever_the_host(new_loop, monkeypatch):
    calls = []

    def resolver(*args):
        calls.append((threading.current_thread() is threading.main_thread(), *args))
        return ["answer"]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(socket, "getnameinfo", resolver)
    loop = new_loop()
    for host in ("name.test", "127.0.0.1", None):
        assert loop.run_until_complete(loop.getaddrinfo(host, 80, proto=6)) == ["answer"]
        assert calls.pop() == (False, host, 80, 0, 0, 6, 0)
    assert loop.run_until_complete(loop.getnameinfo(("127.0.0.1", 80), 3)) == ["answer"]
    assert calls.pop() == (False, ("127.0.0.1", 80), 3)


@pytest.mark.parametrize("host", ["127.0.0.1", "name.test"])
def test_debug_mode_logs_look_ups(new_loop, caplog, monkeypatch, host):
    if host == "name.test":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: ["answer"])
    loop = new_loop()
    loop.set_debug(True)
    family, kind, flags = socket.AF_INET, socket.SOCK_STREAM, socket.AI_PASSIVE
    options = {"family": family, "type": kind, "proto": 6, "flags": flags}
    with caplog.at_level(logging.DEBUG, "asyncio"):
        answer = loop.run_until_complete(loop.getaddrinfo(host, 80, **options))
    lines = [line for line in caplog.messages if "address info" in line]
    text = f"{host}:80, family={family!r}, type={kind!r}, proto=6, flags={flags!r}"
    assert lines[0] == f"Get address info {text}"
    assert re.sub(r"\d+\.\d{3}ms", "?", lines[1]) == f"Getting address info {text} took ?: {answer!r}"


@pytest.mark.parametrize("host", ["127.0.0.1", "name.test"])
def test_after_the_end(new_loop, monkeypatch, host):
    if host == "name.test":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: [])

    def calls():
        return loop.getaddrinfo(host, 80), loop.getnameinfo((host, 80), 3), loop.getnameinfo((host, 80))

    loop = new_loop()
    loop.run_until_complete(loop.shutdown_default_executor())
    for coroutine in calls():
        with pytest.raises(RuntimeError, match=r"^Executor shutdown has been called$"):
            loop.run_until_complete(coroutine)
    loop.close()
    for coroutine in calls():
        with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
            coroutine.send(None)


def test_look_ups_at_once_and_cancelled(new_loop, slow):
    async def main(loop):
        tasks = [loop.create_task(loop.getaddrinfo("name.test", port)) for port in range(100)]
        await asyncio.sleep(0)
        assert slow.asked.acquire(timeout=10)
        for task in tasks[::2]:
            task.cancel()
        slow.release.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
        assert [result[0][4][1] for result in results[1::2]] == list(range(1, 100, 2))

    loop = new_loop()
    loop.run_until_complete(main(loop))
    assert len(slow.threads) <= 36


def test_a_slow_resolver_and_to_thread_do_not_wait_for_each_other(slow):
    async def main(loop):
        pending = [loop.create_task(loop.getaddrinfo("name.test", 80)) for _ in range(100)]
        await asyncio.sleep(0)
        assert slow.asked.acquire(timeout=10)
        assert await asyncio.wait_for(asyncio.to_thread(pow, 2, 3), 10) == 8
        slow.release.set()
        await asyncio.gather(*pending)
        release = threading.Event()
        pending = [loop.create_task(asyncio.to_thread(release.wait)) for _ in range(100)]
        await asyncio.sleep(0)
        try:
            await asyncio.wait_for(loop.getaddrinfo("name.test", 80), 10)
        finally:
            release.set()
        await asyncio.gather(*pending)
        assert {name.rpartition("_")[0] for name in slow.threads} == {"ferrio-resolver"}

    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        runner.run(main(runner.get_loop()))


def test_closing_does_not_wait_for_a_look_up(slow):
    async def main(loop):
        for _ in range(100):
            task = loop.create_task(loop.getaddrinfo("name.test", 80))
        await asyncio.sleep(0)
        assert slow.asked.acquire(timeout=10)
        return task

    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        runner.run(main(runner.get_loop()))
    running = threads("ferrio-resolver")
    assert running
    slow.release.set()
    for thread in running:
        thread.join(10)
        assert not thread.is_alive()
