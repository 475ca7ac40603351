"""ferrio.http: an HTTP client on the loop's own thread, with aiohttp's names.

    import ferrio.http as aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.get("http://127.0.0.1:8000/") as response:
            print(response.status, await response.text())

`HttpxTransport` is for programs on httpx, and for the libraries that take an httpx client. The client needs yarl and
multidict, which aiohttp's programs hold in their hands (`response.url`, `response.headers`): `pip install
'ferrio[http]'`.

Names are imported when they are asked for. aiohttp's server is not here: `ferrio.server` serves ASGI and WSGI.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {
    "auth": "BasicAuth encode_basic_auth",
    "calls": "ClientHandlerType ClientMiddlewareType",
    "client": "ClientSession request",
    "connector": "BaseConnector NamedPipeConnector UnixConnector",
    "cookies": "CookieJar DummyCookieJar",
    "digest": "DigestAuthMiddleware",
    "encodings": "set_zlib_backend",
    "errors": (
        "ClientConnectionError ClientConnectionResetError ClientConnectorCertificateError ClientConnectorDNSError "
        "ClientConnectorError ClientConnectorSSLError ClientError ClientHttpProxyError ClientOSError "
        "ClientPayloadError ClientProxyConnectionError ClientResponseError ClientSSLError ConnectionTimeoutError "
        "ContentTypeError InvalidURL InvalidUrlClientError InvalidUrlRedirectClientError NonHttpUrlClientError "
        "NonHttpUrlRedirectClientError RedirectClientError ServerConnectionError ServerDisconnectedError "
        "ServerFingerprintMismatch ServerTimeoutError SocketTimeoutError TooManyRedirects UploadAbortedError "
        "WSMessageTypeError WSServerHandshakeError"
    ),
    "forms": "FormData streamer",
    "httpx": "HttpxTransport",
    "maps": "ChainMapProxy ETag",
    "mime": (
        "BadContentDispositionHeader BadContentDispositionParam content_disposition_filename parse_content_disposition"
    ),
    "multipart": "MultipartWriter",
    "parts": "BodyPartReader MultipartReader",
    "payloads": (
        "PAYLOAD_REGISTRY AsyncIterablePayload BufferedReaderPayload BytesIOPayload BytesPayload IOBasePayload "
        "JsonPayload Payload StringIOPayload StringPayload TextIOPayload get_payload payload_type"
    ),
    "progress": "UploadTracker",
    "racing": "AddrInfoType SocketFactoryType",
    "requests": "ClientRequest Fingerprint HttpVersion HttpVersion10 HttpVersion11 RequestInfo",
    "resolver": "AsyncResolver DefaultResolver ThreadedResolver",
    "response": "ClientResponse",
    "iterators": "EofStream",
    "streams": "EMPTY_PAYLOAD DataQueue FlowControlDataQueue StreamReader",
    "tcp": "TCPConnector",
    "timeouts": "ClientTimeout ClientWSTimeout",
    "tracing": (
        "TraceConfig TraceConnectionCreateEndParams TraceConnectionCreateStartParams "
        "TraceConnectionQueuedEndParams TraceConnectionQueuedStartParams TraceConnectionReuseconnParams "
        "TraceDnsCacheHitParams TraceDnsCacheMissParams TraceDnsResolveHostEndParams "
        "TraceDnsResolveHostStartParams TraceRequestChunkSentParams TraceRequestEndParams "
        "TraceRequestExceptionParams TraceRequestHeadersSentParams TraceRequestRedirectParams "
        "TraceRequestStartParams TraceResponseChunkReceivedParams"
    ),
    "websocket": "ClientWebSocketResponse",
    "ws_frames": "WSCloseCode WSMessage WSMsgType WebSocketError",
}
# aiohttp's modules, for programs that name them.
_MODULES = {
    "client_exceptions": "errors",
    "client_reqrep": "response",
    "cookiejar": "cookies",
    "formdata": "forms",
    "hdrs": "hdrs",
    "http_websocket": "ws_frames",
    "payload": "payloads",
    "streams": "streams",
    "tracing": "tracing",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["hdrs", *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in ("web", "GunicornWebWorker", "GunicornUVLoopWebWorker"):
        raise AttributeError(
            f"ferrio.http is aiohttp's client without its server, so there is no {name!r}: "
            "ferrio.server serves ASGI and WSGI, and aiohttp's own server runs on ferrio as it is"
        )
    if name in _MODULES:
        return globals().setdefault(name, _imported(_MODULES[name]))
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, getattr(_imported(_HOMES[name]), name))


def _imported(module: str) -> Any:
    try:
        return import_module(f".{module}", __name__)
    except ModuleNotFoundError as error:
        if error.name not in ("multidict", "yarl"):
            raise
        raise ImportError(f"ferrio.http needs {error.name}: pip install 'ferrio[http]'", name=error.name) from None
