"""anyio and httpx: task groups, TCP, Unix and UDP sockets, TLS, child processes, threads, signals."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

anyio = pytest.importorskip("anyio", reason="anyio is not installed: make ecosystem")
to_thread = pytest.importorskip("anyio.to_thread")
from_thread = pytest.importorskip("anyio.from_thread")
tls_streams = pytest.importorskip("anyio.streams.tls")


@pytest.fixture
def run(aio):
    """As anyio's users do: `anyio.run()` with the loop's factory."""

    def run(case):
        async def limited():
            with anyio.fail_after(30):
                return await case()

        return anyio.run(limited, backend="asyncio", backend_options={"loop_factory": aio.new_event_loop})

    return run


async def echo(stream):
    async with stream:
        async for data in stream:
            await stream.send(data)


async def exchange(stream, size=1_000_000):
    """Send `size` bytes to an echo, end the stream, and read them all back."""
    sent, received = os.urandom(size), bytearray()

    async def send():
        await stream.send(sent)
        await stream.send_eof()

    async with stream, anyio.create_task_group() as group:
        group.start_soon(send)
        async for data in stream:
            received += data
    assert bytes(received) == sent


def test_task_groups_cancel_and_report(run):
    async def fails():
        await anyio.sleep(0.001)
        raise ValueError("of the first")

    async def case():
        cancelled = []

        async def waits():
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                cancelled.append(True)
                raise

        with pytest.raises(ExceptionGroup) as caught:
            async with anyio.create_task_group() as group:
                group.start_soon(waits)
                group.start_soon(waits)
                group.start_soon(fails)
        assert [str(error) for error in caught.value.exceptions] == ["of the first"]
        assert cancelled == [True, True]
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught

    run(case)


def test_tcp(run):
    async def case():
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            async with anyio.create_task_group() as clients:
                for _ in range(5):
                    clients.start_soon(exchange, await anyio.connect_tcp("127.0.0.1", port))
            group.cancel_scope.cancel()

    run(case)


def test_unix_sockets_and_closing_while_receiving(run, tmp_path):
    async def case():
        path = tmp_path / "socket"
        async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            await exchange(await anyio.connect_unix(path))
            stream = await anyio.connect_unix(path)
            async with anyio.create_task_group() as closing:
                closing.start_soon(stream.aclose)
                with pytest.raises(anyio.ClosedResourceError):
                    await stream.receive()
            group.cancel_scope.cancel()

    run(case)


def test_udp(run):
    async def case():
        async with await anyio.create_udp_socket(socket.AF_INET, local_host="127.0.0.1") as server:
            port = server.extra(anyio.abc.SocketAttribute.local_port)
            async with await anyio.create_connected_udp_socket("127.0.0.1", port) as client:
                for number in range(20):
                    await client.send(b"%d" % number)
                    data, (host, back) = await server.receive()
                    await server.sendto(data * 2, host, back)
                    assert await client.receive() == b"%d" % number * 2

    run(case)


def test_tls(run, server_tls, client_tls):
    async def serve(stream):
        async with stream:
            while (data := await stream.receive()) != b"end":
                await stream.send(data.upper())

    async def case():
        plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = plain.extra(anyio.abc.SocketAttribute.local_port)
        listener = tls_streams.TLSListener(plain, server_tls)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, serve)
            stream = await anyio.connect_tcp("127.0.0.1", port, ssl_context=client_tls, tls_hostname="localhost")
            async with stream:
                await stream.send(b"secret")
                assert await stream.receive() == b"SECRET"
                await stream.send(b"end")
                with pytest.raises(anyio.EndOfStream):
                    await stream.receive()
            group.cancel_scope.cancel()

    run(case)


def test_child_processes(run):
    async def case():
        upper = [sys.executable, "-c", "import sys; print(sys.stdin.read().upper(), end='')"]
        assert (await anyio.run_process(upper, input=b"text" * 50_000)).stdout == b"TEXT" * 50_000
        with pytest.raises(subprocess.CalledProcessError) as caught:
            await anyio.run_process([sys.executable, "-c", "raise SystemExit(3)"])
        assert caught.value.returncode == 3
        async with await anyio.open_process(["sleep", "60"]) as process:
            process.terminate()
            assert await process.wait() == -signal.SIGTERM

    run(case)


def test_threads(run):
    async def case():
        here = threading.get_ident()
        there = []

        def work(number):
            there.append(threading.get_ident())
            return from_thread.run(double, number) + from_thread.run_sync(abs, -1)

        async def double(number):
            assert threading.get_ident() == here
            await anyio.sleep(0)
            return 2 * number

        results = []

        async def one(number):
            results.append(await to_thread.run_sync(work, number))

        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(one, number)
        assert sorted(results) == [2 * number + 1 for number in range(30)]
        assert here not in there

    run(case)


def test_signals(run):
    async def case():
        with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGUSR2) as signals:
            for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
                os.kill(os.getpid(), number)
                assert await anext(signals) == number

    run(case)


def test_httpx(run):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed: make ecosystem")
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    async def serve(stream):
        async with stream:
            received = b""
            async for data in stream:
                received += data
                while b"\r\n\r\n" in received:
                    _, _, received = received.partition(b"\r\n\r\n")
                    await stream.send(reply)

    async def case():
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, serve)
            async with httpx.AsyncClient(trust_env=False) as client:
                answers = [await client.get(f"http://127.0.0.1:{port}/") for _ in range(10)]
            assert [answer.text for answer in answers] == ["hello"] * 10
            group.cancel_scope.cancel()

    run(case)
