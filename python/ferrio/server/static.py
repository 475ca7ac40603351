"""`--static /url=folder`: the files of folders, before the application is asked.

What is not there, or not a file, is the application's, so that its own 404 and its other routes stay. A folder answers
with its index.html. Invariant: what is sent lies in the folder, symbolic links followed. Look-ups are made on the
loop, as its cache of names has them (20 us); what of a file is longer than SMALL is read by threads, or natively.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from typing import NamedTuple

from .asgi import ASGI3, Message, Receive, Scope, Send
from .conditions import Found, answer_for, etag_of, http_date

SMALL = 64 * 1024
"""Up to here a file is read at once and goes out with its head in one write."""
PART = 256 * 1024

HeaderList = list[tuple[bytes, bytes]]


class Folder(NamedTuple):
    """What is served where; `url` ends with a slash, `path` is without symbolic links."""

    url: str
    path: str


class StaticFiles:
    """Folders of files, and an application behind them."""

    def __init__(self, app: ASGI3, folders: list[tuple[str, str]]) -> None:
        self.app = app
        found = [Folder(url.rstrip("/") + "/", os.path.realpath(folder)) for url, folder in folders]
        self.folders = sorted(found, key=lambda folder: -len(folder.url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            for folder in self.folders:
                if path.startswith(folder.url) or path + "/" == folder.url:
                    place = located(folder, path[len(folder.url) :])
                    if place is not None and await self._serve(folder, place, path, scope, send):
                        return
        await self.app(scope, receive, send)

    async def _serve(self, folder: Folder, place: str, path: str, scope: Scope, send: Send) -> bool:
        """Send what is there, if it is a file or has an index."""
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                index = located(folder, os.path.join(place, "index.html")[len(folder.path) :])
                if index is None or not os.path.isfile(index):
                    return False
                if path.endswith("/"):
                    return await self._serve(folder, index, "", scope, send)
                await _redirect(scope, send)
                return True
            if not stat.S_ISREG(status.st_mode) or path.endswith("/"):
                return False
            await _file(Found(status.st_size, status.st_mtime, etag_of(status)), descriptor, place, scope, send)
            return True
        finally:
            os.close(descriptor)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The application where there is none: everything is not found."""
    if scope["type"] != "http":
        raise RuntimeError(f"there is no application for {scope['type']}")
    await _short(send, 404, b"Not Found")


def located(folder: Folder, rest: str) -> str | None:
    """The path of what is asked for, without symbolic links; None if it is not there, or outside of the folder."""
    if "\0" in rest or ".." in rest.split("/"):
        return None
    named = os.path.join(folder.path, rest.lstrip("/"))
    if not os.path.exists(named):  # realpath() asks for each of thousands of parts
        return None
    place = os.path.realpath(named)
    inside = place == folder.path or place.startswith(folder.path.rstrip("/") + "/")
    return place if inside else None


def content_type(suffix: str) -> bytes:
    """By the file's suffix; texts are UTF-8."""
    if (known := _KINDS.get(suffix)) is not None:
        return known
    kind = _TYPES.get(suffix) or mimetypes.guess_type(f"x{suffix}", strict=False)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind in ("application/json", "application/javascript", "image/svg+xml"):
        kind += "; charset=utf-8"
    _KINDS[suffix] = kind.encode()  # no more than there are files
    return _KINDS[suffix]


_KINDS: dict[str, bytes] = {}
_TYPES = {  # those for which the tables of systems differ
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


async def _file(found: Found, descriptor: int, place: str, scope: Scope, send: Send) -> None:
    status, start, end = answer_for(found, scope["method"], scope["headers"])
    length = end - start
    headers: HeaderList = [(b"etag", found.etag), (b"last-modified", http_date(found.modified))]
    if status in (200, 206):
        headers += [
            (b"accept-ranges", b"bytes"),
            (b"content-type", content_type(os.path.splitext(place)[1].lower())),
            (b"content-length", b"%d" % length),
        ]
    if status == 206:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, found.size)))
    elif status in (412, 416):
        headers.append((b"content-length", b"0"))
    if status == 416:
        headers.append((b"content-range", b"bytes */%d" % found.size))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if scope["method"] == "HEAD" or status not in (200, 206):
        await send({"type": "http.response.body"})
    elif length > SMALL and status == 200 and "http.response.pathsend" in scope.get("extensions", {}):
        await send({"type": "http.response.pathsend", "path": place})
    else:
        await _parts(descriptor, start, end, send)


async def _parts(descriptor: int, start: int, end: int, send: Send) -> None:
    loop = asyncio.get_running_loop()
    while True:
        size = min(PART, end - start)
        small = end - start <= SMALL
        arguments = descriptor, size, start
        part = os.pread(*arguments) if small else await loop.run_in_executor(None, os.pread, *arguments)
        start += len(part)
        if not part and start < end:
            raise OSError("the file became shorter while it was sent")
        await send(_body(part, start < end))
        if start >= end:
            return


async def _redirect(scope: Scope, send: Send) -> None:
    """To the folder's name with a slash, or relative links of its page would be wrong. Never to another host."""
    raw = scope.get("raw_path") or scope["path"].encode()
    query = b"?" + scope["query_string"] if scope.get("query_string") else b""
    place = b"/" + raw.lstrip(b"/") + b"/" + query
    headers = [(b"location", place), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body"})


async def _short(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send(_body(text, False))


def _body(part: bytes, more: bool) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}
