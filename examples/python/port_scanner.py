"""A port scanner: which TCP ports of a machine are open.

What it teaches: thousands of connections with a limit on how many at once, by workers that share one iterator; a
time-out on each; a progress bar that stays out of the output; arguments checked before anything starts. It scans
this machine unless told otherwise: scan only what is yours.

    python examples/python/port_scanner.py 20-1024,8080
    ferrio run examples/python/port_scanner.py 1-65535 --concurrency 500
"""

import argparse
import asyncio
import contextlib
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

BAR = 30  # characters
LAST_PORT = 65535


async def main(host: str, ports: list[int], concurrency: int, timeout: float) -> None:
    begin = time.perf_counter()
    states: dict[int, str] = {}
    left = iter(ports)  # the workers take turns at it, so each port is scanned once and no list of tasks is needed

    async def worker() -> None:
        for port in left:
            states[port] = await scan(host, port, timeout)
            show_progress(len(states), len(ports))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(ports))):
            group.create_task(worker())

    for port in sorted(port for port, state in states.items() if state == "open"):
        print(f"{port:>5} open  {service(port)}".rstrip())
    counts = Counter(states.values())
    summary = ", ".join(f"{counts[state]} {state}" for state in ("open", "closed", "silent"))
    print(f"{host}: {summary} in {time.perf_counter() - begin:.2f} s")


async def scan(host: str, port: int, timeout: float) -> str:
    """What the port is: "open", "closed" (the machine refuses) or "silent" (nothing answers in time)."""
    try:
        async with asyncio.timeout(timeout):
            _reader, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return "closed"
    except TimeoutError:
        return "silent"
    # On loopback, a connection may get as its own end the very port it looks for, and meet itself.
    itself = writer.get_extra_info("sockname") == writer.get_extra_info("peername")
    writer.close()
    with contextlib.suppress(OSError):  # the other end may reset it, open it is all the same
        await writer.wait_closed()
    return "closed" if itself else "open"


def service(port: int) -> str:
    try:
        return socket.getservbyport(port, "tcp")
    except OSError:
        return ""


def show_progress(done: int, total: int) -> None:
    """On standard error and only in a terminal, so that the output can go into a file."""
    # Drawn when it changes: a hundred times for any number of ports.
    if sys.stderr.isatty() and (done == total or done * 100 // total != (done - 1) * 100 // total):
        bar = "#" * (BAR * done // total)
        end = "\r\x1b[K" if done == total else ""
        print(f"\r[{bar:<{BAR}}] {done}/{total}", end=end, file=sys.stderr, flush=True)


def port_ranges(text: str) -> list[int]:
    """The ports that "20-1024,8080" means, each once, in ascending order."""
    ports: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ports.update(each_port(port_number(first), port_number(last if dash else first)))
    return sorted(ports)


def each_port(first: int, last: int) -> Iterator[int]:
    if first > last:
        raise argparse.ArgumentTypeError(f"{first}-{last} is empty: did you mean {last}-{first}?")
    yield from range(first, last + 1)


def port_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: they are 1 to {LAST_PORT}, as in 20-1024,8080")
    return int(text)


def positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """A type for argparse: a number above zero."""

    def convert(text: str) -> float:
        with contextlib.suppress(ValueError):
            if 0 < (number := kind(text)) < float("inf"):
                return number
        raise argparse.ArgumentTypeError(f"{text!r} is not {'a whole' if kind is int else 'a'} number above 0")

    return convert


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Which TCP ports are open. Scan only machines that are yours.")
    parser.add_argument("ports", type=port_ranges, nargs="?", default="1-1024", help="such as 20-1024,8080")
    parser.add_argument("--host", default="127.0.0.1", help="the machine to scan, %(default)s unless given")
    parser.add_argument("--concurrency", type=positive(int), default=200, help="connections at once (%(default)s)")
    parser.add_argument("--timeout", type=positive(float), default=0.5, help="seconds for each (%(default)s)")
    given = parser.parse_args()
    try:
        # Once, not for each port; and an unknown name is the user's mistake, not the scan's.
        given.host = socket.getaddrinfo(given.host, None, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        parser.error(f"argument --host: {given.host!r} is no known machine ({error.strerror})")
    return given


if __name__ == "__main__":
    try:
        asyncio.run(main(**vars(arguments())))
    except* OSError as errors:  # no network, or more connections than open files are allowed
        sys.exit(f"port_scanner: {errors.exceptions[0]}")
    except* KeyboardInterrupt:
        sys.exit(130)
