"""An echo server and its clients over a Unix socket, in messages of any content.

What it teaches: `start_unix_server` and `open_unix_connection` are TCP's streams with a path for an address: for
programs on one machine, and who may connect is a matter of file permissions. Messages carry their length in front,
so they may hold anything; `readexactly` reads them. The socket's file is removed at the end.

    python examples/python/unix_echo.py                                    both, in one program
    ferrio run examples/python/unix_echo.py serve --path /tmp/echo.sock    a server, until Ctrl-C
    ferrio run examples/python/unix_echo.py send --path /tmp/echo.sock hello you
"""

import argparse
import asyncio
import contextlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator

LENGTH = 4  # bytes in front of a message


async def both(path: str) -> None:
    async with echo_server(path):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        print(f"the socket's file has mode {mode:o}: nobody else may connect")
        conversations = [[b"hello"], [b"one\ntwo", b"", b"three"], [bytes(1_000_000)]]
        for answers in await asyncio.gather(*(send(path, messages) for messages in conversations)):
            print("echoed:", *(answer if len(answer) < 20 else f"{len(answer):,} bytes" for answer in answers))
    print("the socket's file is gone:", not os.path.exists(path))


async def serve(path: str) -> None:
    async with echo_server(path):
        print(f"listening on {path}", flush=True)
        await asyncio.Event().wait()  # until Ctrl-C, which cancels it


async def send(path: str, messages: list[bytes]) -> list[bytes]:
    """Send each, and wait for it to come back."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        answers = []
        for message in messages:
            await write_message(writer, message)
            answers.append(await read_message(reader))
        return answers
    finally:
        writer.close()
        await writer.wait_closed()


async def write_message(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(LENGTH) + message)
    await writer.drain()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(LENGTH)))


@contextlib.asynccontextmanager
async def echo_server(path: str) -> AsyncIterator[None]:
    """A server for the time of the block."""
    connected: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a coroutine of the loop always has one
        connected[task] = writer
        # Between two messages an IncompleteReadError is the end, within one the client broke off: all the same here.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                await write_message(writer, await read_message(reader))
        del connected[task]

    umask = os.umask(0o177)  # the file is made with mode 600, not changed to it when others may have connected
    try:
        server = await asyncio.start_unix_server(echo, path)
    finally:
        os.umask(umask)
    try:
        yield
    finally:
        server.close()
        # That only stops accepting. Those who are still connected are cut off, and their handlers see it and end.
        for writer in connected.values():
            writer.transport.abort()
        while connected:
            await asyncio.wait(list(connected))
        await server.wait_closed()
        with contextlib.suppress(FileNotFoundError):  # Python 3.13 removes it itself
            os.unlink(path)


async def run(command: str, path: str, messages: list[str]) -> None:
    if command == "serve":
        await serve(path)
    elif command == "send":
        for answer in await send(path, [message.encode() for message in messages]):
            print(answer.decode())
    else:
        with tempfile.TemporaryDirectory() as folder:
            await both(f"{folder}/echo.sock")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An echo server and its client over a Unix socket.")
    parser.add_argument("command", choices=["both", "serve", "send"], nargs="?", default="both")
    parser.add_argument("messages", nargs="*", default=["hello"], help="what to send")
    parser.add_argument("--path", default="/tmp/ferrio-echo.sock", help="of the socket, %(default)s unless given")
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    try:
        asyncio.run(run(**vars(arguments())))
    except KeyboardInterrupt:
        print("stopped")
    except OSError as error:  # no such directory; or, when sending, nobody who listens
        raise SystemExit(f"unix_echo: {error}") from None
