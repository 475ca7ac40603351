"""The self-test of `ferrio doctor`: what every program needs of a loop, tried once, in a few milliseconds.

Each test is one coroutine on a loop of its own, bounded in time; what it returns is shown beside `ok`. A failure is an
outcome with a remedy, never an exception. It is no test suite: it tells a broken machine from a broken program.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import ferrio

PATIENCE = 10.0
"""Seconds for each test; a new interpreter on a slow machine takes one or two."""


class Outcome(NamedTuple):
    """One line of the report; `remedy` only if it failed."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine() -> list[Outcome]:
    """All tests, each on a new loop."""
    return [_tried(name, test, remedy) for name, test, remedy in TESTS]


async def timer() -> str:
    """A timer fires, not too early."""
    began = time.perf_counter()
    await asyncio.sleep(0.01)
    passed = time.perf_counter() - began
    if passed < 0.0095:
        raise RuntimeError(f"a sleep of 10 ms took {passed * 1e3:.1f} ms")
    return f"10 ms took {passed * 1e3:.1f} ms"


async def tcp() -> str:
    """A server echoes to a client of the same loop."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(MESSAGE)))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(MESSAGE)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    if answer != MESSAGE:
        raise RuntimeError(f"{len(answer)} bytes came back of {len(MESSAGE)}")
    return f"{len(MESSAGE) >> 10} KiB echoed over 127.0.0.1"


async def child() -> str:
    """A child process is started, read, and seen to end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", "print('born')", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if output.strip() != b"born" or process.returncode != 0:
        raise RuntimeError(f"exit status {process.returncode}, output {output[:40]!r}")
    return "started, read, ended"


async def thread() -> str:
    """Another thread's result wakes the loop."""
    return f"woken by {await asyncio.to_thread(_current_thread)}"


async def names() -> str:
    """localhost has an address."""
    found = await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    return f"localhost is {found[0][4][0]}"


def _current_thread() -> str:
    import threading

    return "a thread" if threading.current_thread() is not threading.main_thread() else "the main thread"


def _tried(name: str, test: Callable[[], Awaitable[str]], remedy: str) -> Outcome:
    try:
        with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
            runner.get_loop()  # fails before there is a coroutine that nobody would await
            detail = runner.run(_bounded(test))
    except TimeoutError:
        return Outcome(name, False, f"nothing for {PATIENCE:g} s", remedy)
    except Exception as error:
        return Outcome(name, False, f"{type(error).__name__}: {error}", remedy)
    return Outcome(name, True, detail)


async def _bounded(test: Callable[[], Awaitable[str]]) -> str:
    async with asyncio.timeout(PATIENCE):
        return await test()


MESSAGE = bytes(64 * 1024)

TESTS: tuple[tuple[str, Callable[[], Awaitable[str]], str], ...] = (
    ("timer", timer, "try FERRIO_POLLER=poll; if that helps, the sandbox blocks epoll: report it with this output"),
    ("tcp", tcp, "the loopback interface must be up and 127.0.0.1 allowed: ip link set lo up"),
    ("child process", child, "the sandbox must allow fork, exec and pidfd_open, and ulimit -u another process"),
    ("thread", thread, "ulimit -u must allow another thread; if it does, report it with this output"),
    ("names", names, "localhost must be in /etc/hosts: 127.0.0.1 localhost"),
)
