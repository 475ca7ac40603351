"""One answer of a server, compared with what it has to be: what is measured afterwards is then the right thing.

The load client only measures how long answers are. Also makes the message that WebSockets echo. Must not know any
server.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import zlib

PATIENCE = 10.0
MESSAGE = (
    b'{"type":"position","player":"mira","x":104.25,"y":88.5,"facing":"north",'
    b'"items":["lamp","rope","map"],"score":1204,"tick":96}'
)
"""As a game sends them: 125 bytes, which compress as such things do."""


class Unsupported(Exception):
    """The server does not have what a row asks of it: no failure. The text names it."""


def http_answer(port: int, secured: bool, path: str, body: bytes | None, expected: bytes) -> None:
    """GET, or POST of a body. Raises RuntimeError if the answer is another one."""
    if secured:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=PATIENCE, context=context
        )
    else:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        client.request("GET" if body is None else "POST", path, body)
        answer = client.getresponse()
        got = answer.read()
    finally:
        client.close()
    if answer.status != 200 or got != expected:
        raise RuntimeError(f"{path} is answered with {answer.status} and {got[:60]!r}")


def websocket_echo(port: int, deflated: bool) -> None:
    """An echo of MESSAGE. Raises Unsupported where there is no compression, RuntimeError if it is another one."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client, client.makefile("rb") as stream:
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" if deflated else ""
        client.sendall(UPGRADE.replace("\r\n\r\n", f"\r\n{offer}\r\n").encode())
        head = b"".join(iter(stream.readline, b"\r\n")).lower()
        if not head.startswith(b"http/1.1 101 "):
            raise RuntimeError(f"no WebSocket: {head[:60]!r}")
        if deflated and b"permessage-deflate" not in head:
            raise Unsupported("permessage-deflate")
        client.sendall(frame(deflated))
        first, length = stream.read(2)
        if length == 126:
            length = int.from_bytes(stream.read(2))
        got = stream.read(length)
    if first & 0x40:
        got = zlib.decompressobj(-15).decompress(got + TAIL)
    if first & 0x3F != BINARY or got != MESSAGE:
        raise RuntimeError(f"the echo differs: {first:#x} {got[:60]!r}")


def frame(deflated: bool) -> bytes:
    """MESSAGE as a client's frame. The mask is zero, which is as dear to undo as any other."""
    if not deflated:
        return bytes((0x80 | BINARY, 0x80 | len(MESSAGE))) + bytes(4) + MESSAGE
    deflate = zlib.compressobj(wbits=-9)
    payload = (deflate.compress(MESSAGE) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
    return bytes((0xC0 | BINARY, 0x80 | len(payload))) + bytes(4) + payload


BINARY = 2
TAIL = b"\x00\x00\xff\xff"
"""What a message leaves out at its end (RFC 7692, 7.2.1)."""
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
