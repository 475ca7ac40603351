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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import hdrs as hdrs
    from .auth import BasicAuth as BasicAuth
    from .auth import encode_basic_auth as encode_basic_auth
    from .calls import ClientHandlerType as ClientHandlerType
    from .calls import ClientMiddlewareType as ClientMiddlewareType
    from .client import ClientSession as ClientSession
    from .client import request as request
    from .connector import BaseConnector as BaseConnector
    from .connector import NamedPipeConnector as NamedPipeConnector
    from .connector import UnixConnector as UnixConnector
    from .cookies import CookieJar as CookieJar
    from .cookies import DummyCookieJar as DummyCookieJar
    from .digest import DigestAuthMiddleware as DigestAuthMiddleware
    from .encodings import set_zlib_backend as set_zlib_backend
    from .errors import ClientConnectionError as ClientConnectionError
    from .errors import ClientConnectionResetError as ClientConnectionResetError
    from .errors import ClientConnectorCertificateError as ClientConnectorCertificateError
    from .errors import ClientConnectorDNSError as ClientConnectorDNSError
    from .errors import ClientConnectorError as ClientConnectorError
    from .errors import ClientConnectorSSLError as ClientConnectorSSLError
    from .errors import ClientError as ClientError
    from .errors import ClientHttpProxyError as ClientHttpProxyError
    from .errors import ClientOSError as ClientOSError
    from .errors import ClientPayloadError as ClientPayloadError
    from .errors import ClientProxyConnectionError as ClientProxyConnectionError
    from .errors import ClientResponseError as ClientResponseError
    from .errors import ClientSSLError as ClientSSLError
    from .errors import ConnectionTimeoutError as ConnectionTimeoutError
    from .errors import ContentTypeError as ContentTypeError
    from .errors import InvalidURL as InvalidURL
    from .errors import InvalidUrlClientError as InvalidUrlClientError
    from .errors import InvalidUrlRedirectClientError as InvalidUrlRedirectClientError
    from .errors import NonHttpUrlClientError as NonHttpUrlClientError
    from .errors import NonHttpUrlRedirectClientError as NonHttpUrlRedirectClientError
    from .errors import RedirectClientError as RedirectClientError
    from .errors import ServerConnectionError as ServerConnectionError
    from .errors import ServerDisconnectedError as ServerDisconnectedError
    from .errors import ServerFingerprintMismatch as ServerFingerprintMismatch
    from .errors import ServerTimeoutError as ServerTimeoutError
    from .errors import SocketTimeoutError as SocketTimeoutError
    from .errors import TooManyRedirects as TooManyRedirects
    from .errors import UploadAbortedError as UploadAbortedError
    from .errors import WSMessageTypeError as WSMessageTypeError
    from .errors import WSServerHandshakeError as WSServerHandshakeError
    from .forms import FormData as FormData
    from .forms import streamer as streamer
    from .httpx import HttpxTransport as HttpxTransport
    from .maps import ChainMapProxy as ChainMapProxy
    from .maps import ETag as ETag
    from .mime import BadContentDispositionHeader as BadContentDispositionHeader
    from .mime import BadContentDispositionParam as BadContentDispositionParam
    from .mime import content_disposition_filename as content_disposition_filename
    from .mime import parse_content_disposition as parse_content_disposition
    from .multipart import MultipartWriter as MultipartWriter
    from .parts import BodyPartReader as BodyPartReader
    from .parts import MultipartReader as MultipartReader
    from .payloads import PAYLOAD_REGISTRY as PAYLOAD_REGISTRY
    from .payloads import AsyncIterablePayload as AsyncIterablePayload
    from .payloads import BufferedReaderPayload as BufferedReaderPayload
    from .payloads import BytesIOPayload as BytesIOPayload
    from .payloads import BytesPayload as BytesPayload
    from .payloads import IOBasePayload as IOBasePayload
    from .payloads import JsonPayload as JsonPayload
    from .payloads import Payload as Payload
    from .payloads import StringIOPayload as StringIOPayload
    from .payloads import StringPayload as StringPayload
    from .payloads import TextIOPayload as TextIOPayload
    from .payloads import get_payload as get_payload
    from .payloads import payload_type as payload_type
    from .progress import UploadTracker as UploadTracker
    from .racing import AddrInfoType as AddrInfoType
    from .racing import SocketFactoryType as SocketFactoryType
    from .requests import ClientRequest as ClientRequest
    from .requests import Fingerprint as Fingerprint
    from .requests import HttpVersion as HttpVersion
    from .requests import HttpVersion10 as HttpVersion10
    from .requests import HttpVersion11 as HttpVersion11
    from .requests import RequestInfo as RequestInfo
    from .resolver import AsyncResolver as AsyncResolver
    from .resolver import DefaultResolver as DefaultResolver
    from .resolver import ThreadedResolver as ThreadedResolver
    from .response import ClientResponse as ClientResponse
    from .streams import EMPTY_PAYLOAD as EMPTY_PAYLOAD
    from .streams import DataQueue as DataQueue
    from .streams import EofStream as EofStream
    from .streams import FlowControlDataQueue as FlowControlDataQueue
    from .streams import StreamReader as StreamReader
    from .tcp import TCPConnector as TCPConnector
    from .timeouts import ClientTimeout as ClientTimeout
    from .timeouts import ClientWSTimeout as ClientWSTimeout
    from .tracing import TraceConfig as TraceConfig
    from .tracing import TraceConnectionCreateEndParams as TraceConnectionCreateEndParams
    from .tracing import TraceConnectionCreateStartParams as TraceConnectionCreateStartParams
    from .tracing import TraceConnectionQueuedEndParams as TraceConnectionQueuedEndParams
    from .tracing import TraceConnectionQueuedStartParams as TraceConnectionQueuedStartParams
    from .tracing import TraceConnectionReuseconnParams as TraceConnectionReuseconnParams
    from .tracing import TraceDnsCacheHitParams as TraceDnsCacheHitParams
    from .tracing import TraceDnsCacheMissParams as TraceDnsCacheMissParams
    from .tracing import TraceDnsResolveHostEndParams as TraceDnsResolveHostEndParams
    from .tracing import TraceDnsResolveHostStartParams as TraceDnsResolveHostStartParams
    from .tracing import TraceRequestChunkSentParams as TraceRequestChunkSentParams
    from .tracing import TraceRequestEndParams as TraceRequestEndParams
    from .tracing import TraceRequestExceptionParams as TraceRequestExceptionParams
    from .tracing import TraceRequestHeadersSentParams as TraceRequestHeadersSentParams
    from .tracing import TraceRequestRedirectParams as TraceRequestRedirectParams
    from .tracing import TraceRequestStartParams as TraceRequestStartParams
    from .tracing import TraceResponseChunkReceivedParams as TraceResponseChunkReceivedParams
    from .websocket import ClientWebSocketResponse as ClientWebSocketResponse
    from .ws_frames import WebSocketError as WebSocketError
    from .ws_frames import WSCloseCode as WSCloseCode
    from .ws_frames import WSMessage as WSMessage
    from .ws_frames import WSMsgType as WSMsgType

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
    "streams": "EMPTY_PAYLOAD DataQueue EofStream FlowControlDataQueue StreamReader",
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
