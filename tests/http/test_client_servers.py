"""ferrio's client against nginx and Apache, which were not written for its tests."""

import asyncio
import hashlib
import ssl

import pytest
from client_support import on_both, until
from ferrio import http
from real_servers import BYTES, TEXT, Apache, Nginx

trustme = pytest.importorskip("trustme")
LARGE = 8 << 20


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module", params=[Nginx, Apache], ids=["nginx", "apache"])
def server(request, authority):
    if (why := request.param.missing()) is not None:
        pytest.skip(why)
    with request.param(authority.issue_cert("localhost")) as started:
        yield started


@on_both
async def test_what_a_folder_has(server):
    async with http.ClientSession() as session:
        for _ in range(3):
            async with session.get(server.url("/bytes")) as answer:
                assert (answer.status, answer.content_length) == (200, len(BYTES))
                assert await answer.read() == BYTES
            async with session.head(server.url("/bytes")) as answer:
                assert (answer.status, answer.content_length, await answer.read()) == (200, len(BYTES), b"")
            async with session.get(server.url("/nothing")) as answer:
                assert answer.status == 404 and b"404" in await answer.read()
        assert (session.connector._pool.used, session.connector._pool.idle) == (0, 1)


@on_both
async def test_parts_and_what_was_not_modified(server):
    async with http.ClientSession() as session:
        async with session.get(server.url("/bytes"), headers={"Range": "bytes=1000-1999"}) as answer:
            assert (answer.status, await answer.read()) == (206, BYTES[1000:2000])
            assert answer.headers["Content-Range"] == f"bytes 1000-1999/{len(BYTES)}"
        async with session.get(server.url("/bytes"), headers={"Range": "bytes=0-1,5-9"}) as answer:
            parts = http.MultipartReader.from_response(answer)
            found = [bytes(await part.read()) async for part in parts]
            assert found == [BYTES[:2], BYTES[5:10]]
        async with session.get(server.url("/bytes"), headers={"Range": f"bytes={len(BYTES)}-"}) as answer:
            assert answer.status == 416
        async with session.get(server.url("/bytes")) as answer:
            known = {"If-None-Match": answer.headers["ETag"], "If-Modified-Since": answer.headers["Last-Modified"]}
        for name, value in known.items():
            for _ in range(2):
                async with session.get(server.url("/bytes"), headers={name: value}) as answer:
                    assert (answer.status, await answer.read()) == (304, b"")


@on_both
async def test_packed_and_in_chunks(server):
    async with http.ClientSession() as session:
        for _ in range(2):
            async with session.get(server.url("/text")) as answer:
                fields = answer.headers
                assert (fields["Content-Encoding"], fields["Transfer-Encoding"]) == ("gzip", "chunked")
                assert await answer.read() == TEXT
            async with session.get(server.url("/text")) as answer:
                assert b"".join([piece async for piece in answer.content.iter_chunked(1000)]) == TEXT
        async with session.get(server.url("/text"), headers={"Accept-Encoding": "identity"}) as answer:
            assert "Content-Encoding" not in answer.headers and await answer.read() == TEXT


@on_both
async def test_a_redirect(server):
    async with http.ClientSession() as session:
        async with session.get(server.url("/moved")) as answer:
            assert await answer.read() == TEXT
            assert [each.status for each in answer.history] == [301]
            assert str(answer.url) == server.url("/text")
        async with session.get(server.url("/moved"), allow_redirects=False) as answer:
            assert answer.status == 301


@on_both
async def test_connections_that_the_server_closes_between_requests(server):
    """Idle for a tenth of a second, they are closed, and the next request makes another."""
    async with http.ClientSession(connector=http.TCPConnector(limit=1)) as session:
        pool = session.connector._pool
        for number in range(3):
            async with session.get(server.url("/text", brief=True)) as answer:
                assert await answer.read() == TEXT
            if number == 1:
                assert pool.idle == 1
                await until(lambda: pool.idle == 0)
        # Asked again and again around the moment at which it is closed, nothing fails.
        for number in range(10):
            async with session.get(server.url("/text", brief=True)) as answer:
                assert answer.status == 200
                await answer.read()
            await asyncio.sleep(0.09 + number / 500)
        assert pool.used == 0


@on_both
async def test_uploads(server):
    body = bytes(range(256)) * (LARGE // 256)

    async def pieces():
        for at in range(0, len(body), 100_000):
            yield body[at : at + 100_000]

    async with http.ClientSession() as session:
        for name, data, options in (
            ("bytes", body, {}),
            ("pieces", pieces(), {}),
            ("waits", body, {"expect100": True}),
            ("small", b"hi", {"expect100": True}),
        ):
            async with session.put(server.url(f"/put/{name}"), data=data, **options) as answer:
                assert answer.status in (201, 204), name
            expected = b"hi" if name == "small" else body
            async with session.get(server.url(f"/put/{name}"), headers={"Accept-Encoding": "identity"}) as answer:
                assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(expected).digest(), name
        async with session.post(server.url("/text"), data=body) as answer:
            # Refused before it was read, or let pass.
            assert answer.status in (200, 405, 413)


@on_both
async def test_by_http_1_0(server):
    async with http.ClientSession(version=http.HttpVersion10) as session:
        for _ in range(2):
            async with session.get(server.url("/text"), headers={"Accept-Encoding": "identity"}) as answer:
                assert await answer.read() == TEXT
        assert session.connector._pool.idle == 1
    closing = http.TCPConnector(force_close=True)
    async with (
        http.ClientSession(version=http.HttpVersion10, connector=closing) as session,
        session.get(server.url("/text")) as answer,
    ):
        assert await answer.read() == TEXT
        assert "Transfer-Encoding" not in answer.headers


@on_both
async def test_tls(server, authority):
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with http.ClientSession(connector=http.TCPConnector(ssl=trusting)) as session:
        for _ in range(3):
            async with session.get(server.url("/bytes", secure=True)) as answer:
                assert await answer.read() == BYTES
        assert session.connector._pool.idle == 1
    async with http.ClientSession() as session:
        with pytest.raises(http.ClientConnectorCertificateError):
            await session.get(server.url("/bytes", secure=True))


@on_both
async def test_many_at_once(server):
    async with http.ClientSession(connector=http.TCPConnector(limit=8)) as session:

        async def ask(number):
            async with session.get(server.url("/bytes"), headers={"Range": f"bytes={number}-{number + 99}"}) as answer:
                return await answer.read()

        answers = await asyncio.gather(*map(ask, range(200)))
        assert answers == [BYTES[number : number + 100] for number in range(200)]
        assert session.connector._pool.used == 0
