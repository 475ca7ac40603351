"""Reading and writing many files with aiofiles.

What it teaches: the kernel has no waiting for files as it has for sockets, so each call of aiofiles goes to a thread
and comes back. That costs: plain blocking calls are done sooner while the disk's cache answers. What one gets is a
loop that goes on meanwhile, however slow the disk. Needs aiofiles.

    python examples/python/aiofiles_many.py
    ferrio run examples/python/aiofiles_many.py
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiofiles
import aiofiles.os

FILES = 100
LINES = 200
AT_ONCE = 16  # each has a descriptor open, and of these there are not endlessly many


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limit = asyncio.Semaphore(AT_ONCE)

        with timed(f"aiofiles wrote {FILES} files"):
            await asyncio.gather(*(write(limit, folder / f"{number}.txt", number) for number in range(FILES)))
        print("in the folder:", len(await aiofiles.os.listdir(folder)))

        with timed(f"aiofiles read {FILES} files"):
            sums = await asyncio.gather(*(add_up(limit, folder / f"{number}.txt") for number in range(FILES)))
        with timed("plain calls read them"):
            plain = [sum(map(int, (folder / f"{number}.txt").read_text().split())) for number in range(FILES)]
        print("the sum of all lines:", sum(sums), "- the same with plain calls:", sums == plain)

        try:
            await add_up(limit, folder / "none.txt")
        except FileNotFoundError as error:
            print("errors are those of open():", error.strerror)


async def write(limit: asyncio.Semaphore, path: Path, number: int) -> None:
    async with limit, aiofiles.open(path, "w") as file:
        # One call with all the lines: a call for each would be as many ways to a thread and back.
        await file.writelines(f"{number + line}\n" for line in range(LINES))


async def add_up(limit: asyncio.Semaphore, path: Path) -> int:
    """The sum of the numbers in a file."""
    async with limit, aiofiles.open(path) as file:
        return sum(map(int, await file.readlines()))


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    print(f"{what} in {time.perf_counter() - begin:.3f} s")


if __name__ == "__main__":
    asyncio.run(main())
