"""A program: as many tasks, futures, cancellations, exceptions, time-outs and waits as --count says; memory stays flat.

    python tests/soak/soak_tasks.py --loop ferrio --count 1000000

Runs each of KINDS --count times, in batches of BATCH at once, on one loop, and measures resident memory before, after
a warm-up, and after. The program exits with 1, and says why, when it grew by more than GROWTH since the warm-up, when
objects of ours are left, when asyncio logged an error, or when it took more than --seconds. Linux only: it reads
/proc/self.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import importlib
import logging
import os
import sys
import time

BATCH = 1000
WARM_UP = 0.1  # of the rounds: free lists, tables and arenas are filled
# Bytes, for a kind. A leak of 16 bytes each time exceeds it in 10^6 times.
GROWTH = 4 << 20

complaints = []


async def nothing():
    pass


async def tasks(aio, loop):
    for task in [loop.create_task(nothing()) for _ in range(BATCH)]:
        await task


async def futures(aio, loop):
    waiting = [loop.create_future() for _ in range(BATCH)]
    for number, future in enumerate(waiting):
        future.add_done_callback(len_of)
        loop.call_soon(future.set_result, number)
    for future in waiting:
        await future


def len_of(future):
    future.result()


async def cancellations(aio, loop):
    pending = [loop.create_task(aio.sleep(3600)) for _ in range(BATCH)]
    await aio.sleep(0)
    for task in pending:
        task.cancel("enough")
    for task in pending:
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def exceptions(aio, loop):
    async def fail():
        raise LookupError("expected")

    for task in [loop.create_task(fail()) for _ in range(BATCH)]:
        with contextlib.suppress(LookupError):
            await task
    kinds = await aio.gather(*(fail() for _ in range(10)), return_exceptions=True)
    assert len(kinds) == 10


async def timeouts(aio, loop):
    for number in range(BATCH):
        late = loop.create_future()
        with contextlib.suppress(TimeoutError):
            if number % 2:
                await aio.wait_for(late, 0)
            else:
                async with aio.timeout(0):
                    await late
        async with aio.timeout(3600):
            pass


async def waits(aio, loop):
    """gather, wait, as_completed, shield and a group, with one that fails, is cancelled or left behind in each."""
    for _ in range(BATCH // 10):
        never = loop.create_future()
        await aio.gather(nothing(), nothing())
        await aio.wait([loop.create_task(nothing()), never], timeout=3600, return_when="FIRST_COMPLETED")
        for each in aio.as_completed([nothing(), never]):
            await each
            never.cancel()
            break
        shielded = aio.shield(loop.create_task(nothing()))
        shielded.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await shielded
        async with aio.TaskGroup() as group:
            group.create_task(nothing())


async def locks(aio, loop):
    lock, queue, event = aio.Lock(), aio.Queue(1), aio.Event()
    async with lock:
        waiting = [loop.create_task(lock.acquire()) for _ in range(BATCH // 10)]
        getters = [loop.create_task(queue.get()) for _ in range(BATCH // 10)]
        watchers = [loop.create_task(event.wait()) for _ in range(BATCH // 10)]
        await aio.sleep(0)
        for task in (*waiting, *getters[1:], *watchers[1:]):
            task.cancel()
        event.set()
        await queue.put(1)
        await aio.wait([*waiting, *getters, *watchers])


async def cycles(aio, loop):
    """Nobody but the collector gets rid of these."""
    for _ in range(BATCH):
        future = loop.create_future()
        future.itself = future
        future.add_done_callback(lambda _, future=future: future)


KINDS = [tasks, futures, cancellations, exceptions, timeouts, waits, locks, cycles]


def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def soak(kind, aio, rounds, deadline):
    """How much memory grew from the end of the warm-up to the end."""
    loop = asyncio.get_running_loop()
    warm = max(1, int(rounds * WARM_UP))
    before = 0
    for number in range(rounds):
        if number == warm:
            before = resident()
        await kind(aio, loop)
        if time.monotonic() > deadline:
            complaints.append(f"{kind.__name__}: too late after {number} of {rounds} rounds")
            break
    return resident() - before if before else 0


class Collect(logging.Handler):
    def emit(self, record):
        complaints.append("logged: " + self.format(record))


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop", choices=["asyncio", "ferrio"], default="ferrio")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    aio = importlib.import_module(options.loop)
    logging.getLogger("asyncio").addHandler(Collect(logging.ERROR))
    faulthandler.dump_traceback_later(options.seconds + 30, exit=True)
    begun = time.monotonic()
    rounds = max(2, options.count // BATCH)
    loop = aio.new_event_loop()
    for kind in KINDS:
        grown = loop.run_until_complete(soak(kind, aio, rounds, begun + options.seconds))
        print(f"{options.loop}: {rounds * BATCH} {kind.__name__}: memory {grown / 1024:+.0f} KiB")
        if grown > GROWTH:
            complaints.append(f"{kind.__name__}: memory grew by {grown >> 10} KiB, {GROWTH >> 10} are allowed")
    loop.close()
    del loop
    gc.collect()
    left = [each for each in gc.get_objects() if isinstance(each, asyncio.Future)]
    if left:
        complaints.append(f"{len(left)} futures are left, such as {left[0]!r}")
    print(f"{options.loop}: {time.monotonic() - begun:.1f} s")
    print(*complaints, sep="\n", file=sys.stderr, end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(run())
