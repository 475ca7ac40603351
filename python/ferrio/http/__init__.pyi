"""The names of ferrio.http, for type checkers; at run time each is imported when it is asked for."""

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
from .iterators import EofStream as EofStream
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

__all__ = [
    "EMPTY_PAYLOAD",
    "PAYLOAD_REGISTRY",
    "AddrInfoType",
    "AsyncIterablePayload",
    "AsyncResolver",
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "BaseConnector",
    "BasicAuth",
    "BodyPartReader",
    "BufferedReaderPayload",
    "BytesIOPayload",
    "BytesPayload",
    "ChainMapProxy",
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientHandlerType",
    "ClientHttpProxyError",
    "ClientMiddlewareType",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientRequest",
    "ClientResponse",
    "ClientResponseError",
    "ClientSSLError",
    "ClientSession",
    "ClientTimeout",
    "ClientWSTimeout",
    "ClientWebSocketResponse",
    "ConnectionTimeoutError",
    "ContentTypeError",
    "CookieJar",
    "DataQueue",
    "DefaultResolver",
    "DigestAuthMiddleware",
    "DummyCookieJar",
    "ETag",
    "EofStream",
    "Fingerprint",
    "FlowControlDataQueue",
    "FormData",
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "HttpxTransport",
    "IOBasePayload",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "JsonPayload",
    "MultipartReader",
    "MultipartWriter",
    "NamedPipeConnector",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "Payload",
    "RedirectClientError",
    "RequestInfo",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketFactoryType",
    "SocketTimeoutError",
    "StreamReader",
    "StringIOPayload",
    "StringPayload",
    "TCPConnector",
    "TextIOPayload",
    "ThreadedResolver",
    "TooManyRedirects",
    "TraceConfig",
    "TraceConnectionCreateEndParams",
    "TraceConnectionCreateStartParams",
    "TraceConnectionQueuedEndParams",
    "TraceConnectionQueuedStartParams",
    "TraceConnectionReuseconnParams",
    "TraceDnsCacheHitParams",
    "TraceDnsCacheMissParams",
    "TraceDnsResolveHostEndParams",
    "TraceDnsResolveHostStartParams",
    "TraceRequestChunkSentParams",
    "TraceRequestEndParams",
    "TraceRequestExceptionParams",
    "TraceRequestHeadersSentParams",
    "TraceRequestRedirectParams",
    "TraceRequestStartParams",
    "TraceResponseChunkReceivedParams",
    "UnixConnector",
    "UploadAbortedError",
    "UploadTracker",
    "WSCloseCode",
    "WSMessage",
    "WSMessageTypeError",
    "WSMsgType",
    "WSServerHandshakeError",
    "WebSocketError",
    "content_disposition_filename",
    "encode_basic_auth",
    "get_payload",
    "hdrs",
    "parse_content_disposition",
    "payload_type",
    "request",
    "set_zlib_backend",
    "streamer",
]
