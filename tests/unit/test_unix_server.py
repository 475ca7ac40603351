"""Unix sockets: servers at a path and in the abstract namespace, connecting to them, and what becomes of the path."""

import errno
import os
import pathlib
import re
import socket
import sys

import pytest
from helpers import Echo, Log, answers, on_loop, shut


def path_of(folder, name="socket"):
    """Relative to the working directory, because the kernel takes at most 107 bytes."""
    return os.path.relpath(folder / name)


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
@on_loop
async def test_unix_server_at_a_path(loop, tmp_path, kind):
    path = path_of(tmp_path)
    server = await loop.create_unix_server(Echo, kind(path))
    assert [sock.getsockname() for sock in server.sockets] == [path] and os.path.exists(path)
    transport, client = await loop.create_unix_connection(Log, kind(path))
    assert transport.get_extra_info("peername") == path and transport.get_extra_info("sockname") == ""
    assert transport.get_extra_info("socket").family == socket.AF_UNIX
    transport.close()
    await client.closed
    assert await answers(loop.create_unix_connection(Log, path))
    await shut(server)
    assert os.path.exists(path) is (sys.version_info < (3, 13))  # removed at close() since 3.13


@pytest.mark.skipif(sys.version_info < (3, 13), reason="cleanup_socket came with 3.13")
@on_loop
async def test_unix_socket_cleanup(loop, tmp_path):
    path = path_of(tmp_path)
    kept = await loop.create_unix_server(Echo, path, cleanup_socket=False)
    await shut(kept)
    assert os.path.exists(path)
    first = await loop.create_unix_server(Echo, path)
    second = await loop.create_unix_server(Echo, path)
    await shut(first)
    assert await answers(loop.create_unix_connection(Log, path))
    os.unlink(path)
    await shut(second)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        given = await loop.create_unix_server(Echo, sock=sock)
        await shut(given)
    assert not os.path.exists(path)


@on_loop
async def test_unix_server_in_the_abstract_namespace(loop):
    for kind in (str, os.fsencode):
        name = kind(f"\0ferrio-test-{os.getpid()}")
        server = await loop.create_unix_server(Echo, name)
        assert server.sockets[0].getsockname() == os.fsencode(name)
        assert await answers(loop.create_unix_connection(Log, name))
        await shut(server)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_unix_connection(Log, name)


@on_loop
async def test_a_stale_socket_is_replaced_and_a_file_is_not(loop, tmp_path):
    path = path_of(tmp_path)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    with pytest.raises(ConnectionRefusedError):
        await loop.create_unix_connection(Log, path)
    server = await loop.create_unix_server(Echo, path)
    assert await answers(loop.create_unix_connection(Log, path))
    await shut(server)
    file = path_of(tmp_path, "file")
    pathlib.Path(file).write_text("kept")
    with pytest.raises(OSError) as caught:
        await loop.create_unix_server(Echo, file)
    assert caught.value.errno == errno.EADDRINUSE and caught.value.strerror == f"Address {file!r} is already in use"
    assert pathlib.Path(file).read_text() == "kept"


@on_loop
async def test_unix_arguments_that_are_refused(loop, tmp_path):
    with pytest.raises(FileNotFoundError):
        await loop.create_unix_connection(Log, path_of(tmp_path, "missing"))
    with pytest.raises(FileNotFoundError):
        await loop.create_unix_server(Log, path_of(tmp_path, "missing/socket"))
    for create in (loop.create_unix_server, loop.create_unix_connection):
        with pytest.raises(OSError, match=r"^AF_UNIX path too long$"):
            await create(Log, "x" * 200)
        with socket.socket() as inet, socket.socket(socket.AF_UNIX) as unix:
            with pytest.raises(ValueError, match=r"^path and sock can not be specified at the same time$"):
                await create(Log, "path", sock=unix)
            message = rf"^A UNIX Domain Stream Socket was expected, got {re.escape(repr(inet))}$"
            with pytest.raises(ValueError, match=message):
                await create(Log, sock=inet)
        for argument in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            with pytest.raises(ValueError, match=rf"^{argument} is only meaningful with ssl$"):
                await create(Log, "path", **{argument: 1})
    with pytest.raises(ValueError, match=r"^path was not specified, and no sock specified$"):
        await loop.create_unix_server(Log)
    with pytest.raises(ValueError, match=r"^no path and sock were specified$"):
        await loop.create_unix_connection(Log)
    with pytest.raises(ValueError, match=r"^server_hostname is only meaningful with ssl$"):
        await loop.create_unix_connection(Log, "path", server_hostname="name")
    with pytest.raises(TypeError, match=r"^ssl argument must be an SSLContext or None$"):
        await loop.create_unix_server(Log, "path", ssl=True)
