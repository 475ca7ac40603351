"""Bodies that are unpacked: every encoding in every cut, bombs, rubbish, ends that are missing, threads."""

import asyncio
import gzip
import sys
import threading
import zlib

import ferrio
import ferrio.http
import pytest
from client_server import answer
from ferrio.http.encodings import ACCEPTED, Decoder, decoder

TEXT = b"0123456789" * 100
LARGEST = 2**18
RAW = zlib.compress(TEXT)[2:-4]
# br and zstd as Google's and Facebook's own libraries wrote them.
BR = bytes.fromhex("1be703f8c50dc6e6258d283014003328a7b3f7")
ZSTD = bytes.fromhex("28b52ffd60e8028d000050303132333435363738390100db5b1524")
MEBIBYTE_BR = bytes.fromhex("5bffff8f7f02201e0b0472ef1f00")
MEBIBYTE_ZSTD = bytes.fromhex(
    "28b52ffda0000010005400001000000100fbff39c00202001000020010000200100002001000020010000200100003001000"
)
PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT), TEXT),
    "gzip-members": ("gzip", gzip.compress(TEXT) + gzip.compress(b"more"), TEXT + b"more"),
    "gzip-rubbish": ("gzip", gzip.compress(TEXT) + b"rubbish", TEXT),
    "deflate": ("deflate", zlib.compress(TEXT), TEXT),
    "deflate-raw": ("deflate", RAW, TEXT),
    "br": ("br", BR, TEXT),
    "zstd": ("zstd", ZSTD, TEXT),
    "zstd-frames": ("zstd", ZSTD * 2, TEXT * 2),
}
BOMBS = {
    "gzip": gzip.compress(bytes(2**20)),
    "deflate": zlib.compress(bytes(2**20)),
    "br": MEBIBYTE_BR,
    "zstd": MEBIBYTE_ZSTD,
}


def pieces(codec, data):
    """What comes of a piece, and of what is left of it."""
    yield codec.decode(data)
    while codec.has_more:
        yield codec.decode(b"")


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_comes_of_a_body_in_pieces(name, size):
    encoding, packed, expected = PACKED[name]
    codec = decoder(encoding.upper())
    got = [piece for start in range(0, len(packed), size) for piece in pieces(codec, packed[start : start + size])]
    codec.finish()
    assert b"".join(got) == expected
    assert codec.is_whole


@pytest.mark.parametrize("encoding", BOMBS)
def test_no_call_gives_more_than_256_kib(encoding):
    codec = Decoder(encoding)
    sizes = [len(piece) for piece in pieces(codec, BOMBS[encoding])]
    assert sum(sizes) == 2**20
    assert max(sizes) == LARGEST
    assert codec.is_whole


def test_what_is_left_of_a_piece_comes_before_the_next_one():
    packed = gzip.compress(bytes(2**20) + TEXT)
    codec = Decoder("gzip")
    got = codec.decode(packed[:900])
    assert codec.has_more
    got += codec.decode(packed[900:])
    while codec.has_more:
        got += codec.decode(b"")
    assert got == bytes(2**20) + TEXT


def test_the_encodings_that_are_asked_for_are_known():
    assert ACCEPTED == "gzip, deflate, br, zstd"
    assert all(decoder(name) for name in ACCEPTED.split(", "))
    assert [decoder(name) for name in ("identity", "x-gzip", "gzip, br", "")] == [None] * 4


@pytest.mark.parametrize("encoding", BOMBS)
def test_what_is_broken_is_a_payload_error(encoding):
    with pytest.raises(ferrio.http.ClientPayloadError) as caught:
        b"".join(pieces(Decoder(encoding), b"this is no such thing"))
    assert str(caught.value) == f"400, message:\n  Can not decode content-encoding: {encoding}"
    assert str(caught.value.__cause__) == f"the body is no {encoding}, as its Content-Encoding says"


@pytest.mark.parametrize("encoding", BOMBS)
def test_an_end_that_is_missing_matters_to_deflate_alone(encoding):
    codec = Decoder(encoding)
    codec.finish()  # An empty body is whole.
    list(pieces(codec, BOMBS[encoding][:-2]))
    assert not codec.is_whole
    if encoding == "deflate":
        with pytest.raises(ferrio.http.ClientPayloadError):
            codec.finish()
    else:
        codec.finish()


def test_what_a_decoder_is_made_of():
    with pytest.raises(ValueError, match='no encoding: "shuffle"'):
        Decoder("shuffle")
    with pytest.raises(TypeError):
        Decoder(b"gzip")
    with pytest.raises(TypeError):
        Decoder("gzip").decode(bytearray(b"x"))
    with pytest.raises(RuntimeError, match="__init__"):
        Decoder.__new__(Decoder).decode(b"x")


def test_two_threads_at_once_break_nothing():
    packed = gzip.compress(bytes(range(256)) * 40_000, 1)
    codec, unexpected = Decoder("gzip"), []

    def unpack():
        for _ in range(200):
            try:
                codec.decode(packed)
            except (RuntimeError, ferrio.http.ClientPayloadError):
                pass
            except BaseException as error:
                unexpected.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=unpack) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert unexpected == []


@pytest.mark.parametrize("name", ["br", "zstd"])
def test_a_session_needs_no_package_for_br_and_zstd(name):
    encoding, packed, expected = PACKED[name]
    heads = []

    async def serve(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(packed, f"Content-Encoding: {encoding}", "Connection: close"))
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        async with server, ferrio.http.ClientSession() as session, session.get(url) as response:
            return await response.read()

    assert ferrio.run(main()) == expected
    assert f"\r\nAccept-Encoding: {ACCEPTED}\r\n".encode() in heads[0]
