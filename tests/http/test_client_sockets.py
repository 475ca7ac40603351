"""`compress=` of one WebSocket message, seen by the first byte of its frame."""

import base64
import hashlib

import pytest
from client_support import head_of, on_both, scripted
from ferrio import http

KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PACKED = 0x40


def speaking(frames, agreed):
    async def script(reader, writer, number):
        fields = (await head_of(reader)).split(b"\r\n")
        key = next(field[19:] for field in fields if field.lower().startswith(b"sec-websocket-key: "))
        accepted = base64.b64encode(hashlib.sha1(key + KEY).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n%s\r\n" % (accepted, agreed)
        )
        while True:
            first, second = await reader.readexactly(2)
            frames.append(first)
            await reader.readexactly(4 + (second & 0x7F))
            if first & 0xF == 8:
                writer.write(b"\x88\0")
                return

    return script


@on_both
@pytest.mark.parametrize("is_agreed", [True, False], ids=["agreed", "refused"])
async def test_a_short_message_is_compressed_where_that_is_asked_for(is_agreed):
    frames = []
    agreed = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if is_agreed else b""
    async with scripted(speaking(frames, agreed)) as peer, http.ClientSession() as session:
        async with session.ws_connect(f"http://127.0.0.1:{peer.port}/", compress=15) as socket:
            assert bool(socket.compress) is is_agreed
            await socket.send_str("a")
            await socket.send_str("a", compress=15)
            await socket.send_bytes(b"a", 15)
            await socket.send_json([], compress=15)
            await socket.send_frame(b"a", http.WSMsgType.TEXT, 15)
            await socket.send_frame(b"a", http.WSMsgType.TEXT)
            await socket.ping()
        packed = PACKED if is_agreed else 0
        assert frames[:6] == [0x81, 0x81 | packed, 0x82 | packed, 0x81 | packed, 0x81 | packed, 0x81]
        assert frames[6:] == [0x89, 0x88]
