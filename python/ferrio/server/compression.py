"""`--compress`: answers compressed as the client takes it, by the first of the given ways.

Not compressed: what is small, what is compressed already, parts of files, answers without a body, and what says
`no-transform`. An answer in several messages is compressed as it comes, and each message can be read at once.
The start of an answer is held until the first part of its body, which decides.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Iterable

from .asgi import ASGI3, Message, Receive, Scope, Send
from .compressors import Compressor, maker

LARGE = 128 * 1024
"""From here on a part is compressed on a thread: it would hold the loop up for more than a millisecond."""

_TYPES = re.compile(
    rb"text/|.*[/+](json|javascript|xml|yaml|wasm|manifest|x-ndjson|x-javascript)\b|image/(svg|bmp|x-icon)"
)


class CompressionMiddleware:
    """Compresses what an application sends."""

    def __init__(self, app: ASGI3, encodings: list[str], min_size: int) -> None:
        self.app = app
        self.min_size = min_size
        self._makers = {name: maker(name) for name in encodings}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self.app(scope, receive, send)
            return
        chosen = encoding_for(
            [value for name, value in scope["headers"] if name == b"accept-encoding"], [*self._makers]
        )
        make = self._makers.get(chosen)
        await self.app(scope, receive, Answer(send, self.min_size, chosen, make()).send if make else varying(send))


class Answer:
    """One answer on its way."""

    def __init__(self, send: Send, min_size: int, encoding: str, compressor: Compressor) -> None:
        self._forward, self._min_size, self._encoding = send, min_size, encoding
        self._compressor: Compressor | None = compressor
        self._begun = False
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start" and not self._begun:
            self._begun, self._start = True, listed(message)
            return
        if self._start is not None:
            start, self._start = self._start, None
            await self._forward(self._decided(start, message))
        if self._compressor is None or kind not in ("http.response.body", "http.response.pathsend"):
            await self._forward(message)
        elif kind == "http.response.body":
            await self._compressed(message.get("body", b""), message.get("more_body", False))
        else:
            async for part in read(message["path"]):
                await self._compressed(part, True)
            await self._compressed(b"", False)

    def _decided(self, start: Message, first: Message) -> Message:
        """The head of what is compressed, in a copy: applications may send theirs again. Or no compressor any more."""
        headers = {name.lower(): value for name, value in start["headers"]}
        if not suits(start["status"], headers):
            self._compressor = None
            return start
        changed = _varied(start["headers"], headers)
        size = headers.get(b"content-length")
        if first["type"] == "http.response.body" and not first.get("more_body", False):
            size = b"%d" % len(first.get("body", b""))
        if size is not None and size.isdigit() and int(size) < self._min_size:
            self._compressor = None
        if self._compressor is not None:
            changed = [_weak(pair) for pair in changed if pair[0].lower() not in (b"content-length", b"accept-ranges")]
            changed.append((b"content-encoding", self._encoding.encode()))
        return {**start, "headers": changed}

    async def _compressed(self, body: bytes, more: bool) -> None:
        assert self._compressor is not None
        work = self._compressor.part if more else self._compressor.last
        if len(body) < LARGE:
            part = work(body)
        else:
            part = await asyncio.get_running_loop().run_in_executor(None, work, body)
        if part or not more:
            await self._forward({"type": "http.response.body", "body": part, "more_body": more})


def listed(message: Message) -> Message:
    """A start whose headers can be looked at twice: an application may give them as they come."""
    return {**message, "headers": [*message.get("headers", ())]}


def varying(send: Send) -> Send:
    """For clients that take nothing of it: answers say that others would have got something else."""

    def forward(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = listed(message)
            headers = {name.lower(): value for name, value in message["headers"]}
            if suits(message["status"], headers):
                message = {**message, "headers": _varied(message["headers"], headers)}
        return send(message)

    return forward


def suits(status: int, headers: dict[bytes, bytes]) -> bool:
    """Whether an answer of this kind may be compressed."""
    if status < 200 or status in (204, 206, 304) or b"content-encoding" in headers or b"content-range" in headers:
        return False
    kind = headers.get(b"content-type", b"").lower()
    return b"no-transform" not in headers.get(b"cache-control", b"") and bool(_TYPES.match(kind))


def encoding_for(accepted: list[bytes], known: list[str]) -> str:
    """The first of the known ones that `Accept-Encoding` allows, or nothing."""
    weights: dict[str, float] = {}
    for each in b",".join(accepted).decode("latin1").lower().split(","):
        name, _, parameter = each.partition(";")
        text = parameter.replace(" ", "").partition("q=")[2] or "1"
        weights[name.strip()] = float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 0.0
    others = weights.get("*", 0.0)
    return next((name for name in known if weights.get(name, others) > 0), "")


async def read(path: str) -> AsyncIterator[bytes]:
    """A file, in parts, read by threads."""
    loop = asyncio.get_running_loop()
    with await loop.run_in_executor(None, open, path, "rb") as file:
        while part := await loop.run_in_executor(None, file.read, LARGE):
            yield part


def _weak(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A compressed body is the same to its meaning, not byte for byte."""
    name, value = header
    return (name, b"W/" + value) if name.lower() == b"etag" and not value.startswith(b"W/") else header


def _varied(pairs: Iterable[tuple[bytes, bytes]], headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """The headers, with the one that says what the answer depends on."""
    vary = headers.get(b"vary", b"")
    if b"accept-encoding" in vary.lower() or vary.strip() == b"*":
        return [*pairs]
    others = [(name, value) for name, value in pairs if name.lower() != b"vary"]
    return [*others, (b"vary", b", ".join(filter(None, (vary, b"Accept-Encoding"))))]
