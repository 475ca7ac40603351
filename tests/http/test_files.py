"""`http.response.pathsend` of files that change while they are sent, and of what is no file."""

import os

import pytest
from http_support import client, on_ferrio, request, served

SIZE = 1 << 24
HOW = {"by the kernel": [], "in parts": [(b"transfer-encoding", b"chunked")]}


def sending(path, headers=()):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.pathsend", "path": path})

    return app


@pytest.mark.parametrize("how", HOW)
def test_a_file_that_becomes_shorter_cuts_the_answer_off(tmp_path, how):
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))

    @on_ferrio
    async def main():
        async with served(sending(path, HOW[how])) as server, client(server.port) as peer:
            await peer.send(request())
            await peer.more()
            os.truncate(path, 100)
            assert len(await peer.to_the_end()) < SIZE
            assert server.kinds() == ["raised"] and "shorter" in str(server.told[0][1])
            assert not server.serving.busy

    main()


@pytest.mark.parametrize("how", HOW)
def test_a_file_that_has_grown_is_sent_as_its_head_says(tmp_path, how):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    @on_ferrio
    async def main():
        headers = [*HOW[how], (b"content-length", b"5")]
        async with served(sending(path, iter(headers))) as server, client(server.port) as peer:
            await peer.send(request())
            assert (await peer.answer()).body == b"01234"
            assert not server.told

    main()


@pytest.mark.parametrize("kind", ["a FIFO", "a folder", "a device", "a number", "nothing"])
def test_what_is_no_file(tmp_path, kind):
    os.mkfifo(tmp_path / "fifo")
    path = {"a FIFO": tmp_path / "fifo", "a folder": tmp_path, "a device": "/dev/zero", "a number": 0}.get(kind, "none")

    @on_ferrio
    async def main():
        async with served(sending(path)) as server, client(server.port) as peer:
            await peer.send(request())
            assert (await peer.to_the_end()).startswith(b"HTTP/1.1 500 ")
            assert server.kinds() == ["raised"]

    main()
