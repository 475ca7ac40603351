"""A download with a progress bar, on ferrio's HTTP client.

What it teaches: a large body is read as it comes, piece by piece, so memory stays flat and a fast server has to wait;
the length is known from the answer's head, if the server says it; a file is written in a thread, so that the loop
goes on; what was written is thrown away when the download fails. The server is local, and started by the program
itself.

    python examples/python/download.py
    ferrio run examples/python/download.py
"""

import asyncio
import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import ferrio.http

SIZE = 3_000_000
PIECE = 2**16
WIDTH = 40

Progress = Callable[[int, int | None], None]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "file.bin"
        async with local_server() as base, ferrio.http.ClientSession(base) as session:
            digest = await download(session, "file", target, show)
            print("\nsize:", target.stat().st_size)
            print("as the server says:", digest == hashlib.sha256(content()[:SIZE]).hexdigest())
            try:
                await download(session, "cut", target, lambda done, total: None)
            except ferrio.http.ClientPayloadError:
                print("a download that is cut leaves the old file:", target.stat().st_size == SIZE)


async def download(session: ferrio.http.ClientSession, url: str, target: Path, progress: Progress) -> str:
    """Fetch a file, and put it in its place once it is whole. Its SHA-256."""
    partial = target.with_suffix(".part")
    digest = hashlib.sha256()
    try:
        async with session.get(url, raise_for_status=True) as response:
            done = 0
            with partial.open("wb") as file:
                async for piece in response.content.iter_chunked(PIECE):
                    await asyncio.to_thread(file.write, piece)
                    digest.update(piece)
                    done += len(piece)
                    progress(done, response.content_length)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def show(done: int, total: int | None) -> None:
    """A bar on a terminal; elsewhere only the whole one."""
    if sys.stdout.isatty() or done == total:
        filled = WIDTH if total is None else WIDTH * done // total
        print("\r" + "█" * filled + " " * (WIDTH - filled), end="", flush=True)


def content() -> bytes:
    return bytes(range(256)) * (SIZE // 256 + 1)


@contextlib.asynccontextmanager
async def local_server() -> AsyncIterator[str]:
    """Sends the file; of `/cut`, only a part."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = SIZE // 2 if b"/cut" in head else SIZE
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % SIZE)
        writer.write(content()[:size])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
