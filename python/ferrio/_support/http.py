"""What an HTTP server leaves to Python code: sending a file."""

from __future__ import annotations

import os
from asyncio import Transport, get_running_loop, sleep, to_thread
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

CHUNK = 256 * 1024
"""How much of a file is read at once where it has to be read."""


async def pathsend(
    send: Callable[[dict[str, Any]], Awaitable[None]],
    begin: Callable[[int], bool | None],
    transport: Transport | None,
    path: str,
) -> None:
    """Send the file as the body of an answer whose head was given: by the kernel, or in parts where TLS encrypts it."""
    file = await to_thread(_open, path)
    try:
        size = os.fstat(file.fileno()).st_size
        await sleep(0)  # Requests that came with this one are read first: nobody may write meanwhile.
        begun = begin(size)
        if begun is None:
            while data := await to_thread(file.read, CHUNK):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        elif begun and size and transport is not None:
            await get_running_loop().sendfile(transport, file, 0, size)
    finally:
        await to_thread(file.close)
    await send({"type": "http.response.body"})


def _open(path: str) -> BinaryIO:
    return open(path, "rb")
