"""The same requests with blocking calls, with threads and with asyncio, and a chart of their times.

What it teaches: the three ways to wait for many answers, each complete, side by side. A server on loopback takes
its time over each answer. Blocking calls add up. Threads wait together, with a stack for each; asyncio waits for
them all in one thread.

    python examples/python/sync_threads_asyncio.py
    ferrio run examples/python/sync_threads_asyncio.py
"""

import asyncio
import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

REQUESTS = 20
DELAY = 0.03  # seconds that the server takes over an answer
WIDTH = 50  # of the longest bar

Address = tuple[str, int]


def main() -> None:
    with slow_server() as address:
        ways: dict[str, Callable[[Address], list[str]]] = {
            "sync": ask_in_turn,
            "threads": ask_in_threads,
            "asyncio": lambda address: asyncio.run(ask_on_a_loop(address)),
        }
        times = {name: timed(way, address) for name, way in ways.items()}
    print(f"{REQUESTS} requests, each answered after {1000 * DELAY:.0f} ms:")
    for name, seconds in times.items():
        bar = "█" * round(WIDTH * seconds / max(times.values())) or "▏"
        print(f"{name:>8} {bar:{WIDTH}} {seconds:.3f} s")
    print("threads and asyncio both beat sync:", max(times["threads"], times["asyncio"]) < times["sync"])


def ask_in_turn(address: Address) -> list[str]:
    return [ask(address, number) for number in range(REQUESTS)]


def ask_in_threads(address: Address) -> list[str]:
    with ThreadPoolExecutor(max_workers=REQUESTS) as pool:
        return list(pool.map(lambda number: ask(address, number), range(REQUESTS)))


async def ask_on_a_loop(address: Address) -> list[str]:
    async def ask(number: int) -> str:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(f"{number}\n".encode())
        answer = await reader.readline()  # others have their turn until it is there
        writer.close()
        await writer.wait_closed()
        return answer.decode().strip()

    return await asyncio.gather(*(ask(number) for number in range(REQUESTS)))


def ask(address: Address, number: int) -> str:
    """One request with a blocking socket: the thread that calls it waits for the answer."""
    with socket.create_connection(address) as connection, connection.makefile("rw", encoding="utf-8") as stream:
        stream.write(f"{number}\n")
        stream.flush()
        return stream.readline().strip()


def timed(way: Callable[[Address], list[str]], address: Address) -> float:
    begin = time.perf_counter()
    answers = way(address)
    seconds = time.perf_counter() - begin
    assert answers == [f"answer {number}" for number in range(REQUESTS)], answers
    return seconds


class Slow(socketserver.StreamRequestHandler):
    """Takes its time, in a thread of its own."""

    def handle(self) -> None:
        number = self.rfile.readline().strip()
        time.sleep(DELAY)
        self.wfile.write(b"answer " + number + b"\n")


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = REQUESTS  # connections that wait to be accepted; the default of 5 would turn some away


@contextlib.contextmanager
def slow_server() -> Iterator[Address]:
    """A server on loopback, outside the loop, so that it is the same for all three."""
    with Server(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield "127.0.0.1", server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    main()
