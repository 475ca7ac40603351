"""What is compressed and what is not, what comes out again, and that a stream can be read as it comes."""

import gzip
import zlib

import pytest
from ferrio.server.compression import CompressionMiddleware, encoding_for, suits
from ferrio.server.compressors import maker
from server_support import ask, run, serving

TEXT = b"<p>hello, hello, hello</p>\n" * 100


def app_of(status=200, headers=(), parts=(TEXT,)):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        for number, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    return app


def messages(app, accepted=b"gzip", method="GET", encodings=("gzip",), min_size=500):
    """What the middleware sends for a request."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "headers": [(b"accept-encoding", accepted)]}
    run(CompressionMiddleware(app, [*encodings], min_size)(scope, None, send))
    return sent


HTML = (b"content-type", b"text/html; charset=utf-8")

LEFT_ALONE = {
    "small": app_of(headers=[HTML], parts=[TEXT[:400]]),
    "small by its length": app_of(headers=[HTML, (b"content-length", b"10")], parts=[b"12345", b"12345"]),
    "no type": app_of(),
    "an image": app_of(headers=[(b"content-type", b"image/png")]),
    "a video": app_of(headers=[(b"content-type", b"video/mp4")]),
    "an archive": app_of(headers=[(b"content-type", b"application/zip")]),
    "compressed already": app_of(headers=[HTML, (b"content-encoding", b"br")]),
    "a part": app_of(206, [HTML, (b"content-range", b"bytes 0-2699/9999")]),
    "not to be transformed": app_of(headers=[HTML, (b"cache-control", b"public, no-transform")]),
    "no body": app_of(204, [HTML], [b""]),
    "known already": app_of(304, [HTML], [b""]),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_is_left_alone(name):
    plain = messages(LEFT_ALONE[name], accepted=b"")
    assert messages(LEFT_ALONE[name]) == plain
    assert not any(pair == (b"content-encoding", b"gzip") for pair in plain[0]["headers"])


def test_head_is_left_alone():
    start = messages(app_of(headers=[HTML]), method="HEAD")[0]
    assert start["headers"] == [HTML]


@pytest.mark.parametrize("kind", [b"text/plain", b"application/json", b"application/problem+json", b"image/svg+xml"])
def test_what_is_compressed(kind):
    headers = [(b"content-type", kind), (b"content-length", b"2700"), (b"etag", b'"x"'), (b"vary", b"Cookie")]
    start, body = messages(app_of(headers=headers))
    assert dict(start["headers"]) == {
        b"content-type": kind,
        b"etag": b'W/"x"',
        b"vary": b"Cookie, Accept-Encoding",
        b"content-encoding": b"gzip",
    }
    assert gzip.decompress(body["body"]) == TEXT and not body["more_body"]


@pytest.mark.parametrize("accepted", [b"gzip", b""])
def test_headers_that_come_once(accepted):
    async def app(scope, receive, send):
        headers = (pair for pair in [HTML, (b"x-a", b"b")])
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": TEXT})

    assert {HTML, (b"x-a", b"b")} <= {*messages(app, accepted)[0]["headers"]}


@pytest.mark.parametrize("again", ["http.response.start", "http.response.early_hint", "http.nothing"])
def test_what_is_out_of_order_reaches_the_server(again):
    """Which says so to the application."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        await send({"type": again, "status": 201})
        await send({"type": "http.response.body", "body": TEXT})

    assert [each["type"] for each in messages(app)] == ["http.response.start", again, "http.response.body"]


def test_what_could_have_been_compressed_varies():
    start = messages(app_of(headers=[HTML]), accepted=b"br")[0]
    assert start["headers"] == [HTML, (b"vary", b"Accept-Encoding")]


@pytest.mark.parametrize("accepted", [b"gzip", b"br"])
def test_what_an_application_sends_again_stays_as_it_is(accepted):
    start = {"type": "http.response.start", "status": 200, "headers": [HTML, (b"content-length", b"2700")]}
    body = {"type": "http.response.body", "body": TEXT}

    async def app(scope, receive, send):
        await send(start)
        await send(body)

    assert messages(app, accepted) == messages(app, accepted)
    assert start["headers"] == [HTML, (b"content-length", b"2700")] and body["body"] is TEXT


def test_each_part_of_a_stream_can_be_read_at_once():
    parts = [b"one ", b"two ", b"", b"three"]
    start, *bodies = messages(app_of(headers=[(b"content-type", b"text/event-stream")], parts=parts))
    assert dict(start["headers"])[b"content-encoding"] == b"gzip"
    reader = zlib.decompressobj(31)
    assert [reader.decompress(each["body"]) for each in bodies] == [b"one ", b"two ", b"", b"three"]
    assert [each["more_body"] for each in bodies] == [True, True, True, False]


def test_a_large_body_and_a_file(tmp_path):
    (tmp_path / "large.txt").write_bytes(TEXT * 200)

    async def sends_path(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [HTML, (b"content-length", b"540000")]})
        await send({"type": "http.response.pathsend", "path": str(tmp_path / "large.txt")})

    for app in (app_of(headers=[HTML], parts=[TEXT * 200]), sends_path):
        start, *bodies = messages(app)
        assert b"content-length" not in dict(start["headers"])
        assert gzip.decompress(b"".join(each["body"] for each in bodies)) == TEXT * 200
        assert not bodies[-1]["more_body"]


ACCEPTED = [
    ([b"gzip"], "gzip"),
    ([b"gzip, br"], "br"),
    ([b"gzip", b"br;q=0.1"], "br"),
    ([b"br;q=0, gzip"], "gzip"),
    ([b"br ; q=0.000"], ""),
    ([b"*"], "br"),
    ([b"*;q=0"], ""),
    ([b"br;q=0, *"], "gzip"),
    ([b"identity"], ""),
    ([b"GZIP"], "gzip"),
    ([b"gzip;q=nonsense"], ""),
    ([], ""),
    ([b""], ""),
]


@pytest.mark.parametrize(("accepted", "chosen"), ACCEPTED, ids=str)
def test_which_way(accepted, chosen):
    assert encoding_for(accepted, ["br", "gzip"]) == chosen


def round_trip(name, expand):
    compressor = maker(name)()
    data = compressor.part(b"hello ") + compressor.part(b"") + compressor.last(TEXT)
    assert expand(data) == b"hello " + TEXT


def test_gzip():
    round_trip("gzip", gzip.decompress)


def test_brotli():
    round_trip("br", pytest.importorskip("brotli").decompress)


def test_zstd():
    try:
        from compression import zstd
    except ImportError:
        zstandard = pytest.importorskip("zstandard")
        round_trip("zstd", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data))
    else:
        round_trip("zstd", zstd.decompress)


def test_a_way_that_does_not_exist():
    with pytest.raises(ValueError, match="'lzma'"):
        maker("lzma")


def test_kinds():
    assert suits(200, {b"content-type": b"application/vnd.api+json"})
    assert not suits(200, {b"content-type": b"font/woff2"})


def test_over_a_connection():
    async def main():
        async with serving(app_of(headers=[HTML]), compress="gzip", lifespan="off", interface="asgi3") as port:
            return await ask(port, headers={"Accept-Encoding": "gzip"})

    answer = run(main())
    assert answer.headers["content-encoding"] == "gzip" and gzip.decompress(answer.body) == TEXT
