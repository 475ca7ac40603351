"""What an HTTP server leaves to Python code: sending a file."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Awaitable, Callable
from typing import Any

CHUNK = 256 * 1024
"""How much of a file is read at once."""


async def pathsend(send: Callable[[dict[str, Any]], Awaitable[None]], path: str) -> None:
    """Send the file as the body of an answer whose head was given."""
    file = await to_thread(open, path, "rb")
    try:
        while data := await to_thread(file.read, CHUNK):
            await send({"type": "http.response.body", "body": data, "more_body": True})
    finally:
        await to_thread(file.close)
    await send({"type": "http.response.body"})
