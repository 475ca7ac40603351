"""`session.ws_connect()`: asks for a WebSocket, checks the answer with aiohttp's messages, takes over the transport.

Owns the header fields of both; what comes after is ws_frames.py's and websocket.py's.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from multidict import CIMultiDict

from .._ferrio import HttpFrames
from . import hdrs
from .errors import ClientConnectionError, WSServerHandshakeError
from .requests import merged_ssl
from .timeouts import DEFAULT_WS_TIMEOUT, ClientWSTimeout
from .websocket import ClientWebSocketResponse
from .ws_frames import Frames

if TYPE_CHECKING:
    from .client import ClientSession
    from .response import ClientResponse

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PARAMETER: Final = re.compile(r"^(server|client)_(no_context_takeover|max_window_bits)(?:=(\d+))?$")


async def connect(
    session: ClientSession,
    url: Any,
    *,
    method: str = hdrs.METH_GET,
    protocols: Iterable[str] = (),
    timeout: ClientWSTimeout | float | None = ...,  # type: ignore[assignment]
    receive_timeout: float | None = None,
    autoclose: bool = True,
    autoping: bool = True,
    heartbeat: float | None = None,
    origin: str | None = None,
    headers: Any = None,
    compress: int = 0,
    max_msg_size: int = 4 * 1024 * 1024,
    decode_text: bool = True,
    ssl: Any = True,
    verify_ssl: bool | None = None,
    fingerprint: bytes | None = None,
    ssl_context: Any = None,
    **options: Any,
) -> ClientWebSocketResponse:
    """What `ws_connect()` does."""
    limits = _limits(timeout, receive_timeout)
    key = base64.b64encode(os.urandom(16))
    fields = _request_fields(headers, key, tuple(protocols), origin, compress)
    tls = merged_ssl(ssl, verify_ssl, ssl_context, fingerprint)
    response = await session._request(method, url, headers=fields, read_until_eof=False, ssl=tls, **options)
    try:
        _check(response, key)
        chosen = _subprotocol(response, protocols)
        agreed = _agreed(response, compress)
        connection = response._connection
        assert connection is not None
        transport, received = connection.upgrade()
    except BaseException:
        response.close()
        raise
    bits, server_fresh, client_fresh, server_bits = agreed
    try:
        machine = HttpFrames(
            max_message_size=max_msg_size,
            decode_text=decode_text,
            answer_pings=autoping,
            deflate=(server_fresh, client_fresh, server_bits, bits) if bits else None,
        )
        frames = Frames(machine, session._loop)
        socket = session._ws_response_class(
            frames,
            machine,
            chosen,
            response,
            transport,
            limits,
            autoclose,
            autoping,
            session._loop,
            heartbeat=heartbeat,
            compress=bits,
            client_notakeover=client_fresh,
        )
        frames.begin(transport, received)
        if session.connector is None or session.connector.closed:
            raise ClientConnectionError("Connector is closed.")
    except BaseException:
        transport.abort()
        raise
    session.connector._keep_upgraded(transport)
    return socket


def _limits(timeout: Any, receive_timeout: float | None) -> ClientWSTimeout:
    limits = DEFAULT_WS_TIMEOUT
    if isinstance(timeout, ClientWSTimeout):
        limits = timeout
    elif timeout is not ...:
        warnings.warn(
            "parameter 'timeout' of type 'float' is deprecated, please use 'timeout=ClientWSTimeout(ws_close=...)'",
            DeprecationWarning,
            stacklevel=3,
        )
        limits = ClientWSTimeout(ws_close=timeout)
    if receive_timeout is not None:
        warnings.warn(
            "float parameter 'receive_timeout' is deprecated, please use parameter "
            "'timeout=ClientWSTimeout(ws_receive=...)'",
            DeprecationWarning,
            stacklevel=3,
        )
        limits = ClientWSTimeout(ws_receive=receive_timeout, ws_close=limits.ws_close)
    return limits


def _request_fields(
    headers: Any, key: bytes, protocols: tuple[str, ...], origin: str | None, compress: int
) -> CIMultiDict[str]:
    fields: CIMultiDict[str] = CIMultiDict(headers or ())
    fields.setdefault(hdrs.UPGRADE, "websocket")
    fields.setdefault(hdrs.CONNECTION, "Upgrade")
    fields.setdefault(hdrs.SEC_WEBSOCKET_VERSION, "13")
    fields[hdrs.SEC_WEBSOCKET_KEY] = key.decode()
    if protocols:
        fields[hdrs.SEC_WEBSOCKET_PROTOCOL] = ",".join(protocols)
    if origin is not None:
        fields[hdrs.ORIGIN] = origin
    if compress:
        if not 9 <= compress <= 15:
            raise ValueError("Compress wbits must between 9 and 15, zlib does not support wbits=8")
        bits = f"; server_max_window_bits={compress}" if compress < 15 else ""
        fields[hdrs.SEC_WEBSOCKET_EXTENSIONS] = f"permessage-deflate; client_max_window_bits{bits}"
    return fields


def _check(response: ClientResponse, key: bytes) -> None:
    """Raise where the answer is no WebSocket."""
    headers = response.headers
    expected = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    if response.status != 101:
        raise _refused(response, "Invalid response status")
    if headers.get(hdrs.UPGRADE, "").lower() != "websocket":
        raise _refused(response, "Invalid upgrade header")
    if headers.get(hdrs.CONNECTION, "").lower() != "upgrade":
        raise _refused(response, "Invalid connection header")
    if headers.get(hdrs.SEC_WEBSOCKET_ACCEPT, "") != expected:
        raise _refused(response, "Invalid challenge response")


def _refused(response: ClientResponse, message: str) -> WSServerHandshakeError:
    return WSServerHandshakeError(
        response.request_info, response.history, message=message, status=response.status, headers=response.headers
    )


def _subprotocol(response: ClientResponse, offered: Iterable[str]) -> str | None:
    named = response.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")
    return next((name.strip() for name in named if name.strip() in offered), None)


def _agreed(response: ClientResponse, compress: int) -> tuple[int, bool, bool, int]:
    """The client's window, whether the server and the client begin each message anew, the server's window."""
    text = response.headers.get(hdrs.SEC_WEBSOCKET_EXTENSIONS)
    if not compress or not text:
        return 0, False, False, 15
    name, *parameters = (part.strip() for part in text.split(",")[0].split(";"))
    found = {}
    for parameter in parameters:
        match = PARAMETER.match(parameter)
        if match is None:
            raise _refused(response, f"Extension for deflate not supported{'; '.join(parameters)}")
        found[match[1], match[2]] = int(match[3]) if match[3] else 15
    if name != "permessage-deflate":
        return 0, False, False, 15
    bits = found.get(("client", "max_window_bits"), 15)
    if not 9 <= bits <= 15:
        raise _refused(response, "Invalid window size")
    return (
        bits,
        ("server", "no_context_takeover") in found,
        ("client", "no_context_takeover") in found,
        found.get(("server", "max_window_bits"), 15),
    )
