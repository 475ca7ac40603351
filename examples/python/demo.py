"""The story of asyncio in less than half a minute, told by the clock: `make demo`.

First the same waits four ways: one after the other, with threads, on stock asyncio, on ferrio. Then bursts of
thousands of tasks, in which asyncio itself is what costs: there, and only there, the two differ. Each burst runs on
both loops in alternating order, several rounds, and the median counts. In a terminal there is a live progress bar;
in a file or a pipe, plain text. Needs rich, and ferrio for the comparison, whichever loop runs the program itself.

    python examples/python/demo.py
    ferrio run examples/python/demo.py
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

import ferrio

try:
    from rich.console import Console
    from rich.padding import Padding
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text
except ImportError:
    sys.exit("demo: rich is not installed: `make demo` installs it, and so does `pip install rich`")

WAITS = 24
ROUNDS = 5
TASKS = 10_000
STEPS = 10  # turns that each task takes
SLEEPERS = 10_000
CALLBACKS = 100_000
CONNECTIONS = 64
ECHOES = 250  # round trips on each connection
MESSAGE = b"x" * 1024
WIDEST = 100  # columns
STYLES = {"asyncio": "cyan", "ferrio": "green"}

Tick = Callable[[], None]
Work = Callable[[], Coroutine[Any, Any, float]]
LOOPS = ("asyncio", "ferrio")


def main(console: Console | None = None) -> None:
    """Tell the story."""
    screen = Screen(console or Console(highlight=False))
    begin = time.perf_counter()
    versions = f"Python {sys.version.split()[0]}, ferrio {ferrio.__version__}, {os.cpu_count()} CPUs"
    screen.title(f"asyncio, and ferrio, the same in Rust ({versions})")
    waiting(screen)
    screen.title("2. Work")
    screen.tell(
        "Once waiting is free, what remains is the loop: giving each task its turn, looking at the timers, "
        "moving bytes between sockets and your code. That is what ferrio does in Rust. The numbers are milliseconds "
        f"for the whole burst, the median of {ROUNDS} rounds; shorter is better."
    )
    with screen.progress() as progress:
        bar = progress.add_task("bursts", total=len(BURSTS) * ROUNDS * len(LOOPS))
        tick = functools.partial(progress.update, bar, advance=1, refresh=True)
        ratios = [burst(screen, tick, *each) for each in BURSTS]
    screen.title("In short")
    screen.tell(
        f"In these bursts ferrio was {min(ratios):.1f} to {max(ratios):.1f} times as fast as stock asyncio. They "
        "leave out your own code, which runs at the same speed on both: a program that computes for most of its "
        "time gains little. `make bench` measures more, against other loops too, and says how far to trust it. "
        f"(This took {time.perf_counter() - begin:.0f} s.)"
    )


# Part one: waiting.


def waiting(screen: Screen) -> None:
    """The same waits, four ways."""
    # Between 30 and 145 ms, like answers from a network, in no particular order.
    delays = [0.03 + 0.005 * step for step in range(WAITS)]
    random.Random(1).shuffle(delays)
    screen.title("1. Waiting")
    screen.tell(
        f"{WAITS} answers are awaited, as from a network. The longest takes {max(delays):.3f} s, all of them together "
        f"{sum(delays):.2f} s. The numbers are seconds from the first wait to the last answer."
    )
    ways: dict[str, Callable[[Tick], None]] = {
        "in turn": lambda tick: wait_in_turn(delays, tick),
        f"{WAITS} threads": lambda tick: wait_in_threads(delays, tick),
        "asyncio": lambda tick: wait_on_a_loop(delays, tick, "asyncio"),
        "ferrio": lambda tick: wait_on_a_loop(delays, tick, "ferrio"),
    }
    times = {}
    for name, way in ways.items():
        with screen.progress() as progress:
            bar = progress.add_task(f"waiting: {name}", total=WAITS)
            begin = time.perf_counter()
            way(functools.partial(progress.update, bar, advance=1, refresh=True))
            times[name] = time.perf_counter() - begin
    screen.chart({name: (seconds, f"{seconds:.3f} s") for name, seconds in times.items()})
    screen.tell(
        "In turn, the waits add up; together, they take as long as the longest. Threads manage that with a stack "
        "for each wait and the kernel switching between them, a loop in one thread. Here ferrio is no faster than "
        "asyncio, and cannot be: nobody waits faster."
    )


def wait_in_turn(delays: Iterable[float], tick: Tick) -> None:
    for delay in delays:
        time.sleep(delay)
        tick()


def wait_in_threads(delays: Iterable[float], tick: Tick) -> None:
    threads = [threading.Thread(target=wait_in_turn, args=([delay], tick)) for delay in delays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_on_a_loop(delays: Iterable[float], tick: Tick, name: str) -> None:
    async def wait(delay: float) -> None:
        await asyncio.sleep(delay)
        tick()

    async def wait_for_all() -> None:
        await asyncio.gather(*(wait(delay) for delay in delays))

    with running(name) as runner:
        runner.run(wait_for_all())


@contextlib.contextmanager
def running(name: str) -> Iterator[asyncio.Runner]:
    """A runner on stock asyncio, or on ferrio as `ferrio run` installs it: loop, tasks, sleeps and all."""
    ferrio.uninstall()  # `ferrio run demo.py` has installed it
    if name == "ferrio":
        ferrio.install()
    with asyncio.Runner() as runner:
        yield runner
    ferrio.uninstall()


# Part two: bursts.


def burst(screen: Screen, tick: Tick, title: str, work: Work, meaning: str) -> float:
    """One burst on both loops in turns; how many times as fast ferrio is."""
    times: dict[str, list[float]] = {name: [] for name in LOOPS}
    for number in range(ROUNDS):
        # Who goes first alternates, so that a machine that warms up or tires favours nobody.
        for name in sorted(LOOPS, reverse=number % 2 == 1):
            gc.collect()  # what one leaves is not collected at the cost of the next
            with running(name) as runner:
                times[name].append(runner.run(work()))
            tick()
    medians = {name: statistics.median(measured) for name, measured in times.items()}
    ratio = medians["asyncio"] / medians["ferrio"]
    screen.tell(title, style="bold")
    screen.chart({name: (median, f"{median * 1000:.1f} ms") for name, median in medians.items()}, f"{ratio:.1f} x")
    screen.tell(meaning, gap=False)
    return ratio


async def tasks() -> float:
    """Seconds for tasks that are made at once and take some turns each."""

    async def work() -> None:
        for _ in range(STEPS):
            await asyncio.sleep(0)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(work())
    return time.perf_counter() - begin


async def sleepers() -> float:
    """Seconds for tasks that sleep for up to a millisecond, each under a time-out of a minute."""
    delays = random.Random(1)

    async def sleep(delay: float) -> None:
        async with asyncio.timeout(60):
            await asyncio.sleep(delay)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(SLEEPERS):
            group.create_task(sleep(delays.random() / 1000))
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


BURSTS = (
    (
        f"{TASKS:,} tasks, {STEPS} turns each",
        tasks,
        "Time to make the tasks and give each its turns. ferrio's tasks and sleeps are native, and a turn of a task "
        "is one entry of the loop's queue.",
    ),
    (
        f"{SLEEPERS:,} tasks that sleep, each under a time-out",
        sleepers,
        "Time to make them, start and end their sleeps of up to 1 ms, and cancel the time-outs: two timers for each.",
    ),
    (
        f"{CALLBACKS:,} callbacks, each scheduling the next",
        chain,
        "Time for as many turns of the loop, without tasks. Stock asyncio asks the kernel for events in every turn; "
        "ferrio, while there is work, every 100 us.",
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
    """Where the story is told. rich knows the width, whether there are colours, and whether it is a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        console.width = min(console.width, WIDEST)

    def title(self, text: str) -> None:
        self.tell(text, style="bold magenta")

    def tell(self, text: str, style: str = "", gap: bool = True) -> None:
        """Print a paragraph, after an empty line."""
        if gap:
            self.console.print()
        self.console.print(Text(text, style))

    def chart(self, bars: dict[str, tuple[float, str]], ratio: str = "") -> None:
        """A bar for each value with the figure beside it, the longest over the whole width; the ratio on the last."""
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        longest = max(value for value, _ in bars.values())
        for name, (value, figure) in bars.items():
            style = STYLES.get(name, "yellow")
            bar = ProgressBar(longest, value, complete_style=style, finished_style=style)
            note = Text(f"{ratio} as fast", "bold") if ratio and name == "ferrio" else ""
            table.add_row(Text(name, style), bar, figure, note)
        self.console.print(Padding(table, (0, 0, 0, 2)))

    def progress(self) -> Progress:
        """A live bar, gone when it is done. Without a terminal, nothing."""
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self.console,
            auto_refresh=False,  # a thread that draws would take its time from what is measured
            transient=True,
            disable=not self.console.is_terminal or self.console.is_dumb_terminal,
        )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
