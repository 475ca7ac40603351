"""The story of asyncio in ten seconds, told by the clock: `make demo`.

First the same waits four ways: one after the other, with threads, on stock asyncio, on ferrio. Then bursts of
work in which the loop itself is what costs: there, and only there, loops differ. Each burst runs in turns on
both loops, several rounds, and the median counts. Standard library and ferrio only; works in a terminal, in a
file and in a pipe.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import statistics
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import ferrio

WAITS = 24
ROUNDS = 5
CALLBACKS = 100_000
TIMERS = 50_000
CONNECTIONS = 64
ECHOES = 250  # round trips on each connection
MESSAGE = b"x" * 1024

Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS: dict[str, Loop] = {"asyncio": asyncio.SelectorEventLoop, "ferrio": ferrio.new_event_loop}


def main() -> None:
    """Tell the story."""
    screen = Screen()
    begin = time.perf_counter()
    versions = f"Python {sys.version.split()[0]}, ferrio {ferrio.__version__}, {os.cpu_count()} CPUs"
    screen.tell(f"asyncio, and ferrio, the same loop in Rust. ({versions})")
    waiting(screen)
    screen.tell(
        "2. Work. Once waiting is free, what remains is the loop: taking callbacks off a queue, looking at "
        "the timers, moving bytes between sockets and your code. That is what ferrio does in Rust."
    )
    ratios = [burst(screen, *each) for each in BURSTS]
    screen.tell(
        f"In short: ferrio was {min(ratios):.1f} to {max(ratios):.1f} times as fast as stock asyncio in "
        "these bursts. They leave out your own code, which runs at the same speed on both: a program that "
        "computes for most of its time gains little. `make bench` measures more, against other loops too, "
        f"and says how far to trust it. (This took {time.perf_counter() - begin:.0f} s.)"
    )


# Part one: waiting.


def waiting(screen: Screen) -> None:
    """The same waits, four ways."""
    # Between 30 and 145 ms, like answers from a network, in no particular order.
    delays = [0.03 + 0.005 * step for step in range(WAITS)]
    random.Random(1).shuffle(delays)
    total, longest = sum(delays), max(delays)
    screen.tell(
        f"1. Waiting. {WAITS} answers are awaited, as from a network. The longest takes {longest:.3f} s, "
        f"all of them together {total:.2f} s."
    )
    ways: dict[str, Callable[[Callable[[], None]], None]] = {
        "one after the other": lambda tick: wait_in_turn(delays, tick),
        f"{WAITS} threads": lambda tick: wait_in_threads(delays, tick),
        "asyncio": lambda tick: wait_on_a_loop(delays, tick, LOOPS["asyncio"]),
        "ferrio": lambda tick: wait_on_a_loop(delays, tick, LOOPS["ferrio"]),
    }
    times = {}
    for name, way in ways.items():
        progress = Progress(screen, f"waiting: {name}", WAITS)
        begin = time.perf_counter()
        way(progress.tick)
        times[name] = time.perf_counter() - begin
        progress.end()
    screen.chart(times, "s")
    screen.tell(
        "Each bar is the time from the first wait to the last answer. In turn, the waits add up; together, "
        "they take as long as the longest. Threads manage that with a stack for each wait and the kernel "
        "switching between them, a loop in one thread. Here ferrio is no faster than asyncio, and cannot "
        "be: nobody waits faster."
    )


def wait_in_turn(delays: Iterable[float], tick: Callable[[], None]) -> None:
    for delay in delays:
        time.sleep(delay)
        tick()


def wait_in_threads(delays: Iterable[float], tick: Callable[[], None]) -> None:
    threads = [threading.Thread(target=wait_in_turn, args=([delay], tick)) for delay in delays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_on_a_loop(delays: Iterable[float], tick: Callable[[], None], make: Loop) -> None:
    async def wait(delay: float) -> None:
        await asyncio.sleep(delay)
        tick()

    async def wait_for_all() -> None:
        await asyncio.gather(*(wait(delay) for delay in delays))

    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(wait_for_all())


# Part two: bursts.


def burst(screen: Screen, title: str, work: Callable[[], Any], meaning: str) -> float:
    """One burst on both loops in turns; how many times as fast ferrio is."""
    progress = Progress(screen, title, ROUNDS * len(LOOPS))
    times: dict[str, list[float]] = {name: [] for name in LOOPS}
    for _ in range(ROUNDS):
        for name, make in LOOPS.items():
            with asyncio.Runner(loop_factory=make) as runner:
                times[name].append(runner.run(work()))
            progress.tick()
    progress.end()
    medians = {name: statistics.median(measured) for name, measured in times.items()}
    ratio = medians["asyncio"] / medians["ferrio"]
    screen.tell(title)
    milliseconds = {name: median * 1000 for name, median in medians.items()}
    screen.chart(milliseconds, "ms", note=f"{ratio:.1f} x as fast")
    screen.tell(meaning, gap=False)
    return ratio


async def callbacks() -> float:
    """Seconds for callbacks that are queued at once and then run."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    begin = time.perf_counter()
    for _ in range(CALLBACKS - 1):
        loop.call_soon(nothing)
    loop.call_soon(done.set)
    await done.wait()
    return time.perf_counter() - begin


async def chain() -> float:
    """Seconds for callbacks each of which schedules the next: a turn of the loop for each."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def step(left: int) -> None:
        if left:
            loop.call_soon(step, left - 1)
        else:
            done.set()

    begin = time.perf_counter()
    loop.call_soon(step, CALLBACKS)
    await done.wait()
    return time.perf_counter() - begin


async def timers() -> float:
    """Seconds for timers, half of them cancelled, the others due within a millisecond in random order."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    delays = [random.random() / 1000 for _ in range(TIMERS // 2)]
    begin = time.perf_counter()
    for delay in delays:
        loop.call_later(60, nothing).cancel()
        loop.call_later(delay, nothing)
    loop.call_later(0.001, done.set)
    await done.wait()
    return time.perf_counter() - begin


class Echo(asyncio.Protocol):
    """A server that sends back whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Client(asyncio.Protocol):
    """Sends the message, waits for all of it to come back, and sends it again."""

    def __init__(self) -> None:
        self.left, self.missing = ECHOES, len(MESSAGE)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.missing -= len(data)
        if self.missing > 0:
            return
        self.missing = len(MESSAGE)
        self.left -= 1
        if self.left:
            self.transport.write(MESSAGE)
        else:
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server went away"))


async def echo() -> float:
    """Seconds for an echo server and its clients on one loop, without connecting and closing."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    clients = [(await loop.create_connection(Client, host, port))[1] for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    for client in clients:
        client.transport.write(MESSAGE)
    await asyncio.gather(*(client.done for client in clients))
    seconds = time.perf_counter() - begin
    for client in clients:
        client.transport.close()
    server.close()
    await server.wait_closed()
    return seconds


def nothing() -> None:
    """What a burst calls."""


BURSTS = (
    (
        f"{CALLBACKS:,} callbacks at once",
        callbacks,
        "Time to queue and run them. Every step of every task, and every event of a socket, passes through here.",
    ),
    (
        f"{CALLBACKS:,} callbacks, each scheduling the next",
        chain,
        "Time for as many turns of the loop. Stock asyncio asks the kernel for events in every turn; "
        "ferrio, while there is work, every 100 us.",
    ),
    (
        f"{TIMERS:,} timers, every other one cancelled",
        timers,
        "Time to schedule them all, cancel half, and run the rest, due within a millisecond: a time-out "
        "around every request, and sleeps that end together.",
    ),
    (
        f"TCP echo: {CONNECTIONS} connections, {CONNECTIONS * ECHOES:,} round trips of 1 KiB",
        echo,
        "Time until every message is back: Protocols over loopback, server and clients on one loop. Much "
        "of it is the kernel's own, and the same for both.",
    ),
)


# The screen.


class Screen:
    """Where the story is told: plain lines, a live line where there is a terminal, charts."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.width = max(60, min(100, shutil.get_terminal_size((100, 24)).columns))
        try:
            "█▏░".encode(sys.stdout.encoding or "ascii")
            self.eighths, self.full, self.empty = "▏▎▍▌▋▊▉", "█", "░"
        except UnicodeEncodeError:
            self.eighths, self.full, self.empty = "", "#", "."

    def tell(self, text: str, gap: bool = True) -> None:
        """Print a paragraph, after an empty line."""
        print(*[""] * gap, textwrap.fill(text, self.width), sep="\n", flush=True)

    def show(self, text: str) -> None:
        """Put text in the place of the live line; an empty one removes it."""
        if self.live:
            sys.stdout.write("\r\x1b[K" + text[: self.width - 1])
            sys.stdout.flush()

    def chart(self, values: dict[str, float], unit: str, note: str = "") -> None:
        """A bar for each value, the longest over the whole width; `note` after the last one."""
        names = max(map(len, values))
        room, top = self.width - names - 32, max(values.values())
        for index, (name, value) in enumerate(values.items(), 1):
            figure = f"{value:8.3f} {unit}" if unit == "s" else f"{value:8.1f} {unit}"
            after = f"  {note}" if note and index == len(values) else ""
            print(f"  {name:>{names}} {self.bar(value / top, room)} {figure}{after}", flush=True)

    def bar(self, share: float, room: int) -> str:
        """A bar over this share of the room, at least a sliver, padded to the room."""
        eighths = max(1, round(share * room * 8))
        full, rest = divmod(eighths, 8)
        end = self.eighths[rest - 1] if rest and self.eighths else ""
        return (self.full * full + end or self.full).ljust(room)


class Progress:
    """The live line of one measurement. Without a terminal it is one plain line, once."""

    def __init__(self, screen: Screen, title: str, steps: int) -> None:
        self.screen, self.title, self.steps, self.done = screen, title, steps, 0
        self.lock = threading.Lock()
        if not screen.live:
            print(f"  ... {title}", flush=True)
        self.draw()

    def tick(self) -> None:
        """One step more. From any thread."""
        with self.lock:
            self.done += 1
            self.draw()

    def draw(self) -> None:
        filled = 30 * self.done // self.steps
        bar = self.screen.full * filled + self.screen.empty * (30 - filled)
        self.screen.show(f"  {bar} {self.done}/{self.steps}  {self.title}")

    def end(self) -> None:
        """Take the line away."""
        self.screen.show("")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
