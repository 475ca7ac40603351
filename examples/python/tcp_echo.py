"""A TCP echo server and its client, with streams.

What it teaches: `start_server` runs a coroutine for each connection, `open_connection` makes one; reading until the
end, writing with `drain`, closing. The server ends cleanly on Ctrl-C, whoever is still connected.

    python examples/python/tcp_echo.py                            both, in one program
    ferrio run examples/python/tcp_echo.py serve --port 8888      a server, until Ctrl-C
    ferrio run examples/python/tcp_echo.py send --port 8888 hello you
"""

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator

HOST = "127.0.0.1"


async def both() -> None:
    async with echo_server(port=0) as port:
        # Three clients at once; their output would mix, so each gives its answers.
        conversations = [["hello"], ["one", "two", "three"], ["ä", "x" * 40]]
        for answers in await asyncio.gather(*(send(port, messages) for messages in conversations)):
            print("echoed:", *answers)


async def serve(port: int) -> None:
    async with echo_server(port) as port:
        print(f"listening on {HOST}:{port}", flush=True)
        await asyncio.Event().wait()  # until Ctrl-C, which cancels it


async def send(port: int, messages: list[str]) -> list[str]:
    """Send each as a line; the lines that came back."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        for message in messages:
            writer.write(message.encode() + b"\n")
            await writer.drain()  # waits when the other end reads more slowly than we write
        writer.write_eof()  # that was all, but we still listen
        return (await reader.read()).decode().splitlines()
    finally:
        writer.close()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def echo_server(port: int) -> AsyncIterator[int]:
    """A server for the time of the block; the value is its port."""
    connected: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a coroutine of the loop always has one
        connected[task] = writer
        with contextlib.suppress(ConnectionError):  # a client may vanish at any time
            with contextlib.closing(writer):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            await writer.wait_closed()
        del connected[task]

    server = await asyncio.start_server(echo, HOST, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        # That only stops accepting. Those who are still connected are cut off, and their handlers see it and end;
        # close() instead would wait for a client that never reads.
        for writer in connected.values():
            writer.transport.abort()
        while connected:
            await asyncio.wait(list(connected))
        await server.wait_closed()


async def run(command: str, port: int, messages: list[str]) -> None:
    if command == "both":
        await both()
    elif command == "serve":
        await serve(port)
    else:
        print(*await send(port, messages), sep="\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A TCP echo server and its client.")
    parser.add_argument("command", choices=["both", "serve", "send"], nargs="?", default="both")
    parser.add_argument("messages", nargs="*", default=["hello"], help="lines to send")
    parser.add_argument("--port", type=int, default=8888, help="%(default)s unless given; serve: 0 is any free one")
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    try:
        asyncio.run(run(**vars(arguments())))
    except KeyboardInterrupt:
        print("stopped")
    except (OSError, OverflowError) as error:  # nobody listens, the port is taken, or it is none
        raise SystemExit(f"tcp_echo: {error}") from None
