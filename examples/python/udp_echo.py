"""A UDP echo server and its client, with datagram protocols.

What it teaches: UDP has no connections and no streams, so asyncio has protocols for it: `datagram_received` is
called for each packet. Packets may be lost, so the client numbers its messages, waits for each answer with a
time-out, and sends again. The server loses some on purpose, to show it.

    python examples/python/udp_echo.py                            both, in one program
    ferrio run examples/python/udp_echo.py serve --port 8888      a server, until Ctrl-C
    ferrio run examples/python/udp_echo.py send --port 8888 hello you
"""

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator

HOST = "127.0.0.1"
PATIENCE = 0.2  # seconds until a message is sent again
ATTEMPTS = 5

Address = tuple[str, int]


class EchoServer(asyncio.DatagramProtocol):
    """Sends back what it gets, but for the first copy of those whose number is in `losing`."""

    def __init__(self, losing: tuple[int, ...] = ()) -> None:
        self.losing = set(losing)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, address: Address) -> None:
        number = int.from_bytes(data[:4])
        if number in self.losing:
            self.losing.discard(number)
        else:
            self.transport.sendto(data, address)


class EchoClient(asyncio.DatagramProtocol):
    """Matches answers with what was sent, by number: they may come late, twice, or in another order."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[str]] = {}
        self.attempts = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, _address: Address) -> None:
        if future := self.waiting.pop(int.from_bytes(data[:4]), None):
            future.set_result(data[4:].decode())

    def error_received(self, _error: Exception) -> None:
        """Nobody listens there, says the kernel. Perhaps not yet: the time-out decides."""

    async def send(self, number: int, message: str) -> str:
        """Send it until its answer is there."""
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(ATTEMPTS):
                self.attempts += 1
                self.transport.sendto(number.to_bytes(4) + message.encode())
                with contextlib.suppress(TimeoutError):
                    # Shielded: a time-out is to end this wait, not the future, which waits on.
                    return await asyncio.wait_for(asyncio.shield(answer), PATIENCE)
            raise TimeoutError(f"no answer to {message!r} after {ATTEMPTS} attempts")
        finally:
            self.waiting.pop(number, None)
            answer.cancel()


async def both() -> None:
    async with echo_server(0, losing=(1, 3)) as port:
        answers, packets = await send(port, ["zero", "one", "two", "three"])
        print("echoed:", *answers)
        print("two were lost, so there were more packets than messages:", packets > len(answers))


async def serve(port: int) -> None:
    async with echo_server(port) as port:
        print(f"listening on {HOST}:{port}", flush=True)
        await asyncio.Event().wait()  # until Ctrl-C, which cancels it


async def send(port: int, messages: list[str]) -> tuple[list[str], int]:
    """Send all at once; the answers in the same order, and how many packets it took."""
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(EchoClient, remote_addr=(HOST, port))
    try:
        calls = (client.send(number, message) for number, message in enumerate(messages))
        return await asyncio.gather(*calls), client.attempts
    finally:
        transport.close()


@contextlib.asynccontextmanager
async def echo_server(port: int, losing: tuple[int, ...] = ()) -> AsyncIterator[int]:
    """A server for the time of the block; the value is its port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: EchoServer(losing), local_addr=(HOST, port))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def run(command: str, port: int, messages: list[str]) -> None:
    if command == "both":
        await both()
    elif command == "serve":
        await serve(port)
    else:
        answers, _ = await send(port, messages)
        print(*answers, sep="\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A UDP echo server and its client.")
    parser.add_argument("command", choices=["both", "serve", "send"], nargs="?", default="both")
    parser.add_argument("messages", nargs="*", default=["hello"], help="what to send")
    parser.add_argument("--port", type=int, default=8888, help="%(default)s unless given; serve: 0 is any free one")
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    try:
        asyncio.run(run(**vars(arguments())))
    except KeyboardInterrupt:
        print("stopped")
    except (OSError, OverflowError) as error:  # no answer; or a port that is taken, or is none
        raise SystemExit(f"udp_echo: {error}") from None
