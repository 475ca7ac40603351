"""The clients, each behind the same calls: `get` reads a body whole, `stream` in pieces, `post` sends one.

A client is made for so many requests at once, as its own documentation says, and trusts the server's certificate, by a
file where it takes one. Must not know what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlencode

PIECE = 64 << 10
TOKEN = {"Authorization": "Bearer 0123456789abcdef"}
ANSWER = {
    "content-type": "text/plain; charset=utf-8",
    "content-length": "13",
    "date": "Tue, 01 Dec 2026 12:00:00 GMT",
    "server": "nobody",
}


class Client(NamedTuple):
    """What one is asked to do. `stream` says how many bytes came."""

    get: Callable[[str], Awaitable[Any]]
    stream: Callable[[str], Awaitable[int]]
    post: Callable[[str, bytes], Awaitable[Any]]
    search: Callable[[str, dict[str, Any]], Awaitable[Any]]
    """With parameters."""
    signed: Callable[[str, dict[str, str]], Awaitable[Any]]
    """With header fields."""
    tell: Callable[[str, Any], Awaitable[Any]]
    """JSON by POST, with a header field."""


Maker = Callable[[int, str | None], contextlib.AbstractAsyncContextManager[Client]]
"""Of a client for so many connections, which trusts the certificate in that file."""


def trusting(certificate: str | None) -> Any:
    return ssl.create_default_context(cafile=certificate) if certificate else False


def like_aiohttp(module: str) -> Maker:
    @contextlib.asynccontextmanager
    async def make(limit: int, certificate: str | None) -> AsyncIterator[Client]:
        aiohttp: Any = import_module(module)
        connector = aiohttp.TCPConnector(limit=limit, ssl=trusting(certificate))
        async with aiohttp.ClientSession(connector=connector) as session:

            async def get(url: str) -> Any:
                async with session.get(url) as response:
                    return await response.read()

            async def stream(url: str) -> int:
                async with session.get(url) as response:
                    return sum([len(piece) async for piece in response.content.iter_chunked(PIECE)])

            async def post(url: str, body: bytes) -> Any:
                async with session.post(url, data=body) as response:
                    return await response.read()

            async def search(url: str, params: dict[str, Any]) -> Any:
                async with session.get(url, params=params) as response:
                    return await response.read()

            async def signed(url: str, headers: dict[str, str]) -> Any:
                async with session.get(url, headers=headers) as response:
                    return await response.read()

            async def tell(url: str, value: Any) -> Any:
                async with session.post(url, json=value, headers=TOKEN) as response:
                    return await response.read()

            yield Client(get, stream, post, search, signed, tell)

    return make


def by_itself(httpx: Any, **options: Any) -> dict[str, Any]:
    """What a client of httpx is made with, to use its own transport."""
    return options


def by_ferrio(httpx: Any, **options: Any) -> dict[str, Any]:
    """The same for ferrio's transport."""
    return {"transport": import_module("ferrio.http").HttpxTransport(**options)}


def by_nobody(httpx: Any, **_: Any) -> dict[str, Any]:
    """The same for one that asks nobody and has the answer at once: what then is left is httpx's own."""

    class Body(httpx.AsyncByteStream):  # type: ignore[misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"Hello, World!"

    class Nobody(httpx.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            await asyncio.sleep(0)
            return httpx.Response(200, headers=ANSWER, stream=Body())

    return {"transport": Nobody()}


def like_httpx(module: str, transport: Callable[..., dict[str, Any]] = by_itself) -> Maker:
    @contextlib.asynccontextmanager
    async def make(limit: int, certificate: str | None) -> AsyncIterator[Client]:
        httpx: Any = import_module(module)
        limits = httpx.Limits(max_connections=limit, max_keepalive_connections=limit)
        options = transport(httpx, limits=limits, verify=trusting(certificate))
        async with httpx.AsyncClient(timeout=60, **options) as client:

            async def get(url: str) -> Any:
                return (await client.get(url)).content

            async def stream(url: str) -> int:
                async with client.stream("GET", url) as response:
                    return sum([len(piece) async for piece in response.aiter_raw()])

            async def post(url: str, body: bytes) -> Any:
                return (await client.post(url, content=body)).content

            async def search(url: str, params: dict[str, Any]) -> Any:
                return (await client.get(url, params=params)).content

            async def signed(url: str, headers: dict[str, str]) -> Any:
                return (await client.get(url, headers=headers)).content

            async def tell(url: str, value: Any) -> Any:
                return (await client.post(url, json=value, headers=TOKEN)).content

            yield Client(get, stream, post, search, signed, tell)

    return make


@contextlib.asynccontextmanager
async def wreq(limit: int, certificate: str | None) -> AsyncIterator[Client]:
    module: Any = import_module("wreq")
    client = module.Client(tls_verify=not certificate, pool_max_idle_per_host=limit)

    async def get(url: str) -> Any:
        return await (await client.get(url)).bytes()

    async def stream(url: str) -> int:
        async with await client.get(url) as response, response.stream() as pieces:
            return sum([len(piece) async for piece in pieces])

    async def post(url: str, body: bytes) -> Any:
        return await (await client.post(url, body=body)).bytes()

    async def search(url: str, params: dict[str, Any]) -> Any:
        return await (await client.get(url, query=params)).bytes()

    async def signed(url: str, headers: dict[str, str]) -> Any:
        return await (await client.get(url, headers=headers)).bytes()

    async def tell(url: str, value: Any) -> Any:
        return await (await client.post(url, json=value, headers=TOKEN)).bytes()

    yield Client(get, stream, post, search, signed, tell)


@contextlib.asynccontextmanager
async def pyreqwest(limit: int, certificate: str | None) -> AsyncIterator[Client]:
    module: Any = import_module("pyreqwest.client")
    builder = module.ClientBuilder().max_connections(limit).pool_max_idle_per_host(limit)
    if certificate:
        builder = builder.danger_accept_invalid_certs(True)
    async with builder.build() as client:

        async def get(url: str) -> Any:
            return await (await client.get(url).build().send()).bytes()

        async def stream(url: str) -> int:
            count = 0
            async with client.get(url).build_streamed() as response:
                while (piece := await response.body_reader.read_chunk()) is not None:
                    count += len(piece)
            return count

        async def post(url: str, body: bytes) -> Any:
            return await (await client.post(url).body_bytes(body).build().send()).bytes()

        async def search(url: str, params: dict[str, Any]) -> Any:
            return await (await client.get(url).query(params).build().send()).bytes()

        async def signed(url: str, headers: dict[str, str]) -> Any:
            return await (await client.get(url).headers(headers).build().send()).bytes()

        async def tell(url: str, value: Any) -> Any:
            return await (await client.post(url).headers(TOKEN).body_json(value).build().send()).bytes()

        yield Client(get, stream, post, search, signed, tell)


@contextlib.asynccontextmanager
async def pyqwest(limit: int, certificate: str | None) -> AsyncIterator[Client]:
    module: Any = import_module("pyqwest")
    options: dict[str, Any] = {"pool_max_idle_per_host": limit}
    if certificate:
        with open(certificate, "rb") as file:
            options["tls_ca_cert"] = file.read()
    async with module.HTTPTransport(**options) as transport:
        client = module.Client(transport)

        async def get(url: str) -> Any:
            return (await client.get(url)).content

        async def stream(url: str) -> int:
            async with client.stream("GET", url) as response:
                return sum([len(piece) async for piece in response.content])

        async def post(url: str, body: bytes) -> Any:
            return (await client.post(url, content=body)).content

        async def search(url: str, params: dict[str, Any]) -> Any:
            return (await client.get(f"{url}?{urlencode(params)}")).content

        async def signed(url: str, headers: dict[str, str]) -> Any:
            return (await client.get(url, headers=headers)).content

        async def tell(url: str, value: Any) -> Any:
            fields = {**TOKEN, "content-type": "application/json"}
            return (await client.post(url, headers=fields, content=json.dumps(value).encode())).content

        yield Client(get, stream, post, search, signed, tell)


@contextlib.asynccontextmanager
async def niquests(limit: int, certificate: str | None) -> AsyncIterator[Client]:
    module: Any = import_module("niquests")
    async with module.AsyncSession(pool_connections=limit, pool_maxsize=limit) as session:

        async def get(url: str) -> Any:
            return (await session.get(url, verify=False)).content

        async def stream(url: str) -> int:
            response = await session.get(url, stream=True, verify=False)
            return sum([len(piece) async for piece in await response.iter_content(PIECE)])

        async def post(url: str, body: bytes) -> Any:
            return (await session.post(url, data=body, verify=False)).content

        async def search(url: str, params: dict[str, Any]) -> Any:
            return (await session.get(url, params=params, verify=False)).content

        async def signed(url: str, headers: dict[str, str]) -> Any:
            return (await session.get(url, headers=headers, verify=False)).content

        async def tell(url: str, value: Any) -> Any:
            return (await session.post(url, json=value, headers=TOKEN, verify=False)).content

        yield Client(get, stream, post, search, signed, tell)


SMALLEST = ("get_1", "get_64", "get_512")
"""The rows whose answer is the one that nobody gives."""


class Contender(NamedTuple):
    """A client, the loop that it runs on, what has to be installed, and the rows that it can answer, if not all."""

    make: Maker
    loop: str
    needs: tuple[str, ...]
    only: tuple[str, ...] = ()


CONTENDERS = {
    "ferrio": Contender(like_aiohttp("ferrio.http"), "ferrio", ()),
    "aiohttp": Contender(like_aiohttp("aiohttp"), "uvloop", ("aiohttp", "uvloop")),
    "aiohttp on ferrio": Contender(like_aiohttp("aiohttp"), "ferrio", ("aiohttp",)),
    "wreq": Contender(wreq, "uvloop", ("wreq", "uvloop")),
    "pyreqwest": Contender(pyreqwest, "uvloop", ("pyreqwest", "uvloop")),
    "pyqwest": Contender(pyqwest, "uvloop", ("pyqwest", "uvloop")),
    "niquests": Contender(niquests, "uvloop", ("niquests", "uvloop")),
    "httpx2": Contender(like_httpx("httpx2"), "uvloop", ("httpx2", "uvloop")),
    "httpx": Contender(like_httpx("httpx"), "uvloop", ("httpx", "uvloop")),
    "httpx2 by ferrio": Contender(like_httpx("httpx2", by_ferrio), "ferrio", ("httpx2",)),
    "httpx by ferrio": Contender(like_httpx("httpx", by_ferrio), "ferrio", ("httpx",)),
    "httpx2 by nobody": Contender(like_httpx("httpx2", by_nobody), "ferrio", ("httpx2",), SMALLEST),
    "httpx by nobody": Contender(like_httpx("httpx", by_nobody), "ferrio", ("httpx",), SMALLEST),
}
